"""The bus: readers get what is theirs, in order; a slow one loses its own, and hurts nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners.audio_frames import HEADER_BYTES
from listeners.feed import Feed
from listeners.messages import CaptionMessage, LaneSignal, SignalMessage
from listeners.readers import AudioReader, Reader, SharedFrame
from listeners.rooms import KEPT_ROOMS, KEPT_S

ROOM = "room-1"


def caption(utterance: int, revision: int = 1, language: str = "es-ES", *, final: bool = False) -> CaptionMessage:
    text = f"{utterance}.{revision}"
    return CaptionMessage(ROOM, f"u-{utterance}", revision, "8:acs:ada", "Ada", language, text, final, 1000 * utterance)


async def read(reader: Reader[Any]) -> list[Any]:
    """What waits for a reader that has been closed, or is to be."""
    reader.close()
    return [item async for item in reader]


def frame(number: int) -> bytes:
    return number.to_bytes(4, "little") * 240


async def heard(reader: AudioReader) -> list[bytes]:
    """The payloads that wait for a reader, once the fan-out has done its work."""
    await fanned_out()
    return [payload(item) for item in await read(reader)]


async def fanned_out() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def payload(frame: SharedFrame) -> bytes:
    return frame.data[HEADER_BYTES:] if isinstance(frame.data, bytes) else frame.data.encode()


async def texts(reader: Reader[Any]) -> list[str]:
    return [line.caption.text for line in await read(reader)]


async def test_captions_reach_readers_of_their_language_and_of_all() -> None:
    feed = Feed()
    spanish, english, all_of_them = (feed.read_captions(ROOM, language) for language in ("es-ES", "en-US", None))
    feed.caption(caption(1))
    feed.caption(caption(2, language="en-US"))
    assert await texts(spanish) == ["1.1"]
    assert await texts(english) == ["2.1"]
    assert await texts(all_of_them) == ["1.1", "2.1"]


async def test_a_line_reaches_the_readers_it_is_addressed_to_also_those_who_come_later() -> None:
    feed = Feed()
    early = feed.read_captions(ROOM, "es-MX")
    feed.caption(caption(1), languages=("es-ES", "es-MX", "es"))
    feed.caption(caption(2), languages=("es-ES",))
    late, general = feed.read_captions(ROOM, "es-MX"), feed.read_captions(ROOM, "es")
    assert await texts(early) == await texts(late) == await texts(general) == ["1.1"]


async def test_calls_are_told_which_languages_are_read_or_heard_and_only_when_that_changes() -> None:
    feed = Feed()
    told: list[tuple[set[str], set[str]]] = []

    def changed(languages: frozenset[str], listened: frozenset[str]) -> None:
        told.append((set(languages), set(listened)))

    first = feed.read_captions(ROOM, "fr-FR")
    feed.read_captions(ROOM)
    feed.call_began(ROOM, changed)
    second = feed.read_audio(ROOM, "fr-FR")
    third = feed.read_audio(ROOM, "de-DE")
    for reader in (first, third, second):
        reader.close()
    assert told == [
        ({"fr-FR"}, set()),
        ({"fr-FR"}, {"fr-FR"}),
        ({"fr-FR", "de-DE"}, {"fr-FR", "de-DE"}),
        ({"fr-FR"}, {"fr-FR"}),
        (set(), set()),
    ]
    feed.call_ended(ROOM, changed)
    feed.read_captions(ROOM, "es-ES")
    assert len(told) == 5


async def test_a_waiting_reader_is_woken() -> None:
    feed = Feed()
    reader = feed.read_audio(ROOM, "es-ES")
    async with asyncio.TaskGroup() as group:
        woken = group.create_task(anext(reader))
        await asyncio.sleep(0)
        feed.audio(ROOM, "en-US", frame(1))
        feed.audio(ROOM, "es-ES", frame(2))
    assert payload(woken.result()) == frame(2)


async def test_a_cancelled_wait_loses_nothing() -> None:
    feed = Feed()
    reader = feed.read_audio(ROOM, "es-ES")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await anext(reader)
    feed.audio(ROOM, "es-ES", frame(1))
    assert payload(await anext(reader)) == frame(1)


async def test_two_tasks_on_one_reader_are_refused() -> None:
    feed = Feed()
    reader = feed.read_audio(ROOM, "es-ES")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(anext(reader))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another task reads already"):
            await anext(reader)
        feed.audio(ROOM, "es-ES", frame(1))
    assert payload(first.result()) == frame(1)


async def test_a_slow_listener_hears_the_latest_second_and_the_others_everything() -> None:
    feed = Feed(audio_limit_ms=100)
    slow, fast = feed.read_audio(ROOM, "es-ES"), feed.read_audio(ROOM, "es-ES")
    all_of_it = []
    for number in range(20):
        feed.audio(ROOM, "es-ES", frame(number))
        all_of_it.append(payload(await anext(fast)))
    assert all_of_it == [frame(number) for number in range(20)]
    assert slow.queued_ms == 100
    assert await heard(slow) == [frame(number) for number in range(15, 20)]
    assert (slow.dropped, fast.dropped) == (15, 0)
    assert feed.statistics().dropped_frames == 15


async def test_what_was_stopped_is_not_heard() -> None:
    feed = Feed()
    reader = feed.read_audio(ROOM, "es-ES")
    feed.audio(ROOM, "es-ES", frame(1))
    feed.flush(ROOM, "es-ES")
    feed.flush(ROOM, "en-US")
    feed.flush("another room", "es-ES")
    feed.audio(ROOM, "es-ES", frame(2))
    assert await heard(reader) == [b'{"event":"flush"}', frame(2)]


async def test_of_a_line_that_grows_a_slow_reader_gets_the_latest_revision() -> None:
    feed = Feed()
    reader = feed.read_captions(ROOM)
    for revision in range(1, 500):
        feed.caption(caption(1, revision))
        feed.caption(caption(2, revision))
    assert await texts(reader) == ["1.499", "2.499"]
    assert reader.dropped == 0


async def test_what_is_pinned_is_read_by_whoever_joins_while_the_call_lasts() -> None:
    feed = Feed(replayed_lines=3)
    feed.call_began(ROOM)
    feed.caption(caption(99), pinned=True)
    for number in range(10):
        feed.caption(caption(number))
    late = feed.read_captions(ROOM)
    assert [(await anext(late)).caption.utterance_id for _ in range(4)] == ["u-99", "u-7", "u-8", "u-9"]
    feed.call_ended(ROOM)
    feed.call_began(ROOM)
    later = feed.read_captions(ROOM)
    assert (await anext(later)).caption.utterance_id == "u-7"


async def test_listeners_are_told_how_a_lane_is_served_and_those_who_join_how_it_is_now() -> None:
    feed = Feed()
    feed.call_began(ROOM)
    early = feed.read_signals(ROOM)
    feed.lane_served(ROOM, "8:acs:ada", "es-ES", "conversation", "quota")
    feed.lane_served(ROOM, "8:acs:ada", "es-ES", "captions", "quota")
    feed.lane_served(ROOM, "8:acs:ada", "fr-FR", "captions", "http_404")
    feed.lane_served(ROOM, "8:acs:ada", "fr-FR", "translation", "")
    feed.lane_served(ROOM, "8:acs:ada", "de-DE", "translation", "")  # was never said to be otherwise
    late = feed.read_signals(ROOM)
    feed.call_ended(ROOM)
    worse = [
        LaneSignal("lane_degraded", "8:acs:ada", "es-ES", engine, "quota") for engine in ("conversation", "captions")
    ]
    over = LaneSignal("lane_restored", "8:acs:ada", "es-ES", "", "")
    assert [await anext(late) for _ in range(2)] == [worse[1], over]
    assert [await anext(early) for _ in range(5)] == [
        *worse,
        LaneSignal("lane_degraded", "8:acs:ada", "fr-FR", "captions", "http_404"),
        LaneSignal("lane_restored", "8:acs:ada", "fr-FR", "translation", ""),
        over,
    ]


async def test_a_reader_of_captions_that_does_not_read_is_cut_and_told_why() -> None:
    feed = Feed(caption_limit=10, captions_lost_limit=3, replayed_lines=10)
    slow, other = feed.read_captions(ROOM), feed.read_captions(ROOM)
    for number in range(12):
        feed.caption(caption(number))
        await anext(other)
    assert (slow.reason, slow.dropped) == ("", 2)
    feed.caption(caption(12))
    assert [line async for line in slow] == []
    assert slow.reason == "too_slow"
    assert other.reason == ""
    assert feed.statistics().cut_readers == 1
    assert feed.statistics().readers == 1


async def test_a_reader_of_signals_that_does_not_read_is_cut() -> None:
    feed = Feed(signal_limit=3)
    reader = feed.read_signals(ROOM)
    for _ in range(2):
        feed.voice_begins(ROOM, "ada", "es-ES")
        feed.voice_ends(ROOM, "ada", "es-ES")
    assert [signal async for signal in reader] == []
    assert reader.reason == "too_slow"


async def test_the_original_is_restored_when_the_last_channel_has_ended() -> None:
    feed = Feed(wall_clock=lambda: 1_800_000_000.0)
    reader = feed.read_signals(ROOM)
    feed.voice_begins(ROOM, "ada", "es-ES")
    feed.voice_begins(ROOM, "ada", "es-ES")
    feed.voice_ends(ROOM, "ada", "es-ES")
    late = feed.read_signals(ROOM)
    feed.voice_ends(ROOM, "ada", "es-ES")
    feed.voice_ends(ROOM, "ada", "es-ES")
    now_us = 1_800_000_000_000_000
    expected = [
        SignalMessage("suppress_original", "ada", "es-ES", now_us),
        SignalMessage("restore_original", "ada", "es-ES", now_us),
    ]
    assert await read(reader) == expected
    assert await read(late) == expected


async def test_the_end_of_a_call_restores_what_was_suppressed_and_keeps_readers() -> None:
    feed = Feed()
    feed.call_began(ROOM)
    reader, captions = feed.read_signals(ROOM), feed.read_captions(ROOM)
    feed.voice_begins(ROOM, "ada", "es-ES")
    feed.call_ended(ROOM)
    feed.call_began(ROOM)
    feed.caption(caption(1))
    assert [one.type for one in await read(reader)] == ["suppress_original", "restore_original"]
    assert await texts(captions) == ["1.1"]


async def test_nothing_is_kept_of_a_room_nobody_uses() -> None:
    feed = Feed()
    feed.caption(caption(1))
    feed.audio(ROOM, "es-ES", frame(1))
    feed.voice_begins(ROOM, "ada", "es-ES")
    feed.call_ended(ROOM)
    assert feed.statistics().rooms == 0
    feed.call_began(ROOM)
    feed.caption(caption(1))
    feed.audio(ROOM, "es-ES", frame(1))
    assert feed.statistics().published == 1
    with_reader = feed.read_audio(ROOM, "es-ES")
    feed.call_ended(ROOM)
    assert feed.statistics().rooms == 1
    with_reader.close()
    assert feed.statistics().rooms == 0


async def test_the_lines_of_a_room_are_kept_for_an_hour_after_everybody_has_gone() -> None:
    now = 1_800_000_000.0
    feed = Feed(wall_clock=lambda: now)

    def call(room_id: str) -> None:
        feed.call_began(room_id)
        feed.caption(msgspec.structs.replace(caption(1), room_id=room_id))
        feed.call_ended(room_id)

    call(ROOM)
    now += KEPT_S
    reader = feed.read_captions(ROOM)
    line = await anext(reader)
    assert line.caption.text == "1.1"
    assert feed.keeps_all_since(ROOM, line.position)
    reader.close()
    now += KEPT_S + 1
    assert await texts(feed.read_captions(ROOM)) == [], "an hour after the last reader"
    for number in range(KEPT_ROOMS + 1):
        call(f"room-of-{number}")
    assert [await texts(feed.read_captions(f"room-of-{number}")) for number in (0, 1, 2)] == [[], ["1.1"], ["1.1"]]
    assert feed.statistics().rooms == 0
    feed.close_room("room-of-1", "room_deleted")
    assert await texts(feed.read_captions("room-of-1")) == []


async def test_closing_lets_everybody_go() -> None:
    feed = Feed()
    feed.call_began(ROOM)
    readers: list[Reader[Any]] = [feed.read_captions(ROOM), feed.read_audio(ROOM, "es-ES"), feed.read_signals(ROOM)]
    feed.caption(caption(1))
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        ends = [group.create_task(drained(reader), name="reader") for reader in readers]
        await asyncio.sleep(0)
        feed.close_room("another room", "room_deleted")
        feed.close("service_stopping")
    assert [len(task.result()) for task in ends] == [1, 0, 0]
    assert [reader.reason for reader in readers] == ["service_stopping"] * 3
    assert feed.statistics().rooms == 0


async def drained(reader: Reader[Any]) -> list[Any]:
    return [item async for item in reader]


async def test_late_readers_get_each_line_as_it_is_now_from_any_position() -> None:
    feed = Feed(replayed_lines=3)
    feed.call_began(ROOM)
    for number in range(5):
        feed.caption(caption(number))
    feed.caption(caption(3, 2, final=True))
    reader = feed.read_captions(ROOM)
    found = await read(reader)
    assert [line.caption.text for line in found] == ["2.1", "4.1", "3.2"]
    after_first = found[0].position
    assert await texts(feed.read_captions(ROOM, since=after_first)) == ["4.1", "3.2"]
    assert await texts(feed.read_captions(ROOM, since=found[-1].position)) == []
    assert [feed.keeps_all_since(ROOM, line.position) for line in found] == [True, True, True]
    assert not feed.keeps_all_since(ROOM, found[0].position - 1_000_000)
    assert not feed.keeps_all_since("another room", found[0].position)


lines = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["en-US", "es-ES"]), st.booleans()), min_size=1, max_size=60
)


@given(lines, st.integers(0, 60))
def test_a_reader_that_comes_back_ends_up_with_what_one_that_stayed_has(
    written: list[tuple[int, str, bool]], left_after: int
) -> None:
    """Whoever leaves anywhere, and gives the last position it has seen, has the same latest lines in the end."""

    async def scenario() -> None:
        feed = Feed()
        feed.call_began(ROOM)
        stays, leaves = feed.read_captions(ROOM), feed.read_captions(ROOM)
        stayed: dict[tuple[str, str], str] = {}
        came_back: dict[tuple[str, str], str] = {}
        seen = 0
        for number, (utterance, language, reads) in enumerate(written):
            feed.caption(caption(utterance, number + 1, language))
            if number < left_after and reads:
                line = await anext(leaves)
                seen = line.position
                came_back[line.caption.utterance_id, line.caption.language] = line.caption.text
        leaves.close()
        for reader, have in ((stays, stayed), (feed.read_captions(ROOM, since=seen), came_back)):
            before = 0
            for line in await read(reader):
                assert line.position > before
                before = line.position
                have[line.caption.utterance_id, line.caption.language] = line.caption.text
        assert came_back == stayed

    asyncio.run(scenario())


@given(st.lists(st.integers(0, 3), max_size=80), st.integers(20, 200))
def test_every_frame_is_heard_in_order_or_counted(reads: list[int], limit_ms: int) -> None:
    async def scenario() -> None:
        feed = Feed(audio_limit_ms=limit_ms)
        reader = feed.read_audio(ROOM, "es-ES")
        frames = []
        for number, some in enumerate(reads):
            feed.audio(ROOM, "es-ES", frame(number))
            await fanned_out()
            assert reader.queued_ms <= limit_ms
            for _ in range(min(some, reader.queued_ms // 20)):
                frames.append(payload(await anext(reader)))
        frames += await heard(reader)
        assert len(frames) + reader.dropped == len(reads)
        numbers = [int.from_bytes(pcm[:4], "little") for pcm in frames]
        assert numbers == sorted(set(numbers))

    asyncio.run(scenario())
