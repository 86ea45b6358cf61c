"""A thousand deliveries, repeated and shuffled, come over HTTP while a meeting is held: it is not disturbed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from emulator.acs.calls.call_events import call_ended, call_started, participant_added, participant_removed
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.wire.grid_event import GridEvent
from emulator.client import Participant
from emulator.engine.scripted import read_markers
from tests.support.audio import quieter
from tests.support.line import GRID_SECRET, Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(120)]

WIRE = Path(__file__).parents[1] / "wire"
TOPIC = "/subscriptions/s/resourcegroups/r/providers/microsoft.communication/communicationservices/c"
GRID, CALLBACKS = 640, 360
AT_ONCE = 16


@dataclass(frozen=True)
class Delivery:
    path: str
    content_type: str
    body: str


def role(*_: object) -> str:
    return "Presenter"


def reports(call: RoomCall) -> list[GridEvent]:
    """All that Event Grid has to say of a call that is on."""
    people = [event(call, leg, role) for leg in call.legs for event in (participant_added, participant_removed)]
    return [call_started(call, "Presenter"), *people]


def grid_deliveries(chance: random.Random, events: list[GridEvent]) -> Iterator[Delivery]:
    """Each event in either schema, alone or with others, under its own id or, being another delivery, a new one."""
    for _ in range(GRID):
        batch = chance.choices(events, k=chance.choice((1, 1, 2, 5)))
        batch = [chance.choice((event, replace(event, id=str(uuid4())))) for event in batch]
        if chance.random() < 0.5:
            body: object = [event.in_grid_schema(TOPIC) for event in batch]
            yield Delivery("/webhooks/eventgrid", "application/json", json.dumps(body))
        else:
            cloud = [event.as_cloud_event(TOPIC) for event in batch]
            alone = len(cloud) == 1
            kind = "application/cloudevents+json" if alone else "application/cloudevents-batch+json"
            yield Delivery("/webhooks/eventgrid", f"{kind}; charset=utf-8", json.dumps(cloud[0] if alone else cloud))


def callbacks(chance: random.Random, path: str, connection: str, *names: str) -> Iterator[Delivery]:
    """Callbacks for one connection; rosters are older than any that was told, and empty."""
    for _ in range(CALLBACKS // 2):
        events = json.loads((WIRE / f"callback_{chance.choice(names)}.json").read_text())
        for event in events:
            event["id"] = chance.choice((event["id"], str(uuid4())))
            event["data"]["callConnectionId"] = connection
            if "sequenceNumber" in event["data"]:
                event["data"] |= {"sequenceNumber": 0, "participants": []}
        yield Delivery(path, "application/cloudevents+json", json.dumps(events))


async def post(whole: Line, deliveries: Iterable[Delivery]) -> set[int]:
    """The statuses of the answers."""
    headers = {"X-Webhook-Secret": GRID_SECRET, "Authorization": f"Bearer {whole.media_token()}"}
    todo, statuses = iter(deliveries), set()

    async def some(http: aiohttp.ClientSession) -> None:
        for one in todo:
            url, sent = whole.base_url + one.path, headers | {"Content-Type": one.content_type}
            async with http.post(url, data=one.body, headers=sent) as response:
                statuses.add(response.status)

    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some(http))
    return statuses


async def an_earlier_call(whole: Line, room: Room) -> tuple[list[GridEvent], str, str]:
    """What Event Grid said of it, the secret of our connection to it, and its id."""
    async with room.joined("Ana"):
        state = await room.until_status("interpreting")
        (call,), (secret,) = whole.emulator.calls.active, whole.secrets()
        events = [*reports(call), call_ended(call, "Presenter")]
    await room.until_status("stopped")
    await whole.until_noted("call.closed")
    return events, secret, state["call_connection_id"]


def joins(whole: Line) -> int:
    """Connect requests so far."""
    return len(whole.emulator.journal.entries("http", path="/calling/callConnections:connect"))


async def hold(whole: Line, room: Room, ana: Participant, speech: bytes, deliveries: list[Delivery]) -> set[int]:
    """Ana speaks before, while and after all of it is delivered, never twice alike: that would sound like an echo."""
    await ana.speak(speech)
    await room.until_passages(1)
    async with asyncio.TaskGroup() as group:
        posting = group.create_task(post(whole, deliveries))
        await ana.speak(quieter(speech, 0.9))
    await room.until_passages(2)
    await ana.speak(quieter(speech, 0.8))
    await room.until_passages(3)
    return posting.result()


async def test_a_thousand_deliveries_do_not_disturb_a_meeting(english: bytes) -> None:
    chance = random.Random(20_261_120)
    async with line() as whole:
        room = await whole.room()
        earlier, old_secret, old_connection = await an_earlier_call(whole, room)
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            state = await room.until_status("interpreting")
            before = joins(whole)
            (call,), (secret,) = whole.emulator.calls.active, whole.secrets()
            connection = state["call_connection_id"]
            now = callbacks(
                chance, f"/webhooks/calls/{secret}", connection, "connected_and_participants", "play_completed"
            )
            old = callbacks(
                chance, f"/webhooks/calls/{old_secret}", old_connection, "call_disconnected", "call_connected"
            )
            deliveries = [*grid_deliveries(chance, [*reports(call), *earlier]), *now, *old]
            chance.shuffle(deliveries)
            assert len(deliveries) == 1_000
            assert await hold(whole, room, ana, english, deliveries) == {200}
            assert [bot.id for bot in call.bots] == [connection], "one interpreter, and the same"
            assert whole.emulator.calls.active == [call]
            assert joins(whole) == before
            assert whole.secrets() == [secret]
            passages = await room.until_passages(3)
        assert [(passage["state"], passage["reason"]) for passage in passages] == [("spoken", "")] * 3
        assert read_markers(bytes(luis.heard)) == [0, 1, 2]


async def test_the_end_of_a_call_that_comes_before_its_start_keeps_us_out_of_it_alone() -> None:
    async with line() as whole:
        room = await whole.room()
        earlier, _, _ = await an_earlier_call(whole, room)
        before = joins(whole)
        old = [replace(event, id=str(uuid4()), data=event.data | {"serverCallId": "never seen"}) for event in earlier]
        backwards = [json.dumps([event.in_grid_schema(TOPIC)]) for event in reversed(old)]
        for body in backwards:
            assert await post(whole, [Delivery("/webhooks/eventgrid", "application/json", body)]) == {200}
        async with room.joined("Luis"):
            await room.until_status("interpreting")
            assert joins(whole) == before + 1
