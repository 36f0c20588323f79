"""Templates run in a sandbox with bounds, reach no other file, and their errors have a file and a line."""

import json
from dataclasses import replace

import pytest

from server.record.formats import render
from server.record.templates import environment
from server.record.templates.catalogue import TemplateFailed
from server.record.templates.checking import faults_of
from server.record.templates.environment import rendered
from server.record.templates.tracing import lines
from tests.support.recorded import findings, record


def write(folder, text: str, name: str = "own.txt") -> None:
    (folder / name).write_text(text)


def failed(folder, text: str) -> TemplateFailed:
    write(folder, text)
    with pytest.raises(TemplateFailed) as told:
        rendered(record(), "own", folder)
    return told.value


def test_a_template_takes_effect_as_soon_as_it_is_written(tmp_path):
    for text in ("one", "two"):
        write(tmp_path, text)
        assert render(record(), "text", "own", tmp_path) == f"{text}\n".encode()


def test_in_html_what_was_said_is_escaped_and_still_traced(tmp_path):
    told = replace(findings()[0], text="<b>pain</b> & more", attributes={})
    write(tmp_path, "<p>{{ findings[0] }}</p>\n<p>{{ [findings[0].text]|join }}</p>", "own.html")
    written, _ = rendered(record([told]), "own", tmp_path)
    safe = "<p>&lt;b&gt;pain&lt;/b&gt; &amp; more</p>"
    assert [(line.text, line.findings) for line in lines(written)] == [(safe, (0,)), (safe, (0,))]


@pytest.mark.parametrize(
    "change",
    [
        "{{ findings[0].text|upper }}", "{{ findings[0].text|title }}", "{{ findings[0]|trim }}", "{{ findings[0].text[:4] ~ '' ~ findings[0].text }}",
        "{{ findings|map(attribute='text')|first }}", "{{ findings[0].phrase|truncate(20) }}", "{{ findings[0].phrase|wordwrap(20) }}",
        "{{ '%s'|format(findings[0].text) }}", "{{ '{}'.format(findings[0].text) }}", "{{ findings[0].text + '!' }}",
        "{% set x %}{{ findings[0] }}{% endset %}{{ x|replace('chest', 'thorax')|indent(2) }}", "{{ findings[:1]|join(', ') }}",
        "{{ findings[0].attributes.onset|lower }}", "{{ findings[0].evidence[0].quote|capitalize }}",
        "{% macro m(f) %}{{ f }}{% endmacro %}{{ m(findings[0])|upper }}",
    ],
)  # fmt: skip
def test_what_a_template_makes_of_a_findings_words_is_traced_to_it(tmp_path, change):
    write(tmp_path, change)
    written, _ = rendered(record(), "own", tmp_path)
    assert {number for line in lines(written) for number in line.findings} == {0}


@pytest.mark.parametrize(
    ("text", "line", "kind"),
    [
        ("fine\n{% if %}", 2, "TemplateSyntaxError"),
        ("{% for x in findings %}", 1, "TemplateSyntaxError"),
        ("\n\n{{ nothing.like.it }}", 3, "UndefinedError"),
        ("{{ findings[0].attributes.colour }}", 1, "UndefinedError"),
        ("a\n{{ part('Symptom') }}", 2, "ValueError"),
        ("{{ kind('pain') }}", 1, "ValueError"),
        ("{{ 10 ** 10 ** 10 }}", 1, "SecurityError"),
        ("{{ findings.__class__.__mro__ }}", 1, "SecurityError"),
        ("{{ part.__globals__ }}", 1, "SecurityError"),
        ("{{ heading.__init__.__globals__['os'] }}", 1, "SecurityError"),
        ("{% include '../secret.txt' %}", 1, "TemplateNotFound"),
        ("a\nb\n{% include '/etc/hostname' %}", 3, "TemplateNotFound"),
        ("{% for x in range(1000000) %}x{% endfor %}", 1, "OverflowError"),
    ],
)
def test_an_error_has_its_file_and_line_and_no_other_file_is_reached(tmp_path, text, line, kind):
    folder = tmp_path / "folder"
    folder.mkdir()
    write(tmp_path, "a secret", "secret.txt")
    error = failed(folder, text)
    assert (error.where, error.kind) == (f"own.txt, line {line}", kind)


def test_a_template_may_include_parts_of_its_folder_and_ours(tmp_path):
    write(tmp_path, "part: {{ notice }}", "_part.txt")
    write(tmp_path, "{% include '_part.txt' %}\n{% include 'soap.txt' %}")
    text = render(record(), "text", "own", tmp_path).decode()
    assert text.startswith("part: Draft, made by a machine")
    assert "- possible fever" in text


def test_an_error_of_an_included_file_is_told_by_that_file(tmp_path):
    write(tmp_path, "one\n\n{{ nothing }}", "_part.txt")
    assert failed(tmp_path, "{% include '_part.txt' %}").where == "_part.txt, line 3"
    write(tmp_path, "one\n{% if %}", "_part.txt")
    assert failed(tmp_path, "{% include '_part.txt' %}").where == "_part.txt, line 2"


def test_time_and_length_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "MOST_CHARACTERS", 5_000)
    error = failed(tmp_path, "\n{% for x in range(99999) %}xxxxxxxxxx{% endfor %}")
    assert "more than 5000 characters" in str(error)
    monkeypatch.setattr(environment, "TIME_S", 0.05)
    loops = "\n{% for x in range(99999) %}{% for y in range(99999) %}{% endfor %}{% endfor %}"
    error = failed(tmp_path, loops)
    assert (error.where, error.kind) == ("own.txt, line 2", "TooMuch")


def test_each_fault_of_a_folder_is_told_with_file_line_and_what_to_do(tmp_path):
    write(tmp_path, "{{ notice }}", "good.txt")
    write(tmp_path, "a\n{% endif %}", "bad.txt")
    write(tmp_path, "{% if kind('order') %}{{ nothing }}{% endif %}", "rare.txt")
    bad, rare = faults_of(tmp_path)
    assert bad.startswith(f"--templates: {tmp_path}/bad.txt, line 2: ")
    assert rare == (
        f"--templates: {tmp_path}/rare.txt, line 1: 'nothing' is undefined: correct it, or take the file out of the folder"
    )
    assert faults_of(tmp_path / "none") == [f"--templates: there is no folder {tmp_path / 'none'}"]


def test_the_lines_name_their_template_and_the_event_that_they_are_of():
    written = json.loads(render(record(), "lines", "soap"))
    assert (written["format"], written["template"], written["session_id"]) == (
        "drtranscribe.lines.v1",
        "soap",
        "SESSION",
    )
    assert written["seq"] == record().seq
