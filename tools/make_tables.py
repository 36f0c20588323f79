"""Writes server/static/findings/tables.js, the tables of findings and notes that the page shares with the server.

A test compares the file with what this makes (tests/server/page/test_tables.py). Run it from the root of the repository
after a change of `inference/findings.py`, `server/record/soap.py` or `server/record/wording.py`:

    .venv/bin/python -m tools.make_tables
"""

import json
from pathlib import Path

from inference.findings import ATTRIBUTES_OF, ORDER_TYPES
from server.record.soap import KINDS, LAYOUT, ORDERS, OTHER_ORDERS, RANK, UNSAID
from server.record.wording import DENIED, INLINE, SHOWN_STAMPS

TARGET = Path(__file__).parents[1] / "server" / "static" / "findings" / "tables.js"

HEAD = "// Made by tools/make_tables.py from the tables of the server: do not edit.\n"


def tables() -> str:
    """The module's text."""
    values: dict[str, object] = {
        "ATTRIBUTES": ATTRIBUTES_OF,
        "ORDER_TYPES": ORDER_TYPES,
        "LAYOUT": [[title, [name for name, _ in parts]] for title, _, parts in LAYOUT],
        "PARTS": KINDS,
        "ORDERS": ORDERS,
        "OTHER_ORDERS": OTHER_ORDERS,
        "UNSAID": UNSAID,
        "RANK": RANK,
        "DENIED": list(DENIED),
        "INLINE": INLINE,
        "SHOWN_STAMPS": SHOWN_STAMPS,
    }
    return HEAD + "".join(f"export const {name} = {json.dumps(value)};\n" for name, value in values.items())


if __name__ == "__main__":
    TARGET.write_text(tables())
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")
