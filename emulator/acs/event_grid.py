"""Event Grid: subscriptions with their handshake, at-least-once delivery with its retry table."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
import orjson

from emulator.acs.grid_events import GridEvent
from emulator.chance import uniform, uuid4
from emulator.clock import monotonic, utc_now
from emulator.journal import Journal

Schema = Literal["EventGridSchema", "CloudEventSchemaV1_0"]
ORIGIN = "eventgrid.azure.net"
# Documented: how long an endpoint has to answer, the waits between tries, how many tries, how long at all.
_PATIENCE_S = 30.0
_WAITS_S = (10, 30, 60, 300, 600, 1800, 3600)
_TRIES = 30
_LIFETIME_S = 1440 * 60
# Documented: the least to wait after these statuses; anything else waits 10 s at least.
_LEAST_WAIT_S = {400: 300, 401: 300, 403: 300, 404: 300, 408: 120, 413: 10, 503: 30}
# How long an endpoint that did not return the code may take to visit the validation address instead.
_VISIT_S = 10.0
# Far more than any test makes; the oldest goes, and is journaled.
_WAITING = 10_000


class HandshakeFailed(Exception):
    """An endpoint did not prove that it wants these events."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where events go, and in which form."""

    name: str
    endpoint: str
    schema: Schema
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As `GET` shows it; header values may be secrets and stay out."""
        return {"name": self.name, "endpoint": self.endpoint, "schema": self.schema, "headers": list(self.headers)}


def wait_after(status: int, tries: int) -> float:
    """Seconds from failed try number `tries` (from 1) to the next, before the random offset."""
    return max(_WAITS_S[min(tries, len(_WAITS_S)) - 1], _LEAST_WAIT_S.get(status, 10))


class _Delivery:
    """The events of one subscription on their way."""

    def __init__(self, grid: EventGrid, subscription: Subscription) -> None:
        self.subscription = subscription
        self._grid = grid
        self._order = 0
        # (due, order, tries so far, first tried at, event); a heap, so that a failing event delays no other.
        self._waiting: list[tuple[float, int, int, float, GridEvent]] = []
        self._changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def put(self, event: GridEvent) -> None:
        now = monotonic()
        self._push(now, 0, now, event)

    async def run(self) -> None:
        while True:
            self._changed.clear()
            if not self._waiting:
                await self._changed.wait()
                continue
            wait = self._waiting[0][0] - monotonic()
            if wait > 0:
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                continue
            _, _, tries, since, event = heapq.heappop(self._waiting)
            await self._try(event, tries, since)

    async def _try(self, event: GridEvent, tries: int, since: float) -> None:
        status = await self._grid.send(self.subscription, event, tries)
        if 200 <= status <= 204:
            return
        wait = wait_after(status, tries + 1) * uniform(1, 1.1) / self._grid.speed_up
        due = monotonic() + wait
        if tries + 1 >= _TRIES or due - since > _LIFETIME_S / self._grid.speed_up:
            self._grid.note("eventgrid.given_up", self.subscription, event)
            return
        self._push(due, tries + 1, since, event)

    def _push(self, due: float, tries: int, since: float, event: GridEvent) -> None:
        self._order += 1
        if len(self._waiting) >= _WAITING:
            oldest = min(self._waiting, key=lambda entry: entry[1])
            self._waiting.remove(oldest)
            heapq.heapify(self._waiting)
            self._grid.note("eventgrid.dropped", self.subscription, oldest[4])
        heapq.heappush(self._waiting, (due, self._order, tries, since, event))
        self._changed.set()


class EventGrid:
    """The resource's event subscriptions."""

    def __init__(
        self,
        *,
        topic: str,
        session: aiohttp.ClientSession,
        journal: Journal,
        tasks: asyncio.TaskGroup,
        speed_up: float = 1.0,
    ) -> None:
        """Args: speed_up: divides every wait of the retry table."""
        self.speed_up = speed_up
        self._topic = topic
        self._session = session
        self._journal = journal
        self._tasks = tasks
        self._deliveries: dict[str, _Delivery] = {}
        self._visits: dict[str, asyncio.Event] = {}

    def publish(self, event: GridEvent) -> None:
        """Deliver an event to every subscription."""
        self._journal.note("eventgrid.event", type=event.kind, id=event.id)
        for delivery in self._deliveries.values():
            delivery.put(event)

    def subscriptions(self) -> list[Subscription]:
        """All of them."""
        return [delivery.subscription for delivery in self._deliveries.values()]

    async def subscribe(self, subscription: Subscription, visit_url: str) -> None:
        """Shake hands, then deliver from now on; a subscription of the same name is replaced.

        Args:
            visit_url: prefix of the address an endpoint may visit instead of answering with the code.

        Raises:
            HandshakeFailed: the endpoint did not answer as it must; the message says how.
        """
        try:
            async with asyncio.timeout(_PATIENCE_S):
                if subscription.schema == "EventGridSchema":
                    await self._return_code(subscription, visit_url)
                else:
                    await self._ask_permission(subscription)
        except (aiohttp.ClientError, OSError) as error:
            raise HandshakeFailed(f"the endpoint cannot be reached: {type(error).__name__}") from error
        except TimeoutError as error:
            raise HandshakeFailed(f"the endpoint did not answer within {_PATIENCE_S:.0f} s") from error
        self.unsubscribe(subscription.name)
        delivery = _Delivery(self, subscription)
        self._deliveries[subscription.name] = delivery
        delivery.task = self._tasks.create_task(delivery.run(), name=f"event grid {subscription.name}")
        self._journal.note("eventgrid.subscribed", name=subscription.name, schema=subscription.schema)

    def unsubscribe(self, name: str) -> bool:
        """Stop delivering; whether there was such a subscription."""
        delivery = self._deliveries.pop(name, None)
        if delivery is None:
            return False
        if delivery.task is not None:
            delivery.task.cancel()
        return True

    def visited(self, code: str) -> bool:
        """Somebody opened the validation address; whether that code was waited for."""
        visit = self._visits.get(code)
        if visit is None:
            return False
        visit.set()
        return True

    async def send(self, subscription: Subscription, event: GridEvent, tries: int) -> int:
        """Post one event; the status of the answer, 0 when there was none. For `_Delivery`."""
        if subscription.schema == "EventGridSchema":
            content_type = "application/json; charset=utf-8"
            body = orjson.dumps([event.in_grid_schema(self._topic)])
        else:
            content_type = "application/cloudevents+json; charset=utf-8"
            body = orjson.dumps(event.as_cloud_event(self._topic))
        headers = {
            "Content-Type": content_type,
            "aeg-event-type": "Notification",
            "aeg-subscription-name": subscription.name.upper(),
            "aeg-delivery-count": str(tries),
            "aeg-data-version": "1.0",
            "aeg-metadata-version": "1",
            "aeg-output-event-id": event.id,
            **subscription.headers,
        }
        try:
            async with (
                asyncio.timeout(_PATIENCE_S),
                self._session.post(subscription.endpoint, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = 0
        self.note("eventgrid.delivery", subscription, event, status=status, count=tries)
        return status

    def note(self, kind: str, subscription: Subscription, event: GridEvent, **fields: object) -> None:
        """Journal what became of an event. For `_Delivery`."""
        self._journal.note(kind, name=subscription.name, type=event.kind, id=event.id, **fields)

    async def _return_code(self, subscription: Subscription, visit_url: str) -> None:
        code = uuid4().upper()
        visit = self._visits[code] = asyncio.Event()
        event = {
            "id": uuid4(),
            "topic": self._topic,
            "subject": "",
            "data": {"validationCode": code, "validationUrl": visit_url + code},
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": utc_now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
            "metadataVersion": "1",
            "dataVersion": "2",
        }
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "aeg-event-type": "SubscriptionValidation",
            "aeg-subscription-name": subscription.name.upper(),
            **subscription.headers,
        }
        try:
            async with self._session.post(
                subscription.endpoint, data=orjson.dumps([event]), headers=headers, allow_redirects=False
            ) as answer:
                status, text = answer.status, await answer.text()
            if status == 200 and _validation_response(text) == code:
                return
            if not 200 <= status < 300:
                raise HandshakeFailed(f"the endpoint answered {status}")
            try:
                async with asyncio.timeout(_VISIT_S / self.speed_up):
                    await visit.wait()
            except TimeoutError as error:
                said = f"the endpoint answered {status} without the validation code, nor visited validationUrl"
                raise HandshakeFailed(said) from error
        finally:
            del self._visits[code]

    async def _ask_permission(self, subscription: Subscription) -> None:
        headers = {"WebHook-Request-Origin": ORIGIN, "WebHook-Request-Rate": "120", **subscription.headers}
        async with self._session.options(subscription.endpoint, headers=headers) as answer:
            if answer.status != 200:
                raise HandshakeFailed(f"the endpoint answered {answer.status} to OPTIONS")
            allowed = answer.headers.get("WebHook-Allowed-Origin", "")
        if allowed not in ("*", ORIGIN):
            raise HandshakeFailed("the endpoint did not allow the origin eventgrid.azure.net")


def _validation_response(text: str) -> str | None:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return document.get("validationResponse") if isinstance(document, dict) else None
