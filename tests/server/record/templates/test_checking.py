"""A site's templates are tried in a process of their own."""

import pytest

from server.record.templates import checking
from server.record.templates.catalogue import TemplatesError
from server.record.templates.checking import check


def test_good_templates_pass_and_the_faults_of_others_are_raised(tmp_path):
    (tmp_path / "good.txt").write_text("{{ notice }}")
    check(tmp_path)
    (tmp_path / "bad.txt").write_text("\n{{ findings")
    with pytest.raises(TemplatesError) as told:
        check(tmp_path)
    (fault,) = told.value.faults
    assert fault.startswith(f"--templates: {tmp_path}/bad.txt, line 2: ")
    assert fault.endswith("correct it, or take the file out of the folder")


def test_a_template_that_never_ends_takes_the_process_that_tries_it_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "WITHIN_S", 0.01)
    (tmp_path / "good.txt").write_text("{{ notice }}")
    with pytest.raises(TemplatesError, match="too much time or memory"):
        check(tmp_path)
