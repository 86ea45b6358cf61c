"""The page in a real browser, its microphone a file: it joins, is heard, hears, mutes, and says why it may not."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from demo import recording_analysis
from demo.recording_analysis import RATE
from emulator.client import Participant, write_wav
from emulator.engine.local import LocalEngine, Synthesiser, Voice
from tests.support.acs_emulator import Acs, Guest, make_guest, make_room, running_acs, tone, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",  # tests may run as root
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSER_HZ, OTHER_HZ = 500, 1250
# Taps what the page sends to the loudspeaker: `loudestHertz()` there, 0 while it is silent, and all that was `played`.
TAP = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...more) {
  if (target instanceof AudioDestinationNode && this instanceof AudioWorkletNode) {
    const analyser = new AnalyserNode(target.context, { fftSize: 2048, smoothingTimeConstant: 0 });
    connect.call(this, analyser);
    window.loudestHertz = () => {
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      const best = bins.indexOf(Math.max(...bins));
      return bins[best] > -60 ? (best * target.context.sampleRate) / analyser.fftSize : 0;
    };
    const recorder = target.context.createScriptProcessor(4096, 1, 1);
    window.played = [];
    recorder.onaudioprocess = ({ inputBuffer }) => {
      for (const sample of inputBuffer.getChannelData(0)) window.played.push(Math.round(sample * 32767));
    };
    connect.call(this, recorder);
    connect.call(recorder, target);
  }
  return connect.call(this, target, ...more);
};
"""

expect.set_options(timeout=30_000)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),  # a browser starts in one second, or in ten on a busy machine
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@asynccontextmanager
async def browser_with(microphone: Path) -> AsyncIterator[Browser]:
    """A browser whose microphone is a recording, again and again."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, f"--use-file-for-fake-audio-capture={microphone}"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def at_the_page(acs: Acs, microphone: Path) -> AsyncIterator[Page]:
    """The page, open in a browser that may use its microphone."""
    async with browser_with(microphone) as browser:
        context = await browser.new_context(permissions=["microphone"])
        page = await context.new_page()
        await page.add_init_script(TAP)
        await page.goto(acs.url)
        yield page


async def invite(acs: Acs, room: str, *guests: tuple[str, str, Guest]) -> None:
    invitations = [
        {"name": name, "language": language, "room": room, "token": guest.token} for name, language, guest in guests
    ]
    status, _ = await acs.put("/emulator/invitations", invitations)
    assert status == 200


async def join_as(page: Page, name: str) -> None:
    await page.get_by_role("checkbox", name="I wear headphones").check()
    await page.get_by_role("button", name=f"Join as {name}").click()
    await expect(page.locator("#connection")).to_have_text("Connected")


def share_of(pcm: bytes, hertz: float) -> float:
    """How much of a sound's energy lies at a frequency, from 0 to 1; 0 for silence."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(samples), 1 / 24_000) - hertz) < 15
    total = float(spectrum.sum())
    return float(spectrum[near].sum()) / total if total > 1e6 else 0.0


def last(participant: Participant, ms: int) -> bytes:
    return bytes(participant.heard[-48 * ms :])


@asynccontextmanager
async def speaking(participant: Participant, pcm: bytes) -> AsyncIterator[None]:
    """While somebody says something; what is unsaid at the end stays so."""
    async with asyncio.TaskGroup() as tasks:
        speech = tasks.create_task(participant.speak(pcm))
        yield
        speech.cancel()


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    path = tmp_path / "microphone.wav"
    write_wav(path, tone(4_000, hertz=BROWSER_HZ))
    return path


async def test_both_hear_each_other_and_mute_silences(microphone: Path) -> None:
    async with running_acs() as acs:
        ana, luis = await make_guest(acs), await make_guest(acs)
        room = await make_room(acs, ana, luis)
        await invite(acs, room, ("Ana", "en-US", ana), ("Luis", "es-ES", luis))
        async with (
            at_the_page(acs, microphone) as page,
            Participant.join(acs.url, room, luis.token, "Luis") as other,
        ):
            await join_as(page, "Ana")
            await until(lambda: share_of(last(other, 500), BROWSER_HZ) > 0.95)

            assert await page.evaluate("loudestHertz()") == 0  # nobody has said anything to Ana yet
            async with speaking(other, tone(30_000, hertz=OTHER_HZ)):
                await page.wait_for_function(f"Math.abs(loudestHertz() - {OTHER_HZ}) < 15", timeout=25_000)
                row = page.get_by_role("listitem").filter(has_text="Luis")
                await expect(row).to_contain_text("speaking")

            await page.keyboard.press("m")
            await until(lambda: any(one["muted"] for one in other.roster))
            await until(lambda: not any(last(other, 300)))
            await expect(page.get_by_role("listitem").filter(has_text="Ana")).to_contain_text("muted")

            await page.get_by_role("button", name="Unmute").click()
            await until(lambda: share_of(last(other, 500), BROWSER_HZ) > 0.95)

            await page.get_by_role("button", name="Leave").click()
            await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
            await until(lambda: [one["display_name"] for one in other.roster] == ["Luis"])
            await expect(page.get_by_role("alert")).to_be_hidden()


