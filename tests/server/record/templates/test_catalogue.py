"""Which templates there are, and what is wrong with the files of a folder."""

import pytest

from server.record.templates.catalogue import MOST_BYTES, TemplatesError, catalogue, within


def faults(folder) -> list[str]:
    with pytest.raises(TemplatesError) as told:
        catalogue(folder)
    return told.value.faults


def test_ours_are_there_with_their_titles():
    assert {name: (each.title, each.kind) for name, each in catalogue().items()} == {
        "patient": ("Patient's summary", "text"),
        "problems": ("Problem-oriented", "text"),
        "referral": ("Referral letter", "text"),
        "soap": ("SOAP", "text"),
    }


def test_a_sites_own_come_beside_ours_or_in_their_place(tmp_path):
    (tmp_path / "ward_round.html").write_text("{{ notice }}")
    (tmp_path / "soap.txt").write_text("{#- title: Our SOAP -#}\n")
    (tmp_path / "_part.txt").write_text("included by others")
    (tmp_path / "README.md").write_text("about these")
    found = catalogue(tmp_path)
    assert (found["ward_round"].title, found["ward_round"].kind) == ("Ward round", "html")
    assert (found["soap"].title, found["soap"].path.parent) == ("Our SOAP", tmp_path)
    assert set(found) == {"patient", "problems", "referral", "soap", "ward_round"}


def test_what_is_wrong_with_a_folder_is_told_with_what_to_do(tmp_path):
    assert faults(tmp_path / "none") == [f"--templates: there is no folder {tmp_path / 'none'}"]
    (tmp_path / "Ward Round.txt").write_text("x")
    (tmp_path / "one.html").write_text("x")
    (tmp_path / "one.txt").write_text("x")
    (tmp_path / "big.txt").write_text("x" * (MOST_BYTES + 1))
    (tmp_path / "latin.txt").write_bytes(b"\xe4")
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("a secret")
    (tmp_path / "linked.txt").symlink_to(outside)
    told = {line.split(": ")[1].rpartition("/")[2]: line.split(": ", 2)[2] for line in faults(tmp_path)}
    assert told == {
        "Ward Round.txt": "name it with small letters, digits, - and _ alone: its name stands in URLs",
        "big.txt": f"it has more than {MOST_BYTES} bytes",
        "latin.txt": "it is no text in UTF-8",
        "linked.txt": "it is no file of this folder: copy the file here in place of the link",
        "one.txt": "there is one.html too: give one of them another name",
    }


@pytest.mark.parametrize("name", ["../outside.txt", "sub/x.txt", "..\\outside.txt", "linked.txt", "none.txt"])
def test_no_file_outside_of_the_folder_is_reached(tmp_path, name):
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "x.txt").write_text("x")
    (tmp_path / "outside.txt").write_text("a secret")
    (folder / "linked.txt").symlink_to(tmp_path / "outside.txt")
    assert within(folder, name) is None
