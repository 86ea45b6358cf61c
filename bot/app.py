"""The composition root: the only place where the parts meet. Builds clients, passes functions, opens, closes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse

from bot.calls import acs_client as call_automation
from bot.calls.acs_client import AcsCalls
from bot.calls.call import Interpreted, PlannedRoom
from bot.calls.dispatcher import Dispatcher
from bot.calls.keys import is_sister, room_of, stream_of
from bot.calls.registry import Registry
from bot.config import Settings
from bot.error_responses import install_error_handlers
from bot.interpreter_control import InterpreterController
from bot.interpreting.usage_meter import UsageMeter
from bot.live_room.echo_detection import EchoDetector
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom, TranscriptSink
from bot.live_room.shared_room import SharedRooms
from bot.live_room.voice_activity import DetectorPool
from bot.outputs.listener_feed import ListenerFeed
from bot.outputs.transcript_writer import TranscriptWriter
from bot.outputs.webhook_events import WebhookEvents
from bot.rate_limits import STRANGERS_PER_S, admin_limits, buckets, join_limits, media_limits, webhook_limits
from bot.realtime.capabilities import Capabilities
from bot.realtime.client import ModelSockets, build_client
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.engines import Translation, booth_factory
from bot.realtime.timeouts import BoothLimits
from bot.realtime.translation_messages import TranslationSettings
from bot.room_plans import StoredRoomPlans, follow_change, follow_removal
from http_serving.bearer_tokens import KeySet, TokenVerifier, event_grid_only, fetch_over_http
from http_serving.openapi import described
from http_serving.security_headers import make_answers_safe
from listeners.feed import Feed
from listeners.tickets import Tickets
from media_streaming import routes as media_routes
from rooms_admin import api as admin_routes
from rooms_admin.api import RequestGuard
from rooms_admin.auth.api_key_file import KeyFile
from rooms_admin.auth.api_keys import Admins, ApiKeys, ClaimsOfToken, VerifyBearer
from rooms_admin.idempotency import IdempotencyStore
from rooms_admin.integrations.delivery import WebhookDeliveries
from rooms_admin.integrations.subscriptions import EventKind, Subscriptions
from rooms_admin.retention import Retention
from rooms_admin.rooms import acs_client
from rooms_admin.rooms.acs_client import AcsRooms
from rooms_admin.rooms.connection_string import parse_connection_string
from rooms_admin.rooms.requests import TicketPurpose
from rooms_admin.rooms.room import Room
from rooms_admin.rooms.service import RoomService
from rooms_admin.stores.open import Stores, open_storage
from rooms_admin.transcripts.recorder import TranscriptRecorder
from rooms_admin.transcripts.usage import Prices
from webhooks import routes as webhook_routes

API_VERSION = "1.0"
"""Grows when an answer loses something somebody may rely on."""

Wanted = TypeVar("Wanted")


class _Watcher:
    """Running calls follow what admins change; a deleted room's call ends, and nothing more is kept of it."""

    def __init__(
        self, switchboard: Dispatcher, archive: TranscriptRecorder, subscriptions: Subscriptions, feed: Feed
    ) -> None:
        self._switchboard = switchboard
        self._archive = archive
        self._subscriptions = subscriptions
        self._feed = feed

    def changed(self, room: Room) -> None:
        follow_change(self._switchboard, room)

    def removed(self, room: Room) -> None:
        follow_removal(self._switchboard, room)
        self._archive.forget(room.room_id)
        self._subscriptions.forget_room(room.room_id)
        self._feed.close_room(room.room_id, "room_deleted")


