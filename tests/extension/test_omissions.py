"""What was said and stands in no finding is offered in the panel before the end: added, left out, or nobody's business."""

import asyncio
import json
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from server import protocol
from server.app import SESSIONS
from tests.extension.support.chromium import ORIGIN
from tests.extension.support.clinic import CHECK, HURRIED, SOON_MS, Clinic, badge, picture, press, visit
from tests.support.browser import CHROMIUM
from tests.support.live import Server, serving

if CHROMIUM is None:
    pytest.skip("needs the browser: apt-get install chromium", allow_module_level=True)

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def findings(server: Server) -> list[dict[str, Any]]:
    """Of the record of the session that was begun last."""
    status, record = await server.get(f"/v1/sessions/{list(server.app[SESSIONS]._sessions)[-1]}/record")
    assert status == 200
    found: list[dict[str, Any]] = json.loads(record)["findings"]
    return found


def cards(panel: Page) -> Locator:
    return panel.locator("#omissions .omission")


async def test_what_was_said_and_not_noted_is_added_or_left_out_in_the_panel_before_the_end(
    clinic: Clinic, forgetful: Server
) -> None:
    async with visit(clinic, before=HURRIED, addresses=[f"{forgetful.url}/"]) as running:
        panel = running.panel
        await running.words("patient", "throat")
        assert await panel.locator("#groups .finding").count() == 0
        await press(panel, "#stop")
        await running.phase(CHECK)
        await badge(panel, "…", "drTranscribe: checking the note")
        throat = cards(panel).filter(has_text=re.compile("sore throat", re.IGNORECASE)).first
        await expect(throat).to_be_visible(timeout=SOON_MS)
        await expect(panel.locator("#omissions")).to_be_focused()
        await panel.bring_to_front()
        await picture(panel.screenshot, "checking")
        await throat.locator(".show").click()
        await expect(panel.locator("#finals mark").first).to_be_attached()
        await throat.get_by_role("button", name="Add to the note").click()
        await expect(panel.locator("#groups .finding")).to_contain_text(
            ["sore throat"], ignore_case=True, timeout=SOON_MS
        )
        await expect(panel.locator(".part", has_text=re.compile("sore throat", re.IGNORECASE))).to_be_attached()
        later = await clinic.chromium.open("panel/panel.html")
        await expect(later.locator("#phase")).to_have_text(CHECK, timeout=SOON_MS)
        left = await cards(panel).count()
        await expect(cards(later)).to_have_count(left)
        while left:
            await cards(panel).first.get_by_role("button", name="Leave out").click()
            left -= 1
            await expect(cards(panel)).to_have_count(left, timeout=SOON_MS)
        await expect(cards(later)).to_have_count(0)
        await later.close()
        await press(panel, "#stop")
        await running.phase("Finished")
        assert await panel.locator("#groups .finding").count() == 1
        noted = await findings(forgetful)
    assert [finding["text"].lower() for finding in noted] == ["sore throat"]
    assert noted[0]["judgement"]["what"] == "added"


async def test_a_panel_that_was_closed_keeps_no_consultation_open_and_nothing_is_noted(
    clinic: Clinic, forgetful: Server
) -> None:
    async with visit(clinic, "ambient", before=HURRIED, addresses=[f"{forgetful.url}/"]) as running:
        await running.words("unknown", "viral|infection|chest")
        await press(running.panel, "#stop")
        await running.phase(CHECK)
        await asyncio.sleep(4)  # longer than it waits without a panel
        await badge(running.panel, "…")
        other = await clinic.chromium.open("microphone/microphone.html")
        await clinic.chromium.close_panels()
        await badge(other, "")
        await other.close()
        running.panel = await clinic.chromium.open("panel/panel.html")
        await running.phase("Finished")
        await expect(cards(running.panel).first).to_be_attached()
        assert await running.panel.locator("#omissions .offer").count() == 0, "nothing can be added any more"
        assert await findings(forgetful) == []


async def test_without_omissions_and_at_an_older_server_the_stop_goes_through_at_once(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(allowed_origins=(ORIGIN,)) as server:
        for older in (False, True):
            if older:
                monkeypatch.setattr(protocol, "TYPES", [name for name in protocol.TYPES if name != "review_note"])
            async with visit(clinic, "ambient", before=HURRIED, addresses=[f"{server.url}/"]) as running:
                await expect(running.panel.locator("#finals .segment").first).to_be_attached(timeout=SOON_MS)
                await press(running.panel, "#stop")
                await running.phase("Finished")
                assert await running.panel.locator("#omissions").is_hidden()
                assert await running.panel.locator("[data-trouble]").count() == 0
