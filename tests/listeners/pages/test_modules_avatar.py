"""The drawn face in a real browser: frames are compared while somebody speaks and in silence."""

from __future__ import annotations

import asyncio
import mimetypes
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
ORIGIN = "http://localhost"
PAGES = Path(__file__).parents[3] / "listeners" / "pages"
EMPTY = """<!doctype html><meta charset="utf-8"><title>Stage</title><link rel="icon" href="data:,">
<body style="margin: 0"><div id="stage" style="width: 240px" hidden></div></body>"""
STRICT = """default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:;
require-trusted-types-for 'script'; trusted-types 'none'""".replace("\n", " ")
# `say(seconds)` plays vowels and hisses, then nothing more; `blinks` counts what moves the eyes.
STAGE = """
const { AvatarStage, ENGINES } = await import("/modules/avatar/stage.js");
const { vowel, hiss, MEN } = await import("/voices.mjs");
window.blinks = 0;
const animate = Element.prototype.animate;
Element.prototype.animate = function (...given) { window.blinks += 1; return animate.apply(this, given); };
window.engines = ENGINES;
window.stage = new AvatarStage(document.getElementById("stage"));
window.say = async (seconds) => {
  const context = new AudioContext({ sampleRate: 48000 });
  const syllables = [MEN.ah, MEN.oo, null, MEN.ee, MEN.oh];
  const analyser = new AnalyserNode(context, { fftSize: 8192 });
  const buffer = new AudioBuffer({ length: 48000 * seconds, sampleRate: 48000 });
  for (let place = 0; place * 0.2 < seconds; place += 1) {
    const formants = syllables[place % syllables.length];
    const sound = formants ? vowel(formants, { rate: 48000, seconds: 0.2 }) : hiss({ rate: 48000, seconds: 0.2 });
    buffer.copyToChannel(sound, 0, place * 9600);
  }
  const source = new AudioBufferSourceNode(context, { buffer });
  source.connect(analyser).connect(context.destination);
  const ended = new Promise((resolve) => source.addEventListener("ended", resolve));
  window.stage.speech(analyser);
  source.start();
  await ended;
  window.stage.rest();
};
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.line,
    pytest.mark.timeout(120),  # a browser starts in one second, or in ten on a busy machine
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


async def serve(route: Route) -> None:
    """Answer from the files of the pages, under a policy as strict as theirs."""
    path = route.request.url.removeprefix(ORIGIN).lstrip("/")
    headers = {"Content-Security-Policy": STRICT}
    if not path:
        await route.fulfill(body=EMPTY, content_type="text/html", headers=headers)
        return
    file = Path(__file__).parent / path if path == "voices.mjs" else PAGES / path
    kind = "text/javascript" if file.suffix in (".js", ".mjs") else mimetypes.guess_type(file.name)[0]
    await route.fulfill(body=file.read_bytes(), content_type=kind, headers=headers)


@asynccontextmanager
async def stage(**options: Any) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page = await browser.new_page(viewport={"width": 320, "height": 280}, **options)
            problems: list[str] = []
            page.on("console", lambda message: problems.append(message.text))
            page.on("pageerror", lambda error: problems.append(str(error)))
            await page.route("**/*", serve)
            await page.goto(ORIGIN)
            await page.evaluate(f"async () => {{ {STAGE} }}")
            yield page
            assert problems == []
        finally:
            await browser.close()


async def frame(page: Page) -> bytes:
    return await page.screenshot(animations="allow")


async def until_still(page: Page) -> bytes:
    """The frame that stays the same for half a second."""
    async with asyncio.timeout(30):
        before = await frame(page)
        while True:
            await asyncio.sleep(0.5)
            now = await frame(page)
            if now == before:
                return now
            before = now


async def test_the_face_is_off_until_it_is_chosen_and_gone_when_it_is_off_again() -> None:
    async with stage() as page:
        assert await page.evaluate("engines") == ["off", "drawn"]
        nothing = await frame(page)
        assert await page.evaluate("stage.speech(null); stage.rest(); stage.chosen") == "off"
        await page.evaluate("stage.choose('drawn')")
        assert await frame(page) != nothing
        await page.evaluate("stage.choose('off')")
        assert await frame(page) == nothing


async def test_of_choices_in_quick_succession_the_last_counts_and_an_unknown_one_is_refused() -> None:
    async with stage() as page:
        await page.evaluate("Promise.all([stage.choose('drawn'), stage.choose('off'), stage.choose('drawn')])")
        assert await page.locator(".avatar-face").count() == 1
        await page.evaluate("Promise.all([stage.choose('off'), stage.choose('drawn'), stage.choose('off')])")
        assert await page.locator(".avatar-face").count() == 0
        with pytest.raises(Exception, match="no avatar engine is named azur"):
            await page.evaluate("stage.choose('azur')")


async def test_it_moves_with_speech_and_rests_in_silence() -> None:
    async with stage() as page:
        await page.evaluate("stage.choose('drawn')")
        at_rest = await until_still(page)
        speaking = asyncio.ensure_future(page.evaluate("say(4)"))
        seen = set()
        while not speaking.done():
            seen.add(await frame(page))
        await speaking
        assert len(seen - {at_rest}) >= 5, "it hardly moved"
        assert await until_still(page) == at_rest


async def test_no_frame_asks_for_layout() -> None:
    async with stage() as page:
        await page.evaluate("stage.choose('drawn')")
        await until_still(page)
        session = await page.context.new_cdp_session(page)
        await session.send("Performance.enable")

        async def layouts() -> float:
            metrics = (await session.send("Performance.getMetrics"))["metrics"]
            return float(next(one["value"] for one in metrics if one["name"] == "LayoutCount"))

        before = await layouts()
        await page.evaluate("say(3)")
        assert await page.evaluate("blinks") >= 1, "the eyes move too"
        assert await layouts() - before <= 2, "it was laid out while it moved"  # once may be the start of an animation


async def test_with_less_motion_the_mouth_alone_moves() -> None:
    async with stage(reduced_motion="reduce") as page:
        await page.evaluate("stage.choose('drawn')")
        at_rest = await until_still(page)
        speaking = asyncio.ensure_future(page.evaluate("say(3)"))
        seen = set()
        while not speaking.done():
            seen.add(await frame(page))
        await speaking
        assert len(seen - {at_rest}) >= 3
        assert await page.evaluate("blinks") == 0
