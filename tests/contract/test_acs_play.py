"""The real client has files played into a call, to all and to some, and is told how it went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from azure.communication.callautomation import CommunicationUserIdentifier, FileSource
from azure.communication.callautomation.aio import CallConnectionClient
from azure.core.exceptions import HttpResponseError

from tests.support.acs_emulator import samples, tone, until
from tests.support.acs_meeting import Meeting, files, media_options, meeting, wav
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


@asynccontextmanager
async def established(switches: dict[str, Any] | None = None) -> AsyncIterator[tuple[Meeting, CallConnectionClient]]:
    """Anna in a call with a bot."""
    async with meeting(switches) as m, m.joined(m.anna):
        connection = m.connection(await m.connect(media_options(m.bot)))
        await m.bot.wait_for("MediaStreamingStarted")
        yield m, connection


def loudness(pcm: bytes | bytearray) -> int:
    return max((abs(sample) for sample in samples(pcm)), default=0)


async def test_everybody_hears_a_file_for_as_long_as_it_is() -> None:
    async with files(hello=wav(400)) as urls, meeting() as m, m.joined(m.anna) as anna, m.joined(m.ben) as ben:
        connection = m.connection(await m.connect(media_options(m.bot)))
        await m.bot.wait_for("MediaStreamingStarted")
        with pytest.warns(DeprecationWarning):  # the client's older name for it
            await connection.play_media_to_all(FileSource(url=urls["hello"]), operation_context="greeting")
        started = await m.bot.wait_for("PlayStarted")
        began = asyncio.get_running_loop().time()
        completed = await m.bot.wait_for("PlayCompleted")
        assert 0.3 < asyncio.get_running_loop().time() - began < 0.8
        for event in (started, completed):
            assert event["data"]["operationContext"] == "greeting"
            assert event["data"]["resultInformation"]["code"] == 200
        assert completed["data"]["resultInformation"]["message"] == "Action completed successfully."
        await until(lambda: loudness(anna.heard) > 5000 and loudness(ben.heard) > 5000)
        heard = [sample for sample in samples(anna.heard) if abs(sample) > 50]
        assert 0.25 < len(heard) / 24_000 < 0.45


async def test_a_target_alone_hears_what_is_played_to_it() -> None:
    async with files(hello=wav(200)) as urls, meeting() as m, m.joined(m.anna) as anna, m.joined(m.ben) as ben:
        connection = m.connection(await m.connect(media_options(m.bot)))
        await m.bot.wait_for("MediaStreamingStarted")
        await connection.play_media(FileSource(url=urls["hello"]), [CommunicationUserIdentifier(m.ben.id)])
        await m.bot.wait_for("PlayCompleted")
        await until(lambda: loudness(ben.heard) > 5000)
        assert loudness(anna.heard) == 0


async def test_files_that_cannot_be_played_are_told() -> None:
    sounds = {"stereo": wav(100, channels=2), "fast": wav(100, rate=48_000), "text": b"no sound", "good": wav(40)}
    async with files(**sounds) as urls, established() as (m, connection):
        for count, (name, code) in enumerate(
            [("missing", 8536), ("stereo", 8535), ("fast", 8535), ("text", 8535)], start=1
        ):
            await connection.play_media([FileSource(url=urls["good"]), FileSource(url=urls[name])])
            failed = (await m.bot.wait_for("PlayFailed", count))["data"]
            assert (failed["resultInformation"]["code"], failed["resultInformation"]["subCode"]) == (400, code)
            assert failed["failedPlaySourceIndex"] == 1


async def test_what_is_played_in_a_loop_ends_when_cancelled() -> None:
    async with files(hello=wav(60)) as urls, established() as (m, connection):
        await connection.play_media(FileSource(url=urls["hello"]), loop=True, operation_context="loop")
        await m.bot.wait_for("PlayStarted")
        await connection.cancel_all_media_operations()
        cancelled = (await m.bot.wait_for("PlayCanceled"))["data"]
        assert cancelled["operationContext"] == "loop"
        assert cancelled["resultInformation"]["subCode"] == 8508
        assert "PlayCompleted" not in m.bot.kinds


async def test_files_for_all_queue_unless_they_interrupt() -> None:
    async with files(hello=wav(60)) as urls, established() as (m, connection):
        source = FileSource(url=urls["hello"])
        await connection.play_media(source, loop=True, operation_context="first")
        await connection.play_media(source, operation_context="second")
        await m.bot.wait_for("PlayStarted")
        await connection.play_media(source, interrupt_call_media_operation=True, operation_context="third")
        assert (await m.bot.wait_for("PlayCompleted"))["data"]["operationContext"] == "third"
        cancelled = [e["data"]["operationContext"] for e in m.bot.events if e["type"].endswith("PlayCanceled")]
        assert cancelled == ["first", "second"]


async def test_beside_a_file_for_some_only_files_for_all_may_start() -> None:
    async with files(hello=wav(60)) as urls, established() as (m, connection):
        anna, source = CommunicationUserIdentifier(m.anna.id), FileSource(url=urls["hello"])
        await connection.play_media(source, [anna], loop=True)
        await m.bot.wait_for("PlayStarted")
        with pytest.raises(HttpResponseError) as refused:
            await connection.play_media(source, [anna])
        assert refused.value.status_code == 412
        assert refused.value.error is not None
        assert refused.value.error.code == "8583"
        with pytest.raises(HttpResponseError):
            await connection.start_continuous_dtmf_recognition(anna)
        await connection.play_media(source)
        await m.bot.wait_for("PlayCompleted")
        await connection.cancel_all_media_operations()
        await m.bot.wait_for("PlayCanceled")
        await connection.start_continuous_dtmf_recognition(anna)


async def test_a_file_with_a_cache_id_is_fetched_once() -> None:
    async with files(hello=wav(40)) as urls, established() as (m, connection):
        for count in (1, 2):
            await connection.play_media(FileSource(url=urls["hello"], play_source_cache_id="hello"))
            await m.bot.wait_for("PlayCompleted", count)
        async with m.acs.http.get(urls["hello"]) as answer:
            assert answer.headers["X-Asked"] == "2"  # this question is the second


async def test_an_action_may_have_its_own_callback() -> None:
    async with files(hello=wav(40)) as urls, established() as (m, connection):
        elsewhere = m.bot.callback_url.replace("/callbacks", "/callbacks?for=play")
        await connection.play_media(FileSource(url=urls["hello"]), operation_callback_url=elsewhere)
        await m.bot.wait_for("PlayCompleted")
        assert m.bot.queries[-1] == {"for": "play"}
        assert m.bot.queries[0] == {}


async def test_on_hold_one_hears_music_and_is_not_heard() -> None:
    async with files(music=wav(100)) as urls, meeting() as m, m.joined(m.anna) as anna, m.joined(m.ben) as ben:
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        user = CommunicationUserIdentifier(m.ben.id)
        await connection.hold(user, play_source=FileSource(url=urls["music"]))
        await until(lambda: loudness(ben.heard) > 5000)
        held = await connection.get_participant(user)
        assert held.is_on_hold
        before = len(anna.heard)
        await ben.speak(tone(100))
        assert loudness(anna.heard[before:]) == 0
        await connection.unhold(user)
        assert not (await connection.get_participant(user)).is_on_hold
        await ben.speak(tone(100))
        await until(lambda: loudness(anna.heard) > 5000)
        await connection.hold(user, play_source=FileSource(url=urls["missing"]))
        assert (await m.bot.wait_for("HoldFailed"))["data"]["resultInformation"]["subCode"] == 8536
