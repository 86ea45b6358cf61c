"""Typed messages, from the request to what is read and heard: by a scripted model, and by one that translates."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.engine.local import LocalEngine
from emulator.engine.scripted import ScriptedEngine
from tests.support.line import ADMIN_KEY, Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = pytest.mark.timeout(120)

TEXT, SPANISH = "Where is the pier?", "¿Dónde está el muelle?"


async def types(whole: Line, room: Room, key: str = ADMIN_KEY, **body: Any) -> tuple[int, dict[str, Any]]:
    url = f"{whole.base_url}/api/rooms/{room.room_id}/messages"
    headers = {"X-API-Key": key} | ({"Idempotency-Key": body.pop("once")} if "once" in body else {})
    async with whole.http.post(url, json=body, headers=headers) as response:
        return response.status, await response.json()


@in_virtual_time
async def test_a_message_is_read_in_every_language_by_whoever_typed_it() -> None:
    engine = ScriptedEngine(0.1, translations={("en", "es"): [SPANISH]})
    async with line(engine=engine) as whole:
        room = await whole.room()
        ana = room.participant_ids["Ana"]
        status, refusal = await types(whole, room, participant_id=ana, text=TEXT)
        assert (status, refusal["error"]["code"]) == (409, "not_running")
        async with room.joined("Ana"), room.joined("Luis"):
            await room.until_status("interpreting")
            status, answer = await types(whole, room, participant_id=ana, text=f" {TEXT}\u202e\n", once="1")
            assert status == 202
            assert await types(whole, room, participant_id=ana, text=f" {TEXT}\u202e\n", once="1") == (202, answer)
            (passage,) = await room.until_passages(1)
            assert (passage["utterance_id"], passage["kind"]) == (answer["utterance_id"], "typed")
            assert (passage["state"], passage["reason"], passage["played_ms"]) == ("caption_only", "read_only", 0)
            lines = (await room.transcript())["items"]
            assert [(one["language"], one["text"], one["is_final"], one["flags"]) for one in lines] == [
                ("en-US", TEXT, True, ["typed"]),
                ("es-ES", SPANISH, True, ["typed"]),
            ]
            assert {one["speaker_name"] for one in lines} == {"Ana"}
            assert (await room.status())["lanes"] == [] or all(
                one["engine"] != "captions" for one in (await room.status())["lanes"]
            ), "the lanes of speech are as they were"
            await whole.api("POST", f"/api/rooms/{room.room_id}/interpreter", {"action": "pause"})
            status, refusal = await types(whole, room, participant_id=ana, text=TEXT)
            assert (status, refusal["error"]["code"]) == (409, "paused")


@in_virtual_time
async def test_a_message_is_spoken_if_the_room_says_so_and_none_is_lost() -> None:
    async with line() as whole:
        room = await whole.room(speak_messages=True)
        async with room.joined("Ana"), room.joined("Luis"):
            await room.until_status("interpreting")
            names = {"Ana": room.participant_ids["Ana"], "Luis": room.participant_ids["Luis"]}
            answers = await asyncio.gather(
                *(
                    types(whole, room, participant_id=names[name], text=f"{name} {n}")
                    for n in range(3)
                    for name in names
                ),
                types(whole, room, text="Welcome", language="en-US"),
            )
            assert {status for status, _ in answers} == {202}
            passages = await room.until_passages(7)
            assert {one["utterance_id"] for one in passages} == {answer["utterance_id"] for _, answer in answers}
            assert all(one["state"] in ("spoken", "caption_only") for one in passages)
            assert any(one["state"] == "spoken" and one["played_ms"] > 0 for one in passages)


@in_virtual_time
async def test_strangers_are_refused_and_too_many_messages_have_to_wait() -> None:
    async with line() as whole:
        room = await whole.room()
        ana = room.participant_ids["Ana"]
        async with room.joined("Ana"), room.joined("Luis"):
            await room.until_status("interpreting")
            assert (await types(whole, room, "a-wrong-key", text=TEXT))[0] == 401
            assert (await types(whole, room, participant_id="nobody", text=TEXT))[0] == 404
            assert (await types(whole, room, participant_id=ana, text="a" * 2_001))[0] == 400
            assert (await types(whole, room, participant_id=ana, text=TEXT, language="fr-FR"))[0] == 400
            answers = await asyncio.gather(*(types(whole, room, participant_id=ana, text=f"{n}") for n in range(12)))
            assert sorted(status for status, _ in answers) == [202] * 10 + [429] * 2
            assert len(await room.until_passages(10)) == 10
            assert (await types(whole, room, participant_id=room.participant_ids["Luis"], text="Hola"))[0] == 202


async def test_a_model_translates_what_is_typed() -> None:
    async with LocalEngine() as engine, line(engine=engine) as whole:
        room = await whole.room()
        async with room.joined("Ana"), room.joined("Luis"):
            await room.until_status("interpreting")
            await types(whole, room, participant_id=room.participant_ids["Ana"], text="Good morning, everyone.")
            await types(whole, room, participant_id=room.participant_ids["Luis"], text="¿Cómo está usted hoy?")
            await room.until_passages(2)
            texts = {(one["language"], one["text"]) for one in (await room.transcript())["items"]}
            assert {("es-ES", "Buenos días a todos."), ("en-US", "How are you today?")} <= texts


@in_virtual_time
async def test_a_guest_types_over_the_socket_of_captions() -> None:
    guest = {"purpose": "speak", "display_name": "Chen", "speaks": "en-US", "hears": "es-ES"}
    async with line(engine=ScriptedEngine(0.1, translations={("en", "es"): [SPANISH]})) as whole:
        room = await whole.room()
        code = (await whole.api("GET", f"/api/rooms/{room.room_id}"))["join_code"]
        async with room.joined("Ana"), room.joined("Luis"):
            await room.until_status("interpreting")
            async with whole.http.post(f"{whole.base_url}/api/join/{code}", json=guest) as response:
                joined = await response.json()
            url = f"{whole.base_url}/ws/captions/{room.room_id}?ticket={joined['ticket']}"
            async with whole.http.ws_connect(url) as socket:
                await socket.send_json({"event": "message", "text": TEXT, "client_id": "1"})
                await socket.send_json({"event": "message", "text": "a" * 2_001, "client_id": "2"})
                seen: list[dict[str, Any]] = []
                while [one["language"] for one in seen if one.get("is_final")] != ["en-US", "es-ES"]:
                    seen.append(await socket.receive_json(timeout=20))
            (accepted,) = [one for one in seen if one["event"] == "message_accepted"]
            captions = [one for one in seen if one.get("is_final")]
            assert [(one["text"], one["original"], one["typed"]) for one in captions] == [
                (TEXT, True, True),
                (SPANISH, False, True),
            ]
            assert {one["utterance_id"] for one in captions} == {accepted["utterance_id"]}
            assert {(one["speaker_id"], one["speaker_name"]) for one in captions} == {
                (f"web:{joined['participant_id']}", "Chen")
            }
            refused = [one["error"]["code"] for one in seen if one["event"] == "error"]
            assert refused == ["invalid_request"]
