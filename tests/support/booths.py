"""FakeBooth: an interpreting engine by script, for tests of whatever holds booths."""

from __future__ import annotations

import asyncio
import heapq
import itertools

from bot.booth import Deliver
from bot.interpreting.effects import Interpret
from bot.interpreting.events import BoothEvent, BoothReady
from bot.interpreting.plan import Lane, Mode
from tests.support.meeting import Answers, Model


class FakeBooth:
    """Answers as its model says, on the event loop's clock; keeps what it was told."""

    def __init__(
        self, lane: Lane, instructions: str, deliver: Deliver, model: Model, mode: Mode = Mode.CONSECUTIVE
    ) -> None:
        self.lane = lane
        self.instructions = instructions
        """The latest."""
        self.mode = mode
        self.running = False
        self.heard: dict[str, bytes] = {}
        self.asked: list[str] = []
        """Every time it was asked, retries among them."""
        self.manner: dict[str, tuple[bool, float]] = {}
        """Strictness and speed, as asked the last time."""
        self.voice = True
        self.condensed: list[str] = []
        self.paced = 1.0, False
        self.released: list[str] = []
        self.said: list[tuple[str, str, str]] = []
        """Utterance, text, language."""
        self.translated: list[tuple[str, str]] = []
        """Utterance, text."""
        self.cancelled: list[str] = []
        self.fails_to_hear = False
        self._deliver = deliver
        self._model = model
        self._agenda: list[tuple[float, int, BoothEvent]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self._breaks: Exception | None = None

    def hear(self, utterance: str, pcm: bytes) -> None:
        if self.fails_to_hear:
            raise RuntimeError("the booth cannot hear")
        self.heard[utterance] = self.heard.get(utterance, b"") + pcm

    def interpret(self, utterance: str, *, strict: bool = False, speed: float = 1.0, condensed: bool = False) -> None:
        self.asked.append(utterance)
        self.manner[utterance] = strict, speed
        if condensed:
            self.condensed.append(utterance)
        self._answer(utterance)

    def pace(self, *, speed: float, condensed: bool) -> None:
        self.paced = speed, condensed

    def release(self, utterance: str) -> None:
        self.released.append(utterance)

    def brief(self, instructions: str) -> None:
        self.instructions = instructions

    def say(self, utterance: str, text: str, language: str) -> None:
        """Answers as it would to an utterance."""
        self.said.append((utterance, text, language))
        self._answer(utterance)

    def translate(
        self, utterance: str, text: str, *, strict: bool = False, speed: float = 1.0, condensed: bool = False
    ) -> None:
        """Answers as it would to an utterance."""
        self.translated.append((utterance, text))
        self.manner[utterance] = strict, speed
        self._answer(utterance)

    def _answer(self, utterance: str) -> None:
        now = asyncio.get_running_loop().time()
        for later, event in self._model(Interpret(self.lane, utterance)):
            heapq.heappush(self._agenda, (now + later, next(self._order), event))
        self._changed.set()

    def cancel(self, utterance: str) -> None:
        self.cancelled.append(utterance)
        self._agenda = [item for item in self._agenda if getattr(item[2], "utterance", None) != utterance]
        heapq.heapify(self._agenda)

    def breaks(self, error: Exception) -> None:
        """Let `run` raise."""
        self._breaks = error
        self._changed.set()

    async def run(self) -> None:
        self.running = True
        try:
            self._deliver(BoothReady(self.lane))
            while True:
                self._changed.clear()
                try:
                    async with asyncio.timeout_at(self._agenda[0][0] if self._agenda else None):
                        await self._changed.wait()
                except TimeoutError:
                    self._speak()
                if self._breaks is not None:
                    raise self._breaks
        finally:
            self.running = False

    def _speak(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._agenda and self._agenda[0][0] <= now:
            self._deliver(heapq.heappop(self._agenda)[2])


class FakeBooths:
    """A BoothFactory that remembers what it has made."""

    def __init__(self, model: Model | None = None) -> None:
        self.model = model or Answers()
        self.made: list[FakeBooth] = []

    def __call__(
        self,
        lane: Lane,
        instructions: str,
        deliver: Deliver,
        mode: Mode = Mode.CONSECUTIVE,
        voice: bool = True,
        terms: bool = False,
        /,
    ) -> FakeBooth:
        booth = FakeBooth(lane, instructions, deliver, self.model, mode)
        booth.voice = voice
        self.made.append(booth)
        return booth

    @property
    def running(self) -> list[FakeBooth]:
        return [booth for booth in self.made if booth.running]
