"""A page in a consultation with a server that the test drives, and which writes notes as the real one does."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page

from server.record.record import Declared
from server.record.renderer import RENDERED, answer, job
from server.record.templates.catalogue import catalogue
from tests.server.test_page import TEXT, FakeServer, segment
from tests.support.browser import faultless, listening

STARTED = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)


class NoteServer(FakeServer):
    """Records and notes are written from the events that the test has sent, by the code of the server."""

    async def templates(self, _request: web.Request) -> web.Response:
        known = [{"name": each.name, "title": each.title, "kind": each.kind} for each in catalogue().values()]
        return web.json_response({"templates": known})

    async def record(self, request: web.Request) -> web.Response:
        if not self.kept:
            told = {
                "code": "template_failed",
                "message": "the template x.txt, line 3 cannot be rendered",
                "fatal": False,
            }
            return web.json_response(told, status=500)
        events = [json.dumps(event).encode() for event in self.log]
        declared = Declared("ambient", "en", None, STARTED)
        asked, name = request.query["format"], request.query.get("template", "soap")
        told = answer(job(events, asked, "x", declared, STARTED, ("drtranscribe", "1"), name))
        assert told[:1] == RENDERED, told
        return web.Response(body=told[1:], content_type="application/json")

    async def extract(self, op: str, found: dict[str, Any], revision: int = 1, **fields: Any) -> None:
        """Sends one operation; `what` is the judgement that caused it."""
        what = fields.pop("what", None)
        judgement = {"judgement": {"what": what, "by": None, "at": "2026-03-04T09:31:00+00:00"}} if what else {}
        ops = [{"op": op, "finding": found, **judgement}]
        await self.send("extraction", revision=revision, ops=ops, timings={}, **fields)


@asynccontextmanager
async def visiting(
    server: FakeServer, browser: Browser, expected: str = "nothing", **options: Any
) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """The page in a profile of its own, where the options are those of Playwright's `new_context`.

    Fails at the end if the browser complained of anything but what is `expected`.
    """
    async with listening(server.app()) as (_, url), faultless(browser, expected, **options) as page:
        await page.goto(url)
        yield page.context, page


async def talk(server: FakeServer, page: Page) -> None:
    """Starts a consultation in which TEXT is said."""
    await page.locator("#consent").check()
    await page.locator("#start").click()
    await server.asked("start_session")
    await server.send("transcript", segment=segment(TEXT, final=True), timings={})
