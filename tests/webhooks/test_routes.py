"""The webhook doors: handshakes, proof, size, repeats, order, and what is handed on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from http_serving.errors import ServiceError
from tests.support.webhook_handler import Handler, verify
from tests.support.webhook_serving import application, asgi_scope, client
from webhooks.events import (
    CallConnected,
    CallEnded,
    CallStarted,
    OtherCallEvent,
    ParticipantsUpdated,
)
from webhooks.routes import (
    CALLBACK_BODY_LIMIT,
    EVENT_GRID_BODY_LIMIT,
    EVENTS_PER_TURN,
    Verify,
    WebhookCounts,
    router,
)

WIRE = Path(__file__).parents[1] / "wire"
GRID = "/webhooks/eventgrid"
CALL = "/webhooks/calls/call-secret"


def wire(name: str) -> bytes:
    return (WIRE / f"{name}.json").read_bytes()


class Service:
    def __init__(self, *, secret: str | None = "s3cret", verify_event_grid: Verify | None = None) -> None:
        self.handler = Handler()
        self.counts = WebhookCounts()
        routes = router(
            self.handler,
            verify,
            event_grid_secret=secret,
            verify_event_grid=verify_event_grid,
            counts=self.counts,
            body_timeout_s=0.05,
        )
        self.app = application(routes, ServiceError)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    """A client with every proof there is."""
    async with client(service.app, x_webhook_secret="s3cret", authorization="Bearer good") as http:
        yield http


def error(answer: httpx2.Response) -> Any:
    body = answer.json()
    assert set(body) == {"error"}
    return body["error"]


# --- handshakes ----------------------------------------------------------------------------------


async def test_event_grid_schema_handshake(service: Service, http: httpx2.AsyncClient) -> None:
    answer = await http.post(
        GRID,
        content=wire("eventgrid_subscription_validation"),
        headers={"aeg-event-type": "SubscriptionValidation"},
    )
    assert answer.status_code == 200
    assert answer.json() == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}
    assert service.handler.reports == []


async def test_the_validation_request_needs_the_secret_too(service: Service) -> None:
    async with client(service.app) as stranger:
        answer = await stranger.post(GRID, content=wire("eventgrid_subscription_validation"))
    assert answer.status_code == 401
    assert "512d38b6" not in answer.text


@pytest.mark.parametrize(
    ("asked", "allowed"), [(None, None), ("120", "120"), ("999999", "1000"), ("many", None), ("²", None)]
)
async def test_cloud_events_handshake(service: Service, asked: str | None, allowed: str | None) -> None:
    headers = {b"WebHook-Request-Origin": b"eventgrid.azure.net"}
    if asked is not None:
        headers[b"WebHook-Request-Rate"] = asked.encode("latin-1")
    for proof in ({}, {b"X-Webhook-Secret": b"s3cret"}):
        async with client(service.app) as http:
            answer = await http.options(GRID, headers=headers | proof)
        assert answer.status_code == 200
        assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
        assert answer.headers.get("WebHook-Allowed-Rate") == allowed


async def test_a_handshake_with_a_wrong_secret_or_without_origin(service: Service) -> None:
    async with client(service.app) as http:
        wrong = await http.options(
            GRID, headers={"WebHook-Request-Origin": "eventgrid.azure.net", "X-Webhook-Secret": "wrong"}
        )
        without = await http.options(GRID)
    assert (wrong.status_code, error(wrong)["code"]) == (401, "unauthorized")
    assert "WebHook-Allowed-Origin" not in wrong.headers
    assert (without.status_code, error(without)["code"]) == (400, "invalid_request")


# --- Event Grid ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["eventgrid_call_started", "eventgrid_cloudevent_call_started"])
async def test_both_schemas_are_handed_on(service: Service, http: httpx2.AsyncClient, name: str) -> None:
    answer = await http.post(GRID, content=wire(name))
    assert (answer.status_code, answer.content) == (200, b"")
    (event,) = service.handler.reports
    assert isinstance(event, CallStarted)
    assert event.room_id == "99117812428622880"
    assert service.counts == WebhookCounts(delivered=1)


async def test_a_batch_is_handed_on_in_order(service: Service, http: httpx2.AsyncClient) -> None:
    assert (await http.post(GRID, content=wire("eventgrid_cloudevent_batch"))).status_code == 200
    assert [type(event) for event in service.handler.reports] == [CallStarted, CallEnded]


async def test_a_repeated_event_is_handed_on_once(service: Service, http: httpx2.AsyncClient) -> None:
    for _ in range(3):
        assert (await http.post(GRID, content=wire("eventgrid_call_started"))).status_code == 200
    assert len(service.handler.reports) == 1
    assert service.counts == WebhookCounts(delivered=1, repeated=2)


async def test_an_end_before_the_start_is_handed_on_as_it_came(service: Service, http: httpx2.AsyncClient) -> None:
    """Event Grid promises no order; what an early end means is for the handler to say."""
    await http.post(GRID, content=wire("eventgrid_call_ended"))
    await http.post(GRID, content=wire("eventgrid_call_started"))
    assert [type(event) for event in service.handler.reports] == [CallEnded, CallStarted]


async def test_other_types_are_accepted_and_dropped(service: Service, http: httpx2.AsyncClient) -> None:
    assert (await http.post(GRID, content=wire("eventgrid_recording_file"))).status_code == 200
    assert service.handler.reports == []
    assert service.counts == WebhookCounts(ignored=1)


async def test_a_large_batch_lets_the_loop_go_on(service: Service, http: httpx2.AsyncClient) -> None:
    """Audio frames of other calls must not wait for 1,000 events to be read."""
    (event,) = json.loads(wire("eventgrid_call_started"))
    body = json.dumps([event | {"id": str(n)} for n in range(1_000)]).encode()
    turns = 0

    async def beat() -> None:
        nonlocal turns
        while len(service.handler.reports) < 1_000:
            turns += 1
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(beat())
        answer = await http.post(GRID, content=body)
    assert answer.status_code == 200
    assert len(service.handler.reports) == 1_000
    assert turns > 1_000 / EVENTS_PER_TURN - 5


async def test_an_event_there_is_no_room_for_is_asked_for_again(service: Service, http: httpx2.AsyncClient) -> None:
    """Nothing counts as seen before it was handed on, or the second try would be thrown away as a repeat."""
    service.handler.room_for = 1
    answer = await http.post(GRID, content=wire("eventgrid_cloudevent_batch"))
    assert answer.status_code == 503
    assert error(answer) == {"code": "overloaded", "message": "too much to do", "retry_after_ms": 500}
    service.handler.room_for = 9
    assert (await http.post(GRID, content=wire("eventgrid_cloudevent_batch"))).status_code == 200
    assert [type(event) for event in service.handler.reports] == [CallStarted, CallEnded]


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Webhook-Secret": ""}, {"X-Webhook-Secret": "S3cret"}, {"Authorization": "Bearer good"}],
)
async def test_a_stranger_without_the_secret(service: Service, headers: dict[str, str]) -> None:
    async with client(service.app) as stranger:
        for body in (wire("eventgrid_call_started"), b"{"):
            answer = await stranger.post(GRID, content=body, headers=headers)
            assert answer.status_code == 401
            assert error(answer)["code"] == "unauthorized"
    assert service.handler.reports == []


async def test_a_secret_may_have_any_letters() -> None:
    service = Service(secret="ſécret")
    async with client(service.app) as http:
        good = await http.post(
            GRID, content=wire("eventgrid_call_started"), headers={b"X-Webhook-Secret": "ſécret".encode()}
        )
        bad = await http.post(
            GRID, content=wire("eventgrid_call_started"), headers={b"X-Webhook-Secret": "ſécreſ".encode()}
        )
    assert (good.status_code, bad.status_code) == (200, 401)


@pytest.mark.parametrize("secret", [None, "s3cret"])
async def test_a_token_is_proof_where_a_verifier_is_given(secret: str | None) -> None:
    service = Service(secret=secret, verify_event_grid=verify)
    async with client(service.app) as http:
        good = await http.post(GRID, content=wire("eventgrid_call_started"), headers={"Authorization": "Bearer good"})
        bad = await http.post(GRID, content=wire("eventgrid_call_ended"), headers={"Authorization": "Bearer bad"})
        allowed = await http.options(
            GRID, headers={"Authorization": "Bearer good", "WebHook-Request-Origin": "eventgrid.azure.net"}
        )
    assert (good.status_code, bad.status_code, allowed.status_code) == (200, 401, 200)
    assert error(bad)["details"] == [{"reason": "signature"}]
    assert len(service.handler.reports) == 1


async def test_a_wrong_secret_is_not_healed_by_a_token() -> None:
    service = Service(verify_event_grid=verify)
    async with client(service.app, authorization="Bearer good", x_webhook_secret="wrong") as http:
        assert (await http.post(GRID, content=wire("eventgrid_call_started"))).status_code == 401


def test_event_grid_without_any_proof_is_not_served() -> None:
    with pytest.raises(ValueError, match="needs a secret or a verifier"):
        router(Handler(), verify, event_grid_secret="")


# --- callbacks -----------------------------------------------------------------------------------


async def test_callbacks_are_handed_on_in_order_with_their_secret(service: Service, http: httpx2.AsyncClient) -> None:
    answer = await http.post(CALL, content=wire("callback_connected_and_participants"))
    assert (answer.status_code, answer.content) == (200, b"")
    assert [(secret, type(event)) for secret, event in service.handler.events] == [
        ("call-secret", CallConnected),
        ("call-secret", ParticipantsUpdated),
    ]


@pytest.mark.parametrize("header", [None, "", "Bearer bad"])
async def test_a_callback_without_a_good_token(service: Service, header: str | None) -> None:
    """Whether the secret is known or not: a stranger cannot try secrets out."""
    headers = {} if header is None else {"Authorization": header}
    async with client(service.app, **headers) as stranger:
        for path in (CALL, "/webhooks/calls/guessed"):
            answer = await stranger.post(path, content=wire("callback_call_connected"))
            assert answer.status_code == 401
            assert error(answer)["details"] == [{"reason": "signature" if header else "missing"}]
    assert service.handler.events == []


async def test_a_callback_for_an_unknown_call(service: Service, http: httpx2.AsyncClient) -> None:
    answer = await http.post("/webhooks/calls/guessed", content=wire("callback_call_connected"))
    assert (answer.status_code, error(answer)["code"]) == (404, "not_found")
    assert service.handler.events == []


async def test_a_repeated_callback_is_handed_on_once(service: Service, http: httpx2.AsyncClient) -> None:
    for _ in range(2):
        assert (await http.post(CALL, content=wire("callback_media_streaming_started"))).status_code == 200
    assert [type(event) for _, event in service.handler.events] == [OtherCallEvent]
    assert service.counts == WebhookCounts(delivered=1, repeated=1)


async def test_an_event_of_another_connection_is_refused(service: Service, http: httpx2.AsyncClient) -> None:
    service.handler.foreign = True
    answer = await http.post(CALL, content=wire("callback_call_disconnected"))
    assert (answer.status_code, error(answer)["code"]) == (400, "invalid_request")
    assert error(answer)["message"] == "callConnectionId is not that of the call"
    assert service.counts == WebhookCounts(foreign=1)
    service.handler.foreign = False
    assert (await http.post(CALL, content=wire("callback_call_disconnected"))).status_code == 200
    assert service.counts == WebhookCounts(foreign=1, delivered=1)


async def test_a_roster_older_than_the_last_is_dropped(service: Service, http: httpx2.AsyncClient) -> None:
    await http.post(CALL, content=wire("callback_participants_updated_phone_on_hold"))
    answer = await http.post(CALL, content=wire("callback_connected_and_participants"))
    assert answer.status_code == 200
    handed_on = [event for _, event in service.handler.events]
    assert [type(event) for event in handed_on] == [ParticipantsUpdated, CallConnected]
    assert isinstance(handed_on[0], ParticipantsUpdated)
    assert handed_on[0].sequence_number == 9
    assert service.counts == WebhookCounts(delivered=2, stale=1)


async def test_a_roster_there_was_no_room_for_is_not_stale_afterwards(
    service: Service, http: httpx2.AsyncClient
) -> None:
    service.handler.room_for = 0
    body = wire("callback_participants_updated_phone_on_hold")
    assert (await http.post(CALL, content=body)).status_code == 503
    service.handler.room_for = 1
    assert (await http.post(CALL, content=body)).status_code == 200
    assert len(service.handler.events) == 1


# --- malformed, oversized, slow --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [path.stem for path in sorted(WIRE.glob("*_malformed_*.json")) if not path.stem.startswith("media_")],
)
async def test_malformed_bodies(service: Service, http: httpx2.AsyncClient, name: str) -> None:
    """Refused with a reason, unless another event of the same body can be read."""
    answer = await http.post(GRID if name.startswith("eventgrid") else CALL, content=wire(name))
    if name.endswith("one_of_two"):
        assert answer.status_code == 200
        assert service.counts == WebhookCounts(delivered=1, malformed=1)
        return
    assert answer.status_code == 400
    assert error(answer)["code"] == "invalid_request"
    assert error(answer)["message"]
    assert (service.handler.reports, service.handler.events) == ([], [])


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize(("path", "limit"), [(GRID, EVENT_GRID_BODY_LIMIT), (CALL, CALLBACK_BODY_LIMIT)])
async def test_a_body_at_its_limit_and_beyond(http: httpx2.AsyncClient, path: str, limit: int) -> None:
    """Whether it says its size beforehand or creeps past the limit."""
    at_the_limit = await http.post(path, content=b" " * limit)
    assert at_the_limit.status_code == 400  # read, and found to be no JSON
    for answer in (
        await http.post(path, content=b" " * (limit + 1)),
        await http.post(path, content=chunks(b" " * limit, b" ")),
        await http.post(path, content=b" ", headers={"Content-Length": "9" * 30}),
    ):
        assert (answer.status_code, error(answer)["code"]) == (413, "payload_too_large")


PROOF = [(b"x-webhook-secret", b"s3cret"), (b"authorization", b"Bearer good")]


@pytest.mark.parametrize("path", [GRID, CALL])
async def test_a_body_that_never_comes(service: Service, path: str) -> None:
    sent: list[Any] = []
    never = asyncio.Event()

    async def receive() -> Any:
        await never.wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await service.app(asgi_scope("POST", path, PROOF), receive, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("path", [GRID, CALL])
async def test_a_body_that_is_cut_off(service: Service, path: str) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await service.app(asgi_scope("POST", path, PROOF), receive, send)
    assert sent[0]["status"] == 400
