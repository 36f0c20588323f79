import pytest

from inference.terms.packs import MOST_TERMS, PackError, read_packs
from inference.terms.vocabulary import Term


def write(folder, text, name="site.tsv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_files_hold_terms_their_kinds_and_how_they_are_said(tmp_path):
    first = write(tmp_path, "# our names\n\nSiobhan Kelly\tname\tshivawn kelly | chevonne kelly\nZelnorm\tdrug\n")
    second = write(tmp_path, "\ufeffKirkcudbright\tplace\tkirkoobree\nZelnorm\tdrug\tzell norm\n", "more.tsv")
    pack = read_packs([first, second])
    assert pack.terms == (
        Term("Siobhan Kelly", ("shivawn kelly", "chevonne kelly")),
        Term("Zelnorm"),
        Term("Kirkcudbright", ("kirkoobree",)),
    )
    assert pack.drugs == ("Zelnorm",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Zelnorm\n", "line 1: write the term, a tab, its kind"),
        ("# x\nZelnorm\tmedicine\n", "line 2: write the term"),
        ("Zelnorm\tdrug\ta\tb\n", "line 1: write the term"),
        ("12\tdrug\n", "1 to 5 words of letters"),
        ("a b c d e f\tname\n", "1 to 5 words of letters"),
        ("Zelnorm\tdrug\tok|12\n", "1 to 5 words of letters"),
        ("Zelnorm\tdrug\n".encode("utf-16"), "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_what_to_do(tmp_path, text, told):
    with pytest.raises(PackError, match=told):
        read_packs([write(tmp_path, text)])


def test_a_missing_file_and_too_many_terms_are_told(tmp_path):
    with pytest.raises(PackError, match="cannot be read: No such file"):
        read_packs([tmp_path / "none.tsv"])
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [a + b + c + d for a in letters for b in letters for c in letters for d in "ab"]
    with pytest.raises(PackError, match=f"{MOST_TERMS} are the most"):
        read_packs([write(tmp_path, "".join(f"{name}\tname\n" for name in names[: MOST_TERMS + 1]))])
