"""Who is in the call decides what is interpreted, on the whole line."""

from __future__ import annotations

import pytest

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
        room = await whole.room(THREE)
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


async def test_a_call_with_nobody_but_a_recorder_in_it_is_left(english: bytes) -> None:
    async with line() as whole:
        room = await whole.room((*ANA_AND_LUIS, ("Recorder", "auto", "fr-FR")))
        bots = {"settings": {"bots": [room.participant_ids["Recorder"]]}}
        await whole.api("PATCH", f"/api/rooms/{room.room_id}", bots)
        async with room.joined("Recorder"):
            async with room.joined("Ana") as ana, room.joined("Luis"):
                await room.until_status("interpreting")
                await until_present(whole, 2)
                await ana.speak(english)
                assert await targets(room, 1) == ["es-ES"]
            await room.until_status("stopped")
