"""People speak in a room that another replica interprets; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from listeners.audio_frames import PayloadFormat, encode_frame
from listeners.microphones import Microphone, MicrophoneRefused
from listeners.opus import OpusEncoder
from listeners.relay import microphones
from listeners.relay.microphones import ANSWER_S, HostedMicrophone
from listeners.relay.relay import SILENT_S
from tests.support.replicas import ROOM, FakeMicrophone, Replica, passes, replicas
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time
NOW_US = 1_800_000_000_000_000
TONE = (8000 * np.sin(2 * np.pi * 500 * np.arange(480) / 24_000)).astype("<i2").tobytes()


@asynccontextmanager
async def room(number: int = 2) -> AsyncIterator[list[Replica]]:
    """A room that the first of these replicas interprets, and people follow at the others."""
    async with replicas(number) as made:
        made[0].feed.call_began(ROOM)
        for one in made[1:]:
            one.listens()
        await passes()
        yield made


async def opened(there: Replica, ended: list[str] | None = None) -> Microphone:
    return await there.relay.open_microphone(ROOM, "p-ada", (ended if ended is not None else []).append)


async def refusal(there: Replica) -> str:
    with pytest.raises(MicrophoneRefused) as refused:
        await opened(there)
    assert str(refused.value)
    return refused.value.reason


async def test_what_somebody_says_there_is_heard_here() -> None:
    async with room() as (owner, there):
        microphone = await opened(there)
        (heard,) = owner.microphones
        assert heard.participant_id == "p-ada"
        for number in range(10):
            microphone.frame(TONE, NOW_US + number * 20_000)
            await asyncio.sleep(0.02)
        microphone.muted(True)
        microphone.muted(False)
        await passes(0.02)
        assert [at for _, at in heard.frames] == [NOW_US + number * 20_000 for number in range(10)]
        samples = np.frombuffer(b"".join(pcm for pcm, _ in heard.frames), "<i2").astype(float)
        assert np.argmax(np.abs(np.fft.rfft(samples))) * 24_000 / len(samples) == 500
        assert heard.mutes == [True, False]
        microphone.close()
        microphone.close()
        microphone.frame(TONE, NOW_US)
        microphone.muted(True)
        await passes(0.02)
        assert heard.closed
        assert (len(heard.frames), heard.mutes) == (10, [True, False])
        assert not [channel for channel in owner.channels.subscribed if "microphone" in channel]


async def test_in_a_room_of_the_own_replica_nothing_is_relayed() -> None:
    async with room() as (owner, _):
        assert await opened(owner) is owner.microphones[0]
        owner.refuses = "not_on_roster"
        assert await refusal(owner) == "not_on_roster"


async def test_a_refusal_is_told_as_it_is() -> None:
    async with room() as (owner, there):
        owner.refuses = "not_on_roster"
        assert await refusal(there) == "not_on_roster"
        owner.refuses = "bug"
        assert await refusal(there) == "internal_error"
        owner.refuses = ""
        await opened(there)


async def test_its_end_is_told_there() -> None:
    async with room() as (owner, there):
        ended: list[str] = []
        await opened(there, ended)
        owner.microphones[0].ended("replaced")
        await passes(0.02)
        assert ended == ["replaced"]
        await passes(SILENT_S)
        assert ended == ["replaced"]


async def test_a_replica_that_is_not_heard_opens_none() -> None:
    async with room() as (owner, there):
        owner.dies()
        assert await refusal(there) == "replica_silent"
        await passes(SILENT_S)
        assert await refusal(there) == "replica_silent"
        owner.channels.mend()
        await passes(SILENT_S)
        assert [one.closed for one in owner.microphones] == []


async def test_an_opening_that_takes_too_long_or_is_given_up_leaves_nothing_open() -> None:
    async with room() as (owner, there):
        owner.opens_in_s = ANSWER_S + 1
        assert await refusal(there) == "replica_silent"
        owner.opens_in_s = 1.0
        giving_up = asyncio.create_task(opened(there))
        await passes(0.5)
        giving_up.cancel()
        await passes(1.0)
        assert [one.closed for one in owner.microphones] == [True]


async def test_microphones_end_with_the_replica_that_has_the_call() -> None:
    async with room(3) as (owner, there, heir):
        ended: list[str] = []
        await opened(there, ended)
        owner.dies()
        await passes(SILENT_S + 1)
        assert ended == ["replica_lost"]
        heir.feed.call_began(ROOM)
        await passes()
        await opened(there, ended)
        heir.feed.call_ended(ROOM)
        await passes()
        assert ended == ["replica_lost", "replica_lost"]


async def test_microphones_of_a_replica_that_is_gone_are_closed() -> None:
    async with room() as (owner, there):
        await opened(there)
        there.dies()
        await passes(SILENT_S + 1)
        assert [one.closed for one in owner.microphones] == [True]


async def test_a_microphone_whose_end_was_lost_on_the_way_is_closed_all_the_same() -> None:
    async with room() as (owner, there):
        microphone = await opened(there)
        there.channels._cut = True
        microphone.close()
        there.channels._cut = False
        await passes(2)
        assert [one.closed for one in owner.microphones] == [True]


async def test_no_more_are_hosted_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphones, "MOST_HOSTED", 1)
    async with room() as (owner, there):
        await opened(there)
        assert await refusal(there) == "too_many_speakers"
        assert len(owner.microphones) == 1


async def test_what_is_no_message_of_its_replica_is_dropped_and_counted() -> None:
    sender, packet = bytes(8), OpusEncoder().encode(TONE)
    fake = FakeMicrophone("p-ada", lambda reason: None)
    hosted = HostedMicrophone(ROOM, sender.hex(), fake.close)

    def frame(sequence: int, payload: bytes = packet, kind: PayloadFormat = PayloadFormat.OPUS) -> bytes:
        return sender + b"f" + encode_frame(kind, sequence, NOW_US - sequence, payload)

    hosted.take(frame(1))
    assert hosted.dropped == 1, "it is not open yet"
    hosted.microphone = fake
    hosted.take(frame(5))
    for refused in (
        b"",
        sender,
        sender + b"x",
        sender + b"mm",
        b"stranger" + frame(6)[8:],
        b"stranger" + b"c",
        frame(5),
        frame(4),
        frame(6, bytes(960), PayloadFormat.PCM16),
        frame(6, b"\xff" * 40),
        sender + b"f" + b"\x01" * 16,
    ):
        before = hosted.dropped
        hosted.take(refused)
        assert hosted.dropped == before + 1
    hosted.take(frame(9))
    assert [at for _, at in fake.frames] == [NOW_US - 5] * 2, "the time of capture never falls"
    assert not fake.closed
    hosted.take(sender + b"c")
    assert fake.closed
