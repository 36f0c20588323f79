"""What the page says stands in words/, in English and German, and nowhere else."""

import json
import re
from html.parser import HTMLParser

import pytest
from playwright.async_api import expect

from server.record.soap import LAYOUT
from tests.server.page.visiting import talk, visiting
from tests.server.test_page import STATIC, finding
from tests.server.test_refusals import PROTOCOL, codes

LANGUAGES = ("en", "de")
SCRIPTS = [path for path in STATIC.rglob("*.js") if path.stem not in LANGUAGES]
PLACE = re.compile(r"\{(\w+)")
TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`""", re.DOTALL)
CLASSES = re.compile(r'className: "[^"]*"|\bevent\.code === `Key\$\{letter\}`')
"""Names of classes, and of keys of the keyboard."""
PROSE = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}|^[A-Z][a-z]+\W*$|[.!?]$|…")
NOT_SAID = re.compile(
    r"""^(?:\.{0,2}/|[.#\[(]|Escape$|Enter$|ArrowUp$|ArrowDown$|use strict|multipart|\w+/\w+$|[a-z]+-[a-z -]+$)"""
)
"""Addresses, selectors, names of keys, types and classes."""
TECHNICAL = re.compile(
    r"""(?<!\w)--?\w{2,}|(?<![:\w/])/\w+|\w_\w|\b(?:GET|POST|DELETE|HTTP|JSON|PCM|WebSocket|Authorization|Bearer|Retry-After
    |header|endpoint|true|false|log|token|seq|bits?|samples?|frames?|bytes?)\b""",
    re.VERBOSE,
)
"""Flags, paths, and names and terms of protocols and of programs."""
TABLED = {"Access", "Consent", "Notices", "Error codes", "Viewers"}
"""Sections of docs/protocol.md that name codes which reach the page."""
UNSHOWN = {
    "too_many_connections": "refused before HTTP",
    "too_many_bytes": "refused before HTTP",
    "malformed_request": "refused before HTTP",
    "tls_failed": "refused before HTTP",
    "host_not_allowed": "refused before there is a page",
    "origin_not_allowed": "refused before there is a page",
    "no_subprotocol": "refused before there is a page",
    "unknown_expectation": "refused before there is a page",
    "metrics_elsewhere": "of an address that the page does not ask",
    "session_stopping": "an answer to what was sent twice",
    "store_caught_up": "takes another notice away",
}
"""Codes that the page never shows, and why."""


def codes_of_the_page() -> dict[str, str]:
    """The codes of the tables of docs/protocol.md and of the refusals in the source, each with the kind of its words."""
    found = dict.fromkeys(codes(), "error")
    for section in re.split(r"^##+ ", PROTOCOL, flags=re.MULTILINE):
        title = section.partition("\n")[0]
        kind = "notice" if title == "Notices" else "error"
        if title in TABLED:
            for cell in re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE):
                found |= dict.fromkeys(re.findall(r"`(\w+)`", cell), kind)
    return {code: kind for code, kind in found.items() if code not in UNSHOWN}


def words(language: str) -> dict[str, str]:
    text = (STATIC / "words" / f"{language}.js").read_text()
    return json.loads(text.partition("\nexport default ")[2].strip().removesuffix(";"))


def literals(source: str) -> list[str]:
    """The strings of a module, without comments, and of templates what stands outside of their places."""
    found = []
    for token in TOKEN.findall(CLASSES.sub("", source)):
        if token.startswith(("//", "/*")):
            continue
        text = re.sub(r"\$\{[^}]*\}", " ", token[1:-1]) if token.startswith("`") else token[1:-1]
        found.append(text)
    return found


def said(text: str) -> bool:
    """Whether a literal looks like words for people."""
    return PROSE.search(text) is not None and NOT_SAID.match(text) is None


class Shown(HTMLParser):
    """What a page says by itself: texts, and attributes that are read out or shown."""

    def __init__(self) -> None:
        super().__init__()
        self.within: list[str] = []
        self.said: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "link", "img", "input", "br"):
            told = "language" if tag != "html" and "lang" in dict(attrs) else tag
            self.within.append(told)
        spoken = ("aria-label", "title", "alt", "placeholder", "value")
        self.said += [
            value for name, value in attrs if name in spoken and value and tag != "option" and name != "value"
        ]

    def handle_endtag(self, tag):
        self.within.pop()

    def handle_data(self, data):
        if data.strip() and not {"title", "h1", "language"} & set(self.within):  # the name, and what needs no script
            self.said.append(data.strip())


