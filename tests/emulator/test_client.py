"""The participant's client, against a running ACS side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from emulator.client import JoinRefused, Participant
from emulator.clock import monotonic
from tests.support.acs_emulator import Acs, constant, make_guest, make_room, running_acs, samples, until
from tests.support.virtual_time import virtual_time


@asynccontextmanager
async def two_people(record: bool = True) -> AsyncIterator[tuple[Acs, Participant, Participant]]:
    async with AsyncExitStack() as stack:
        acs = await stack.enter_async_context(running_acs())
        guests = [await make_guest(acs) for _ in range(2)]
        room_id = await make_room(acs, *guests)
        anna, ben = [
            await stack.enter_async_context(Participant.join(acs.url, room_id, guest.token, name, record=record))
            for guest, name in zip(guests, ("Anna", "Ben"), strict=True)
        ]
        yield acs, anna, ben


@virtual_time
async def test_speaking_takes_as_long_as_what_is_said() -> None:
    async with two_people() as (_, anna, ben):
        began = monotonic()
        await anna.speak(constant(100, 600))
        assert 0.5 < monotonic() - began < 0.7
        await until(lambda: samples(ben.heard).count(100) == 24 * 600)
        assert anna.frames_spoken == 30
        ((began_at, ended_at),) = anna.spoken
        assert began <= began_at < ended_at


@virtual_time
async def test_what_is_heard_lies_where_it_was_said_in_time() -> None:
    async with two_people() as (_, anna, ben):
        await until(lambda: ben.frames_heard > 10)
        said_at = monotonic()
        await anna.speak(constant(100, 200))
        await until(lambda: samples(ben.heard).count(100) == 24 * 200)
        place = samples(ben.heard).index(100) * 2
        delay_s = (place - ben.heard_position(said_at)) / 48_000
        assert -0.05 < delay_s < 0.5
        assert len(ben.heard_at) == ben.frames_heard
        assert len(ben.heard) % 2 == 0


@virtual_time
async def test_two_things_said_at_once_are_said_one_after_the_other() -> None:
    async with two_people() as (_, anna, ben):
        await asyncio.gather(anna.speak(constant(1, 100)), anna.speak(constant(2, 100)))
        await until(lambda: samples(ben.heard).count(2) == 2400)
        assert samples(ben.heard).count(1) == 2400
        assert 3 not in samples(ben.heard)


@virtual_time
async def test_a_last_frame_is_filled_up_and_nothing_is_nothing() -> None:
    async with two_people() as (_, anna, ben):
        await anna.speak(b"")
        await anna.speak(b"\1\0" * 10)
        await until(lambda: samples(ben.heard).count(1) == 10)


@virtual_time
async def test_cancelling_leaves_the_rest_unsaid() -> None:
    async with two_people() as (_, anna, ben):
        saying = asyncio.ensure_future(anna.speak(constant(1, 5000)))
        await until(lambda: 1 in samples(ben.heard))
        saying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saying
        await anna.speak(constant(2, 100))
        await until(lambda: samples(ben.heard).count(2) == 2400)
        assert samples(ben.heard).count(1) < 24 * 3000


@virtual_time
async def test_without_recording_only_counts_are_kept() -> None:
    async with two_people(record=False) as (_, anna, ben):
        await anna.speak(constant(1, 100))
        await until(lambda: ben.frames_heard > 5)
        assert not ben.heard


@virtual_time
async def test_leaving_ends_it_for_good() -> None:
    async with two_people() as (_, anna, ben):
        saying = asyncio.ensure_future(ben.speak(constant(1, 5000)))
        await asyncio.sleep(0)
        await ben.leave()
        await ben.leave()
        assert ben.closed
        assert ben.close_reason == "left"
        with pytest.raises(ConnectionError):
            await saying
        with pytest.raises(ConnectionError):
            await ben.speak(constant(1, 100))
        with pytest.raises(ConnectionError):
            await ben.mute()
        await until(lambda: [each["display_name"] for each in anna.roster] == ["Anna"])


@virtual_time
async def test_a_refusal_says_why() -> None:
    async with running_acs() as acs:
        guest = await make_guest(acs)
        room_id = await make_room(acs)
        with pytest.raises(JoinRefused) as refused:
            async with Participant.join(acs.url, room_id, guest.token, "Anna"):
                pass
        assert (refused.value.status, refused.value.code) == (403, "Forbidden")
        assert "not invited" in refused.value.message


@virtual_time
async def test_an_error_inside_comes_out_as_it_is() -> None:
    async with running_acs() as acs:
        guest = await make_guest(acs)
        room_id = await make_room(acs, guest)
        with pytest.raises(KeyError):
            async with Participant.join(acs.url, room_id, guest.token, "Anna"):
                raise KeyError("mine")
        await until(lambda: acs.journal.entries("call.ended"))


@virtual_time
async def test_the_emulator_going_down_closes_it() -> None:
    async with AsyncExitStack() as outer:
        async with running_acs() as acs:
            guest = await make_guest(acs)
            room_id = await make_room(acs, guest)
            anna = await outer.enter_async_context(Participant.join(acs.url, room_id, guest.token, "Anna"))
        await anna.wait_closed()
        assert anna.close_reason == "call ended"
