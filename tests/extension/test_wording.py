"""What the extension says stands in its words and in those of the page, in English and German, and nowhere else."""

import json
import re
import shutil
import subprocess

import pytest

from tests.server.page.test_wording import Shown, literals, said
from tests.server.page.test_wording import words as page_words
from tests.support.tools import tool
from tools.pack_extension import EXTENSION

LANGUAGES = ("en", "de")
TELL = """
const told = {};
const value = { toString: () => "⟦value⟧", toLocaleString: () => "⟦value⟧", most: "⟦value⟧", origin: "⟦value⟧" };
function tell(name, words) {
  if (typeof words === "string") told[name] = words;
  else if (typeof words === "function") {
    const given = words.length ? [value, name === "extensionUnknown" ? "⟦origin⟧" : undefined] : [];
    told[name] = String(words(...(name === "tooOften" ? [41] : given)));
  } else for (const [inner, each] of Object.entries(words)) tell(`${name}.${inner}`, each);
}
for (const [name, words] of Object.entries((await import(process.argv[2])).default)) tell(name, words);
console.log(JSON.stringify(told));
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each word says, by its name and by language; the values that it takes stand in brackets."""
    folder = tmp_path_factory.mktemp("words")
    shutil.copytree(EXTENSION / "words", folder / "words")
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "tell.js").write_text(TELL)
    found = {}
    for language in LANGUAGES:
        command = [tool("node"), folder / "tell.js", folder / "words" / f"{language}.js"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        found[language] = json.loads(run.stdout)
    return found


def sources():
    """The extension's own modules and pages, by their names, but for the words."""
    paths = [*EXTENSION.rglob("*.js"), *EXTENSION.rglob("*.html")]
    return {path.relative_to(EXTENSION).as_posix(): path.read_text() for path in paths if path.parent.name != "words"}


def test_both_languages_have_the_same_words_with_the_same_values_in_them(told):
    english, german = told["en"], told["de"]
    assert len(english) > 60
    assert list(english) == list(german)
    for name, text in english.items():
        assert german[name].strip(), name
        places = [sorted(re.findall(r"⟦\w+⟧|\b41\b|--[\w-]+|https://\S+", each)) for each in (text, german[name])]
        assert places[0] == places[1], name
    assert {name for name in english if english[name] == german[name]} == {"title"}, "a browser's own name alone"


def test_no_word_of_the_page_is_repeated(told):
    for language in LANGUAGES:
        assert not {*told[language].values()} & {*page_words(language).values()}


def test_every_word_that_a_page_or_module_names_exists_and_each_is_used(told):
    known = {name.partition(".")[0] for name in told["en"]}
    used = {
        one or other
        for text in sources().values()
        for one, other in re.findall(r'\bWORDS\.(\w+)|data-text="(\w+)"', text)
    }
    assert (used - known, known - used) == (set(), set())
    of_page = {
        key
        for text in sources().values()
        for key in re.findall(r'data-words(?:-\w+)?="([^"]+)"|\b(?:say|put)\((?:.*, )?"([a-z_]+(?:\.\w+)*)"', text)
    }
    assert {one or other for one, other in of_page} <= {*page_words("en")}


def test_no_words_for_people_stand_in_the_pages_or_in_the_modules():
    shown = Shown()
    found = {}
    for name, text in sources().items():
        if name.endswith(".html"):
            shown.feed(text)
        elif texts := {*filter(said, literals(text))} - {"Bearer  ", "…", "!"}:  # a header, and signs on the icon
            found[name] = texts
    assert [text for text in shown.said if re.search("[A-Za-z]", text)] == []
    assert found == {}


def test_the_stores_description_is_there_in_both_languages_and_short_enough():
    manifest = json.loads((EXTENSION / "manifest.json").read_text())
    assert (manifest["description"], manifest["default_locale"]) == ("__MSG_description__", "en")
    folders = {
        path.name: json.loads((path / "messages.json").read_text()) for path in (EXTENSION / "_locales").iterdir()
    }
    assert sorted(folders) == sorted(LANGUAGES)
    texts = {language: messages["description"]["message"] for language, messages in folders.items()}
    assert all(messages.keys() == {"description"} for messages in folders.values())
    assert texts["en"] != texts["de"]
    assert all(20 < len(text) <= 132 for text in texts.values()), "what the store takes"