class Interpreter:
    """The whole service: `app` serves it, `drain` lets it finish before the sockets are closed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._capabilities: Capabilities | None = None
        self.switchboard: Dispatcher | None = None
        self.feed = Feed()
        """What listeners outside the calls follow."""
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
        make_answers_safe(self.app)

    def read_keys_again(self) -> None:
        """Look into the file of API keys at once."""
        if self._key_file is not None:
            self._key_file.read_again()

    async def drain(self) -> None:
        """Take no new calls, finish what is being said, leave the calls. To be awaited before the server stops."""
        if self.switchboard is not None:
            await self.switchboard.drain(self._settings.drain_s)

    @asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        settings = self._settings
        async with AsyncExitStack() as resources:
            endpoint, acs_key = _acs_address(settings)
            identity: AsyncTokenCredential | None = None
            if acs_key is None or settings.azure_ai_key is None:
                identity = await resources.enter_async_context(DefaultAzureCredential())
            credential = AzureKeyCredential(acs_key) if acs_key is not None else _needed(identity)
            # In threads: the first client of a process asks `uname` for its user agent, and waits for the answer.
            calls = AcsCalls(await asyncio.to_thread(call_automation.build_client, endpoint, credential))
            resources.push_async_callback(calls.close)
            admin_credential = acs_key if acs_key is not None else _needed(identity)
            clients = await asyncio.to_thread(acs_client.build_clients, endpoint, admin_credential)
            acs = await resources.enter_async_context(AcsRooms(*clients))
            credential_of_model = _model_credential(settings, identity)
            model = await asyncio.to_thread(build_client, settings.azure_ai_endpoint, credential_of_model)
            resources.push_async_callback(model.close)
            metronome, detectors = FrameTimer(), DetectorPool()
            await asyncio.to_thread(detectors.load)
            storage = await resources.enter_async_context(opened_storage(settings))
            store, archive = storage.rooms, storage.archive
            answers, subscriptions = storage.answers, storage.subscriptions
            limits = BoothLimits()
            # In a thread: it reads the certificate store.
            sockets = await asyncio.to_thread(ModelSockets, model, open_s=limits.open_s, close_s=limits.close_s)
            translation = _translation(settings, sockets)
            self._capabilities = None if translation is None else translation.capabilities
            booths = booth_factory(
                sockets,
                settings.azure_ai_realtime_deployment,
                ConversationSettings(transcribe=settings.azure_ai_transcribe_deployment, voice=settings.azure_ai_voice),
                limits,
                translation=translation,
            )
            deliveries = await resources.enter_async_context(WebhookDeliveries(subscriptions))
            notices = WebhookEvents(archive, deliveries.tell)
            loop = asyncio.get_running_loop()
            prices = _prices(settings)
            price = None if prices is None else prices.cost
            feed = self.feed
            resources.callback(feed.close, "service_stopping")

            def open_room(room: PlannedRoom, name: str, scribe: TranscriptSink) -> Interpreted:
                room_id = room_of(room.room_id)

                def build(name: str) -> LiveRoom:
                    return LiveRoom(
                        room.plan,
                        name=name,
                        booths=booths,
                        detectors=detectors,
                        metronome=metronome,
                        scribe=scribe,
                        audience=ListenerFeed(feed, room_id, round(time.time() * 1000), deliveries.tell),
                        clock=loop.time,
                        meter=UsageMeter(room.plan.usage_cap, price, room.used),
                        echo=EchoDetector,
                    )

                if is_sister(room.room_id):
                    return houses.seat(room_id, stream_of(room.room_id), name, build)
                return build(name)

            async def close_books(call_key: str, prefix: str, reason: str) -> int:
                if not is_sister(call_key):
                    return await archive.close_open(call_key, prefix, reason)
                room_id = room_of(call_key)  # whose calls share one session, under the name of whichever was first
                return 0 if houses.is_open(room_id) else await archive.close_open(room_id, "", reason)

            def tell(kind: EventKind, room_id: str, data: Mapping[str, object]) -> None:
                language = {"language": stream_of(room_id)} if is_sister(room_id) else {}
                deliveries.tell(kind, room_of(room_id), {**data, **language})

            book = StoredRoomPlans(store, archive)
            switchboard = self.switchboard = Dispatcher(
                rooms=book,
                calls=calls,
                registry=Registry(storage.state, secrets.token_hex(8)),
                open_room=open_room,
                scribe=lambda call_key: TranscriptWriter(notices, room_of(call_key), round(time.time() * 1000)),
                close_books=close_books,
                public_base_url=settings.public_base_url,
                media_base_url=settings.media_base_url,
                max_calls=settings.max_calls,
                wall_clock=time.time,
                clock=loop.time,
                tell=tell,
            )
            houses = SharedRooms(switchboard.spawn)
            desk = InterpreterController(switchboard, book, self._capabilities)
            verifier = TokenVerifier(
                settings.acs_token_issuer,
                settings.acs_token_audience,
                KeySet(fetch_over_http(settings.acs_token_jwks_url)),
            )
            rooms = RoomService(store, acs, watcher=_Watcher(switchboard, archive, subscriptions, feed))
            retention = Retention(store, rooms, archive, answers, subscriptions, default_days=settings.retention_days)
            # In a thread: FastAPI and pydantic read source files to describe the routes.
            await asyncio.to_thread(
                self._add_routes, switchboard, desk, verifier, rooms, archive, answers, subscriptions
            )
            if self._key_file is not None:
                await self._key_file.look()
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(metronome.run(), name="metronome"),
                    group.create_task(switchboard.run(), name="switchboard"),
                    group.create_task(storage.run(), name="storage"),
                    group.create_task(retention.run(), name="retention"),
                    group.create_task(deliveries.run(), name="deliveries"),
                    *([group.create_task(self._key_file.run(), name="key file")] if self._key_file else ()),
                ]
                if self._capabilities is not None:
                    tasks.append(group.create_task(self._capabilities.run(), name="capabilities"))
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()

    def _add_routes(
        self,
        switchboard: Dispatcher,
        desk: InterpreterController,
        verifier: TokenVerifier,
        rooms: RoomService,
        archive: TranscriptRecorder,
        answers: IdempotencyStore,
        subscriptions: Subscriptions,
    ) -> None:
        settings = self._settings
        # Without a secret of the settings, one of this process: its tickets are short-lived anyway.
        given = settings.ticket_secret
        tickets = Tickets(secrets.token_urlsafe(32) if given is None else given.get_secret_value())

        def issue_ticket(
            purpose: TicketPurpose, room_id: str, language: str | None, participant_id: str | None
        ) -> tuple[str, datetime]:
            text, ticket = tickets.issue(purpose, room_id, language=language, participant_id=participant_id)
            return text, datetime.fromtimestamp(ticket.expires_at, UTC)

        strangers = buckets(STRANGERS_PER_S)
        secret, of_event_grid = settings.event_grid_secret, _event_grid_verifier(settings)
        self.app.include_router(
            webhook_routes.router(
                switchboard,
                verifier.verify,
                event_grid_secret=None if secret is None else secret.get_secret_value(),
                verify_event_grid=None if of_event_grid is None else event_grid_only(of_event_grid.verify),
                limits=webhook_limits(strangers),
            )
        )
        self.app.include_router(
            media_routes.router(
                switchboard.serve_media,
                verify=verifier.verify,
                knows_secret=switchboard.knows_secret,
                limits=media_limits(strangers),
            )
        )
        guard = RequestGuard(Admins(self._keys, _entra(settings)), admin_limits(settings, strangers), answers)
        self.app.include_router(
            admin_routes.router(rooms, guard, desk, archive, issue_ticket=issue_ticket, prices=_prices(settings))
        )
        self.app.include_router(admin_routes.subscription_routes(subscriptions, rooms, guard))
        self.app.include_router(admin_routes.joining_routes(rooms, issue_ticket, join_limits()))
        self.app.include_router(_health(switchboard, self._capabilities))
        self.app.openapi_schema = described(self.app.openapi())


def opened_storage(settings: Settings) -> AbstractAsyncContextManager[Stores]:
    """What is kept, where the settings say. `UnusableStore` if it cannot be opened."""
    redis_url = None if settings.redis_url is None else settings.redis_url.get_secret_value()
    return open_storage(settings.database_path, redis_url)


def _entra(settings: Settings) -> VerifyBearer | None:
    """How admins' tokens are verified, if the settings say whose they are."""
    verifier = _verifier(settings.admin_token_issuer, settings.admin_token_audience, settings.admin_token_jwks_url)
    if verifier is None:
        return None

    async def verify(authorization: str) -> ClaimsOfToken:
        return (await verifier.verify(authorization)).all

    return verify


