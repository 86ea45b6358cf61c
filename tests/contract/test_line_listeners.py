"""Listeners outside the call follow a live one: what a channel of its own brings them, through the running service."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.engine.scripted import read_markers
from listeners.audio_frames import HEADER_BYTES
from listeners.messages import SignalMessage
from listeners.readers import Reader
from tests.support.line import ADMIN_KEY, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]


async def kept(reader: Reader[Any], items: list[Any]) -> None:
    async for item in reader:
        items.append(item)


async def test_a_channel_brings_its_listeners_captions_voice_and_word_of_the_original(english: bytes) -> None:
    async with line() as running:
        room = await running.room(layout="channels")
        feed = running.service.feed
        voice: list[Any] = []
        captions: list[Any] = []
        signals: list[Any] = []
        audio_reader = feed.read_audio(room.room_id, "es-ES")
        async with asyncio.TaskGroup() as group:
            group.create_task(kept(audio_reader, voice))
            group.create_task(kept(feed.read_captions(room.room_id), captions))
            group.create_task(kept(feed.read_signals(room.room_id), signals))
            async with room.joined("Ana") as ana, room.joined("Luis") as luis:
                await room.until_status("interpreting")
                await ana.speak(english)
                await room.until_passages(2)  # Ana's own voice is a passage too: to the channel of her language
            late = feed.read_captions(room.room_id, "es-ES")
            latest = (await anext(late)).caption
            url = f"{running.base_url}/api/rooms/{room.room_id}"
            async with running.http.delete(url, headers={"X-API-Key": ADMIN_KEY}) as answer:
                assert answer.status == 204
        assert audio_reader.reason == "room_deleted"
        assert read_markers(b"".join(frame.data[HEADER_BYTES:] for frame in voice)) == [0]
        assert read_markers(bytes(luis.heard)) == [0], "the shared room hears it as well"
        final = [(line.language, line.text) for line in (one.caption for one in captions) if line.is_final]
        assert sorted(final) == [("en-US", "utterance 0"), ("es-ES", "[es] utterance 0")]
        assert (latest.text, latest.is_final) == ("[es] utterance 0", True)
        assert [(one.type, one.language) for one in signals if isinstance(one, SignalMessage)] == [
            ("suppress_original", "es-ES"),
            ("restore_original", "es-ES"),
        ]
        assert feed.statistics().readers == 0
