"""A service that takes audio and does not read it: noticed by its pongs, left before the audio is too old."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import random
import struct
from dataclasses import replace
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import Frame, Opcode

from bot.interpreting.events import BoothLost, BoothReady, HearingDropped, InterpretationEnded, InterpretationOutcome
from bot.realtime.booth import RealtimeBooth
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.conversation_session import ConversationSession
from bot.realtime.engine_fallback import Engine, EngineFallback
from bot.realtime.session_health import SessionHealth
from bot.realtime.timeouts import BoothLimits
from tests.support.booth_service import LANE, QUICK, ModelService, Reports, meeting, running, say, until
from tests.support.realtime_service import Message, ServiceModel
from tests.support.virtual_time import virtual_time

EAGER = replace(QUICK, ping_every_s=0.02, unread_s=0.3, unread_least_s=0.2)


class Ages(ServiceModel):
    """Frames carry the time at which they were heard; notes how old each is when it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.oldest_s = 0.0
        self.oldest_s_answered = 0.0

    def receive(self, text: str) -> None:
        message: Message = json.loads(text)
        now = asyncio.get_running_loop().time()
        if message["type"] == "input_audio_buffer.append":
            pcm = base64.b64decode(message["audio"])
            for start in range(0, len(pcm) - 959, 960):
                self.oldest_s = max(self.oldest_s, now - struct.unpack_from("<d", pcm, start)[0])
        if message["type"] == "response.create":
            self.oldest_s_answered = self.oldest_s
        super().receive(text)


def hear_now(booth: RealtimeBooth, utterance: str) -> None:
    booth.hear(utterance, struct.pack("<d", asyncio.get_running_loop().time()).ljust(960, b"\0"))


async def read_again_after(
    service: ModelService, connection: ServerConnection, model: ServiceModel, deaf_from: asyncio.Event, seconds: float
) -> None:
    """Read nothing for so long, from when the event is set; then all there is."""
    connection.transport.set_write_buffer_limits(high=1 << 20)
    while True:
        for text in model.messages():
            await connection.send(text)
        if deaf_from.is_set() and seconds:
            connection.transport.pause_reading()
            await asyncio.sleep(seconds)
            seconds = 0.0
            connection.transport.resume_reading()
        try:
            async with asyncio.timeout(0.01):
                message = await connection.recv()
        except TimeoutError:
            continue
        assert isinstance(message, str)
        model.receive(message)
        while model.step(0):
            pass


@virtual_time
async def test_pings_are_sent_while_somebody_speaks_and_then_no_more() -> None:
    async with meeting(replace(QUICK, ping_every_s=0.02)) as (service, room, booth), running(booth):
        await room.until(BoothReady)
        (connection,) = service.live
        pings: list[Frame] = []
        take = connection.protocol.recv_frame

        def note(frame: Frame) -> None:
            if frame.opcode is Opcode.PING:
                pings.append(frame)
            take(frame)

        connection.protocol.recv_frame = note  # type: ignore[method-assign]  # there is no hook for pings
        for _ in range(30):
            hear_now(booth, "u-1")
            await asyncio.sleep(0.005)
        booth.interpret("u-1")
        await room.until(InterpretationEnded)
        assert 1 < len(pings) <= 15
        await asyncio.sleep(0.05)
        quiet = len(pings)
        await asyncio.sleep(0.1)
        assert len(pings) == quiet
        assert room.of(BoothLost) == []


