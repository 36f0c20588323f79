"""The vocabulary files of a site, from the setting to the rules."""

import pytest

from inference.extraction.words import lexicon
from inference.extraction.words.lexicon import drugs_trie
from inference.transcript import Word
from server.runtime import _vocabulary
from server.settings import Settings, SettingsError, load


@pytest.fixture
def drugs(monkeypatch):
    """The medicines of the rules, which other tests share, as they were before."""
    before = drugs_trie.__wrapped__()
    monkeypatch.setattr(lexicon, "drugs_trie", lambda: before)
    return before


def test_the_files_of_a_site_reach_the_recogniser_and_the_rules(tmp_path, drugs):
    (tmp_path / "drugs.tsv").write_text("Zelnorm\tdrug\nKirkcudbright\tplace\tkirkoobree\n")
    (tmp_path / "people.tsv").write_text("Oyelaran\tname\n")
    settings = load({"vocabulary": f"{tmp_path / 'drugs.tsv'},{tmp_path / 'people.tsv'}"})
    vocabulary = _vocabulary(settings)
    words = [Word(word, i * 0.5, i * 0.5 + 0.4, 0.9) for i, word in enumerate(["oil", "learn", "in", "kirkoobree"])]
    assert {c.term for c in vocabulary.candidates(words)} == {"Oyelaran", "Kirkcudbright"}
    assert "zelnorm" in {entry.concept for node in drugs.walk() for entry in node.entries}
    assert "oyelaran" not in {entry.concept for node in drugs.walk() for entry in node.entries}


def test_a_server_without_such_files_has_no_vocabulary():
    assert _vocabulary(Settings()) is None


def test_a_file_that_cannot_be_used_ends_the_start_with_its_line(tmp_path):
    (tmp_path / "bad.tsv").write_text("Zelnorm\n")
    with pytest.raises(SettingsError) as refused:
        _vocabulary(load({"vocabulary": str(tmp_path / "bad.tsv")}))
    assert refused.value.faults[0].startswith("--vocabulary: ")
    assert "line 1" in refused.value.faults[0]
