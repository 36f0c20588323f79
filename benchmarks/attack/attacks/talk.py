"""What is said in a consultation that shall break records and rules: numbers, page codes and markup among symptoms."""

PAGES = "{nb}"
"""fpdf2 puts the count of pages in its place, wherever it stands."""

MARKUP = ("<script>alert(1)</script>", "**bold**", "[click](http://127.0.0.1/)", "|", "# head", "&amp;", "\\n", PAGES)

HOSTILE_TALK = " ".join(
    (
        "I have had this chest pain since yesterday and it is",
        "9" * 309,
        "out of ten. My blood pressure is",
        "1" * 400 + " over " + "7" * 309,
        "and I take lisinopril",
        "5" * 309,
        "milligrams once a day. I am allergic to penicillin.",
        *MARKUP,
        "I have a headache and no fever.",
    )
)
