"""Channels among replicas in memory: each replica has its own end, which can be cut off, and be slow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from storage.replica_channels import TakeBytes


class Wire:
    """What the ends have in common. A message takes `delay_s`; those of a cut end are lost."""

    def __init__(self, delay_s: float = 0.001) -> None:
        self.delay_s = delay_s
        self.ends: list[ChannelsEnd] = []
        self.messages: list[tuple[str, bytes]] = []

    def end(self) -> ChannelsEnd:
        self.ends.append(ChannelsEnd(self))
        return self.ends[-1]


class ChannelsEnd:
    """Implements `storage.replica_channels.ReplicaChannels`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._cut = False
        self._arriving: deque[tuple[str, bytes]] = deque()
        self._takers: dict[str, tuple[TakeBytes, Callable[[], None]]] = {}

    def publish(self, channel: str, message: bytes) -> None:
        if not self._cut:
            self._wire.messages.append((channel, message))
            for end in self._wire.ends:
                end._arriving.append((channel, message))
                asyncio.get_running_loop().call_later(self._wire.delay_s, end._arrived)

    def subscribe(self, channel: str, take: TakeBytes, ready: Callable[[], None] = lambda: None) -> None:
        self._takers[channel] = take, ready
        asyncio.get_running_loop().call_later(self._wire.delay_s, self._ready, channel)

    def unsubscribe(self, channel: str) -> None:
        self._takers.pop(channel, None)

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()

    @property
    def subscribed(self) -> set[str]:
        return set(self._takers)

    def cut(self) -> None:
        self._cut = True

    def mend(self) -> None:
        self._cut = False
        for channel in list(self._takers):
            self._ready(channel)

    def _ready(self, channel: str) -> None:
        if not self._cut and (taker := self._takers.get(channel)) is not None:
            taker[1]()

    def _arrived(self) -> None:
        channel, message = self._arriving.popleft()
        if not self._cut and (taker := self._takers.get(channel)) is not None:
            taker[0](message)
