"""Webhook routes for Event Grid and Call Automation: authenticate, read and parse events, respond with 200 quickly.

Events are processed elsewhere and later: a handler only enqueues them. Routes raise `ServiceError`; the application
turns it into a response.
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

from http_serving.callers import caller_network
from http_serving.connection_limit import prove
from http_serving.errors import ServiceError, TooManyRequests, Unauthorized
from http_serving.rate_limiter import CountRequest
from http_serving.request_body import BODY_TIMEOUT_S, read_body
from webhooks.deduplication import RecentIds, SequenceGate
from webhooks.errors import ForeignEvent, MalformedEvent, UnknownCall
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

EVENT_GRID_BODY_LIMIT = 1024 * 1024
"""Bytes: the limit of Event Grid for an event and for a batch."""
CALLBACK_BODY_LIMIT = 256 * 1024
"""Bytes. A roster of 350 participants has some 90 KiB."""
HIGHEST_RATE = 1000
"""Requests per minute that a CloudEvents sender may be allowed."""
EVENTS_PER_TURN = 25
"""Events of a batch, about 1 ms, between two yields to the event loop, so that audio frames are not delayed."""

Verify = Callable[[str | None], Awaitable[object]]
"""Verifies an Authorization header; raises `Unauthorized` if it is not valid."""


@dataclass(frozen=True, slots=True)
class WebhookLimits:
    """Rate limits. They apply after authentication, so that nobody can use up the rate of another sender."""

    unauthenticated: CountRequest
    """Rejected requests, by network: not authenticated, or for an unknown call."""
    deliveries: CountRequest
    """All deliveries of Event Grid together."""
    callbacks: CountRequest
    """Callbacks of Call Automation, by call secret."""


class WebhookHandler(Protocol):
    """Receives events. The two `deliver` methods only enqueue, and are responsible for not losing the event.

    They raise `Overloaded` if they cannot take it: the event then counts as not delivered, and the sender retries.
    """

    async def deliver(self, event: CallReport) -> None:
        """Take a report that a call of the resource started, ended, or gained or lost a participant."""

    async def knows_call(self, call_secret: str) -> bool:
        """Return whether this secret belongs to a call of this service."""

    async def deliver_call_event(self, call_secret: str, event: CallEvent) -> None:
        """Take an event of the call connection with this secret; `ForeignEvent` if it is of another connection."""


@dataclass(slots=True)
class WebhookCounts:
    """Numbers of events since the start, by outcome."""

    delivered: int = 0
    ignored: int = 0
    """Well-formed, but of a type that is not used."""
    repeated: int = 0
    stale: int = 0
    """Rosters older than one already delivered."""
    malformed: int = 0
    foreign: int = 0
    """Of another connection than that of the call they were sent to."""


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
    """Return the routes `/webhooks/eventgrid` and `/webhooks/calls/{call_secret}`.

    Args:
        verify_callback: verifies the Authorization header of callbacks.
        event_grid_secret: value that Event Grid sends as X-Webhook-Secret.
        verify_event_grid: verifies the Authorization header of Event Grid. If both are given, either is sufficient.
        limits: rate limits; None for no limits.

    Raises:
        ValueError: neither a secret nor a verifier for Event Grid is given: anybody could send events.
    """
    if not event_grid_secret and verify_event_grid is None:
        raise ValueError("Event Grid needs a secret or a verifier")
    authentication = _EventGridAuthentication(event_grid_secret, verify_event_grid)
    counts = counts if counts is not None else WebhookCounts()
    reports_seen, callbacks_seen, rosters = RecentIds(), RecentIds(), SequenceGate()
    routes = APIRouter(tags=["webhooks"])

    def refused(request: Request, error: ServiceError) -> None:
        """Count a rejected request; above the rate, respond with 429 instead of the reason."""
        if limits is not None and (wait := limits.unauthenticated(caller_network(request.scope))):
            raise TooManyRequests.after(wait) from error

    @routes.options("/webhooks/eventgrid", summary="CloudEvents handshake")
    async def allow_event_grid(request: Request) -> Response:
        try:
            return await authentication.allow(request)
        except Unauthorized as error:
            refused(request, error)
            raise

    @routes.post("/webhooks/eventgrid", summary="Receive events of Event Grid, in either schema")
    async def event_grid(request: Request) -> Response:
        try:
            await authentication.check(request)
        except Unauthorized as error:
            refused(request, error)
            raise
        if limits is not None and (wait := limits.deliveries("event grid")):
            raise TooManyRequests.after(wait)
        prove(request.scope, "platform")
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

    @routes.post("/webhooks/calls/{call_secret}", summary="Receive callbacks of Call Automation")
    async def callbacks(call_secret: str, request: Request) -> Response:
        # The token first: without a valid one, nobody may learn which secrets exist.
        try:
            await verify_callback(request.headers.get("authorization"))
            if not await handler.knows_call(call_secret):
                raise UnknownCall("no call has this address")
        except (Unauthorized, UnknownCall) as error:
            refused(request, error)
            raise
        if limits is not None and (wait := limits.callbacks(call_secret)):
            raise TooManyRequests.after(wait)
        prove(request.scope, "platform")
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


class _EventGridAuthentication:
    """Authenticates Event Grid, by secret or by token."""

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
        """Respond to the CloudEvents handshake; changes no state.

        Custom headers are documented for deliveries, not for this request. A request without credentials is accepted,
        or no subscription could be created; one with invalid credentials is rejected, so that the mistake shows early.
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

    An event of a batch that cannot be taken is logged and counted, and the request is accepted because of the other
    events: rejecting it would delay their redelivery by five minutes.

    Raises:
        MalformedEvent: no event could be read.
        ForeignEvent: no event is of this call.
    """
    refused: list[MalformedEvent | ForeignEvent] = []
    read = 0
    for number, event in enumerate(events, start=1):
        if isinstance(event, MalformedEvent):
            counts.malformed += 1
            refused.append(event)
        else:
            try:
                await take(event)
                read += 1
            except ForeignEvent as error:
                counts.foreign += 1
                refused.append(error)
        if number % EVENTS_PER_TURN == 0:
            await asyncio.sleep(0)
    if not refused:
        return
    logger.warning(
        "events refused",
        extra={"source": source, "refused": len(refused), "taken": read, "reason": refused[0].message},
    )
    if read == 0:
        raise refused[0]
