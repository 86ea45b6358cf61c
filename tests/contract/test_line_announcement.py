"""That a machine interprets, on the whole line: heard once in each language, one after the other, and read by all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.interpreting.announcement import NAME, SPEAKER
from emulator.engine.scripted import ScriptedEngine, read_markers
from tests.support.line import line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

SAID = {"en-US": "This meeting is interpreted by a machine.", "es-ES": "Una máquina interpreta esta reunión."}


async def test_it_is_heard_once_in_each_language_and_read_by_who_joins_late() -> None:
    async with line(engine=ScriptedEngine(0.1, duration_ms=1_000)) as whole:
        room = await whole.room(announcement=True)
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            await room.until_status("interpreting")
            passages = await room.until_passages(2)
            await asyncio.sleep(1.5)  # whatever else might be said
            heard = {"Ana": bytes(ana.heard), "Luis": bytes(luis.heard)}
            late = whole.service.feed.read_captions(room.room_id, "es-ES")
            caption = (await anext(late)).caption
            late.close()
        transcript = await room.transcript()
    assert [(one["kind"], one["state"]) for one in passages] == [("announcement", "spoken")] * 2
    assert sorted(one["target"] for one in transcript["passages"]) == ["en-US", "es-ES"]
    for name, pcm in heard.items():
        markers = read_markers(pcm)
        assert len(markers) == len(set(markers)) == 2, (name, markers)
        assert both_apart(pcm), name
    assert (caption.text, caption.speaker_name, caption.is_final) == (SAID["es-ES"], NAME, True)
    lines: list[dict[str, Any]] = transcript["items"]
    assert {one["language"]: one["text"] for one in lines if one["speaker_id"] == SPEAKER} == SAID


def both_apart(pcm: bytes) -> bool:
    """Two voices of a second each make two seconds of sound, and not one that is twice as loud."""
    frames = [pcm[at : at + 960] for at in range(0, len(pcm) - 959, 960)]
    return 1_800 <= 20 * sum(any(frame) for frame in frames) <= 2_200


async def test_where_only_translation_sessions_interpret_a_session_of_its_own_says_it() -> None:
    deployment = "gpt-realtime-translate"
    async with line(engine=ScriptedEngine(0.1, duration_ms=1_000), azure_ai_translate_deployment=deployment) as whole:
        room = await whole.room(announcement=True)
        await whole.api("PATCH", f"/api/rooms/{room.room_id}", {"mode": "simultaneous"})
        async with room.joined("Ana"), room.joined("Luis"):
            await room.until_status("interpreting")
            passages = await room.until_passages(4)
    assert sorted((one["speaker_id"] == SPEAKER, one["state"], one["reason"]) for one in passages) == [
        (False, "abandoned", "not_supported"),
        (False, "abandoned", "not_supported"),
        (True, "spoken", ""),
        (True, "spoken", ""),
    ]
