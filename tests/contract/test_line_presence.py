"""Who is in the call decides what is interpreted, on the whole line."""

from __future__ import annotations

import asyncio

import pytest

from emulator.engine.scripted import ScriptedEngine, read_markers
from tests.support.line import ANA_AND_LUIS, Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]

THREE = (*ANA_AND_LUIS, ("Chloé", "fr-FR", "fr-FR"))


async def until_present(whole: Line, count: int) -> None:
    """Wait until the service knows that so many people are there."""

    async def look() -> int:
        assert whole.service.calls is not None
        return sum(len(call.present) for call in whole.service.calls.active_calls.all)

    await whole.until(look, lambda seen: seen == count)


async def targets(room: Room, count: int) -> list[str]:
    return sorted(passage["target"] for passage in await room.until_passages(count))


async def test_nothing_is_spoken_into_a_language_whose_last_listener_has_left(english: bytes) -> None:
    async with line() as whole:
        room = await whole.room(THREE, layout="shared")
        async with room.joined("Ana") as ana, room.joined("Luis"):
            async with room.joined("Chloé"):
                await room.until_status("interpreting")
                await until_present(whole, 3)
                await ana.speak(english)
                assert await targets(room, 2) == ["es-ES", "fr-FR"]
            await until_present(whole, 2)
            await ana.speak(english)
            assert await targets(room, 3) == ["es-ES", "es-ES", "fr-FR"]
            async with room.joined("Chloé"):
                await until_present(whole, 3)
                await ana.speak(english)
                assert await targets(room, 5) == ["es-ES", "es-ES", "es-ES", "fr-FR", "fr-FR"]


async def test_varieties_of_a_language_share_one_voice_and_its_captions(english: bytes) -> None:
    async with line() as whole:
        people = (("Ana", "en-US", "en-US"), ("Bia", "pt-BR", "pt-BR"), ("Rui", "pt-PT", "pt-PT"))
        room = await whole.room(people)
        reader = whole.service.feed.read_captions(room.room_id, "pt-PT")
        async with room.joined("Ana") as ana, room.joined("Bia"), room.joined("Rui") as rui:
            await room.until_status("interpreting")
            await until_present(whole, 3)
            await ana.speak(english)
            assert await targets(room, 1) == ["pt-BR"]
            await asyncio.sleep(1.0)
            assert read_markers(bytes(rui.heard)) == [0], "it is said once"
            assert await targets(room, 1) == ["pt-BR"]
        caption = (await anext(reader)).caption
        assert caption.language == "pt-BR"
        for language in ("pt-PT", "pt-BR", "pt"):
            found = await whole.api("GET", f"/api/rooms/{room.room_id}/transcript?language={language}")
            assert [item["text"] for item in found["items"]] == ["[pt] utterance 0"]


async def test_a_room_may_have_a_voice_for_each_variety(english: bytes) -> None:
    async with line() as whole:
        people = (("Ana", "en-US", "en-US"), ("Bia", "pt-BR", "pt-BR"), ("Rui", "pt-PT", "pt-PT"))
        room = await whole.room(people, separate_varieties=True)
        async with room.joined("Ana") as ana, room.joined("Bia"), room.joined("Rui"):
            await room.until_status("interpreting")
            await until_present(whole, 3)
            await ana.speak(english)
            assert await targets(room, 2) == ["pt-BR", "pt-PT"]


async def test_captions_in_another_script_are_read_and_not_heard(english: bytes) -> None:
    chinese = ScriptedEngine(0.1, translations={("en", "zh"): ["结果比预期的要好。"]})
    async with line(engine=chinese) as whole:
        people = (("Ana", "en-US", "en-US"), ("Li", "zh-Hans", "zh-Hans"), ("Lin", "zh-Hant", "zh-Hant"))
        room = await whole.room(people)
        async with room.joined("Ana") as ana, room.joined("Li"), room.joined("Lin") as lin:
            await room.until_status("interpreting")
            await until_present(whole, 3)
            await ana.speak(english)
            passages = await room.until_passages(2)
            assert {one["target"]: (one["state"], one["reason"]) for one in passages} == {
                "zh-Hans": ("spoken", ""),
                "zh-Hant": ("caption_only", "read_only"),
            }
            await asyncio.sleep(0.5)
            assert read_markers(bytes(lin.heard)) == [0]


async def test_a_call_with_nobody_but_a_recorder_in_it_is_left(english: bytes) -> None:
    async with line() as whole:
        room = await whole.room((*ANA_AND_LUIS, ("Recorder", "auto", "fr-FR")), layout="shared")
        bots = {"settings": {"bots": [room.participant_ids["Recorder"]]}}
        await whole.api("PATCH", f"/api/rooms/{room.room_id}", bots)
        async with room.joined("Recorder"):
            async with room.joined("Ana") as ana, room.joined("Luis"):
                await room.until_status("interpreting")
                await until_present(whole, 2)
                await ana.speak(english)
                assert await targets(room, 1) == ["es-ES"]
            await room.until_status("stopped")
