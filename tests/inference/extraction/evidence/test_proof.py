"""Which attributes, and which doubts about them, still stand once more is said."""

from inference.extraction.evidence.proof import united


def test_a_doubt_about_a_dose_goes_with_the_dose() -> None:
    assert united({"dose": "5", "check": "dose: no unit"}, {"dose": "5 mg"}) == {"dose": "5 mg"}


def test_a_doubt_stays_with_the_dose_that_it_is_about() -> None:
    old = {"dose": "5", "check": "dose: no unit"}
    assert united(old, {"frequency": "daily"}) == {**old, "frequency": "daily"}


def test_a_doubt_about_a_dose_that_is_not_taken_over_is_not_either() -> None:
    assert united({"dose": "500", "check": "dose: no unit"}, {"dose": "5 mg"})["dose"] == "5 mg"
    assert "check" not in united({"dose": "500", "check": "dose: no unit"}, {"dose": "5 mg"})


def test_a_doubt_without_its_dose_goes() -> None:
    assert united({"check": "dose: no unit"}, {}) == {}


def test_a_doubt_about_the_name_stays_until_another_name_is_told() -> None:
    old = {"dose": "5", "check": "dose: no unit; name: unknown"}
    assert united(old, {"dose": "5 mg"}) == {"dose": "5 mg", "check": "name: unknown"}
    assert united(old, {"dose": "5 mg"}, renamed=True) == {"dose": "5 mg"}


def test_both_doubts_are_told_once() -> None:
    twice = united({"dose": "5", "check": "dose: no unit"}, {"dose": "5", "check": "dose: no unit; name: unknown"})
    assert twice == {"dose": "5", "check": "dose: no unit; name: unknown"}