def test_both_languages_have_the_same_keys_with_the_same_values_in_them():
    english, german = map(words, LANGUAGES)
    assert list(english) == list(german)
    assert not [key for key in english if not german[key].strip()]
    for key in english:
        assert sorted(PLACE.findall(english[key])) == sorted(PLACE.findall(german[key])), key
    same = {key for key in english if english[key] == german[key]}
    assert same <= {
        "session.pause",
        "note.soap",
        "note.Plan",
        "attribute.form",
        "finding.judge",
        "edit.status",
        "phase.paused",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_left_to_the_server_and_none_is_written_for_developers(language):
    """Addresses that a clinician opens may stand in a sentence, and the names of files that one chooses."""
    told = words(language)
    assert [key for key, text in told.items() if re.fullmatch(r"\W*\{(?:message|raw)\}\W*", text)] == []
    assert [key for key, text in told.items() if key.startswith(("error.", "notice.")) and "{message}" in text] == []
    bare = {key: re.sub(r"https?://\w*|\{[^}]*\}", "", text) for key, text in told.items()}
    assert {key: TECHNICAL.findall(text) for key, text in bare.items() if TECHNICAL.search(text)} == {}


@pytest.mark.parametrize(
    ("sentence", "is_technical"),
    [
        ("consent is false: ask the patient, then send consent true", True),
        ("go on from received_samples", True),
        ("GET /health/ready tells its operator why", True),
        ("send the header Authorization: Bearer KEY", True),
        ("start the server with --vllm-url", True),
        ("please report its log line", True),
        ("Your key does not allow this: ask the server's operator.", False),
        ("Check the sign-in, and the follow-up – or the note – of the patient.", False),
    ],
)
def test_sentences_for_developers_are_told_from_those_for_clinicians(sentence, is_technical):
    assert (TECHNICAL.search(sentence) is not None) is is_technical


@pytest.mark.asyncio(loop_scope="package")
async def test_every_code_that_the_protocol_names_has_words_of_the_page_and_an_unknown_one_the_servers(server, browser):
    known = codes_of_the_page()
    assert {"full", "asr_failed", "template_failed", "key_viewers", "store_behind", "not_said"} <= set(known)
    script = """async ([codes, message]) => {
      const { noticeWords, serverFault } = await import("/static/words/words.js");
      const told = { error: serverFault, notice: noticeWords };
      return Object.fromEntries(Object.entries(codes).map(([code, kind]) => [code, told[kind]({ code, message })]));
    }"""
    for locale in LANGUAGES:
        async with visiting(server, browser, locale=locale) as (_, page):
            told = await page.evaluate(script, [known, "the server's own"])
            assert [code for code, text in told.items() if "server's own" in text or text.startswith("error.")] == []
            told = await page.evaluate(script, [{"not_of_this_page": "error", "nor_this": "notice"}, "say less"])
            assert told == {"not_of_this_page": "Say less.", "nor_this": "Say less."}
            spans = {"asr_failed": "61.0 s to 75.5 s could not be transcribed (RuntimeError)"}
            spans |= {"untranscribed": "the last 12.3 s of the audio received are not in the transcript"}
            for code, message in spans.items():
                spans[code] = (await page.evaluate(script, [{code: "error"}, message]))[code]
        if locale == "en":
            assert "from 1:01 to 1:15 is missing" in spans["asr_failed"]
            assert "The last 12.3 seconds are missing" in spans["untranscribed"]
        else:
            assert "von 1:01 bis 1:15 fehlt" in spans["asr_failed"]
            assert "fehlen 12,3 Sekunden" in spans["untranscribed"]


def test_every_key_is_used_and_no_key_is_missing():
    sources = [path.read_text() for path in (*SCRIPTS, *STATIC.glob("*.html"))]
    used = {text for source in sources for text in re.findall(r"[\"'`]([\w.]+)[\"'`]", source)}
    begun = {text for source in sources for text in re.findall(r"`([\w.]+\.)\$\{", source)}
    begun |= {"edit.", "order_type.", "error.", "notice.", "doubt.", "speaker."}
    unused = [key for key in words("en") if key not in used and not key.startswith(tuple(begun))]
    assert unused == []
    put = {key for source in sources for key in re.findall(r"data-words(?:-\w+)?=\"([^\"]+)\"", source)}
    said_ = {key for source in sources for key in re.findall(r"\bsay\(\"([^\"]+)\"", source)}
    assert put | said_ <= set(words("en"))


def test_no_words_for_people_stand_in_the_pages_or_in_the_modules():
    shown = Shown()
    for path in STATIC.glob("*.html"):
        shown.feed(path.read_text())
    assert [text for text in shown.said if re.search("[A-Za-z]", text)] == []
    titles = {name for title, _, parts in LAYOUT for name in (title, *(part for part, _ in parts))}  # keys of the words
    found = {path.name: {*filter(said, literals(path.read_text()))} - titles for path in SCRIPTS}
    assert {name: texts for name, texts in found.items() if texts} == {}
    for path in STATIC.rglob("*.css"):
        assert not re.findall(r'content: "[^"]*[a-z]{2}', path.read_text()), path.name


@pytest.mark.parametrize(
    ("literal", "is_said"),
    [("Try again", True), ("Saved.", True), ("Confirmed", True), (".judge button", False), ("session_started", False)],
)
def test_words_for_people_are_told_from_names(literal, is_said):
    assert said(literal) is is_said


@pytest.mark.asyncio(loop_scope="package")
async def test_everything_that_the_page_says_comes_from_the_words(server, browser):
    """In a language whose every sentence stands in brackets, nothing is said outside of them but what people said."""
    strange = {key: re.sub(r"\|([^|}]*)\|([^}]*)\}", r"|⟦\1⟧|⟦\2⟧}", f"⟦{text}⟧") for key, text in words("en").items()}
    script = """() => {
      const shown = [];
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) {
        const node = walk.currentNode;
        if (node.parentElement.closest("noscript, h1, #language, #template, .words, .quote q, .what")) continue;
        if (node.parentElement.checkVisibility() && /\\p{L}/u.test(node.data)) shown.push(node.data.trim());
      }
      for (const node of document.querySelectorAll("[aria-label]"))
        if (node.checkVisibility() && node.id !== "language") shown.push(node.getAttribute("aria-label"));
      return shown.filter((text) => !text.includes("⟦"));
    }"""
    change = "(words) => import('/static/words/language.js').then(({ setLanguage }) => setLanguage('en', words))"
    async with visiting(server, browser) as (_, page):
        await page.evaluate(change, strange)
        await expect(page.locator("#setup h2")).to_have_text("⟦New consultation⟧")
        assert await page.evaluate(script) == []
        await page.locator("#setup").get_by_role("radio").nth(1).check()
        assert await page.evaluate(script) == []
        await page.locator("#setup").get_by_role("radio").first.check()
        await talk(server, page)
        await server.extract(
            "add", {**finding(1, "sore throat", "sore throat"), "attributes": {"onset": "3", "check": "dose: no unit"}}
        )
        await server.send("notice", code="no_speech", message="nobody is heard", speaker="patient")
        await server.send("progress", received_samples=1, durable_samples=1, transcribed_s=0.0, lag_ms=840)
        await server.send("error", code="extraction_late", message="late", fatal=False)
        await expect(page.locator("#alert-text")).to_have_text(re.compile("^⟦At the end,.*⟧$"))
        await page.locator(".show").click()
        assert await page.evaluate(script) == []
        await page.locator("[data-act='finding.edit']").click()
        assert await page.evaluate(script) == []
        await page.keyboard.press("Escape")
        await page.locator("#pause").click()
        await server.asked("pause_session")
        assert await page.evaluate(script) == []
        await page.locator("#stop").click()
        await expect(page.locator("#summary")).to_be_visible()
        assert await page.evaluate(script) == []


@pytest.mark.asyncio(loop_scope="package")
async def test_the_browsers_language_is_spoken_and_may_be_changed_in_a_consultation(server, browser):
    async with visiting(server, browser, locale="de-AT") as (_, page):
        await expect(page.locator("html")).to_have_attribute("lang", "de")
        await expect(page.get_by_role("button", name="Beginnen")).to_be_disabled()
        await expect(page.locator("#start-hint")).to_have_text("Bestätigen Sie zum Beginnen das Einverständnis.")
        await talk(server, page)
        await server.extract("add", finding(1, "fever", "no fever", status="absent"))
        await server.send("notice", code="no_speech", message="nobody is heard: check the microphone")
        await server.send("progress", received_samples=1, durable_samples=1, transcribed_s=0.0, lag_ms=840)
        await server.send("error", code="extraction_late", message="some segments were unread", fatal=False)
        await expect(page.locator("#notices li")).to_have_text("Es ist niemand zu hören: Prüfen Sie das Mikrofon.")
        await expect(page.locator("#lag")).to_have_text("0,8 s Rückstand")
        await expect(page.locator("#alert-text")).to_contain_text("Prüfen Sie die Mitschrift.")
        await expect(page.locator(".note-line")).to_have_text("verneint fever [00:03 Patient/in]")
        await server.send("error", code="never_heard_of", message="something odd", fatal=False)
        await expect(page.locator("#alert-text")).to_have_text("Something odd.")
        await page.get_by_label("Angezeigt auf").select_option("English")
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.locator("#phase")).to_have_text("Listening")
        await expect(page.locator("#notices li")).to_have_text("Nobody is heard: check the microphone.")
        await expect(page.locator("#lag")).to_have_text("0.8 s behind")
        await expect(page.locator(".finding .marker")).to_have_text("No")
        await expect(page.locator(".note-line")).to_have_text("denies fever [00:03 patient]")
        await page.locator("#stop").click()
        await server.asked("stop_session")
        await page.get_by_role("button", name="New consultation").wait_for()
        assert server.start["consent_wording"].startswith("Die Patientin oder der Patient ist einverstanden")
        page.on("dialog", lambda dialog: dialog.accept())
        await page.reload()  # the choice stays
        await expect(page.get_by_role("button", name="Start")).to_be_visible()