@pytest.mark.parametrize("stall_s", [0.25, 0.6, 1.0])
@virtual_time
async def test_what_a_stalled_service_hears_afterwards_is_not_older_than_allowed(stall_s: float) -> None:
    deaf = asyncio.Event()
    models: list[Ages] = []

    async def stalls(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        ages = Ages()
        models.append(ages)
        try:
            await read_again_after(service, connection, ages, deaf, stall_s if len(models) == 1 else 0.0)
        except ConnectionClosed:
            pass

    limits = replace(EAGER, backlog_ms=400)
    async with meeting(limits, visits=[stalls] * 5) as (_, room, booth), running(booth):
        await room.until(BoothReady)
        for number in range(8):
            for frame in range(15):
                hear_now(booth, f"u-{number}")
                await asyncio.sleep(0.02)
                if number == 1 and frame == 3:
                    deaf.set()
            booth.interpret(f"u-{number}")
        await until(lambda: len(last_words(room)) == 8)
    answered = max(model.oldest_s_answered for model in models)
    assert 0 < answered <= 0.5
    ended = [event for event in room.of(InterpretationEnded) if event.outcome is InterpretationOutcome.COMPLETED]
    assert {"u-0", "u-6", "u-7"} <= {event.utterance for event in ended}


def last_words(room: Reports) -> list[str]:
    """Of each utterance as many as it had; sorted."""
    words = [event.utterance for event in (*room.of(InterpretationEnded), *room.of(HearingDropped))]
    words += [utterance for event in room.of(BoothLost) for utterance in event.utterances]
    assert len(words) == len(set(words))
    return sorted(words)


@virtual_time
async def test_a_service_that_does_not_read_is_left_without_a_goodbye() -> None:
    async def deaf(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
        model.receive(str(await connection.recv()))
        for text in model.messages():
            await connection.send(text)
        connection.transport.pause_reading()
        await connection.wait_closed()

    async with meeting(EAGER, visits=[deaf]) as (service, room, booth), running(booth):
        await room.until(BoothReady)
        for _ in range(6):
            hear_now(booth, "u-1")
        lost = await room.until(BoothLost)
        assert (lost.reason, lost.utterances) == ("unread", ("u-1",))
        pcm = say(booth, "u-2")
        await room.until(InterpretationEnded)
        assert service.heard == [pcm]


# --- a law


class MemorySocket:
    """A socket to a service in memory, which may stop reading for a while, or go."""

    def __init__(self, kind: str, seconds: float, models: list[Ages]) -> None:
        self._model = Ages()
        models.append(self._model)
        self._kind = kind
        loop = asyncio.get_running_loop()
        self._reads_from = loop.time() + (seconds if kind == "slow to configure" else 0.0)
        self._deaf_from = loop.time() + 0.5 if kind == "deaf" else math.inf
        self._deaf_for = seconds
        self._gone_at = loop.time() + seconds if kind == "gone" else math.inf
        self._unread: list[str | asyncio.Future[float]] = []
        self._closed = False

    async def receive(self) -> bytes:
        loop = asyncio.get_running_loop()
        while True:
            if self._closed or loop.time() >= self._gone_at:
                raise ConnectionClosedError(None, None)
            self._read(loop.time())
            while self._model.step(0):
                pass
            if self._model.outgoing:
                return json.dumps(self._model.outgoing.pop(0)).encode()
            await asyncio.sleep(0.05)

    def _read(self, now: float) -> None:
        deaf = self._deaf_from <= now < self._deaf_from + self._deaf_for
        if deaf or now < self._reads_from:
            return
        unread, self._unread = self._unread, []
        for message in unread:
            if isinstance(message, str):
                self._model.receive(message)
            elif not message.done():
                message.set_result(0.0)

    async def send(self, message: str) -> None:
        self._unread.append(message)

    async def ping(self) -> asyncio.Future[float]:
        pong: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._unread.append(pong)
        return pong

    def abort(self) -> None:
        self._closed = True

    async def close(self, limit_s: float) -> None:
        self._closed = True


@settings(max_examples=6, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["deaf", "slow to open", "slow to configure", "gone", "good"]), st.integers(100, 6_000)
        ),
        max_size=6,
    )
)
def test_whatever_happens_to_sessions_nothing_much_older_than_three_seconds_is_heard(
    fates: list[tuple[str, int]],
) -> None:
    """Audio is at most 3 s old when it is written, and is not answered when it is read much later."""

    @virtual_time
    async def check() -> None:
        models: list[Ages] = []
        coming = iter(fates)
        room = Reports()

        async def connect() -> Any:
            kind, milliseconds = next(coming, ("good", 0))
            seconds = milliseconds / 1000
            if kind == "slow to open":
                await asyncio.sleep(seconds)
            return MemorySocket(kind, seconds, models)

        engine = Engine(
            "conversation",
            "c",
            connect,
            lambda text: ConversationSession(LANE, text, ConversationSettings()),
            lambda: SessionHealth(speaks=True, patience_s=5.0, silence_is_bad=True, transcribes=False),
        )
        booth = RealtimeBooth(
            LANE, "Interpret.", room.deliver, EngineFallback([engine], BoothLimits()), BoothLimits(), random.Random(1)
        )
        async with running(booth):
            for number in range(4):
                for _ in range(15):
                    for _ in range(5):
                        hear_now(booth, f"u-{number}")
                    await asyncio.sleep(0.1)
                booth.interpret(f"u-{number}")
                await asyncio.sleep(0.5)
            await asyncio.sleep(8.0)
        assert max((model.oldest_s_answered for model in models), default=0.0) <= 4.0
        assert last_words(room) == sorted(f"u-{number}" for number in range(4))

    check()


def test_it_works_on_the_event_loop_of_the_service_too() -> None:
    """Whose timers for moments that have passed are not those of asyncio."""

    async def check() -> None:
        async with meeting() as (service, room, booth), running(booth):
            await room.until(BoothReady)
            pcm = say(booth, "u-1")
            booth.check_by(0.0)
            booth.check_by(asyncio.get_running_loop().time() + 5)
            await room.until(InterpretationEnded)
            assert service.heard == [pcm]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(check())
