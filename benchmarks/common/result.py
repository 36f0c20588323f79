"""How every benchmark ends: its result in a file, if one was named, and as the last line that it prints."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def deliver(result: Mapping[str, Any], output: Path | None) -> None:
    """One line of JSON on stdout, for programs; the same, indented, in `output`, for diffs."""
    if output:
        output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result), flush=True)
