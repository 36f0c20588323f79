"""Bytes of what a browser loads when the page is opened: of the files, and as the server sends them, compressed."""

from playwright.async_api import Browser, Request


async def sizes(browser: Browser, url: str) -> dict[str, int]:
    """Bodies alone, without headers; what a visit loads later, such as the worklet of the microphone, is left out."""
    context = await browser.new_context()
    page = await context.new_page()
    finished: list[Request] = []
    page.on("requestfinished", lambda request: finished.append(request))
    raw = sent = files = 0
    try:
        await page.goto(url, wait_until="networkidle")
        for request in finished:
            response = await request.response()
            if response is None or not (request.url == url or "/static/" in request.url):
                continue
            files += 1
            raw += len(await response.body())
            sent += (await request.sizes())["responseBodySize"]
    finally:
        await context.close()
    return {"files": files, "raw_bytes": raw, "sent_bytes": sent}
