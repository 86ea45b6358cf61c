"""What all replicas serve at the moment, for the platform's scaling."""

from __future__ import annotations

import asyncio
from collections.abc import Sized

import msgspec

from storage.documents import Documents
from storage.errors import StoreUnavailable
from storage.health import StoreHealth
from storage.key_value import KeyValueStore

INTERVAL_S = 5.0
"""Interval in seconds of reporting and adding up."""
LIFETIME_S = 15.0
"""Seconds after which a replica that has stopped no longer counts."""
_PREFIX = "load:"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is served."""

    calls: int = 0
    connections: int = 0
    """of ACS, listeners, admins and everybody else"""


class ReplicaLoad:
    """Reports this replica's load in the store, and adds up what all replicas report. `run` must be running."""

    def __init__(
        self, state: KeyValueStore, replica: str, health: StoreHealth, calls: Sized, connections: Sized
    ) -> None:
        self._state = state
        self._key = _PREFIX + replica
        self._documents = Documents("load", Load, health)
        self._calls = calls
        self._connections = connections
        self.total = Load()
        """Of all replicas, as of the last addition."""

    async def run(self) -> None:
        """Report and add up now and every `INTERVAL_S` seconds, until cancelled."""
        while True:
            try:
                await self.add_up()
            except StoreUnavailable:
                pass  # logged by the store; the last sum stays
            await asyncio.sleep(INTERVAL_S)

    async def add_up(self) -> None:
        """Report this replica's load and add up everybody's."""
        own = Load(calls=len(self._calls), connections=len(self._connections))
        await self._state.put({self._key: self._documents.encode(own)}, LIFETIME_S)
        found = [self._documents.decode(key, stored) for key, stored in (await self._state.find(_PREFIX)).items()]
        loads = [load for load in found if load is not None]
        self.total = Load(calls=sum(load.calls for load in loads), connections=sum(load.connections for load in loads))
