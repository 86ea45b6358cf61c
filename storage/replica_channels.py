"""Protocol of messages among replicas: to whoever subscribes at the moment, none are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

TakeBytes = Callable[[bytes], None]
"""Takes a message. What it raises is logged, and the next message is taken all the same."""


class ReplicaChannels(Protocol):
    """Channels by name. Messages of one replica arrive in their order, or not at all; no method waits or fails."""

    def publish(self, channel: str, message: bytes) -> None:
        """Send a message to all replicas that subscribe to a channel, this one included."""

    def subscribe(self, channel: str, take: TakeBytes, ready: Callable[[], None] = lambda: None) -> None:
        """Take the messages of a channel from now on.

        Args:
            ready: called when messages begin to arrive, and again whenever some may have been missed.
        """

    def unsubscribe(self, channel: str) -> None:
        """Take no message of a channel any more."""

    async def run(self) -> None:
        """Send and receive until cancelled."""
