"""Several replicas of the service as one: who lives, and messages among them. What those mean is not known here.

A message goes into the queue of its receiver in the shared store; an order is answered through a queue of its own.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from bot.calls.registry import BEAT_S, OFF_BEAT_S, Registry
from http_serving.errors import ServiceError
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

ANSWER_S = 3.0
"""What another replica needs to answer an order: milliseconds. One that has not by now is gone, or as good as."""
POLL_S = 5.0
"""One wait for messages."""
STORE_AWAY_S = 0.5
"""Before the store is asked again."""


class ReplicaSilent(ServiceError):
    """The replica that serves the call does not answer; another replica takes the call over soon."""

    status = 503
    code = "replica_silent"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_ms=round(ANSWER_S * 1000))


class ReplicaMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    kind: str
    room_id: str = ""
    secret: str = ""
    event: str = ""
    """as `registry.encode_event` has it"""
    order: str = ""
    reply_to: str = ""


class ReplicaReply(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is empty when the order was followed."""

    code: str = ""
    message: str = ""


_message = msgspec.json.Decoder(ReplicaMessage)
_answer = msgspec.json.Decoder(ReplicaReply)

HandleMessage = Callable[[ReplicaMessage], Awaitable[None]]
"""Acts on a message; a ServiceError is told to whoever waits for an answer."""


class Cluster:
    """Us among the others. `beat` and `listen` must be running for the others to know."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def beat(self) -> None:
        """Renew our lease, again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + OFF_BEAT_S
        away = False
        while True:
            try:
                await self._registry.beat()
                away = False
            except StoreUnavailable:
                if not away:
                    logger.error("lease could not be renewed: the store is away")
                away = True
            due = max(due + BEAT_S, loop.time())
            await asyncio.sleep(due - loop.time())

    async def listen(self, take: HandleMessage) -> None:
        """Act on messages in the order in which they come, until cancelled."""
        while True:
            try:
                found = await self._registry.receive(self._registry.replica, POLL_S)
            except StoreUnavailable:
                await asyncio.sleep(STORE_AWAY_S)
                continue
            if found is not None:
                await self._act(found, take)

    async def inherit(self, owner: str, take: HandleMessage) -> None:
        """Act on what was left for a replica before others knew that it was gone. Orders are too old: whoever gave
        them has been told that nobody answers.

        Raises:
            StoreUnavailable: perhaps before all was taken.
        """
        while (found := await self._registry.receive(owner, 0.0)) is not None:
            await self._act(found, take, orders=False)

    async def _act(self, found: bytes, take: HandleMessage, *, orders: bool = True) -> None:
        answer = ReplicaReply()
        reply_to = ""
        try:
            message = _message.decode(found)
            if message.reply_to and not orders:
                return
            reply_to = message.reply_to
            await take(message)
        except ServiceError as error:
            answer = ReplicaReply(code=error.code, message=error.message)
        except StoreUnavailable as error:
            logger.error("message of another replica could not be acted on", exc_info=error)
            answer = ReplicaReply(code="store_unavailable", message="the store is not available")
        except Exception as error:  # one message, of a newer replica perhaps, must not be the last that is read
            logger.error("message of another replica could not be acted on", exc_info=error)
            answer = ReplicaReply(code="internal_error", message="the order could not be followed")
        if reply_to:
            try:
                await self._registry.send(reply_to, msgspec.json.encode(answer))
            except StoreUnavailable:
                logger.error("order could not be answered: the store is away")

    async def send(self, to: str, message: ReplicaMessage) -> None:
        """Leave a message.

        Raises:
            StoreUnavailable: it could not be left.
        """
        await self._registry.send(to, msgspec.json.encode(message))

    async def ask(self, to: str, message: ReplicaMessage, failed: Callable[[str, str], Exception]) -> None:
        """Have an order followed elsewhere; `failed` makes of its code and message what is raised here.

        Raises:
            ReplicaSilent: nobody has answered in time.
        """
        address = f"answer-{secrets.token_hex(8)}"
        await self.send(to, msgspec.structs.replace(message, reply_to=address))
        found = await self._registry.receive(address, ANSWER_S)
        if found is None:
            raise ReplicaSilent("the replica that is in the call does not answer; try again soon")
        answer = _answer.decode(found)
        if answer.code:
            raise failed(answer.code, answer.message)
