"""A meeting of four hours, six people and four languages: a live room, its booths, and the emulated Realtime service.

Real sessions over real sockets through the vendor's client, in virtual time. The call itself is left out: frames come
straight to the room, and what it plays is counted; `hour.py` has the whole line, for an hour. Somebody speaks every
30 s, every fifth time somebody else at the same time; two of the six leave and come back, again and again.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from bot.booth import Booth, BoothFactory, Deliver
from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.events import BoothEvent, BoothLost, BoothReady, HearingDropped, PresenceChanged
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import Lane, Mode
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom
from bot.outputs.listener_publisher import ListenerPublisher
from bot.realtime.client import ModelSockets, build_client
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.engines import booth_factory
from bot.realtime.timeouts import BoothLimits
from emulator.engine.scripted import MARKER_MS, ScriptedEngine, marker_tone, tone
from emulator.realtime.config import RealtimeConfig
from emulator.virtual_time import VirtualTimeLoop
from listeners.feed import Feed
from media_streaming.stream import MediaStream
from tests.support.media_streams import METADATA
from tests.support.meeting import ADA, BENITO, CHLOE, DIETER, ELENA, FOUR_LANGUAGES, FRANK, SIX
from tests.support.realtime_client import KEY, MODEL, Service, realtime_service
from tests.support.wall_time import wall_time_of

HOURS = 4
EVERY_S = 30.0
OVERLAP_EVERY = 5
AWAY_EVERY_S = 1_800.0
AWAY_S = 900.0
"""Elena and Frank are away for the second half of every half hour."""
SESSION_S = 1_800.0
"""A session's life: renewed 5 to 7.5 minutes before its end, a lane has ten or eleven of them in four hours."""
FRAME_BYTES = 960
_CITIES = """
Lisbon Madrid Berlin Vienna Prague Oslo Bergen Malmö Turin Milan Porto Braga Basel Bern Genoa Nice Lyon Paris
Lille Ghent Bonn Kiel Riga Tartu Krakow Gdansk Sofia Varna Athens Patras Dublin Cork Leeds York Cardiff Perth
Quito Lima Bogota Cali
""".split()
_SENTENCES = {
    "en": "The report about {} and {} is ready.",
    "es": "El informe sobre {} y {} está listo.",
    "fr": "Le rapport sur {} et {} est prêt.",
    "de": "Der Bericht über {} und {} ist fertig.",
}


@dataclass(frozen=True)
class Settled:
    """What is kept of a ledger entry."""

    hour: int
    utterance: str
    target: str
    state: str
    reason: str
    tokens: int
    span_s: float | None
    """From the speaker's last word to the interpretation's first."""


@dataclass(frozen=True)
class Size:
    """How big everything was at the end of an hour."""

    objects: Counter[str]
    """Living objects of the service, by type."""
    items: list[int]
    """In the conversation of each session there is."""


@dataclass
class FourHours:
    """What came of it."""

    said: int = 0
    """Utterances."""
    settled: list[Settled] = field(default_factory=list)
    opened: int = 0
    sessions: Counter[Lane] = field(default_factory=Counter)
    """Sessions that have served a lane, one after the other."""
    lost: list[BoothEvent] = field(default_factory=list)
    most_items: int = 0
    """The most there ever were in one conversation."""
    sizes: list[Size] = field(default_factory=list)
    frames: int = 0
    """Played."""


class _Counter:
    """The web server's side of a media socket: tells that it is there, and counts what is written."""

    def __init__(self) -> None:
        self.frames = 0
        self._metadata = [METADATA]
        self._closed = asyncio.Event()

    async def receive(self) -> str | None:
        if self._metadata:
            return self._metadata.pop()
        await self._closed.wait()
        return None

    async def send(self, text: str) -> None:
        self.frames += 1

    async def close(self, code: int, reason: str) -> None:
        self._closed.set()


