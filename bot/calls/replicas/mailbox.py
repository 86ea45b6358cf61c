"""This replica's lease, and messages among replicas. What the messages mean is decided in `dispatcher.py`.

A message is put into the queue of its receiver in the shared store; a command is answered through a queue of its own.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from bot.calls.replicas.registry import BEAT_S, OFF_BEAT_S, Registry
from bot.interpreting.events import TextTyped
from http_serving.errors import ServiceError
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

ANSWER_S = 3.0
"""How long to wait for the answer to a command, in seconds. A replica that is alive answers within milliseconds."""
POLL_S = 5.0
"""Longest single wait for messages, in seconds."""
STORE_AWAY_S = 0.5
"""Pause before the store is asked again, in seconds."""


class ReplicaSilent(ServiceError):
    """The replica that serves the call does not answer; another replica takes the call over soon."""

    status = 503
    code = "replica_silent"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_ms=round(ANSWER_S * 1000))


class ReplicaMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message to another replica; `Dispatcher.handle_message` knows the kinds and the fields of each."""

    kind: str
    room_id: str = ""
    secret: str = ""
    event: str = ""
    """as encoded by `registry.encode_event`"""
    order: str = ""
    typed: TextTyped | None = None
    """of the order `message`"""
    reply_to: str = ""
    """queue for the answer; empty if none is expected"""
    inherited: bool = False
    """left for a replica that is gone"""


class ReplicaReply(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a command. `code` is empty when it was followed."""

    code: str = ""
    message: str = ""


_message = msgspec.json.Decoder(ReplicaMessage)
_reply = msgspec.json.Decoder(ReplicaReply)

HandleMessage = Callable[[ReplicaMessage], Awaitable[None]]
"""Acts on a message; a `ServiceError` becomes the answer to the sender."""


class ReplicaMailbox:
    """This replica's lease and mailbox. `beat` and `listen` must be running."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def beat(self) -> None:
        """Renew the lease until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + OFF_BEAT_S
        available = True
        while True:
            try:
                await self._registry.beat()
                available = True
            except StoreUnavailable:
                if available:
                    logger.error("lease not renewed", extra={"reason": "store_unavailable"})
                available = False
            due = max(due + BEAT_S, loop.time())
            await asyncio.sleep(due - loop.time())

    async def listen(self, take: HandleMessage) -> None:
        """Act on messages in the order in which they arrive, until cancelled."""
        while True:
            try:
                found = await self._registry.receive(self._registry.replica, POLL_S)
            except StoreUnavailable:
                await asyncio.sleep(STORE_AWAY_S)
                continue
            if found is not None:
                await self._act(found, take)

    async def inherit(self, owner: str) -> None:
        """Move the messages that were left for a replica that is gone into this replica's queue.

        Commands are dropped: their senders were told that the replica does not answer.

        Raises:
            StoreUnavailable: perhaps after part of them.
        """
        while (found := await self._registry.receive(owner, 0.0)) is not None:
            try:
                message = _message.decode(found)
            except msgspec.DecodeError as error:
                logger.error("message of another replica not read", exc_info=error)
                continue
            if not message.reply_to:
                await self.send(self._registry.replica, msgspec.structs.replace(message, inherited=True))

    async def _act(self, found: bytes, take: HandleMessage) -> None:
        reply = ReplicaReply()
        reply_to = ""
        try:
            message = _message.decode(found)
            reply_to = message.reply_to
            await take(message)
        except ServiceError as error:
            reply = ReplicaReply(code=error.code, message=error.message)
            if not reply_to:
                logger.error("message of another replica not handled", extra={"reason": error.code})
        except StoreUnavailable as error:
            logger.error("message of another replica not handled", exc_info=error)
            reply = ReplicaReply(code="store_unavailable", message="the store is not available")
        except Exception as error:  # one message, of a newer replica perhaps, must not be the last that is read
            logger.error("message of another replica not handled", exc_info=error)
            reply = ReplicaReply(code="internal_error", message="the command could not be followed")
        if reply_to:
            try:
                await self._registry.send(reply_to, msgspec.json.encode(reply))
            except StoreUnavailable:
                logger.error("command not answered", extra={"reason": "store_unavailable"})

    async def send(self, to: str, message: ReplicaMessage) -> None:
        """Put a message into another replica's queue.

        Raises:
            StoreUnavailable: it could not be put there.
        """
        await self._registry.send(to, msgspec.json.encode(message))

    async def ask(self, to: str, message: ReplicaMessage, failed: Callable[[str, str], Exception]) -> None:
        """Have another replica follow a command; `failed` makes the exception from the code and message of its refusal.

        Raises:
            ReplicaSilent: no answer within `ANSWER_S`.
        """
        address = f"answer-{secrets.token_hex(8)}"
        await self.send(to, msgspec.structs.replace(message, reply_to=address))
        found = await self._registry.receive(address, ANSWER_S)
        if found is None:
            raise ReplicaSilent("the replica that is in the call does not answer; try again soon")
        reply = _reply.decode(found)
        if reply.code:
            raise failed(reply.code, reply.message)
