"""A call heard as one mixed stream: whoever speaks is interpreted."""

from __future__ import annotations

import pytest

from tests.support.line import line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]


async def test_a_mixed_call_is_interpreted_without_knowing_who_speaks(english: bytes) -> None:
    async with line() as running:
        room = await running.room(mixed=True)
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(english)
            passages = await room.until_passages(2)
        assert {one["speaker_id"] for one in passages} == {"mixed"}
        assert {one["target"] for one in passages} == {"en-US", "es-ES"}
        assert "spoken" in {one["state"] for one in passages}
        await room.until_status("stopped")
        passages = (await room.transcript())["passages"]
        assert len([one for one in passages if one["kind"] == "utterance"]) == 2
