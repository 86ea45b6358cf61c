"""Whoever subscribed is told of a meeting from its beginning to its end, over real sockets."""

from __future__ import annotations

import json

import pytest

from tests.support.integrator import Integrator
from tests.support.line import line


@pytest.mark.timeout(60)
async def test_a_meeting_is_told_from_its_beginning_to_its_end() -> None:
    integrator = Integrator()
    async with integrator.listening(), line(webhook_private_networks="127.0.0.1") as whole:
        room = await whole.room()
        events = ["room.live", "interpreter.joined", "interpreter.left", "room.ended"]
        await whole.api(
            "POST", "/api/subscriptions", {"url": integrator.url, "events": events, "room_id": room.room_id}
        )
        async with room.joined("Ana"):
            await room.until_status("interpreting")
        await room.until_status("stopped")

        async def told() -> dict[str, dict[str, object]]:
            documents = [json.loads(body) for _, body in integrator.received]
            return {document["type"]: document["data"] for document in documents}

        found = await whole.until(told, lambda found: len(found) == len(events))
        assert set(found) == set(events)
        assert {data["room_id"] for data in found.values()} == {room.room_id}
        assert found["room.ended"]["reason"] in ("everybody_left", "call_ended")
