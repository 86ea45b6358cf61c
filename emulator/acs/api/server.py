"""Assembles the ACS side as one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType

import aiohttp
from aiohttp import web

from emulator.acs.api.call_automation_api import CallAutomationApi
from emulator.acs.api.emulator_api import EmulatorApi, page_routes
from emulator.acs.api.identity_api import IdentityApi
from emulator.acs.api.join_api import JoinApi
from emulator.acs.api.keys_api import KeysApi
from emulator.acs.api.media_api import MediaApi
from emulator.acs.api.middleware import ServiceMiddleware
from emulator.acs.api.participants_api import ParticipantsApi
from emulator.acs.api.phone_api import PhoneApi
from emulator.acs.api.recording_api import RecordingApi
from emulator.acs.api.robots_api import RobotsApi
from emulator.acs.api.rooms_api import RoomsApi
from emulator.acs.auth.entra import LocalEntra
from emulator.acs.auth.identity import IdentityStore
from emulator.acs.auth.keys import KeyRing, SigningKey
from emulator.acs.auth.signing import decode_key
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.frame_clock import FrameClock
from emulator.acs.calls.incoming import IncomingCalls
from emulator.acs.calls.recordings import Recordings
from emulator.acs.calls.rooms import RoomStore
from emulator.acs.calls.services import Services
from emulator.acs.calls.sound_files import SoundFiles
from emulator.acs.events.callbacks import CallbackPoster, TokenIssuer
from emulator.acs.events.event_grid import EventGrid
from emulator.config import Config
from emulator.engine.base import Engine
from emulator.faults import FaultPlan
from emulator.journal import Journal

# Five minutes of a robot's recording, in base64, fit into a body.
_LARGEST_BODY = 20 * 1024 * 1024
# Seconds that bots have to take their last events when the server stops or is reset.
_FAREWELL_S = 1.0
_PAGE = Path(__file__).parents[2] / "page"


class AcsServer:
    """Identity, rooms, call automation, media streaming and Event Grid of one resource.

    An async context manager; leaving it ends all calls and tasks.
    """

    def __init__(
        self,
        config: Config,
        journal: Journal,
        faults: FaultPlan,
        engine: Engine,
        key: SigningKey | None = None,
        extra_routes: Sequence[web.AbstractRouteDef] = (),
    ) -> None:
        """Args:
        engine: speaks what bots play as text and recognises what people say; running already.
        key: key that signs tokens; None generates one, which takes a tenth of a second.
        extra_routes: further routes to serve on the same port.
        """
        self._config = config
        self._journal = journal
        self._faults = faults
        self._engine = engine
        self._key = key
        self._extra_routes = extra_routes
        self._secret = decode_key(config.access_key)
        self._stack = AsyncExitStack()
        self._routes: list[web.AbstractRouteDef] = []
        self._calls: Calls | None = None
        self._middleware: ServiceMiddleware | None = None
        # What a reset deletes, before and after the calls have ended.
        self._before_calls_end: list[Callable[[], None]] = []
        self._after_calls_end: list[Callable[[], None]] = []

    async def __aenter__(self) -> AcsServer:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def calls(self) -> Calls:
        """The calls; available inside the context only."""
        assert self._calls is not None
        return self._calls

    def application(self) -> web.Application:
        """Return the application to serve; call once, inside the context only."""
        assert self._middleware is not None
        application = web.Application(middlewares=[self._middleware.middleware()], client_max_size=_LARGEST_BODY)
        application.add_routes(self._routes)
        application.on_shutdown.append(self._end_calls)
        return application

    async def _start(self, stack: AsyncExitStack) -> None:
        config, journal, faults = self._config, self._journal, self._faults
        key = self._key if self._key is not None else await asyncio.to_thread(SigningKey.generate)
        keys = KeyRing(key)
        entra = LocalEntra(keys)
        middleware = self._middleware = ServiceMiddleware(
            key=self._secret, skew_s=config.clock_skew_s, entra=entra, faults=faults, journal=journal
        )
        issuer = TokenIssuer(keys, config.callback_issuer, config.callback_audience or config.resource_id)
        # No limit: with one, a dial could wait for other calls' sockets to close.
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        tasks = await stack.enter_async_context(_cancelled_at_the_end())
        clock = FrameClock(journal)
        tasks.create_task(clock.run(), name="frame clock")
        grid = EventGrid(
            topic=f"/subscriptions/emulator/resourceGroups/emulator/providers/"
            f"Microsoft.Communication/communicationServices/{config.resource_id}",
            session=session,
            journal=journal,
            tasks=tasks,
            faults=faults,
            entra=entra,
            speed_up=config.eventgrid_speed_up,
        )
        identities = IdentityStore(config.resource_id, key)
        rooms = RoomStore()
        files = SoundFiles(session)
        poster = CallbackPoster(session, issuer, faults, journal)
        calls = Calls(
            resource_id=config.resource_id,
            rooms=rooms,
            services=Services(session, issuer, poster, faults, journal, files, self._engine),
            publisher=grid,
            clock=clock,
            tasks=tasks,
        )
        self._calls = calls
        incoming = IncomingCalls(calls)
        recordings = Recordings(poster, tasks, grid.publish)
        calls.on_call_over.append(recordings.call_over)
        robots = RobotsApi(calls, identities, rooms)
        local = EmulatorApi(calls=calls, grid=grid, faults=faults, journal=journal, clock=clock, reset=self.reset)
        self._before_calls_end = [grid.clear, calls.offers.clear]
        self._after_calls_end = [
            rooms.clear,
            identities.clear,
            recordings.clear,
            robots.clear,
            files.clear,
            local.clear,
            middleware.clear,
        ]
        self._routes = [
            *KeysApi(keys, config.callback_issuer, entra, journal).routes(),
            *IdentityApi(identities).routes(),
            *RoomsApi(rooms, faults).routes(),
            *CallAutomationApi(calls, incoming, faults).routes(),
            *ParticipantsApi(calls, faults).routes(),
            *MediaApi(calls).routes(),
            *RecordingApi(calls, recordings, faults).routes(),
            *PhoneApi(calls, identities, incoming, journal).routes(),
            *JoinApi(calls, identities, rooms, journal).routes(),
            *robots.routes(),
            *local.routes(),
            *self._extra_routes,
            *page_routes(_PAGE),
        ]

    async def reset(self) -> None:
        """End running calls, then delete rooms, users, subscriptions, recordings, faults and the journal.

        Sockets and keys stay. Bots get the last events of their calls; Event Grid subscribers get none.
        """
        self._faults.clear()
        for clear in self._before_calls_end:
            clear()
        await self._end_calls()
        for clear in self._after_calls_end:
            clear()
        self._journal.clear()
        self._journal.note("server.reset")

    async def _end_calls(self, application: web.Application | None = None) -> None:
        """End every call, so that participants' sockets close before the server waits for them."""
        if not await self.calls.end_all(_FAREWELL_S):
            self._journal.note("server.hurried")


class _Over(Exception):
    """Ends the task group when the server's context is left."""


@asynccontextmanager
async def _cancelled_at_the_end() -> AsyncIterator[asyncio.TaskGroup]:
    """Open a task group whose tasks are cancelled at the end."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
            raise _Over
    except* _Over:
        pass