def _event_grid_verifier(settings: Settings) -> TokenVerifier | None:
    return _verifier(
        settings.event_grid_token_issuer, settings.event_grid_token_audience, settings.event_grid_token_jwks_url
    )


def _verifier(issuer: str | None, audience: str | None, keys: str | None) -> TokenVerifier | None:
    """None unless the settings say all three."""
    if issuer is None or audience is None or keys is None:
        return None
    return TokenVerifier(issuer, audience, KeySet(fetch_over_http(keys)))


def _prices(settings: Settings) -> Prices | None:
    if settings.model_prices is None:
        return None
    per_million = {str(kind): price for kind, price in settings.model_prices.per_million_tokens.items()}
    return Prices(settings.model_prices.currency, per_million)


def _translation(settings: Settings, sockets: ModelSockets) -> Translation | None:
    if settings.azure_ai_translate_deployment is None:
        return None
    return Translation(
        Capabilities(sockets, settings.azure_ai_translate_deployment, settings.azure_ai_translate_languages),
        TranslationSettings(transcribe=settings.azure_ai_transcribe_deployment),
    )


def _health(switchboard: Dispatcher, capabilities: Capabilities | None) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz", summary="The process lives")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz", summary="New calls are taken", responses={503: {"description": "Not any more: draining"}})
    async def readyz() -> JSONResponse:
        ready = switchboard.accepting
        body: dict[str, object] = {
            "status": "ready" if ready else "draining",
            "live_calls": switchboard.live_calls,
        }
        if capabilities is not None:
            body["translation"] = capabilities.report()
        return JSONResponse(body, 200 if ready else 503)

    return routes


def _acs_address(settings: Settings) -> tuple[str, str | None]:
    """The endpoint, and the access key unless the managed identity is to be used."""
    if settings.azure_communication_connection_string is not None:
        address = parse_connection_string(settings.azure_communication_connection_string.get_secret_value())
        return address.endpoint, address.access_key
    return _needed(settings.azure_communication_endpoint), None


def _model_credential(settings: Settings, identity: AsyncTokenCredential | None) -> str | Callable[[], Awaitable[str]]:
    if settings.azure_ai_key is not None:
        return settings.azure_ai_key.get_secret_value()
    credential = _needed(identity)

    async def token() -> str:
        return (await credential.get_token(settings.azure_ai_token_scope)).token

    return token


def _needed(value: Wanted | None) -> Wanted:
    """What the settings have been checked to give."""
    if value is None:
        raise RuntimeError("the settings were not checked")
    return value