class _Scribe:
    def __init__(self, meeting: FourHours, began_at: float) -> None:
        self._meeting = meeting
        self._began_at = began_at

    def opened(self, lane: Lane, utterance: str) -> None:
        self._meeting.opened += 1

    def caption(self, line: CaptionLine) -> None:
        pass

    def settled(self, entry: Entry) -> None:
        span_s = None
        if entry.first_played_at is not None and entry.ended_at is not None:
            span_s = entry.first_played_at - entry.ended_at
        hour = int((entry.began_at - self._began_at) // 3600)
        tokens = sum(entry.tokens.values())
        self._meeting.settled.append(
            Settled(hour, entry.utterance, entry.lane.target, entry.state.value, entry.reason, tokens, span_s)
        )


class _Everything:
    """A detector pool: all that comes is speech, as ACS leaves out the rest."""

    def detector(self) -> _Everything:
        return self

    def voiced(self, pcm: bytes, silent: bool) -> bool:
        return not silent

    def close(self) -> None:
        pass


async def hold(seed: int, hours: float = HOURS, session_s: float = SESSION_S) -> FourHours:
    """Hold it, in a loop in virtual time. `session_s`: how long the model keeps a session."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    meeting = FourHours()
    config = RealtimeConfig(session_s=session_s, seed=seed)
    with wall_time_of(loop):
        async with realtime_service(config=config, engine=_engine()) as service, _booths(service, meeting) as booths:
            async with _room(meeting, booths) as room:
                await _talk(room, service, meeting, random.Random(seed), hours)
    return meeting


def _engine() -> ScriptedEngine:
    texts = {
        language: [
            sentence.format(city, _CITIES[(7 * number + 3) % len(_CITIES)]) for number, city in enumerate(_CITIES)
        ]
        for language, sentence in _SENTENCES.items()
    }
    pairs = {(source, target): texts[target] for source in texts for target in texts if source != target}
    return ScriptedEngine(0.4, transcripts=texts, translations=pairs)


@asynccontextmanager
async def _booths(service: Service, meeting: FourHours) -> AsyncIterator[BoothFactory]:
    async with build_client(f"http://127.0.0.1:{service.port}", KEY) as client:
        sockets = ModelSockets(client, open_s=10.0, close_s=1.0)
        settings = ConversationSettings(transcribe="gpt-transcribe")
        make = booth_factory(sockets, MODEL, settings, BoothLimits(), random.Random(1))

        def counted(
            lane: Lane,
            instructions: str,
            deliver: Deliver,
            mode: Mode = Mode.CONSECUTIVE,
            voice: bool = True,
            terms: bool = False,
            /,
        ) -> Booth:
            def note(event: BoothEvent) -> None:
                if isinstance(event, BoothReady):
                    meeting.sessions[lane] += 1
                elif isinstance(event, BoothLost | HearingDropped):
                    meeting.lost.append(event)
                deliver(event)

            return make(lane, instructions, note, mode, voice)

        yield counted


@asynccontextmanager
async def _room(meeting: FourHours, booths: BoothFactory) -> AsyncIterator[LiveRoom]:
    loop = asyncio.get_running_loop()
    metronome, socket = FrameTimer(), _Counter()
    stream = MediaStream(socket, call_connection_id="call")
    room = LiveRoom(
        replace(FOUR_LANGUAGES, park_after_s=900.0),
        name="u",
        booths=booths,
        detectors=_Everything(),
        frame_timer=metronome,
        transcript=_Scribe(meeting, loop.time()),
        audience=ListenerPublisher(Feed(), "room", 0),
        clock=loop.time,
    )
    async with asyncio.TaskGroup() as group:
        beat = group.create_task(metronome.run())
        running = group.create_task(room.run())
        await asyncio.sleep(0)
        attached = group.create_task(room.attach(stream))
        writing = group.create_task(stream.write())
        try:
            yield room
        finally:
            room.end("over", hang_up=False)
            await running
            await attached
            writing.cancel()
            beat.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            meeting.frames = socket.frames


async def _talk(room: LiveRoom, service: Service, meeting: FourHours, rng: random.Random, hours: float) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    room.deliver(PresenceChanged(frozenset(SIX)))
    away = False
    for slot in range(int(hours * 3600 // EVERY_S)):
        at = slot * EVERY_S
        await asyncio.sleep(began + at - loop.time())
        gone = at % AWAY_EVERY_S >= AWAY_S
        if gone is not away:
            away = gone
            room.deliver(PresenceChanged(frozenset(SIX) - ({ELENA, FRANK} if away else set())))
        people = [ADA, BENITO, CHLOE, DIETER] + ([] if away else [ELENA, FRANK])
        first, second = people[slot % len(people)], people[(slot + 1) % len(people)]
        async with asyncio.TaskGroup() as group:
            group.create_task(_speak(room, meeting, first, rng.uniform(2.0, 4.5)))
            if slot % OVERLAP_EVERY == 0:
                await asyncio.sleep(0.7)
                group.create_task(_speak(room, meeting, second, rng.uniform(2.0, 4.5)))
        for _ in range(12):  # it goes to the model, and is released again
            await asyncio.sleep(0.25)
            meeting.most_items = max([meeting.most_items, *_items(service)])
        if (slot + 1) * EVERY_S % 3600 == 0:
            await asyncio.sleep(began + (slot + 1) * EVERY_S - 1.0 - loop.time())
            meeting.sizes.append(_size(service))
    await room.quiet()


async def _speak(room: LiveRoom, meeting: FourHours, speaker: str, seconds: float) -> None:
    """Frames as they come: a tone that says which utterance it is, and another one for as long as it takes."""
    loop = asyncio.get_running_loop()
    number, meeting.said = meeting.said, meeting.said + 1
    pcm = marker_tone(number % len(_CITIES)) + tone(180, round(seconds * 1000) - MARKER_MS, 3_000)
    began = loop.time()
    for frame in range(len(pcm) // FRAME_BYTES):
        await asyncio.sleep(began + (frame + 1) * 0.02 - loop.time())
        part = pcm[frame * FRAME_BYTES : (frame + 1) * FRAME_BYTES]
        room.hearing.hear(speaker, part, False, "", 0.0)


def _items(service: Service) -> list[int]:
    """In the conversation of each session: what the model would read before it answers, if it were asked in it."""
    sessions: list[Any] = [connection._session for connection in service.server._connections]
    return [len(session._conversation.items()) for session in sessions]


def _size(service: Service) -> Size:
    gc.collect()
    objects = Counter(
        f"{type(one).__module__}.{type(one).__name__}"
        for one in gc.get_objects()
        if str(type(one).__module__).startswith(("bot.", "media_streaming.", "listeners."))
    )
    return Size(objects, _items(service))
