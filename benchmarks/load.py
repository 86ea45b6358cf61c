"""Generates the load: the emulator in this process, speakers in its calls, and records of every frame.

All times are from one clock (`time.monotonic`); `observations` evaluates them.
"""

from __future__ import annotations

import asyncio
import base64
import random
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from types import TracebackType
from typing import Self

from benchmarks import stamps
from benchmarks.observations import Answer, Append, Observations, SpeakerLog, Utterance
from emulator.acs.auth.keys import SigningKey
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.playout import PlayoutBuffer
from emulator.acs.wire.options import Locator
from emulator.app import Emulator
from emulator.config import Config
from emulator.engine.base import BYTES_PER_MS, NO_TERMS, Heard, Spoken
from emulator.engine.scripted import BODY_HZ, BODY_LEVEL, ScriptedEngine, ScriptedHeard, tone
from emulator.realtime.config import RealtimeConfig

MODEL_DELAY_S = 0.3
"""Seconds from the request to the interpretation; constant, so that variations are the bot's."""
PAUSE_S = (1.0, 2.0)
"""Range of the pause between turns in seconds."""
CUT_IN_SHARE = 0.1
CUT_IN_S = 0.8
"""Seconds by which a share of CUT_IN_SHARE of the turns start before the end of the previous turn."""

TURN_S = 4.5
"""Approximate length of a turn with its pause in seconds."""
GOLDEN = 0.618034
"""Golden ratio: fractional parts of its multiples are evenly distributed, as are the starts of conversations."""

FRAME_S = 0.02
_JOIN_S = 60.0
_LOOK_S = 0.25


