"""ReplicaChannels over the publish/subscribe of a Redis.

    publish ─► outbox ─► one pipeline at a time ─► Redis ─► one connection for all that is subscribed to ─► takers

What waits in the outbox while Redis does not answer is limited in number and age, and dropped beyond. A connection that
is lost, or silent, is opened again and subscribes to the same channels: then their takers are told that they may have
missed something. Redis itself drops a subscriber that does not read (`client-output-buffer-limit pubsub`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from storage.errors import StoreUnavailable
from storage.redis import PREFIX, RedisClient
from storage.replica_channels import TakeBytes

logger = logging.getLogger(__name__)

OUTBOX_LIMIT: Final = 2_000
"""Messages that wait to be sent; 2,000 are a second of audio on 40 channels."""
STALE_S: Final = 1.0
"""Age in seconds at which a message is not sent any more: nobody wants to hear it then."""
BATCH: Final = 500
"""Most messages of one pipeline."""
PING_S: Final = 2.0
SILENT_S: Final = 5.0
"""Seconds without a message, and without an answer to a ping, after which a connection is lost."""
AGAIN_S: Final = 0.5
"""Pause before a lost connection is opened again, in seconds."""


class RedisChannels:
    """See ReplicaChannels. `run` must be running."""

    def __init__(self, client: RedisClient, prefix: str = PREFIX) -> None:
        self.dropped = 0
        """Messages that were not sent, because Redis did not take them in time."""
        self._client = client
        self._prefix = prefix.encode() + b"channel:"
        self._outbox: deque[tuple[float, bytes, bytes]] = deque()
        """When each was published, in loop time; channel; message."""
        self._filled = asyncio.Event()
        self._takers: dict[bytes, tuple[TakeBytes, Callable[[], None]]] = {}
        self._changed = asyncio.Event()
        self._confirmed: set[bytes] = set()
        """Channels to which the connection is subscribed."""

    def publish(self, channel: str, message: bytes) -> None:
        if len(self._outbox) >= OUTBOX_LIMIT:
            self._outbox.popleft()
            self.dropped += 1
        self._outbox.append((asyncio.get_running_loop().time(), self._name(channel), message))
        self._filled.set()

    def subscribe(self, channel: str, take: TakeBytes, ready: Callable[[], None] = lambda: None) -> None:
        name = self._name(channel)
        self._takers[name] = take, ready
        self._changed.set()
        if name in self._confirmed:  # it was about to be given up
            asyncio.get_running_loop().call_soon(ready)

    def unsubscribe(self, channel: str) -> None:
        self._takers.pop(self._name(channel), None)
        self._changed.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(), name="channels out")
            group.create_task(self._receive(), name="channels in")

    def _name(self, channel: str) -> bytes:
        return self._prefix + channel.encode()

    # --- out -------------------------------------------------------------------------------------

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._outbox:
                batch = [self._outbox.popleft() for _ in range(min(BATCH, len(self._outbox)))]
                oldest = loop.time() - STALE_S
                commands = [("PUBLISH", name, message) for at, name, message in batch if at >= oldest]
                self.dropped += len(batch) - len(commands)
                try:
                    if commands:
                        await self._client.together(commands)
                except StoreUnavailable:  # logged by the client
                    self.dropped += len(commands)
                    await asyncio.sleep(AGAIN_S)

    # --- in --------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            try:
                async with self._client.lent_connection() as connection, asyncio.TaskGroup() as group:
                    group.create_task(self._subscriptions(connection), name="subscriptions")
                    await self._read(connection)
            except* StoreUnavailable:  # logged by the client
                pass
            self._confirmed.clear()
            await asyncio.sleep(AGAIN_S)

    async def _subscriptions(self, connection: Any) -> None:
        """Keep what the connection is subscribed to as it should be, and the connection alive."""
        asked: set[bytes] = set()
        self._changed.set()
        while True:
            try:
                async with asyncio.timeout(PING_S):
                    await self._changed.wait()
            except TimeoutError:
                await self._client.say(connection, "PING")
                continue
            self._changed.clear()
            wanted = set(self._takers)
            for verb, names in (("SUBSCRIBE", wanted - asked), ("UNSUBSCRIBE", asked - wanted)):
                if names:
                    await self._client.say(connection, verb, *sorted(names))
            self._confirmed &= wanted
            asked = wanted

    async def _read(self, connection: Any) -> None:
        while True:
            match await self._client.hear(connection, SILENT_S):
                case [b"message", bytes(name), bytes(message)]:
                    if (taker := self._takers.get(name)) is not None:
                        _call(taker[0], message)
                case [b"subscribe", bytes(name), _]:
                    self._confirmed.add(name)
                    if (taker := self._takers.get(name)) is not None:
                        _call(taker[1])
                case _:
                    pass  # the answer to a ping, or to the end of a subscription


def _call(function: Callable[..., None], *values: bytes) -> None:
    try:
        function(*values)
    except Exception as error:  # one message must not be the last that is read
        logger.error("message of another replica not handled", exc_info=error)
