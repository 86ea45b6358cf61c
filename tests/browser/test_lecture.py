"""A lecture in a real browser, over the service and the emulator: its speaker commands it, its audience follows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright, expect

from emulator.client import write_wav
from emulator.engine.scripted import ScriptedEngine
from tests.support.line import ADMIN_KEY, Line, line
from tests.support.scripted_site import ARGUMENTS, CHROMIUM
from tests.support.speech import RESULTS, english

__all__ = ["english"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),  # a browser starts in one second, or in ten on a busy machine
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
RESULTADOS = "Los resultados son mejores de lo esperado."


@pytest.fixture
async def browser(english: bytes, tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser whose microphone hears the same sentence again and again."""
    microphone = tmp_path / "microphone.wav"
    write_wav(microphone, english + bytes(48_000))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, f"--use-file-for-fake-audio-capture={microphone}"]
        )
        yield browser
        await browser.close()


async def create(whole: Line) -> dict[str, Any]:
    lecture = {"name": "Lecture", "source_language": "en-US", "target_languages": ["es-ES"]}
    headers = {"X-API-Key": ADMIN_KEY}
    async with whole.http.post(f"{whole.base_url}/api/createSession", json=lecture, headers=headers) as response:
        created: dict[str, Any] = await response.json()
        return created


async def test_a_speaker_starts_pauses_and_ends_a_lecture_and_the_audience_is_told(browser: Browser) -> None:
    engine = ScriptedEngine(0.1, transcripts=[RESULTS], translations={("en", "es"): [RESULTADOS]})
    async with line(engine=engine) as whole:
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
