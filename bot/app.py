"""Composition root: builds the service from its parts on what `resources.py` has opened, and adds its routes."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI

from bot import verifiers
from bot.booth import BoothFactory
from bot.calls.environment import CallAddresses
from bot.calls.replicas.load import ReplicaLoad
from bot.calls.replicas.registry import Registry
from bot.calls.service import CallService
from bot.config import Settings
from bot.error_responses import install_error_handlers
from bot.interpreter_control import InterpreterController
from bot.listening.listener_rooms import ListenerRooms, closest
from bot.listening.room_changes import RoomChanges
from bot.listening.ticket_office import TicketOffice, ticket_secret
from bot.listening.typed_messages import TypedMessages
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.shared_room import SharedRooms
from bot.outputs.webhook_events import WebhookEvents
from bot.rate_limits import RateLimits
from bot.realtime.capabilities import Capabilities
from bot.realtime.client import ModelSockets
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.engines import Translation, booth_factory
from bot.realtime.translation_messages import TranslationSettings
from bot.resources import LIMITS, Resources, open_resources, required
from bot.room_factory import RoomFactory
from bot.room_plans import StoredRoomPlans
from bot.tasks import Background, ServiceTasks
from bot.telemetry import health
from bot.telemetry import routes as metric_routes
from bot.telemetry.export import exporting
from bot.telemetry.telemetry import Telemetry
from bot.ticket_agreement import TicketAgreement
from http_serving.bearer_tokens import TokenVerifier, event_grid_only
from http_serving.callers import caller_network
from http_serving.connection_limit import ConnectionLimit
from http_serving.docs_page import add_docs
from http_serving.errors import TooManyRequests
from http_serving.openapi import complete_openapi
from http_serving.rate_limiter import TokenBuckets
from http_serving.refusals import Refusals
from http_serving.security_headers import SecurityHeaders
from listeners import routes as listener_routes
from listeners.feed import Feed
from listeners.page_routes import KnowsCode, Pages
from listeners.relay.listening import Listening
from listeners.relay.relay import Relay
from listeners.sockets.door import Door
from listeners.sockets.members import Members
from listeners.tickets import Tickets
from media_streaming import routes as media_routes
from rooms_admin import api as admin_routes
from rooms_admin.api import RequestGuard, SpeakersAndAdmins
from rooms_admin.auth.api_key_file import KeyFile
from rooms_admin.auth.api_keys import Admins, ApiKeys
from rooms_admin.auth.guest_keys import GuestKeys
from rooms_admin.auth.join_attempts import JoinAttempts
from rooms_admin.auth.refusal_log import RefusalLog
from rooms_admin.retention import Retention
from rooms_admin.rooms.service import RoomService
from rooms_admin.transcripts.usage import Prices
from webhooks import routes as webhook_routes

API_VERSION = "1.0"
"""Version of the HTTP API; the major number grows with incompatible changes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of the service that routes use or that have to run."""

    calls: CallService
    controller: InterpreterController
    rooms: RoomService
    listening: Listening
    verifier: TokenVerifier
    capabilities: Capabilities | None
    """Of the translation deployment, if the settings name one."""
    ticket_agreement: TicketAgreement | None
    """With replicas, which share a Redis."""
    load: ReplicaLoad
    telemetry: Telemetry
    chores: Mapping[str, Callable[[], Coroutine[Any, Any, None]]]
    """What has to run while the service serves, by name."""


class Interpreter:
    """The whole service: `app` serves it, `drain` lets it finish before the sockets are closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.calls: CallService | None = None
        """None until the application has started."""
        self.background = Background()
        """What runs while the application serves. When part of it fails, the process has to end."""
        self.door: Door | None = None
        """Admits listeners; None until the application has started."""
        self.feed = Feed()
        """What listeners outside the calls follow."""
        self.connections = ConnectionLimit(settings.max_connections)
        """What is open at the server."""
        self.refusals = Refusals()
        """What the server refuses."""
        self._keys = ApiKeys({name: key.get_secret_value() for name, key in settings.admin_api_keys.items()})
        file = settings.admin_api_keys_file
        self._key_file = None if file is None else KeyFile(file, self._keys)
        self.app = FastAPI(
            title="Live interpreter for ACS rooms",
            version=API_VERSION,
            lifespan=self._lifespan,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        install_error_handlers(self.app)
        self.app.add_middleware(SecurityHeaders)
        add_docs(self.app)

    def read_keys_again(self) -> None:
        """Read the file of API keys again at once."""
        if self._key_file is not None:
            self._key_file.read_again()

    async def drain(self) -> None:
        """Accept nobody new, let running utterances finish, leave the calls, then the listeners.

        Await it before the server stops. Listeners go last: what is finished is still theirs to read and hear.
        """
        if self.door is not None:
            self.door.close()
        if self.calls is not None:
            await self.calls.drain(self._settings.drain_s)
        if self.door is not None:
            await self.door.drain()

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            resources = await open_resources(self._settings, self.feed, stack)
            service = build(self._settings, resources, self.connections)
            self.calls = service.calls
            telemetry = service.telemetry
            telemetry.watch_refusals(self.refusals)
            telemetry.send_span = await stack.enter_async_context(exporting(self._settings, telemetry.metrics))
            limits = RateLimits(self._settings, asyncio.get_running_loop().time)
            secret = ticket_secret(self._settings)
            self.door = Door(
                Tickets(secret), service.listening.find_room, closest, self.feed, count_refusal=limits.unproven
            )
            # In a thread: FastAPI and pydantic read source files to describe the routes.
            await asyncio.to_thread(
                add_routes,
                app,
                self._settings,
                resources,
                service,
                limits,
                self._keys,
                self.background,
                self.door,
                secret,
            )
            chores = dict(service.chores)
            chores["refusals"] = partial(self.refusals.run, RefusalLog(resources.storage.key_value).keep)
            if self._key_file is not None:
                await self._key_file.check()
                chores["key file"] = self._key_file.run
            async with self.background.running(chores):
                yield


def build(settings: Settings, resources: Resources, connections: ConnectionLimit) -> Service:
    """Put the parts together. Opens and starts nothing; needs a running event loop for its clock."""
    storage, deliveries = resources.storage, resources.deliveries
    loop = asyncio.get_running_loop()
    translation = _translation(settings, resources.clients.model_sockets)
    capabilities = None if translation is None else translation.capabilities
    prices = _prices(settings)
    telemetry = Telemetry() if prices is None else Telemetry(prices.cost, prices.currency)
    tasks, frame_timer, replica = ServiceTasks(), FrameTimer(), secrets.token_hex(8)
    emit = telemetry.counting(deliveries.publish)
    factory = RoomFactory(
        booths=_booths(settings, resources.clients.model_sockets, translation, telemetry),
        detectors=resources.detectors,
        frame_timer=frame_timer,
        feed=resources.feed,
        keeper=WebhookEvents(storage.transcripts, emit),
        archive=storage.transcripts,
        shared_rooms=SharedRooms(tasks.spawn),
        emit=emit,
        observe=telemetry.observed,
        identify=resources.identify_language,
        price=None if prices is None else prices.cost,
        clock=loop.time,
    )
    plans = StoredRoomPlans(storage.rooms, storage.transcripts)
    calls = CallService(
        rooms=plans,
        acs=resources.clients.acs_calls,
        registry=Registry(storage.key_value, replica, storage.health),
        tasks=tasks,
        open_room=factory.open_room,
        close_ledger=factory.close_ledger,
        addresses=CallAddresses(settings.public_base_url, settings.media_base_url),
        max_calls=settings.max_calls,
        wall_clock=time.time,
        clock=loop.time,
        emit=factory.emit_call_event,
    )
    telemetry.watch(resources, calls, frame_timer, connections)
    controller = InterpreterController(calls.commands, plans, capabilities)
    listener_rooms = ListenerRooms(
        storage.rooms.get, controller.state, lambda: calls.active_calls.all, resources.feed, loop.time
    )
    watcher = RoomChanges(calls.dispatcher, storage.transcripts, storage.subscriptions, resources.feed, listener_rooms)
    rooms = RoomService(storage.rooms, resources.clients.acs_rooms, watcher=watcher)
    retention = Retention(
        storage.rooms,
        rooms,
        storage.transcripts,
        storage.idempotency,
        storage.subscriptions,
        default_days=settings.retention_days,
    )
    agreement = None
    if settings.redis_url is not None:
        secret = required(settings.ticket_secret).get_secret_value()
        agreement = TicketAgreement(storage.key_value, replica, secret)
    replica_load = ReplicaLoad(storage.key_value, replica, storage.health, calls.active_calls, connections)
    chores = {
        "frame timer": frame_timer.run,
        "calls": calls.run,
        "storage": storage.run,
        "listener rooms": listener_rooms.run,
        "retention": retention.run,
        "deliveries": deliveries.run,
        "load": replica_load.run,
        **({} if capabilities is None else {"capabilities": capabilities.run}),
        **({} if agreement is None else {"ticket agreement": agreement.run}),
    }
    listening = Listening(listener_rooms.find, calls.open_microphone, Members(resources.feed.listeners))
    if storage.channels is not None:
        clocks = loop.time, time.time
        relay = Relay(storage.channels, replica, resources.feed, listening.open_microphone, listening.members, *clocks)
        listening, chores["relay"] = listening.with_others(relay), relay.run
    return Service(
        calls,
        controller,
        rooms,
        listening,
        verifiers.acs_verifier(settings),
        capabilities,
        agreement,
        replica_load,
        telemetry,
        chores,
    )


def add_routes(
    app: FastAPI,
    settings: Settings,
    resources: Resources,
    service: Service,
    limits: RateLimits,
    keys: ApiKeys,
    background: Background,
    door: Door,
    secret_of_tickets: str,
) -> None:
    """Add every route to the application, and the description of all of them."""
    dispatcher, rooms, storage = service.calls.dispatcher, service.rooms, resources.storage
    office = TicketOffice(Tickets(secret_of_tickets))
    messages = TypedMessages(rooms.current, service.controller.message, resources.identify_language, limits.messages())
    secret, event_grid = settings.event_grid_secret, verifiers.event_grid_verifier(settings)
    telemetry, token = service.telemetry, settings.metrics_token
    app.include_router(
        webhook_routes.router(
            dispatcher,
            service.verifier.verify,
            event_grid_secret=None if secret is None else secret.get_secret_value(),
            verify_event_grid=None if event_grid is None else event_grid_only(event_grid.verify),
            limits=limits.webhooks(),
            counts=telemetry.webhook_counts,
        )
    )
    app.include_router(
        media_routes.router(
            telemetry.following(service.calls.media_sockets.serve),
            verify=service.verifier.verify,
            knows_secret=service.calls.media_sockets.knows,
            limits=limits.media(),
        )
    )
    microphone, members = service.listening.open_microphone, service.listening.members
    app.include_router(listener_routes.router(door, resources.feed, messages.take, microphone, members))
    admins, admin_limits = Admins(keys, verifiers.entra_verifier(settings)), limits.admin()
    guard = RequestGuard(admins, admin_limits, storage.idempotency)
    app.include_router(
        admin_routes.router(
            rooms,
            guard,
            service.controller,
            storage.transcripts,
            issue_ticket=office.issue,
            take_message=messages.take,
            prices=_prices(settings),
        )
    )
    app.include_router(
        admin_routes.subscription_routes(storage.subscriptions, resources.deliveries.targets, rooms, guard)
    )
    app.include_router(
        admin_routes.session_routes(
            rooms,
            RequestGuard(SpeakersAndAdmins(admins, office.speaker), admin_limits, storage.idempotency),
            service.controller,
            issue_link=office.issue_link,
            public_base_url=settings.public_base_url,
        )
    )
    app.include_router(admin_routes.refusal_routes(RefusalLog(storage.key_value), guard))
    attempts = JoinAttempts(storage.key_value)
    guests, acs = GuestKeys(secret_of_tickets), office.speaker if settings.acs_web_client else None
    app.include_router(admin_routes.joining_routes(rooms, office.issue, guests, limits.join_codes(), attempts, acs))
    pages = Pages(_code_lookup(rooms, limits.join_codes(), attempts), with_acs_client=settings.acs_web_client)
    app.include_router(pages.routes())
    app.state.not_found_page = pages.not_found
    active, agreement = service.calls.active_calls, service.ticket_agreement
    clients = resources.clients
    services = {"acs": clients.acs_calls.outcomes, "model": clients.model_sockets.outcomes}
    app.include_router(
        health.router(active, service.capabilities, storage.health, background, services, agreement, service.load)
    )
    app.include_router(metric_routes.router(telemetry.metrics, None if token is None else token.get_secret_value()))
    app.openapi_schema = complete_openapi(app.openapi())


def _code_lookup(rooms: RoomService, lookups: TokenBuckets, attempts: JoinAttempts) -> KnowsCode:
    """Make the function that says whether a page of a join code is served; when it may not look, the page is."""

    async def knows(scope: Mapping[str, Any], code: str) -> bool:
        network = caller_network(scope)
        if lookups.take(network):
            return True
        try:
            return await attempts.look_up(network, partial(rooms.find_by_join_code, code)) is not None
        except TooManyRequests:
            return True

    return knows


def _booths(
    settings: Settings, sockets: ModelSockets, translation: Translation | None, telemetry: Telemetry
) -> BoothFactory:
    return booth_factory(
        sockets,
        settings.azure_ai_realtime_deployment,
        ConversationSettings(transcribe=settings.azure_ai_transcribe_deployment, voice=settings.azure_ai_voice),
        LIMITS,
        translation=translation,
        follow=telemetry.follow,
    )


def _prices(settings: Settings) -> Prices | None:
    if settings.model_prices is None:
        return None
    per_million = {str(kind): price for kind, price in settings.model_prices.per_million_tokens.items()}
    per_minute = {str(kind): price for kind, price in settings.model_prices.per_minute.items()}
    if settings.azure_ai_translate_deployment is not None and "translation" not in per_minute:
        logger.warning("MODEL_PRICES has no price per minute of translation: caps in money do not count it")
    return Prices(settings.model_prices.currency, per_million, per_minute)


def _translation(settings: Settings, sockets: ModelSockets) -> Translation | None:
    if settings.azure_ai_translate_deployment is None:
        return None
    return Translation(
        Capabilities(sockets, settings.azure_ai_translate_deployment, settings.azure_ai_translate_languages),
        TranslationSettings(transcribe=settings.azure_ai_transcribe_deployment),
        settings.translate_despite_glossary,
    )
