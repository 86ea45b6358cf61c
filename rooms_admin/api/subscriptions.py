"""Routes of webhook subscriptions and their deliveries."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from http_serving.errors import InvalidRequest
from rooms_admin.api.pagination import page_of, read_cursor
from rooms_admin.api.request_guard import RequestGuard, guarded_by
from rooms_admin.api.responses import errors, written
from rooms_admin.api.rooms import ID_PATTERN, Cursor, Limit
from rooms_admin.api.schemas import DeliveryResponse, NewSubscriptionResponse, Page, SubscriptionResponse
from rooms_admin.integrations.requests import NewSubscription
from rooms_admin.integrations.subscriptions import DeliveryState, SubscriptionStore
from rooms_admin.integrations.targets import WebhookTargets
from rooms_admin.rooms.service import RoomService

SubscriptionId = Annotated[str, Path(pattern=ID_PATTERN, examples=["subscription-019aa1b2c3d4e5f60718"])]


def subscription_routes(
    subscriptions: SubscriptionStore, targets: WebhookTargets, rooms: RoomService, guard: RequestGuard
) -> APIRouter:
    """Return all routes under `/api/subscriptions`."""
    routes = APIRouter(
        prefix="/api/subscriptions", tags=["subscriptions"], strict_content_type=False, route_class=guarded_by(guard)
    )

    @routes.post(
        "",
        status_code=201,
        summary="Subscribe to events of rooms",
        response_model=NewSubscriptionResponse,
        responses=errors(404, 409, 422),
    )
    async def subscribe(new: NewSubscription, request: Request) -> Response:
        """Events are posted to `url`, signed according to Standard Webhooks. The response shows the secret, once."""
        if problem := targets.problem(new.url):
            raise InvalidRequest.about("url", problem)
        if new.room_id is not None:
            await rooms.get(new.room_id)
        added = await subscriptions.add(new.url, new.events, new.room_id)
        location = f"/api/subscriptions/{added.subscription_id}"
        return written(NewSubscriptionResponse.model_validate(added), 201, Location=location, Cache_Control="no-store")

    @routes.get("", summary="List the subscriptions", response_model=Page[SubscriptionResponse], responses=errors())
    async def list_subscriptions() -> Response:
        items = [SubscriptionResponse.model_validate(one) for one in await subscriptions.all()]
        return written(Page[SubscriptionResponse](items=items))

    @routes.get(
        "/{subscription_id}", summary="Get a subscription", response_model=SubscriptionResponse, responses=errors(404)
    )
    async def get_subscription(subscription_id: SubscriptionId) -> Response:
        return written(SubscriptionResponse.model_validate(await subscriptions.get(subscription_id)))

    @routes.delete(
        "/{subscription_id}", status_code=204, summary="Delete a subscription and its deliveries", responses=errors(404)
    )
    async def unsubscribe(subscription_id: SubscriptionId) -> Response:
        await subscriptions.remove(subscription_id)
        return Response(status_code=204)

    @routes.get(
        "/{subscription_id}/deliveries",
        summary="List the deliveries of the last seven days, newest first",
        response_model=Page[DeliveryResponse],
        responses=errors(404),
    )
    async def deliveries(
        subscription_id: SubscriptionId,
        cursor: Cursor = None,
        limit: Limit = 50,
        state: Annotated[DeliveryState | None, Query(description="Only deliveries in this state")] = None,
    ) -> Response:
        after = read_cursor(cursor, "deliveries")
        found = await subscriptions.history(subscription_id, None if after is None else after[1], limit + 1, state)
        items, next_cursor = page_of(found, limit, "deliveries", lambda one: ("", one.delivery_id))
        page = Page[DeliveryResponse](
            items=[DeliveryResponse.model_validate(one) for one in items], next_cursor=next_cursor
        )
        return written(page)

    return routes
