"""The connection of one call with ACS: its id, its secret, and the requests to join and to leave."""

from __future__ import annotations

import logging
import secrets
import uuid
from enum import Enum, auto

from bot.calls.call_record import RecordKeeper
from bot.calls.environment import CallEnvironment, Interpreted, PlannedRoom, leave_connection
from bot.calls.replicas.registry import CallRecord
from bot.calls.state_machine import CallState, CallTrigger, Lifecycle
from bot.errors import CallError
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)


class ConnectRequest(Enum):
    """Where the request to ACS to join or to leave stands."""

    NONE = auto()
    JOINING = auto()
    JOINED_LATE = auto()
    """The answer came after the room had ended: nobody has hung up yet."""
    LEAVING_TO_RETURN = auto()
    """A hang-up is under way that does not end the call."""


class CallConnection:
    """Joins, joins again under a new secret, and leaves."""

    def __init__(
        self,
        room: PlannedRoom,
        record: CallRecord,
        live: Interpreted,
        lifecycle: Lifecycle,
        keeper: RecordKeeper,
        environment: CallEnvironment,
    ) -> None:
        self.id = record.connection_id
        self.secret = record.secret
        self.former_secrets: tuple[str, ...] = ()
        """Secrets the call had before it was joined again."""
        self.request_id = record.request_id
        self.request = ConnectRequest.NONE
        self._room = room
        self._live = live
        self._lifecycle = lifecycle
        self._keeper = keeper
        self._environment = environment

    def learn(self, connection_id: str | None) -> None:
        """Note the id that a callback, a media socket or an answer names."""
        if connection_id and connection_id != self.id:
            self.id = connection_id
            self._keeper.changed()

    async def join(self, *, again: bool = False) -> bool:
        """Ask ACS to let us in; return whether it did. A first request that fails ends the call."""
        addresses = self._environment.addresses
        self.request = ConnectRequest.JOINING
        try:
            connection_id = await self._environment.acs.connect(
                self._room.acs_room_id,
                callback_url=addresses.callback_url(self.secret),
                media_url=addresses.media_url(self.secret),
                context=self._room.room_id,
                request_id=self.request_id,
                mixed=self._room.plan.mixed,
            )
        except CallError as error:
            waiting = self._lifecycle.state is CallState.BY_BROWSER  # for the first person in the call, as a rule
            logger.log(logging.INFO if waiting else logging.WARNING, "call not joined", extra={"reason": error.code})
            if self.id is not None:  # a callback or the media socket shows that only the answer was lost
                return True
            if not again:
                self._lifecycle.lose_call(CallTrigger.CONNECT_FAILED, f"connect_failed: {error.code}")
            return False
        finally:
            self.request = ConnectRequest.NONE
        self.learn(connection_id)
        if self._live.over:
            self.request = ConnectRequest.JOINED_LATE
        self._lifecycle.happen(CallTrigger.CONNECT_ANSWERED)
        logger.info("call joined", extra={"call_connection_id": connection_id})
        return True

    async def join_again(self) -> bool:
        """Leave and join under a new secret. Never joins without having left, so as not to be there twice."""
        if self.id is not None:
            self.request = ConnectRequest.LEAVING_TO_RETURN
            try:
                await self._environment.acs.hang_up(self.id)
            except CallError as error:
                logger.warning("hang-up failed", extra={"reason": error.code})
                return False
            finally:
                self.request = ConnectRequest.NONE
        if self._live.over:
            return False
        self.former_secrets += (self.secret,)
        self.secret, self.request_id, self.id = secrets.token_urlsafe(32), str(uuid.uuid4()), None
        if not await self._saved_before_joining() or self._live.over:
            return False
        return await self.join(again=True)

    async def _saved_before_joining(self) -> bool:
        """Write the new secret before ACS learns it: a successor needs it. False if another replica has the call."""
        try:
            return await self._keeper.save()
        except StoreUnavailable:
            return True  # without a store there is no successor either

    async def leave(self, *, hang_up: bool) -> None:
        """Hang up, unless we are out, or another replica has the call."""
        hang_up = hang_up or self.request is ConnectRequest.JOINED_LATE
        if self.id is not None and hang_up and await self._keeper.is_own():
            await leave_connection(self._environment.acs, self._environment.registry, self.id)
