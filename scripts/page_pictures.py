"""Takes pictures of the pages, over scripted services: those of the README into docs/images/, or all into a folder."""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # before the imports of the project, hence E402 below

from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect  # noqa: E402

from tests.support import scripted_console  # noqa: E402
from tests.support.acs_emulator import until  # noqa: E402
from tests.support.page_peer import CODE, MY_VOICE, PagePeer, running_peer  # noqa: E402
from tests.support.scripted_site import ARGUMENTS, CHROMIUM, Site, chromium, visit  # noqa: E402

QUALITY = 60
"""Of WebP, of 100: text stays sharp, and a picture has 20 to 60 kB."""
PHONE, DESKTOP = ViewportSize(width=390, height=844), ViewportSize(width=1280, height=800)
Light = Literal["light", "dark"]
LUIS, ANA = ("web:p2", "Luis Ortega", "es-ES"), (MY_VOICE, "Ana Reyes", "en-US")
SAID = (
    (
        LUIS,
        "La grúa del muelle sur vuelve a funcionar desde el lunes.",
        "The crane on the south quay is working again since Monday.",
    ),
    (ANA, "Then we can unload both ships this week.", ""),
    (
        LUIS,
        "Sí, si la marea lo permite. El primero llega el jueves a las seis.",
        "Yes, if the tide allows it. The first one arrives on Thursday at six.",
    ),
)


@asynccontextmanager
async def page_of(browser: Browser, url: str, size: ViewportSize, light: Light) -> AsyncIterator[Page]:
    context = await browser.new_context(
        viewport=size, color_scheme=light, device_scale_factor=2, locale="en-US", permissions=["microphone"]
    )
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector("html[data-ready]")
    yield page
    await context.close()


async def conversation(peer: PagePeer) -> None:
    """Luis and Ana talk; he is heard at the moment."""
    for number, ((speaker, name, language), text, meaning) in enumerate(SAID):
        more = {"speaker_id": speaker, "speaker_name": name}
        await peer.caption(f"u{number}", text, language=language, original=True, **more)
        if meaning:
            await peer.caption(f"u{number}", meaning, **more)


async def in_the_meeting(page: Page, peer: PagePeer) -> None:
    luis = {"member_id": "m2", "participant_id": "p2", "speaker_id": "web:p2", "name": "Luis Ortega", "speaks": "es-ES"}
    peer.members, peer.interpreter = [luis], {"state": "interpreting"}
    await page.get_by_label("Your name").fill("Ana Reyes")
    await page.get_by_role("button", name="Join the meeting").click()
    await until(lambda: len(peer.open) == 4)
    if not await page.locator("#columns").is_visible():  # on a phone, behind a button
        await page.evaluate("document.getElementById('columns').click()")
    else:
        await page.locator("#columns").check()
    await conversation(peer)
    await peer.signal("speaking", speaker_id="web:p2", speaking=True)
    await expect(page.locator("#now")).to_contain_text("Luis")


async def listening(page: Page, peer: PagePeer) -> None:
    await until(lambda: peer.sockets("captions"))
    await conversation(peer)
    await page.get_by_role("button", name="Listen").click()
    await until(lambda: peer.sockets("audio"))
    while "Sound delay" not in await page.locator("#sound").inner_text():  # it is shown once a second, during sound
        await peer.play("en-US", 5_000, 300)
        await page.wait_for_timeout(1_200)


async def console(page: Page, site: Site) -> None:
    ana, luis = scripted_console.ANA, scripted_console.LUIS
    await page.get_by_label("API key").fill(scripted_console.KEY)
    await page.keyboard.press("Enter")
    await expect(page.locator(".room-list a").first).to_be_attached()
    await page.evaluate(f"location.hash = '#/rooms/{scripted_console.ROOM}/live'")
    await until(lambda: len(site.sockets) == 2)
    site.send("signaling", type="listener_count", count=412, by_language={"es-ES": 268, "de-DE": 131, "en-US": 13})
    site.send("signaling", type="speaking", speaker_id=f"web:{ana}", speaking=True)
    site.send(
        "captions",
        **scripted_console.caption("u-1", ana, "en-US", "The third quarter is ahead of our forecast.", original=True),
    )
    site.send(
        "captions", **scripted_console.caption("u-1", ana, "es-ES", "El tercer trimestre supera nuestra previsión.")
    )
    site.send("captions", **scripted_console.caption("u-2", luis, "en-US", "Which product carries that?"))
    await expect(page.locator(".listeners .number").first).to_have_text("412")


async def take(page: Page, path: Path) -> None:
    await page.wait_for_timeout(400)  # until what moves has moved
    devtools = await page.context.new_cdp_session(page)
    shot = await devtools.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


async def take_all(out: Path, *, readme: bool) -> None:
    """Take the pictures of the README; without `readme` the same pages in both widths and both lights."""
    every: list[tuple[ViewportSize, Light]] = [
        (size, light) for size in (PHONE, DESKTOP) for light in ("light", "dark")
    ]
    chosen: dict[str, list[tuple[ViewportSize, Light]]] = {
        "home": [(PHONE, "light")],
        "listen": [(PHONE, "dark")],
        "meeting": [(DESKTOP, "light")],
        "console": [(DESKTOP, "light")],
    }
    scenes: dict[str, tuple[str, Callable[[Page, PagePeer], Awaitable[None]] | None]] = {
        "home": ("/", None),
        "listen": (f"/listen/{CODE}", listening),
        "meeting": (f"/join/{CODE}", in_the_meeting),
    }

    def file(name: str, size: ViewportSize, light: Light) -> Path:
        return out / (f"{name}.webp" if readme else f"{name}-{size['width']}-{light}.webp")

    async with async_playwright() as playwright, running_peer() as peer:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, (path, scene) in scenes.items():
            for size, light in chosen[name] if readme else every:
                peer.reset()
                async with page_of(browser, peer.url + path, size, light) as page:
                    if scene is not None:
                        await scene(page, peer)
                    await take(page, file(name, size, light))
                await until(lambda: not peer.open)
        await browser.close()
    async with chromium() as browser:
        for size, light in chosen["console"] if readme else every:
            site = scripted_console.scripted()
            options: dict[str, Any] = {"viewport": size, "color_scheme": light, "device_scale_factor": 2}
            async with visit(browser, site, "/console", **options) as page:
                await console(page, site)
                await take(page, file("console", size, light))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="each page on a phone and a desktop, light and dark")
    everywhere: Path | None = parser.parse_args().all
    asyncio.run(take_all(everywhere or ROOT / "docs" / "images", readme=everywhere is None))


if __name__ == "__main__":
    main()
