"""Pages in a real browser over the service and the emulator: a lecture, and the console of its organisers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from emulator.client import write_wav
from emulator.engine.scripted import ScriptedEngine
from tests.support.line import ADMIN_KEY, Line, line
from tests.support.scripted_site import ARGUMENTS, CHROMIUM
from tests.support.speech import RESULTS, english

__all__ = ["english"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),  # the browser's loop
    pytest.mark.timeout(240),  # a browser starts in one second, or in ten on a busy machine
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
RESULTADOS = "Los resultados son mejores de lo esperado."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(english: bytes, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """A browser whose microphone hears the same sentence again and again."""
    microphone = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    write_wav(microphone, english + bytes(48_000))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, f"--use-file-for-fake-audio-capture={microphone}"]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole() -> AsyncIterator[Line]:
    engine = ScriptedEngine(0.1, transcripts=[RESULTS], translations={("en", "es"): [RESULTADOS]})
    async with line(engine=engine) as whole:
        yield whole


async def create(whole: Line) -> dict[str, Any]:
    lecture = {"name": "Lecture", "source_language": "en-US", "target_languages": ["es-ES"]}
    headers = {"X-API-Key": ADMIN_KEY}
    async with whole.http.post(f"{whole.base_url}/api/createSession", json=lecture, headers=headers) as response:
        created: dict[str, Any] = await response.json()
        return created


async def test_a_speaker_starts_pauses_and_ends_a_lecture_and_the_audience_is_told(
    browser: Browser, whole: Line
) -> None:
    session = await create(whole)
    context = await browser.new_context(locale="en-US", permissions=["microphone"])
    audience, speaker = await context.new_page(), await context.new_page()
    problems: list[str] = []
    speaker.on("pageerror", lambda error: problems.append(str(error)))
    await audience.goto(session["listenerUrl"])
    told = audience.locator("#state")
    await expect(told).to_have_text("Not begun yet")
    await audience.locator("#language").select_option("es-ES")
    await speaker.goto(session["speakerUrl"])
    state = speaker.locator("#state")
    await expect(state).to_have_text("Not begun yet")
    await expect(speaker.locator("#count")).to_have_text("1")

    await speaker.get_by_role("button", name="Start").click()
    await expect(state).to_have_text("Live")
    await expect(speaker.locator("#hint")).to_have_text("You are heard.")
    await expect(told).to_have_text("Listening")
    await expect(speaker.locator(".captions .text").first).to_have_text(RESULTS)
    await expect(audience.locator(".captions .text").first).to_have_text(RESULTADOS)

    await speaker.get_by_role("button", name="Pause").click()
    await expect(told).to_have_text("Paused")
    await speaker.reload()  # the link is good for all of the lecture
    await expect(state).to_have_text("Paused")
    await speaker.get_by_role("button", name="Go on").click()
    await expect(told).to_have_text("Listening")
    await expect(speaker.locator("#hint")).to_have_text("You are heard.")

    await speaker.get_by_role("button", name="End the lecture").click()
    await expect(told).to_have_text("Listening")  # it is asked first
    await speaker.get_by_role("button", name="End it for everybody").click()
    await expect(told).to_have_text("Ended")
    await expect(state).to_have_text("Ended")
    assert problems == []
    gone = await audience.goto(session["listenerUrl"])
    assert gone is not None and gone.status == 404
    await expect(audience.get_by_role("heading")).to_be_visible()
    await context.close()


async def test_the_console_creates_rooms_without_and_with_acs_and_commands_them(browser: Browser, whole: Line) -> None:
    context = await browser.new_context(locale="en-US")
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    await page.goto(f"{whole.base_url}/console")
    await page.get_by_label("API key").fill(ADMIN_KEY)
    await page.keyboard.press("Enter")
    for name, media in (("Town hall", "web"), ("Board", "acs")):
        await page.get_by_role("button", name="New room").click()
        await page.get_by_label("Name", exact=True).fill(name)
        await page.locator("#new-media").select_option(media)
        await page.locator("#new-mode").select_option("simultaneous")
        await page.get_by_label("Further language").fill("de-DE")
        await page.keyboard.press("Enter")
        await page.locator("#new-guests").uncheck()
        await page.get_by_role("button", name="Add a person").click()
        await page.get_by_label("Name of the person").fill("Ana")
        await page.get_by_label("Language spoken").select_option("en-US")
        await page.get_by_label("Language heard").select_option("es-ES")
        await page.get_by_role("button", name="Create the room").click()
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
        room = await whole.api("GET", f"/api/rooms/{page.url.split('/')[-2]}")
        assert (room["name"], room["media"], room["mode"]) == (name, media, "simultaneous")
        assert room["languages"] == ["en-US", "es-ES", "de-DE"] and room["settings"]["guests"] is False
        (ana,) = room["participants"]
        assert (ana["display_name"], ana["role"], ana["speaks"], ana["hears"]) == ("Ana", "Presenter", "en-US", "es-ES")
        await expect(page.locator(".room-list a").filter(has_text=name)).to_have_count(1)

        await page.get_by_role("tab", name="Live").click()
        await expect(page.locator(".listeners .number")).to_have_text("0")  # both sockets are open
        await page.get_by_role("button", name="Start", exact=True).click()
        state = page.locator(".control .pill")
        if media == "acs":  # nobody is in its call yet, so that there is nothing to join
            await expect(state).to_have_text(re.compile("Connecting|Waiting"))
            await page.get_by_role("button", name="Stop", exact=True).click()
            await expect(state).to_have_text(re.compile("Stopped|Nobody there"))
            continue
        await expect(state).to_have_text("Interpreting")
        await page.get_by_role("button", name="Pause").click()
        await expect(state).to_have_text("Paused")
        await page.get_by_role("button", name="Resume").click()
        await expect(state).to_have_text("Interpreting")
        await page.get_by_role("button", name="Stop", exact=True).click()
        await expect(state).to_have_text("Stopped")
        await page.get_by_role("button", name="Start", exact=True).click()
        await expect(state).to_have_text("Interpreting")
    assert problems == []
    await context.close()
