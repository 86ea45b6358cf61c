"""Opens what the service is built on: clients of ACS and of the model, stores, detectors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential

from bot.calls import acs_client as call_automation
from bot.calls.acs_client import AcsCalls
from bot.config import Settings
from bot.interpreting.quality.language_id import IdentifyLanguage
from bot.live_room import language_detection
from bot.live_room.voice_activity import DetectorPool
from bot.realtime.client import ModelSockets, build_client
from bot.realtime.timeouts import BoothLimits
from listeners.feed import Feed
from rooms_admin.integrations.targets import WebhookTargets
from rooms_admin.integrations.webhook_delivery import WebhookDeliveries
from rooms_admin.rooms import acs_client
from rooms_admin.rooms.acs_client import AcsRooms
from rooms_admin.rooms.connection_string import parse_connection_string
from rooms_admin.stores.open import Stores, open_stores
from storage.redis import GetPassword, Password

Given = TypeVar("Given")

LIMITS = BoothLimits()
REDIS_TOKEN_SCOPE = "https://redis.azure.com/.default"
"""Scope of the managed identity's tokens for Redis (infrastructure sheet, 3.6)."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients of ACS and of the model."""

    acs_calls: AcsCalls
    acs_rooms: AcsRooms
    model_sockets: ModelSockets
    identity: AsyncTokenCredential | None
    """The managed identity; None where keys are used for both."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What has to be opened before the service is built, and closed after it."""

    clients: Clients
    detectors: DetectorPool
    identify_language: IdentifyLanguage
    storage: Stores
    deliveries: WebhookDeliveries
    feed: Feed


async def open_resources(settings: Settings, feed: Feed, stack: AsyncExitStack) -> Resources:
    """Open clients and stores; the stack closes them in reverse order.

    What reads files or waits for other programs runs in threads: SDK clients ask `uname` for their user agent, model
    sockets load the certificate store, detectors and the language identifier their models.

    Raises:
        UnusableStore: the store cannot be opened.
    """
    clients = await open_clients(settings, stack)
    detectors = DetectorPool()
    await asyncio.to_thread(detectors.load)
    stack.callback(detectors.close)  # FastAPI keeps a reference to every route it has seen, and so to the detectors
    identify_language = await asyncio.to_thread(language_detection.load)
    storage = await stack.enter_async_context(opened_storage(settings))
    targets = WebhookTargets(settings.webhook_networks)
    deliveries = await stack.enter_async_context(WebhookDeliveries(storage.subscriptions, targets))
    stack.callback(feed.close, "service_stopping")
    return Resources(clients, detectors, identify_language, storage, deliveries, feed)


async def open_clients(settings: Settings, stack: AsyncExitStack) -> Clients:
    """Build the clients of ACS and of the model; the stack closes them. Nothing is connected yet."""
    endpoint, acs_key = acs_address(settings)
    identity: AsyncTokenCredential | None = None
    if acs_key is None or settings.azure_ai_key is None:
        identity = await stack.enter_async_context(DefaultAzureCredential())
    call_credential = AzureKeyCredential(acs_key) if acs_key is not None else required(identity)
    acs_calls = AcsCalls(await asyncio.to_thread(call_automation.build_client, endpoint, call_credential))
    stack.push_async_callback(acs_calls.close)
    room_credential = acs_key if acs_key is not None else required(identity)
    rooms_and_identity = await asyncio.to_thread(acs_client.build_clients, endpoint, room_credential)
    acs_rooms = await stack.enter_async_context(AcsRooms(*rooms_and_identity))
    model = await asyncio.to_thread(build_client, settings.azure_ai_endpoint, _model_credential(settings, identity))
    stack.push_async_callback(model.close)
    sockets = await asyncio.to_thread(ModelSockets, model, open_s=LIMITS.open_s, close_s=LIMITS.close_s)
    return Clients(acs_calls, acs_rooms, sockets, identity)


@asynccontextmanager
async def opened_storage(settings: Settings) -> AsyncIterator[Stores]:
    """Open the store that the settings name.

    Raises:
        UnusableStore: it cannot be opened.
    """
    url = None if settings.redis_url is None else settings.redis_url.get_secret_value()
    async with AsyncExitStack() as stack:
        password: GetPassword | None = None
        if url is not None and by_identity(url):
            password = _redis_password(await stack.enter_async_context(DefaultAzureCredential()))
        yield await stack.enter_async_context(open_stores(settings.database_path, url, password))


def by_identity(redis_url: str) -> bool:
    """Say whether the managed identity's tokens are the password: the URL has a user and no password."""
    url = urlsplit(redis_url)
    return bool(url.username) and not url.password


def _redis_password(credential: AsyncTokenCredential) -> GetPassword:
    async def password() -> Password:
        token = await credential.get_token(REDIS_TOKEN_SCOPE)
        return Password(token.token, token.expires_on)

    return password


def acs_address(settings: Settings) -> tuple[str, str | None]:
    """Return the endpoint and the access key; without a key the managed identity is used."""
    if settings.azure_communication_connection_string is not None:
        address = parse_connection_string(settings.azure_communication_connection_string.get_secret_value())
        return address.endpoint, address.access_key
    return required(settings.azure_communication_endpoint), None


def _model_credential(settings: Settings, identity: AsyncTokenCredential | None) -> str | Callable[[], Awaitable[str]]:
    if settings.azure_ai_key is not None:
        return settings.azure_ai_key.get_secret_value()
    credential = required(identity)

    async def token() -> str:
        return (await credential.get_token(settings.azure_ai_token_scope)).token

    return token


def required(value: Given | None) -> Given:
    """Return a value that `load_settings` has checked to be there."""
    if value is None:
        raise RuntimeError("the settings were not checked")
    return value
