"""Notices replicas that sign listeners' tickets with another secret, whose tickets would be refused."""

from __future__ import annotations

import asyncio
import hmac
import logging

from storage.errors import StoreUnavailable
from storage.key_value import KeyValueStore

logger = logging.getLogger(__name__)

INTERVAL_S = 5.0
"""Interval in seconds of comparing."""
LIFETIME_S = 15.0
"""Seconds after which a replica that has stopped no longer counts."""
_PREFIX = "ticket-secret:"


class TicketAgreement:
    """Compares the secrets of all replicas by their fingerprints in the store."""

    def __init__(self, state: KeyValueStore, replica: str, secret: str) -> None:
        self._state = state
        self._key = _PREFIX + replica
        self._fingerprint = hmac.digest(secret.encode(), b"fingerprint of TICKET_SECRET", "sha256")[:8]
        self.differs = False
        """Whether a replica has another secret."""

    async def run(self) -> None:
        """Compare now and every `INTERVAL_S` seconds, until cancelled."""
        while True:
            try:
                await self.compare()
            except StoreUnavailable:
                pass  # logged by the store
            await asyncio.sleep(INTERVAL_S)

    async def compare(self) -> None:
        """Compare with the replicas that run; a change of the result is logged."""
        await self._state.put({self._key: self._fingerprint}, LIFETIME_S)
        differs = set((await self._state.find(_PREFIX)).values()) != {self._fingerprint}
        if differs and not self.differs:
            logger.error("replicas have different values of TICKET_SECRET: tickets of one are refused by another")
        elif self.differs and not differs:
            logger.info("replicas have the same value of TICKET_SECRET again")
        self.differs = differs
