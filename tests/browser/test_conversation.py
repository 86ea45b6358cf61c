"""People with different languages talk to each other by browser: what their pages play is recognised.

Two replicas, Redis, a balancer and the emulator with its speech engine run as processes of their own, as they would for
people. Each browser's microphone is a recording of a person who says a sentence again and again, with pauses.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from demo import cluster, recording_analysis, scoring
from demo.cluster import Cluster
from demo.recording_analysis import RATE
from demo.rest_client import Rest
from demo.script import ANA, JONAS, LUIS, Person
from emulator.client import Participant, write_wav
from emulator.engine.local import LocalEngine, Synthesiser
from tests.support.scripted_site import ARGUMENTS, CHROMIUM

pytestmark = [
    pytest.mark.soak,
    pytest.mark.browser,
    pytest.mark.engine,
    pytest.mark.asyncio(loop_scope="module"),  # the browsers' loop
    pytest.mark.timeout(600),  # a minute each, and the machine may have others to serve
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed"),
]

PATIENCE_S = 180.0
LOOK_S = 1.0
ROOM = {"name": "Planning", "languages": ["en-US", "es-ES", "de-DE"], "mode": "consecutive"}
SAYS = {ANA: "We have to make a decision today.", LUIS: "Necesitamos más información."}
JONAS_SAYS = "Die Qualität ist ausgezeichnet."
MEANS = {
    ANA: {
        "en": SAYS[ANA],
        "es": "Tenemos que tomar una decisión hoy.",
        "de": "Wir müssen heute eine Entscheidung treffen.",
    },
    LUIS: {"en": "We need more information.", "es": SAYS[LUIS], "de": "Wir brauchen mehr Informationen."},
    JONAS: {"es": "La calidad es excelente."},
}
EVERY_S = {ANA: 22, LUIS: 27, JONAS: 17}
"""Seconds from one time to the next. They differ: who spoke at the same time as another does not the next time."""
# Keeps what the page's loudspeaker plays. `played()` returns what is new of it, as PCM16 in base64, and its rate.
RECORDER = """
const play = HTMLMediaElement.prototype.play;
const parts = [];
let rate = 48000;
HTMLMediaElement.prototype.play = function () {
  if (this.srcObject && !this.taped) {
    this.taped = true;
    const [track] = this.srcObject.getAudioTracks();
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 3000 }).readable.getReader();
    (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        const samples = new Float32Array(value.numberOfFrames);
        value.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        rate = value.sampleRate;
        value.close();
        parts.push(Int16Array.from(samples, (one) => Math.max(-1, Math.min(1, one)) * 32767));
      }
    })();
  }
  return play.call(this);
};
window.played = async () => {
  const address = await new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(new Blob(parts.splice(0)));
  });
  return [address.slice(address.indexOf(",") + 1), rate];
};
"""


@dataclass(frozen=True)
class Place:
    """The service, and the browsers of two people."""

    running: Cluster
    rest: Rest
    http: aiohttp.ClientSession
    browsers: dict[Person, Browser]
    recogniser: LocalEngine
    jonas_says: bytes
    lasts_s: dict[str, float]
    """How long each sentence takes to be said."""
    known: dict[tuple[bytes, str], str] = field(default_factory=dict)
    """What has been recognised, by speech and language."""
    recognising: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def api(self, path: str, document: object = None) -> dict[str, Any]:
        services = self.running.services
        headers = {"X-API-Key": services.keys.admin}
        async with self.http.post(f"{services.bot_url}{path}", json=document, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
            created: dict[str, Any] = await answer.json()
            return created

    async def hears(self, pcm: bytes, text: str, language: str) -> bool:
        """Whether this is said in a recording, by one of its stretches of speech that are about as long."""
        samples = np.frombuffer(pcm, "<i2")
        for one in recording_analysis.spans(samples, pause=RATE // 2):
            if one.end + RATE > len(samples) or not 0.75 < one.seconds / self.lasts_s[text] < 1.5:
                continue
            part = samples[max(0, one.start - RATE // 5) : one.end + RATE // 5].tobytes()
            async with self.recognising:  # for several who wait for it, once
                if (part, language) not in self.known:
                    self.known[part, language] = (await self.recogniser.hear(part, [language])).text or ""
            if scoring.enough(scoring.compare(text, self.known[part, language], language)):
                return True
        return False


@dataclass(eq=False)
class Visitor:
    """A page that somebody has open."""

    place: Place
    page: Page
    problems: list[str] = field(default_factory=list)
    played: bytearray = field(default_factory=bytearray)
    """What it has played so far, PCM16 mono 24 kHz."""

    async def look(self) -> None:
        encoded, rate = await self.page.evaluate("played()")
        samples = np.frombuffer(base64.b64decode(encoded), "<i2")
        self.played += samples.reshape(-1, rate // RATE).mean(axis=1).astype("<i2").tobytes()

    async def has_played(self, text: str, language: str, since: int = 0) -> bool:
        return await self.place.hears(bytes(self.played[since:]), text, language)

    async def until_played(self, text: str, language: str, since: int = 0) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await self.has_played(text, language, since):
                await asyncio.sleep(LOOK_S)
                await self.look()

    async def until_captioned(self, text: str) -> None:
        await expect(self.page.locator(".captions .text").filter(has_text=text).first).to_be_visible(
            timeout=PATIENCE_S * 1000
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("conversation")
    async with AsyncExitStack() as stack:
        async with Synthesiser() as voice:
            jonas_says = await voice.say(JONAS_SAYS, JONAS.primary, JONAS.voice)
            microphones = {
                person: recording(folder, person, await voice.say(text, person.primary, person.voice))
                for person, text in SAYS.items()
            }
            lasts_s = {
                text: len(await voice.say(text, language)) / RATE / 2
                for means in MEANS.values()
                for language, text in means.items()
            }
        running = await stack.enter_async_context(cluster.running(folder, 2, ("en", "es", "de"), "local"))
        recogniser = await stack.enter_async_context(LocalEngine(languages=["en", "es", "de"], workers=1))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        playwright = await stack.enter_async_context(async_playwright())
        browsers = {}
        for person, microphone in microphones.items():
            browsers[person] = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*ARGUMENTS, f"--use-file-for-fake-audio-capture={microphone}"]
            )
            stack.push_async_callback(browsers[person].close)
        rest = Rest(http, running.services)
        await rest.subscribe_to_events()
        yield Place(running, rest, http, browsers, recogniser, jonas_says, lasts_s)


def recording(folder: Path, person: Person, speech: bytes) -> Path:
    """What the person's browser takes for a microphone: joining takes some of the silence before."""
    path = folder / f"{person.name}.wav"
    silence = bytes(EVERY_S[person] * RATE * 2 - len(speech))
    write_wav(path, silence[: RATE * 2 * 4] + speech + silence[RATE * 2 * 4 :])
    return path


