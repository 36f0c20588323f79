"""Chromium with the extension, loaded from a folder that the packer made."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Page, async_playwright

from tests.support.browser import CHROMIUM
from tests.support.live import until
from tools.pack_extension import extension_id, packed, with_key, write_folder

ID = extension_id()
ORIGIN = f"chrome-extension://{ID}"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-extension-debugging",  # for Extensions.triggerAction
    "--use-fake-device-for-media-stream",
)


class Chromium:
    """A profile of its own with the extension. `faults` are what its pages complained of."""

    def __init__(self, context: BrowserContext, cdp: CDPSession) -> None:
        self.context = context
        self._cdp = cdp
        self.faults: list[str] = []

    async def press_icon(self, page: Page) -> None:
        """What a click on the extension's icon does while the page is in front: it also grants activeTab."""
        await page.bring_to_front()
        (target,) = [each for each in await self.targets("tab") if each["url"] == page.url]
        await self._cdp.send("Extensions.triggerAction", {"id": ID, "targetId": target["targetId"]})

    async def allow(self, *permissions: str) -> None:
        """Grants these to every page; Chrome denies every other one."""
        await self.context.clear_permissions()
        await self.context.grant_permissions(list(permissions))

    async def open(self, path: str, before: str = "") -> Page:
        """A page of the extension in a tab; the script `before` runs before its own."""
        page = await self.context.new_page()
        await page.add_init_script(before)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        await page.goto(f"{ORIGIN}/{path}")
        return page

    async def targets(self, kind: str) -> list[dict[str, Any]]:
        """The targets of a kind, such as "tab" or "service_worker"; the offscreen document is a "background_page"."""
        found = (await self._cdp.send("Target.getTargets", {"filter": [{}]}))["targetInfos"]
        return [target for target in found if target["type"] == kind]

    async def close_panels(self) -> None:
        """Closes every side panel, that which the icon has opened beside the pages too."""
        found = (await self._cdp.send("Target.getTargets", {"filter": [{}]}))["targetInfos"]
        for target in found:
            if target["url"] == f"{ORIGIN}/panel/panel.html" and target["type"] != "tab":
                await self._cdp.send("Target.closeTarget", {"targetId": target["targetId"]})

    async def stop_worker(self) -> None:
        """Stops the service worker, as Chrome does after 30 idle seconds."""
        for target in await self.targets("service_worker"):
            await self._cdp.send("Target.closeTarget", {"targetId": target["targetId"]})
        for _ in range(200):  # a worker that has been told to end is still listed for a moment
            if not await self.targets("service_worker"):
                return
            await asyncio.sleep(0.1)
        raise TimeoutError("the service worker did not stop")

    async def ask(self, path: str, method: str, **parameters: object) -> dict[str, Any]:
        """A command of the DevTools to a page of the extension that Playwright does not see, by the end of its address."""
        found = (await self._cdp.send("Target.getTargets", {"filter": [{}]}))["targetInfos"]
        hidden = [each for each in found if each["url"] == f"{ORIGIN}/{path}" and each["type"] != "tab"]
        attached = await self._cdp.send("Target.attachToTarget", {"targetId": hidden[0]["targetId"], "flatten": False})
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        def hear(event: dict[str, Any]) -> None:
            if event["sessionId"] == attached["sessionId"] and not answered.done():
                message = json.loads(event["message"])
                if message.get("id") == 1:
                    answered.set_result(message)

        self._cdp.on("Target.receivedMessageFromTarget", hear)
        message = json.dumps({"id": 1, "method": method, "params": parameters})
        await self._cdp.send("Target.sendMessageToTarget", {"sessionId": attached["sessionId"], "message": message})
        async with asyncio.timeout(60):
            answer = await answered
        await self._cdp.send("Target.detachFromTarget", {"sessionId": attached["sessionId"]})
        self._cdp.remove_listener("Target.receivedMessageFromTarget", hear)
        result: dict[str, Any] = answer["result"]
        return result

    async def in_offscreen(self, expression: str) -> Any:
        """The value of an expression in the offscreen document."""
        wanted = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        told = await self.ask("offscreen/offscreen.html", "Runtime.evaluate", **wanted)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")


@asynccontextmanager
async def installed(folder: Path, *flags: str, changes: Mapping[str, object] | None = None) -> AsyncIterator[Chromium]:
    """Chromium with the extension, which may use the microphone and the local network; `changes` go into its manifest."""
    unpacked = folder / "extension"
    write_folder(with_key(packed(), changes), unpacked)
    loaded = (f"--disable-extensions-except={unpacked}", f"--load-extension={unpacked}")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=CHROMIUM,
            args=[*FLAGS, *loaded, *flags],
            reduced_motion="reduce",
            ignore_default_args=["--mute-audio"],  # nothing would be heard from a captured tab either
        )
        assert context.browser is not None
        chromium = Chromium(context, await context.browser.new_browser_cdp_session())
        await chromium.allow("microphone", "local-network-access")
        # A new extension shows its settings. Chromium puts them into the first tab, without which it would end.
        await until(lambda: any(page.url.endswith("settings/options.html") for page in context.pages))
        first = context.pages[0]
        await first.goto("about:blank")
        try:
            yield chromium
        finally:
            await context.close()


async def set_up(panel: Page, **settings: object) -> None:
    """Writes settings as the settings page does."""
    await panel.evaluate(f"chrome.storage.local.set({json.dumps(settings)})")
