"""A room of the sister layout on the whole line: one ACS room per language, and the interpreter in each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from emulator.client import Participant
from emulator.engine.scripted import read_markers
from tests.support.line import Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]

ROSTER = [("Ana", "en-US", "en-US"), ("Luis", "es-ES", "es-ES"), ("Chloé", "fr-FR", "fr-FR"), ("Ben", "en-US", "es-ES")]
"""Name, language spoken, language heard: Ben sits with Luis."""
SECOND = 48_000
"""Bytes."""


@asynccontextmanager
async def house(whole: Line) -> AsyncIterator[tuple[Room, dict[str, Participant]]]:
    """Everybody of the roster in the ACS room their token is for."""
    body = {
        "name": "sisters",
        "languages": ["en-US", "es-ES", "fr-FR"],
        "mode": "consecutive",
        "settings": {"layout": "sister"},
        "participants": [
            {"display_name": name, "role": "Presenter", "speaks": speaks, "hears": hears}
            for name, speaks, hears in ROSTER
        ],
    }
    created = await whole.api("POST", "/api/rooms", body)
    room = Room(whole, created["room_id"], created["acs_room_id"], {})
    people: dict[str, Participant] = {}
    async with asyncio.timeout(60):
        entered: list[Any] = []
        for one in created["participants"]:
            path = f"/api/rooms/{room.room_id}/participants/{one['participant_id']}/token"
            token = await whole.api("POST", path)
            assert token["acs_room_id"] == created["sisters"][one["hears"]]
            joining = Participant.join(
                whole.emulator.acs_url, token["acs_room_id"], token["token"], one["display_name"]
            )
            people[one["display_name"]] = await joining.__aenter__()
            entered.append(joining)
        try:
            await whole.until_noted("media.dialled", count=3)
            await room.until_status("interpreting")
            yield room, people
        finally:
            for joining in entered:
                await joining.__aexit__(None, None, None)


async def test_everybody_hears_their_own_language_and_no_other(english: bytes) -> None:
    async with line() as whole, house(whole) as (room, people):
        await people["Ana"].speak(english)
        passages = await room.until_passages(2)
        assert {(p["target"], p["state"]) for p in passages} == {("es-ES", "spoken"), ("fr-FR", "spoken")}
        await asyncio.sleep(0.5)
        heard = {name: bytes(person.heard) for name, person in people.items()}
        assert read_markers(heard["Luis"]) == read_markers(heard["Chloé"]) == [0]
        assert read_markers(heard["Ben"]) == [0], "he hears Spanish, where he sits"
        assert not any(heard["Ana"]), "she hears English only, and nobody else spoke any"


async def test_who_sits_elsewhere_is_passed_through_to_those_who_share_the_language(english: bytes) -> None:
    async with line() as whole, house(whole) as (room, people):
        await people["Ben"].speak(english)  # English, in the Spanish room
        passages = await room.until_passages(3)
        assert {p["state"] for p in passages} == {"spoken"}
        await asyncio.sleep(0.5)
        ana = bytes(people["Ana"].heard)
        assert read_markers(ana) == [], "his own voice, not an interpretation"
        loud = sum(
            1
            for at in range(0, len(ana) - 960, 960)
            if any(abs(one) > 500 for one in memoryview(ana[at : at + 960]).cast("h"))
        )
        assert loud * 0.02 > 0.8, "seconds of his voice"
        assert read_markers(bytes(people["Chloé"].heard)) == [0]


async def test_one_interpreter_is_stopped_in_all_rooms_and_leaves_when_they_are_empty(english: bytes) -> None:
    async with line() as whole:
        async with house(whole) as (room, people):
            assert len(whole.secrets()) == 3
            await whole.api("POST", f"/api/rooms/{room.room_id}/interpreter", {"action": "pause"})
            await room.until_status("paused")
            await whole.api("POST", f"/api/rooms/{room.room_id}/interpreter", {"action": "resume"})
            await room.until_status("interpreting")
            await people["Ana"].speak(english)
            await room.until_passages(2)
        await room.until_status("stopped")
        assert whole.secrets() == []
