"""The doors Event Grid and Call Automation knock at: proof first, then size, then shape, then a fast 200.

Work is done elsewhere and afterwards: a handler only enqueues. Errors leave as `ServiceError`; whoever serves
the router turns them into answers.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from http_serving.errors import ServiceError, TooManyRequests, Unauthorized
from http_serving.rate_limiter import CountRequest
from http_serving.request_body import BODY_TIMEOUT_S, read_body
from webhooks.deduplication import RecentIds, SequenceGate
from webhooks.errors import MalformedEvent, UnknownCall
from webhooks.events import (
    CallEvent,
    CallReport,
    EventBatch,
    EventGridEvent,
    Ignored,
    ParticipantsUpdated,
    SubscriptionValidation,
    read_callbacks,
    read_event_grid,
)

logger = logging.getLogger(__name__)

EVENT_GRID_BODY_LIMIT = 1024 * 1024  # bytes; Event Grid's own limit for an event and for a batch
CALLBACK_BODY_LIMIT = 256 * 1024  # bytes; a roster of 350 participants has some 90 KiB
HIGHEST_RATE = 1000  # requests per minute we let a CloudEvents sender ask for
EVENTS_PER_TURN = 25  # of one batch, about 1 ms, before the rest of the loop gets its turn: audio frames wait

Verify = Callable[[str | None], Awaitable[object]]
"""Takes an Authorization header, raises if it proves nothing."""


@dataclass(frozen=True, slots=True)
class WebhookLimits:
    """How often who may knock. Proof comes first: nobody can use up what another is allowed."""

    unauthenticated: CountRequest
    """By address: refused for want of proof, or of a call."""
    deliveries: CountRequest
    """Of Event Grid, all together."""
    callbacks: CountRequest
    """By call secret."""


class WebhookHandler(Protocol):
    """Who wants the events. The two `deliver` methods see to it that the event is not lost, and only enqueue.

    One that cannot raises `Overloaded`: the event then counts as not delivered, and the sender, told so,
    brings it again.
    """

    async def deliver(self, event: CallReport) -> None:
        """A call of the resource started, ended, gained or lost somebody."""

    async def knows_call(self, call_secret: str) -> bool:
        """Whether a call of ours was given this secret."""

    async def deliver_call_event(self, call_secret: str, event: CallEvent) -> None:
        """Something happened on our connection to the call with this secret."""


@dataclass(slots=True)
class WebhookCounts:
    """Events since the start, by what became of them."""

    delivered: int = 0
    ignored: int = 0
    """well-formed, of a type nobody asked for"""
    repeated: int = 0
    stale: int = 0
    """rosters older than one already delivered"""
    malformed: int = 0


Event = TypeVar("Event")


def router(
    handler: WebhookHandler,
    verify_callback: Verify,
    *,
    event_grid_secret: str | None = None,
    verify_event_grid: Verify | None = None,
    limits: WebhookLimits | None = None,
    counts: WebhookCounts | None = None,
    body_timeout_s: float = BODY_TIMEOUT_S,
) -> APIRouter:
    """The routes `/webhooks/eventgrid` and `/webhooks/calls/{call_secret}`.

    Args:
        verify_callback: judges the Authorization header of callbacks.
        event_grid_secret: what Event Grid sends as X-Webhook-Secret.
        verify_event_grid: judges Event Grid's Authorization header. With both, either is proof enough.
        limits: how often who may; None: as often as they like.

    Raises:
        ValueError: neither a secret nor a verifier for Event Grid, which would let in everybody.
    """
    if not event_grid_secret and verify_event_grid is None:
        raise ValueError("Event Grid needs a secret or a verifier")
    door = _EventGridDoor(event_grid_secret, verify_event_grid)
    counts = counts if counts is not None else WebhookCounts()
    reports_seen, callbacks_seen, rosters = RecentIds(), RecentIds(), SequenceGate()
    routes = APIRouter(tags=["webhooks"])

    def refused(request: Request, error: ServiceError) -> None:
        """Count who is refused; one who goes on is told to slow down rather than why."""
        if limits is not None and (wait := limits.unauthenticated(request.client.host if request.client else "")):
            raise TooManyRequests.after(wait) from error

    @routes.options("/webhooks/eventgrid", summary="CloudEvents handshake")
    async def allow_event_grid(request: Request) -> Response:
        try:
            return await door.allow(request)
        except Unauthorized as error:
            refused(request, error)
            raise

    @routes.post("/webhooks/eventgrid", summary="Events of Event Grid, in either schema")
    async def event_grid(request: Request) -> Response:
        try:
            await door.check(request)
        except Unauthorized as error:
            refused(request, error)
            raise
        if limits is not None and (wait := limits.deliveries("event grid")):
            raise TooManyRequests.after(wait)
        events = read_event_grid(await read_body(request, EVENT_GRID_BODY_LIMIT, body_timeout_s))
        validations: list[SubscriptionValidation] = []

        async def take(event: EventGridEvent) -> None:
            match event:
                case SubscriptionValidation():
                    validations.append(event)
                case Ignored():
                    counts.ignored += 1
                case _ if event.event_id in reports_seen:
                    counts.repeated += 1
                case _:
                    await handler.deliver(event)
                    reports_seen.remember(event.event_id)
                    counts.delivered += 1

        await _hand_over(events, take, "event grid", counts)
        if validations:
            logger.info("event grid subscription confirmed")
            return JSONResponse({"validationResponse": validations[-1].code})
        return Response(status_code=200)

    @routes.post("/webhooks/calls/{call_secret}", summary="Callbacks of Call Automation")
    async def callbacks(call_secret: str, request: Request) -> Response:
        # The token first: a stranger without one must not learn which secrets exist.
        try:
            await verify_callback(request.headers.get("authorization"))
            if not await handler.knows_call(call_secret):
                raise UnknownCall("no call has this address")
        except (Unauthorized, UnknownCall) as error:
            refused(request, error)
            raise
        if limits is not None and (wait := limits.callbacks(call_secret)):
            raise TooManyRequests.after(wait)
        events = read_callbacks(await read_body(request, CALLBACK_BODY_LIMIT, body_timeout_s))

        async def take(event: CallEvent) -> None:
            if event.event_id in callbacks_seen:
                counts.repeated += 1
                return
            if isinstance(event, ParticipantsUpdated):
                if rosters.is_stale(event.call_connection_id, event.sequence_number):
                    counts.stale += 1
                    return
                await handler.deliver_call_event(call_secret, event)
                rosters.passed(event.call_connection_id, event.sequence_number)
            else:
                await handler.deliver_call_event(call_secret, event)
            callbacks_seen.remember(event.event_id)
            counts.delivered += 1

        await _hand_over(events, take, "call automation", counts)
        return Response(status_code=200)

    return routes


class _EventGridDoor:
    """Who may post events to us, by secret or by token."""

    def __init__(self, secret: str | None, verify: Verify | None) -> None:
        self._secret = secret.encode() if secret else None
        self._verify = verify

    async def check(self, request: Request) -> None:
        given = request.headers.get("x-webhook-secret")
        if given is not None and self._secret is not None:
            # Headers are decoded as Latin-1; the bytes that were sent are compared, in constant time.
            if hmac.compare_digest(given.encode("latin-1"), self._secret):
                return
            raise Unauthorized("the webhook secret is wrong")
        if self._verify is None:
            raise Unauthorized("X-Webhook-Secret is missing")
        await self._verify(request.headers.get("authorization"))

    async def allow(self, request: Request) -> Response:
        """Agree to be sent events by the origin that asks; says nothing else and changes nothing.

        Custom headers are documented for deliveries, not for this request: one without proof is answered, or
        a subscription could never be made; one with a wrong proof is turned away, so that it shows early.
        """
        if {"x-webhook-secret", "authorization"} & set(request.headers):
            await self.check(request)
        origin = request.headers.get("webhook-request-origin")
        if not origin:
            raise MalformedEvent("WebHook-Request-Origin is missing")
        headers = {"WebHook-Allowed-Origin": origin}
        rate = request.headers.get("webhook-request-rate", "")
        if rate.isascii() and rate.isdigit() and 0 < len(rate) < 10:
            headers["WebHook-Allowed-Rate"] = str(min(int(rate), HIGHEST_RATE))
        return Response(status_code=200, headers=headers)


async def _hand_over(
    events: EventBatch[Event], take: Callable[[Event], Awaitable[None]], source: str, counts: WebhookCounts
) -> None:
    """Hand each readable event of a request over, in order.

    One malformed event of a batch is logged and counted, and the request accepted for the sake of the others:
    refusing it would delay their redelivery by five minutes and never make the bad one good.

    Raises:
        MalformedEvent: not one event could be read.
    """
    malformed: list[MalformedEvent] = []
    read = 0
    for number, event in enumerate(events, start=1):
        if isinstance(event, MalformedEvent):
            malformed.append(event)
        else:
            await take(event)
            read += 1
        if number % EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)
    if not malformed:
        return
    counts.malformed += len(malformed)
    logger.warning(
        "malformed events",
        extra={
            "source": source,
            "malformed": len(malformed),
            "readable": read,
            "reason": malformed[0].message,
        },
    )
    if read == 0:
        raise malformed[0]
