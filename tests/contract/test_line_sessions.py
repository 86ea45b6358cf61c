"""A session of the earlier sample, from its creation to its end, as admin, speaker and audience meet it."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from emulator.engine.scripted import ScriptedEngine
from tests.support.line import ADMIN_KEY, Line, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]

LECTURE = {"name": "Lecture", "source_language": "en-US", "target_languages": ["es-ES"]}
WELCOME, BIENVENIDOS = "Welcome to the lecture.", "Bienvenidos a la clase."


async def post(whole: Line, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    async with whole.http.post(f"{whole.base_url}{path}", json=body, headers=headers) as response:
        return response.status, await response.json()


class Audience:
    """Reads what a listener is told."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._socket = socket
        self.texts: set[str] = set()

    async def until(self, state: str) -> None:
        while True:
            told = await self._socket.receive_json(timeout=20)
            if told["event"] == "caption" and told["is_final"]:
                self.texts.add(told["text"])
            if told["event"] == "room" and told["state"] == state:
                return


async def test_a_session_is_created_started_stopped_and_ended() -> None:
    admin = {"X-API-Key": ADMIN_KEY}
    async with line(engine=ScriptedEngine(0.1, translations={("en", "es"): [BIENVENIDOS]})) as whole:
        status, session = await post(whole, "/api/createSession", LECTURE, **admin)
        assert status == 200, session
        code = {"sessionId": session["sessionId"]}
        speaker = {"Authorization": "Bearer " + session["speakerUrl"].partition("#ticket=")[2]}
        assert session["listenerUrl"] == f"{whole.base_url}/listener/{session['sessionId']}"
        _, listener = await post(whole, f"/api/join/{session['sessionId']}", {"purpose": "captions"})
        room = f"/api/rooms/{listener['room_id']}"
        message = {"text": WELCOME, "language": "en-US"}
        guest = {"purpose": "speak", "display_name": "Chen", "speaks": "en-US"}
        assert (await post(whole, f"/api/join/{session['sessionId']}", guest))[0] == 403
        assert (await post(whole, "/api/startTranslation", code))[0] == 401
        assert (await post(whole, "/api/startTranslation", {"sessionId": "abc"}, **admin))[0] == 400

        url = f"{whole.base_url}/ws/captions/{listener['room_id']}?ticket={listener['ticket']}"
        async with whole.http.ws_connect(url) as socket:
            audience = Audience(socket)
            hello = await socket.receive_json(timeout=10)
            assert hello["room_state"] == "created"
            assert await post(whole, "/api/startTranslation", code, **speaker) == (200, {"status": "active"})
            await audience.until("active")
            assert (await post(whole, f"{room}/messages", message, **admin))[0] == 202
            assert await post(whole, "/api/stopTranslation", code, **speaker) == (200, {"status": "paused"})
            await audience.until("paused")
            assert (await post(whole, f"{room}/messages", message, **admin))[0] == 409
            assert await post(whole, "/api/startTranslation", code, **admin) == (200, {"status": "active"})
            await audience.until("active")
            assert (await post(whole, f"{room}/messages", message, **admin))[0] == 202
            await whole.until(lambda: whole.api("GET", f"{room}/transcript"), lambda now: len(now["passages"]) == 2)
            assert await post(whole, "/api/endSession", code, **speaker) == (200, {"status": "ended"})
            assert await post(whole, "/api/endSession", code, **speaker) == (200, {"status": "ended"})
            await audience.until("ended")
            await socket.receive(timeout=10)
            assert socket.close_code == 4002
            assert audience.texts == {WELCOME, BIENVENIDOS}

        assert (await post(whole, "/api/startTranslation", code, **speaker))[0] == 409
        assert (await post(whole, f"/api/join/{session['sessionId']}", {"purpose": "captions"}))[0] == 404
        kept = await whole.api("GET", f"{room}/transcript")
        assert {one["text"] for one in kept["items"]} == {WELCOME, BIENVENIDOS}, "the history is kept"
