"""Finds the call of each media socket that ACS dials, and takes it over if another replica had it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bot.calls.active_calls import TAKEOVER_ATTEMPTS, ActiveCalls
from bot.calls.call import Call
from bot.calls.environment import is_per_language
from bot.calls.replicas.mailbox import ReplicaMailbox, ReplicaMessage
from bot.calls.replicas.registry import CallRecord, Registry
from bot.tasks import ServiceTasks
from media_streaming.stream import POLICY_VIOLATION, MediaStream
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MediaSockets:
    """Accepts and serves the media sockets of all calls."""

    active_calls: ActiveCalls
    registry: Registry
    mailbox: ReplicaMailbox
    tasks: ServiceTasks

    async def knows(self, call_secret: str) -> bool:
        """Say whether a media socket with this secret is accepted here."""
        call = self.active_calls.by_secret(call_secret)
        if call is not None:
            return not call.live.over
        if self.active_calls.has_left(call_secret) or not self.active_calls.accepting:
            return False
        try:
            record = await self.registry.by_secret(call_secret)
            if record is None:
                return False
            # Calls that share a session stay together: ACS dials again and reaches the replica that has them.
            return not is_per_language(record.room_id) or not await self.active_calls.is_elsewhere(record)
        except StoreUnavailable:
            return False

    async def serve(self, stream: MediaStream, call_secret: str) -> None:
        """Serve a media socket until its call ends or the socket closes; take over the call if need be."""
        call = self.active_calls.by_secret(call_secret)
        if call is None and not self.active_calls.has_left(call_secret):
            call = await self._adopt_by_media(call_secret, stream.call_connection_id)
        if call is None:
            return
        connection_id = stream.call_connection_id
        if connection_id is not None and self.active_calls.is_foreign(call, connection_id):
            await stream.refuse(POLICY_VIOLATION, "the connection is not that of the call")
            return
        await call.media.serve(stream)

    async def _adopt_by_media(self, call_secret: str, connection_id: str | None) -> Call | None:
        """Take over the call of a media socket: the replica that has the socket has to be in the call.

        The caller must serve the socket at once, or the call would start to recover a stream that it has.
        """
        try:
            for _ in range(TAKEOVER_ATTEMPTS):
                record = await self.registry.by_secret(call_secret)
                if record is None:
                    return None
                call = await self.active_calls.adopt(record, connection_id)
                if call is not None:
                    if record.owner and self.tasks.running:
                        self.tasks.spawn(self._notify_former_owner(record), "notify former owner")
                    return call
        except StoreUnavailable:
            logger.error("media stream not served", extra={"reason": "store_unavailable"})
        return None

    async def _notify_former_owner(self, record: CallRecord) -> None:
        try:
            await self.mailbox.send(record.owner, ReplicaMessage(kind="moved", room_id=record.room_id))
        except StoreUnavailable:
            pass  # the former owner finds out by its own checks
