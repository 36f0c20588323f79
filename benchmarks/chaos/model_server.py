"""A model server without a model, as a process that can be killed: OpenAI's API over real HTTP.

    python -m benchmarks.chaos.model_server --port N

It finds the same things in the same lines, however often it is asked: each new line of the transcript with more than
three words is one piece of advice, in the first words of that line. Rules find no such advice, so whatever is missing
after an outage shows.
"""

import argparse
import json
import re
from collections.abc import Iterator
from typing import Any

from aiohttp import web

LINE = re.compile(r"^(\w+) (?:clinician|patient|unknown): (.*)$", re.MULTILINE)
NEW = re.compile(r"^New lines: (\w+) to (\w+)$", re.MULTILINE)
WORDS = 4
MODELS = {"object": "list", "data": [{"id": "no-model", "max_model_len": 32768}]}


def operations(asked: str) -> list[dict[str, Any]]:
    """What is found in the new lines of a prompt."""
    new = NEW.search(asked)
    return [_advice(*line) for line in _between(LINE.findall(asked), *new.groups()) if _quote(line[1])] if new else []


def _between(lines: list[tuple[str, str]], first: str, last: str) -> Iterator[tuple[str, str]]:
    inside = False
    for name, text in lines:
        inside = inside or name == first
        if inside:
            yield name, text
        if name == last:
            return


def _quote(text: str) -> str:
    """The first words of a line; nothing of a line that is too short or has a number, which would need more proof."""
    words = text.split()[:WORDS]
    return " ".join(words) if len(words) == WORDS and not any(c.isdigit() for c in text) else ""


def _advice(segment: str, text: str) -> dict[str, Any]:
    quote = _quote(text)
    return {
        "op": "add",
        "evidence": [{"segment": segment, "quote": quote}],
        "kind": "advice",
        "text": quote,
        "status": "present",
        "temporality": "current",
        "experiencer": "patient",
        "attributes": [],
    }


async def models(_: web.Request) -> web.Response:
    return web.json_response(MODELS)


async def complete(request: web.Request) -> web.Response:
    body = await request.json()
    asked = body["messages"][-1]["content"]
    # The request of one token with which a client introduces itself asks how long the prompt is.
    found = operations(asked) if body["max_tokens"] > 1 else []
    message = {"role": "assistant", "content": json.dumps({"operations": found})}
    usage = {"prompt_tokens": len(asked) // 4, "completion_tokens": 1}
    return web.json_response({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    app = web.Application()
    app.add_routes([web.get("/v1/models", models), web.post("/v1/chat/completions", complete)])
    web.run_app(app, host="127.0.0.1", port=args.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
