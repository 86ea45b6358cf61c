"""Event Grid: subscriptions, their handshake, and the requests that carry events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import orjson

from emulator.acs.auth.entra import EVENT_GRID_APPLICATION, EVENT_GRID_ROLE, Claims, LocalEntra
from emulator.acs.events.event_grid_delivery import Delivery, Subscription
from emulator.acs.wire.grid_event import GridEvent
from emulator.acs.wire.urls import as_given
from emulator.clock import utc_now
from emulator.faults import FaultPlan, GridFault
from emulator.journal import Journal
from emulator.randomness import uuid4

ORIGIN = "eventgrid.azure.net"
# Documented: seconds that an endpoint has to answer.
_TIMEOUT_S = 30.0
# Seconds that an endpoint which did not return the code has to visit the validation address instead.
_VISIT_S = 10.0


class HandshakeFailed(Exception):
    """An endpoint did not confirm that it wants these events."""


class EventGrid:
    """The event subscriptions of the resource."""

    def __init__(
        self,
        *,
        topic: str,
        session: aiohttp.ClientSession,
        journal: Journal,
        tasks: asyncio.TaskGroup,
        faults: FaultPlan,
        entra: LocalEntra,
        speed_up: float = 1.0,
    ) -> None:
        """Args: speed_up: divides every wait of the retry table, together with the switch eventgrid_speed_up."""
        self._base_speed_up = speed_up
        self._faults = faults
        self._entra = entra
        self._topic = topic
        self._session = session
        self._journal = journal
        self._tasks = tasks
        self._deliveries: dict[str, tuple[Delivery, asyncio.Task[None]]] = {}
        self._held: list[tuple[GridEvent, int]] = []
        self._visits: dict[str, asyncio.Event] = {}

    @property
    def speed_up(self) -> float:
        """Divisor of every wait."""
        return self._base_speed_up * self._faults.switches.eventgrid_speed_up

    def publish(self, event: GridEvent) -> None:
        """Deliver an event to every subscription, subject to faults."""
        self._journal.note("eventgrid.event", type=event.kind, id=event.id)
        fault = self._faults.grid_event(event.kind) or GridFault()
        event = replace(event, data={**event.data, **fault.data})
        if fault.after_next:
            self._held.append((event, 1 + fault.duplicate))
            return
        self._deliver(event, 1 + fault.duplicate, fault.delay_ms / 1000)
        while self._held:
            self._deliver(*self._held.pop(0), fault.delay_ms / 1000)

    def _deliver(self, event: GridEvent, times: int, delay_s: float) -> None:
        for delivery, _ in self._deliveries.values():
            for _ in range(times if delivery.subscription.wants(event) else 0):
                delivery.put(event, delay_s)

    def subscriptions(self) -> list[Subscription]:
        """Return all subscriptions."""
        return [delivery.subscription for delivery, _ in self._deliveries.values()]

    def dead_letters(self, name: str) -> list[dict[str, Any]] | None:
        """Return the undelivered events of a subscription, or None if it does not exist."""
        found = self._deliveries.get(name)
        if found is None:
            return None
        return [letter.written(found[0].subscription, self._topic) for letter in found[0].dead]

    async def subscribe(self, subscription: Subscription, visit_url: str) -> None:
        """Perform the handshake, then deliver events; replaces a subscription of the same name.

        Args:
            visit_url: prefix of the address an endpoint may visit instead of answering with the code.

        Raises:
            HandshakeFailed: the endpoint did not answer as required; the message says why.
        """
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                if subscription.schema == "EventGridSchema":
                    await self._return_code(subscription, visit_url)
                else:
                    await self._ask_permission(subscription)
        except (aiohttp.ClientError, OSError) as error:
            raise HandshakeFailed(f"the endpoint cannot be reached: {type(error).__name__}") from error
        except TimeoutError as error:
            raise HandshakeFailed(f"the endpoint did not answer within {_TIMEOUT_S:.0f} s") from error
        self.unsubscribe(subscription.name)
        delivery = Delivery(self, subscription)
        task = self._tasks.create_task(delivery.run(), name=f"event grid {subscription.name}")
        self._deliveries[subscription.name] = (delivery, task)
        self._journal.note("eventgrid.subscribed", name=subscription.name, schema=subscription.schema)

    def unsubscribe(self, name: str) -> bool:
        """Delete a subscription and return whether it existed."""
        found = self._deliveries.pop(name, None)
        if found is None:
            return False
        found[1].cancel()
        return True

    def delete(self, name: str) -> bool:
        """Delete a subscription at its owner's request, and tell its endpoint; return whether it existed."""
        found = self._deliveries.get(name)
        if found is not None and found[0].subscription.schema == "EventGridSchema":
            self._tasks.create_task(self._tell_deleted(found[0].subscription), name=f"event grid {name} deleted")
        return self.unsubscribe(name)

    def clear(self) -> None:
        """Delete every subscription, and the events that a fault holds back."""
        for name in list(self._deliveries):
            self.unsubscribe(name)
        self._held.clear()

    def visited(self, code: str) -> bool:
        """Confirm a handshake by its validation code; return whether the code was awaited."""
        visit = self._visits.get(code)
        if visit is None:
            return False
        visit.set()
        return True

    async def send(self, subscription: Subscription, events: Sequence[GridEvent], tries: int) -> int:
        """Post events in one request and return the status, or 0 without an answer. For `Delivery`."""
        written: Any = [subscription.written(event, self._topic) for event in events]
        kind = "json" if subscription.schema == "EventGridSchema" else "cloudevents-batch+json"
        if subscription.schema != "EventGridSchema" and subscription.max_events == 1:
            kind, written = "cloudevents+json", written[0]
        body = orjson.dumps(written)
        headers = {
            "Content-Type": f"application/{kind}; charset=utf-8",
            "aeg-event-type": "Notification",
            "aeg-subscription-name": subscription.name.upper(),
            "aeg-delivery-count": str(tries),
            "aeg-data-version": "1.0",
            "aeg-metadata-version": "1",
            "aeg-output-event-id": events[0].id,
            **self._credentials(subscription),
        }
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._session.post(
                    as_given(subscription.endpoint), data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = 0
        for event in events:
            self.note("eventgrid.delivery", subscription, event, status=status, count=tries, batch=len(events))
        return status

    def _credentials(self, subscription: Subscription) -> dict[str, str]:
        """Return the subscription's own headers, with a bearer token if it has an audience."""
        headers = dict(subscription.headers)
        if subscription.audience is not None:
            claims = Claims(subscription.audience, EVENT_GRID_APPLICATION, (EVENT_GRID_ROLE,))
            headers["Authorization"] = "Bearer " + self._entra.token(claims)
        return headers

    def note(self, kind: str, subscription: Subscription, event: GridEvent, **fields: object) -> None:
        """Add a journal entry about an event. For `Delivery`."""
        self._journal.note(kind, name=subscription.name, type=event.kind, id=event.id, **fields)

    async def _return_code(self, subscription: Subscription, visit_url: str) -> None:
        code = uuid4().upper()
        visit = self._visits[code] = asyncio.Event()
        data = {"validationCode": code, "validationUrl": visit_url + code}
        try:
            status, text = await self._tell(subscription, "SubscriptionValidation", "SubscriptionValidationEvent", data)
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

    async def _tell_deleted(self, subscription: Subscription) -> None:
        """Tell an endpoint, once, that it gets no more events."""
        address = f"{self._topic}/providers/Microsoft.EventGrid/eventSubscriptions/{subscription.name.upper()}"
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(_TIMEOUT_S):
                data = {"eventSubscriptionId": address}
                await self._tell(subscription, "SubscriptionDeletion", "SubscriptionDeletedEvent", data)

    async def _tell(self, subscription: Subscription, header: str, kind: str, data: dict[str, str]) -> tuple[int, str]:
        """Post an event of Event Grid itself about a subscription; return status and text of the answer."""
        event = {
            "id": uuid4(),
            "topic": self._topic,
            "subject": "",
            "data": data,
            "eventType": f"Microsoft.EventGrid.{kind}",
            "eventTime": utc_now().strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
            "metadataVersion": "1",
            "dataVersion": "2",
        }
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "aeg-event-type": header,
            "aeg-subscription-name": subscription.name.upper(),
            **self._credentials(subscription),
        }
        async with self._session.post(
            as_given(subscription.endpoint), data=orjson.dumps([event]), headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, await answer.text()

    async def _ask_permission(self, subscription: Subscription) -> None:
        headers = {
            "WebHook-Request-Origin": ORIGIN,
            "WebHook-Request-Rate": "120",
            **self._credentials(subscription),
        }
        async with self._session.options(as_given(subscription.endpoint), headers=headers) as answer:
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