@pytest_asyncio.fixture(loop_scope="module")
async def visits(place: Place) -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def visitor(place: Place, visits: AsyncExitStack, browser: Browser) -> Visitor:
    context = await browser.new_context(locale="en-US", permissions=["microphone"], reduced_motion="reduce")
    visits.push_async_callback(context.close)
    page = await context.new_page()
    one = Visitor(place, page)
    page.on("pageerror", lambda error: one.problems.append(str(error)))
    await page.add_init_script(RECORDER)
    return one


async def joins(place: Place, visits: AsyncExitStack, person: Person, code: str, hears: str) -> Visitor:
    one = await visitor(place, visits, place.browsers[person])
    await one.page.goto(f"{place.running.services.bot_url}/join/{code}")
    await one.page.get_by_label("Your name").fill(person.name)
    await one.page.get_by_label("I speak").select_option(person.language)
    await one.page.get_by_label("I want to hear").select_option(hears)
    await one.page.get_by_role("button", name="Join the meeting").click()
    await expect(one.page.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    return one


async def test_a_conversation_in_an_acs_room_with_somebody_in_its_call(place: Place, visits: AsyncExitStack) -> None:
    jonas = {"display_name": JONAS.name, "role": "Presenter", "speaks": JONAS.language, "hears": JONAS.language}
    room = await place.api("/api/rooms", ROOM | {"settings": {"layout": "shared"}, "participants": [jonas]})
    token = await place.api(
        f"/api/rooms/{room['room_id']}/participants/{room['participants'][0]['participant_id']}/token"
    )
    acs_url = place.running.services.acs_url
    async with Participant.join(acs_url, token["acs_room_id"], token["token"], JONAS.name) as call:
        luis = await joins(place, visits, LUIS, room["join_code"], "es-ES")
        ana = await joins(place, visits, ANA, room["join_code"], "es-ES")  # what she says is interpreted for Luis
        async with asyncio.TaskGroup() as talking:
            talk = talking.create_task(again_and_again(call, place.jonas_says))
            for one in (ana, luis):
                for who in MEANS:
                    await one.until_captioned(MEANS[who]["es"])
            await asyncio.gather(
                ana.until_played(SAYS[LUIS], "es"),
                ana.until_played(MEANS[JONAS]["es"], "es"),
                luis.until_played(MEANS[ANA]["es"], "es"),
            )
            talk.cancel()
        async with asyncio.timeout(PATIENCE_S):
            for who in SAYS:
                while not await place.hears(bytes(call.heard), MEANS[who]["de"], "de"):  # noqa: ASYNC110 - as above
                    await asyncio.sleep(LOOK_S)
    await ana.look()
    assert not await ana.has_played(MEANS[ANA]["es"], "es"), "nobody hears their own interpretation"
    assert not await luis.has_played(SAYS[LUIS], "es"), "nor themselves"
    assert ana.problems == luis.problems == []


async def again_and_again(person: Participant, speech: bytes) -> None:
    while True:
        await person.speak(speech)
        await asyncio.sleep(EVERY_S[JONAS])


async def test_a_conversation_without_a_call_goes_on_when_a_replica_is_killed(
    place: Place, visits: AsyncExitStack
) -> None:
    room = await place.api("/api/rooms", ROOM | {"media": "web"})
    place.running.balancer.pinned = "replica-1"  # which interprets it, therefore
    code = room["join_code"]
    listener = await visitor(place, visits, place.browsers[ANA])
    await listener.page.goto(f"{place.running.services.bot_url}/listen/{code}")
    await listener.page.locator("#language").select_option("de-DE")
    await listener.page.get_by_role("button", name="Listen").click()
    luis = await joins(place, visits, LUIS, code, "es-ES")
    ana = await joins(place, visits, ANA, code, "en-US")
    place.running.balancer.pinned = None  # from now on any replica serves them
    languages = {ana: "en", luis: "es", listener: "de"}
    for one, language in languages.items():
        for who in SAYS:
            await one.until_captioned(MEANS[who][language])
    await asyncio.gather(
        ana.until_played(MEANS[LUIS]["en"], "en"),
        luis.until_played(MEANS[ANA]["es"], "es"),
        listener.until_played(MEANS[ANA]["de"], "de"),
        listener.until_played(MEANS[LUIS]["de"], "de"),
    )
    assert not await ana.has_played(SAYS[ANA], "en"), "nobody hears themselves"
    assert not await luis.has_played(SAYS[LUIS], "es")

    os.kill(place.running.replicas["replica-1"].process.pid, signal.SIGKILL)
    lines, since = {}, {}
    for one in languages:
        await one.look()
        since[one], lines[one] = len(one.played), await one.page.locator(".captions .line").count()
    await asyncio.gather(
        ana.until_played(MEANS[LUIS]["en"], "en", since[ana]),
        luis.until_played(MEANS[ANA]["es"], "es", since[luis]),
        listener.until_played(MEANS[ANA]["de"], "de", since[listener]),
    )
    for one, before in lines.items():
        assert await one.page.locator(".captions .line").count() > before
        await expect(one.page.locator("#state")).to_have_text(re.compile("Listening|Interpreting"))
        assert one.problems == []
