"""How large a client's message may be, counted before anything is built from it. Pure."""

import json
from typing import Any

MAX_TEXT_BYTES = 64 << 10
"""Bytes of a text frame, a patient's history included."""

MAX_DEPTH = 6
MAX_KEYS = 32
MAX_ITEMS = 1_000
MAX_VALUES = 2_000
MAX_NAME = 100
"""Characters of a key."""

MESSAGES_PER_S = 5.0
MESSAGES_AT_ONCE = 200
"""Messages of one session, audio not counted: more than anybody clicks."""

MAX_EDITS_BYTES = 8 << 20
"""Bytes of the events that a clinician's changes of findings cause in one session: some thousand changes.

All of these events are kept to the session's end. What the findings were before is kept too, and takes less. The rate
above alone would let a client fill more than a gigabyte in four hours with the longest changes there may be."""


class TooMuch(ValueError):
    """A message is larger than any that the protocol has; `str()` says what to send and quotes nothing."""


def decoded(text: str) -> Any:
    """The JSON of a text frame. Raises TooMuch, and another ValueError where it is no JSON."""
    check_text(text)
    try:
        message = json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply to be parsed") from None
    check_shape(message)
    return message


def check_text(text: str) -> None:
    """Raises TooMuch for a text frame that is too long to be parsed."""
    # A character takes one byte at least, so that a long text is refused without encoding it.
    if len(text) > MAX_TEXT_BYTES or len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
        raise TooMuch(f"a text frame is above {MAX_TEXT_BYTES} bytes: shorten it, such as the patient's history")


def check_shape(message: Any) -> None:
    """Raises TooMuch for decoded JSON with more, deeper or longer parts than any message of the protocol needs."""
    left = MAX_VALUES
    waiting = [(message, 1)]
    while waiting:
        value, depth = waiting.pop()
        left -= 1
        if left < 0:
            raise TooMuch(f"the message holds more than {MAX_VALUES} values: send fewer")
        if not isinstance(value, dict | list):
            continue
        if depth > MAX_DEPTH:
            raise TooMuch(f"the message is nested deeper than {MAX_DEPTH} levels: send it flat")
        if isinstance(value, list):
            if len(value) > MAX_ITEMS:
                raise TooMuch(f"a list holds more than {MAX_ITEMS} items: send fewer")
            waiting += [(item, depth + 1) for item in value]
            continue
        if len(value) > MAX_KEYS:
            raise TooMuch(f"an object has more than {MAX_KEYS} keys: send fewer")
        if any(len(name) > MAX_NAME for name in value):
            raise TooMuch(f"a key is longer than {MAX_NAME} characters: send the names of the protocol")
        waiting += [(item, depth + 1) for item in value.values()]