class Ticks:
    """Records when the frames of a tick were written: the event loop writes them at the end of its iteration.

    The recorded time is the start of the next iteration, which is late by the writes to the other sockets of the same
    tick, about 10 µs each.
    """

    def __init__(self) -> None:
        self._pending: list[list[float]] = []

    def write(self, times: list[float]) -> None:
        """Append the time of writing to this list as soon as it is known."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._written)
        self._pending.append(times)

    def _written(self) -> None:
        now = time.monotonic()
        pending, self._pending = self._pending, []
        for times in pending:
            times.append(now)


class Speaker:
    """A participant without a socket, who speaks stamped frames when it is their turn."""

    def __init__(
        self, raw_id: str, log: SpeakerLog, said: Sequence[bytes], ticks: Ticks, late: Callable[[float], None]
    ) -> None:
        self.leg_id = str(uuid.uuid4())
        self.raw_id = raw_id
        self.display_name = f"speaker {log.number}"
        self.muted = False
        self.log = log
        self.conversation: Conversation | None = None
        self._said = said
        self._turn = log.number  # so that speakers say different sentences
        self._ticks = ticks
        self._late = late
        self._frames: list[bytes] = []
        self._next = 0
        self._spoken = 0

    def speak(self, now: float) -> bytes | None:
        self._late(time.monotonic() - now)
        if self._next == len(self._frames):
            if self.conversation is None or not self.conversation.has_the_turn(self, now):
                return None
            self._begin()
            self.conversation.begun(now, len(self._frames) * FRAME_S)
        frame = self._frames[self._next]
        self._next += 1
        self._ticks.write(self.log.written)
        return frame

    def _begin(self) -> None:
        pcm = self._said[self._turn % len(self._said)]
        self._turn += 1
        pcm = stamps.stamped(pcm, self.log.number, self._spoken)
        size = stamps.FRAME_BYTES
        self._frames = [pcm[start : start + size] for start in range(0, len(pcm), size)]
        self._next = 0
        self.log.utterances.append(Utterance(self._spoken, len(self._frames)))
        self._spoken += len(self._frames)

    def hear(self, frame: bytes) -> None:
        pass

    def tell(self, message: bytes) -> None:
        pass

    def drop(self, reason: str) -> None:
        pass


class Conversation:
    """Decides which of a few speakers starts when; deterministic for a seed."""

    def __init__(self, speakers: Sequence[Speaker], seed: int) -> None:
        self.over = False
        """Whether no further turn starts."""
        self._speakers = speakers
        self._random = random.Random(seed)
        self._head_start_s = seed * GOLDEN % 1.0 * TURN_S
        self._turn = seed % len(speakers)
        self._next_at: float | None = None
        for speaker in speakers:
            speaker.conversation = self

    def has_the_turn(self, speaker: Speaker, now: float) -> bool:
        """Return whether this silent speaker should start at this tick."""
        if self.over:
            return False
        if self._next_at is None:
            self._next_at = now + self._head_start_s
        return speaker is self._speakers[self._turn] and now >= self._next_at

    def begun(self, now: float, seconds: float) -> None:
        """Record that the speaker with the turn started a sentence of this length, and schedule the next turn."""
        self._turn = (self._turn + 1) % len(self._speakers)
        cuts_in = len(self._speakers) > 1 and self._random.random() < CUT_IN_SHARE
        self._next_at = now + seconds + (-CUT_IN_S if cuts_in else self._random.uniform(*PAUSE_S))


class MarkingEngine(ScriptedEngine):
    """Answers each utterance with a stamped hum of the same length, so that each of its frames is identified."""

    def __init__(self) -> None:
        super().__init__(delay_s=MODEL_DELAY_S)
        self._count = count(1)
        self._hum = tone(BODY_HZ, 10_000, BODY_LEVEL)
        self.sources: dict[int, int] = {}
        """Interpretation -> stamp of the last received frame of its source."""

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> ScriptedHeard:
        number = next(self._count)
        spoken = [stamp for stamp in stamps.read(pcm).tolist() if stamp]
        self.sources[number] = spoken[-1] if spoken else 0
        return ScriptedHeard(languages[0], f"utterance {number}", number, len(spoken) * 20)

    async def interpret(self, heard: Heard, target: str, terms: Mapping[str, str] = NO_TERMS) -> Spoken:
        assert isinstance(heard, ScriptedHeard)  # `hear` returns no other type
        await asyncio.sleep(MODEL_DELAY_S)
        pcm = self._hum[: max(200, heard.duration_ms) * BYTES_PER_MS]
        return Spoken(f"interpretation {heard.number}", stamps.stamped(pcm, heard.number, 0), True)


class NotingPlayout(PlayoutBuffer):
    """A bot's playout buffer that records frames and their arrival."""

    def __init__(self, limit_ms: int, played: list[tuple[float, int]]) -> None:
        super().__init__(limit_ms)
        self._noted = played

    def push(self, pcm: bytes, now: float) -> float:
        self._noted.extend((now, stamp) for stamp in stamps.read(pcm).tolist())
        return super().push(pcm, now)


