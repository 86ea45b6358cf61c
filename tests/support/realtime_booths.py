"""Booths of every kind against the emulated Realtime service, and an ear that hears what they report."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from bot.interpreting.briefing import language_name
from bot.interpreting.events import (
    BoothDegraded,
    BoothEvent,
    BoothLost,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationText,
)
from bot.interpreting.plan import Lane, Mode
from bot.realtime.booth import RealtimeBooth
from bot.realtime.capabilities import Capabilities
from bot.realtime.client import ModelSockets, build_client
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.engines import Translation, booth_factory
from bot.realtime.timeouts import BoothLimits
from bot.realtime.translation_messages import TARGETS, TranslationSettings
from emulator.engine.scripted import marker_tone, tone
from tests.support.realtime_client import KEY, MODEL, TRANSLATE_MODEL, Service

LANE = Lane("8:acs:1", "en-US", "es-ES")
QUICK = BoothLimits(first_pause_s=0.01, longest_pause_s=0.05, close_s=0.3)

LastWord = InterpretationEnded | BoothLost | HearingDropped

build_client("http://127.0.0.1:1", KEY)  # the SDK reads files when it builds its first client


class Ear:
    """Collects what a booth reports, and waits for it."""

    def __init__(self) -> None:
        self.events: list[BoothEvent] = []
        self._changed = asyncio.Event()

    def deliver(self, event: BoothEvent) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that depends on what was reported is so."""
        async with asyncio.timeout(30):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def last_word(self, utterance: str, count: int = 1) -> LastWord:
        """The nth last word on an utterance."""
        await self.until(lambda: len(self.last_words(utterance)) >= count)
        return self.last_words(utterance)[count - 1]

    def last_words(self, utterance: str) -> list[LastWord]:
        found: list[LastWord] = []
        for event in self.events:
            match event:
                case InterpretationEnded() | HearingDropped() if event.utterance == utterance:
                    found.append(event)
                case BoothLost() if utterance in event.utterances or event.final:
                    found.append(event)
                case _:
                    pass
        return found

    def audio(self, utterance: str) -> bytes:
        said = [e.pcm for e in self.events if isinstance(e, InterpretationAudio) and e.utterance == utterance]
        return b"".join(said)

    def text(self, utterance: str) -> str:
        said = [e.delta for e in self.events if isinstance(e, InterpretationText) and e.utterance == utterance]
        return "".join(said)

    def count(self, kind: type[BoothEvent]) -> int:
        return sum(isinstance(event, kind) for event in self.events)

    @property
    def engines(self) -> list[tuple[str, str]]:
        """Every change of engine, with its reason."""
        return [(event.engine, event.reason) for event in self.events if isinstance(event, BoothDegraded)]


@asynccontextmanager
async def booth(
    service: Service,
    ear: Ear,
    mode: Mode = Mode.CONSECUTIVE,
    limits: BoothLimits = QUICK,
    *,
    lane: Lane = LANE,
    targets: tuple[str, ...] = TARGETS,
    probe: bool = False,
    voice: bool = True,
) -> AsyncIterator[RealtimeBooth]:
    """A running booth. `probe`: the translation deployment is asked before what it can do."""
    async with build_client(f"http://127.0.0.1:{service.port}", KEY) as client:
        sockets = ModelSockets(client, open_s=5.0, close_s=0.3)
        capabilities = Capabilities(sockets, TRANSLATE_MODEL, targets)
        if probe:
            await capabilities.ask()
        factory = booth_factory(
            sockets,
            MODEL,
            ConversationSettings(transcribe="gpt-transcribe"),
            limits,
            random.Random(1),
            translation=Translation(capabilities, TranslationSettings(transcribe="gpt-transcribe")),
        )
        instructions = f"Interpret from {language_name(lane.source)} into {language_name(lane.target)}."
        made = factory(lane, instructions, ear.deliver, mode, voice)
        assert isinstance(made, RealtimeBooth)
        running = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def speech(number: int, milliseconds: int = 600) -> bytes:
    """An utterance that the scripted engine knows by its number."""
    return marker_tone(number) + tone(180, milliseconds - 200, 3_000)


def say(made: RealtimeBooth, utterance: str, number: int, milliseconds: int = 600) -> None:
    """All at once: who waits in real time learns no more."""
    pcm = speech(number, milliseconds)
    for start in range(0, len(pcm), 960):
        made.hear(utterance, pcm[start : start + 960])
    made.interpret(utterance)
