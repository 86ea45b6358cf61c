"""A booth against a real WebSocket server that does what each test asks of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from openai import AsyncOpenAI
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bot.interpreting.events import BoothEvent
from bot.interpreting.plan import Lane
from bot.realtime.booth import RealtimeBooth
from bot.realtime.client import ModelSockets, build_client
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.engines import booth_factory
from bot.realtime.timeouts import BoothLimits
from tests.support.realtime_service import ServiceModel

LANE = Lane("8:acs:1", "en-US", "es-ES")
FRAME = bytes(range(96)) * 10  # 20 ms
KEY = "secret"

build_client("http://127.0.0.1:1", KEY)  # the SDK reads files when it builds its first client

Visit = Callable[["ModelService", ServerConnection, ServiceModel], Awaitable[None]]


async def answer(service: ModelService, connection: ServerConnection, model: ServiceModel) -> None:
    """Do what a good service does."""
    while True:
        for text in model.messages():
            await connection.send(text)
        message = await connection.recv()
        assert isinstance(message, str)
        model.receive(message)
        while service.answering and model.step(0):
            pass


def sockets_of(client: AsyncOpenAI) -> ModelSockets:
    return ModelSockets(client, open_s=5.0, close_s=0.2)


class ModelService:
    """The server's side: how it treats each new connection, and what it has seen."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        """How to treat the next connections, one each; afterwards `answer`."""
        self.refusals: list[tuple[int, dict[str, str]]] = []
        """HTTP answers to the next upgrade requests."""
        self.answering = True
        self.models: list[ServiceModel] = []
        self.requests: list[Request] = []
        self.arrivals: list[float] = []
        self.live: set[ServerConnection] = set()
        self.left = 0
        self.port = 0

    def refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        self.arrivals.append(asyncio.get_running_loop().time())
        if not self.refusals:
            return None
        status, headers = self.refusals.pop(0)
        response = connection.respond(HTTPStatus(status), "{}")
        for name, value in headers.items():
            response.headers[name] = value
        return response

    async def handle(self, connection: ServerConnection) -> None:
        model = ServiceModel()
        self.models.append(model)
        self.live.add(connection)
        visit = self.visits.pop(0) if self.visits else answer
        with suppress(ConnectionClosed):
            await visit(self, connection, model)
        self.live.remove(connection)
        self.left += 1

    async def drop_all(self) -> None:
        for connection in list(self.live):
            await connection.close(1011)

    @property
    def heard(self) -> list[bytes]:
        """Audio of each utterance that was committed, over all sessions."""
        return [pcm for model in self.models for pcm in model.committed]


class Reports:
    """What a booth reports, and waiting for it."""

    def __init__(self) -> None:
        self.events: list[BoothEvent] = []
        self._changed = asyncio.Event()

    def deliver(self, event: BoothEvent) -> None:
        self.events.append(event)
        self._changed.set()

    def of(self, kind: type[BoothEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[BoothEvent], count: int = 1) -> Any:
        """Wait for the nth event of a kind and return it."""
        async with asyncio.timeout(30):
            while len(self.of(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.of(kind)[count - 1]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.002)


QUICK = BoothLimits(first_pause_s=0.01, longest_pause_s=0.04, close_s=0.2)


@asynccontextmanager
async def meeting(
    limits: BoothLimits = QUICK, rng: random.Random | None = None, *, lane: Lane = LANE, **service_options: Any
) -> AsyncIterator[tuple[ModelService, Reports, RealtimeBooth]]:
    """A service and a booth that has not started."""
    service, room = ModelService(), Reports()
    for name, value in service_options.items():
        setattr(service, name, value)
    async with serve(
        service.handle, "127.0.0.1", 0, process_request=service.refuse, compression=None, close_timeout=0.2
    ) as server:
        service.port = next(iter(server.sockets)).getsockname()[1]
        async with build_client(f"http://127.0.0.1:{service.port}", KEY) as client:
            factory = booth_factory(
                sockets_of(client), "gpt-realtime", ConversationSettings(), limits, rng or random.Random(1)
            )
            booth = factory(lane, "Interpret from English into Spanish.", room.deliver)
            assert isinstance(booth, RealtimeBooth)
            yield service, room, booth


@asynccontextmanager
async def running(booth: RealtimeBooth) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(booth.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def speak(booth: RealtimeBooth, utterance: str, frames: int = 10) -> bytes:
    for _ in range(frames):
        booth.hear(utterance, FRAME)
    return FRAME * frames


def say(booth: RealtimeBooth, utterance: str, frames: int = 10) -> bytes:
    pcm = speak(booth, utterance, frames)
    booth.interpret(utterance)
    return pcm