class Load:
    """The emulator and the speakers in its calls; an async context manager."""

    def __init__(self, speech: Mapping[str, Sequence[bytes]]) -> None:
        """Create a load. `speech` has the sentences by language tag; see `speech.synthesise`."""
        self.access_key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.model_key = secrets.token_urlsafe(24)
        self.conversations: list[Conversation] = []
        self._speech = speech
        self._engine = MarkingEngine()
        self._appends: list[Append] = []
        self._speakers: dict[int, SpeakerLog] = {}
        self._played: dict[int, list[tuple[float, int]]] = {}
        self._rooms: list[str] = []
        self._late_ms: list[float] = []
        self._ticks = Ticks()
        self.key = SigningKey.generate()
        """Key of the emulated ACS's signatures."""
        self.emulator = Emulator(
            Config(acs_port=0, realtime_port=0, access_key=self.access_key, realtime_key=self.model_key),
            key=self.key,
            engine=self._engine,
            realtime=RealtimeConfig(on_append=self._on_append),
        )

    async def __aenter__(self) -> Self:
        await self.emulator.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.emulator.__aexit__(kind, error, trace)

    def join(self, room_id: str, speakers: Sequence[tuple[str, str]]) -> None:
        """Add speakers (raw id, language tag) to the call of a room, silent until `talk`."""
        call = len(self._rooms)
        self._rooms.append(room_id)
        legs = []
        for raw_id, language in speakers:
            number = len(self._speakers) + 1
            log = self._speakers[number] = SpeakerLog(number, call)
            leg = Speaker(raw_id, log, self._speech[language], self._ticks, self._note_late)
            self.emulator.calls.join(Locator(room_id), leg)
            legs.append(leg)
        conversation = Conversation(legs, seed=call)
        conversation.over = True
        self.conversations.append(conversation)

    async def connected(self) -> None:
        """Wait until every call has a bot with an open media socket, and record their playout from now on.

        Raises:
            TimeoutError: a bot did not connect in time.
        """
        async with asyncio.timeout(_JOIN_S):
            for call, room_id in enumerate(self._rooms):
                if call in self._played:
                    continue
                # Asks again and again: the emulator offers nothing to wait on.
                while (bot := self._bot(room_id)) is None or not bot.listening:  # noqa: ASYNC110 - the emulator sets no event
                    await asyncio.sleep(0.02)
                played = self._played[call] = []
                bot.audio.play = NotingPlayout(self.emulator.faults.switches.play_limit_ms, played)

    def _bot(self, room_id: str) -> CallConnection | None:
        call = self.emulator.calls.call_at(Locator(room_id))
        return next(iter(call.bots), None) if call is not None else None

    def last_bot(self) -> CallConnection:
        """Return the connected bot of the call that was joined last."""
        bot = self._bot(self._rooms[-1])
        assert bot is not None  # `connected` waited for it
        return bot

    def talk(self) -> None:
        """Start all conversations."""
        for conversation in self.conversations:
            conversation.over = False

    async def played_out(self, start: float, end: float, limit_s: float) -> None:
        """Stop the conversations and wait until all that was sent between these times is played, or for `limit_s`."""
        for conversation in self.conversations:
            conversation.over = True
        give_up_at = time.monotonic() + limit_s
        while self.observed(start, end).lost_to_the_call().missing:
            await asyncio.sleep(_LOOK_S)
            if time.monotonic() >= give_up_at:
                return

    def lateness_ms(self) -> list[float]:
        """Return the lateness of the emulator's ticks since the last call."""
        late, self._late_ms = self._late_ms, []
        return late

    @property
    def frames_dropped(self) -> int:
        """Return the number of frames that the bots did not read in time."""
        bots = [self._bot(room_id) for room_id in self._rooms]
        return sum(bot.audio.stream.dropped for bot in bots if bot is not None and bot.audio.stream is not None)

    def observed(self, start: float, end: float) -> Observations:
        """Return the records; measures cover what started between these times."""
        return Observations(start, end, self._speakers, self._appends, self._answers(), self._played)

    def sessions_answering(self, since: float) -> set[str]:
        """Return the sessions that sent an interpretation after this time."""
        return {
            str(entry["connection_id"])
            for entry in self.emulator.journal.entries("realtime.response")
            if isinstance(first := entry["first_delta_at"], float) and first >= since
        }

    def _answers(self) -> list[Answer]:
        answers = []
        for entry in self.emulator.journal.entries("realtime.response"):
            _, _, number = str(entry["said"]).rpartition(" ")
            committed, first = entry["committed_at"], entry["first_delta_at"]
            if not number.isdecimal() or not isinstance(committed, float) or not isinstance(first, float):
                continue  # no audio was sent
            audio_ms = entry["audio_ms"]
            assert isinstance(audio_ms, int)
            last = self._engine.sources[int(number)]
            answers.append(Answer(int(number), last, committed, first, audio_ms // 20))
        return answers

    def _on_append(self, connection_id: str, pcm: bytes, now: float) -> None:
        self._appends.append(Append(now, connection_id, stamps.read(pcm)))

    def _note_late(self, late_s: float) -> None:
        self._late_ms.append(late_s * 1000)