async def test_of_two_tabs_the_one_unmuted_last_has_the_microphone(microphone: Path) -> None:
    async with running_acs() as acs:
        ana, luis = await make_guest(acs), await make_guest(acs)
        room = await make_room(acs, ana, luis)
        await invite(acs, room, ("Ana", "en-US", ana), ("Luis", "es-ES", luis))
        async with at_the_page(acs, microphone) as first:
            await join_as(first, "Ana")
            second = await first.context.new_page()
            await second.goto(acs.url)
            await join_as(second, "Luis")
            await expect(first.get_by_role("button", name="Unmute")).to_be_visible()
            await expect(first.locator("#notice")).to_contain_text("Luis")
            await first.get_by_role("button", name="Unmute").click()
            await expect(second.get_by_role("button", name="Unmute")).to_be_visible()
            await expect(first.get_by_role("button", name="Mute", exact=False)).to_be_visible()


async def test_each_refusal_is_told_and_no_microphone_is_opened(microphone: Path) -> None:
    async with running_acs() as acs:
        ana, stranger = await make_guest(acs), await make_guest(acs)
        room = await make_room(acs, ana)
        await invite(acs, room, ("Ana", "en-US", Guest(ana.id, "not.a.token")), ("Eva", "es-ES", stranger))
        async with at_the_page(acs, microphone) as page:
            problem = page.get_by_role("alert")
            await page.get_by_role("button", name="Join as Ana").click()
            await expect(problem).to_contain_text("This invitation is not valid")
            await page.get_by_role("button", name="Join as Eva").click()
            await expect(problem).to_contain_text("You may not enter this room")
            await page.get_by_text("Join manually", exact=True).click()
            await page.get_by_label("Room id").fill("99999999999999999")
            await page.get_by_label("Token").fill(ana.token)
            await page.get_by_label("Your name").fill("Ana")
            await page.get_by_role("button", name="Join", exact=True).click()
            await expect(problem).to_contain_text("This room does not exist")
            assert await page.evaluate("typeof loudestHertz") == "undefined"  # no sound device was opened


async def test_a_call_that_ends_brings_one_back_with_the_reason(microphone: Path) -> None:
    async with running_acs() as acs:
        ana = await make_guest(acs)
        room = await make_room(acs, ana)
        await invite(acs, room, ("Ana", "en-US", ana))
        async with at_the_page(acs, microphone) as page:
            await join_as(page, "Ana")
            async with Participant.join(acs.url, room, ana.token, "Ana"):  # the same person, elsewhere
                await expect(page.get_by_role("alert")).to_contain_text("You joined from another tab")
                await expect(page.get_by_role("button", name="Join as Ana")).to_be_visible()


@pytest.mark.engine
async def test_words_come_through_both_ways(tmp_path: Path) -> None:
    """What one says at the page and what it plays are recognised word for word."""
    said, answered = "We have to make a decision today.", "The results are better than expected."
    async with LocalEngine(languages=["en"]) as engine, Synthesiser() as voice, running_acs() as acs:
        microphone = tmp_path / "microphone.wav"
        # Said again and again: joining takes a while, and the file is played from when the microphone opens.
        write_wav(microphone, bytes(48_000) + await voice.say(said, "en", Voice("en-us", "f2", 150)) + bytes(48_000))
        ana, luis = await make_guest(acs), await make_guest(acs)
        room = await make_room(acs, ana, luis)
        await invite(acs, room, ("Ana", "en-US", ana))
        async with (
            at_the_page(acs, microphone) as page,
            Participant.join(acs.url, room, luis.token, "Luis") as other,
        ):
            await join_as(page, "Ana")
            answer = await voice.say(answered, "en") + bytes(48_000)
            async with speaking(other, answer * 20):  # again and again as well: a busy machine swallows syllables
                while await last_said(engine, bytes(other.heard)) != said:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.5)
                while await last_said(engine, await played(page)) != answered:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.5)


async def played(page: Page) -> bytes:
    return np.array(await page.evaluate("played"), "<i2").tobytes()


async def last_said(engine: LocalEngine, pcm: bytes) -> str | None:
    """The words of the last sentence that has ended."""
    *_, last, _ = [b"", b"", *loud_stretches(pcm)]
    return (await engine.hear(last, ["en"])).text if last else None


def loud_stretches(pcm: bytes) -> list[bytes]:
    """What lies between silences of 700 ms, with 200 ms of them on either side."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")
    found = recording_analysis.spans(samples, pause=RATE * 7 // 10)
    return [samples[max(0, span.start - RATE // 5) : span.end + RATE // 5].tobytes() for span in found]


@pytest.mark.parametrize(("width", "height"), [(320, 568), (1280, 800)])
async def test_nothing_sticks_out_sideways(microphone: Path, width: int, height: int) -> None:
    async with running_acs() as acs:
        ana = await make_guest(acs)
        room = await make_room(acs, ana)
        await invite(acs, room, ("Ana Maria Wolfeschlegelsteinhausenbergerdorff", "en-US", ana))
        async with at_the_page(acs, microphone) as page:
            await page.set_viewport_size({"width": width, "height": height})
            await expect(page.get_by_role("button", name="Join as Ana")).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await join_as(page, "Ana")
            await expect(page.get_by_role("listitem").filter(has_text="you")).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
