import pytest

from inference.extraction.words.named import clinical_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", 0),
        ("Right, okay, thank you.", 0),
        ("My vomiting and my loss of appetite.", 2),
        ("Pain pain pain, chest pain, chest pain.", 2),
        ("I take warfarin for atrial fibrillation.", 2),
        ("I am sick of my job.", 0),
    ],
)
def test_each_name_counts_once_and_an_idiom_not_at_all(text, names):
    assert clinical_names(text) == names
