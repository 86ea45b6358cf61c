"""What the translation deployment can do: whether it opens sessions, and into which languages it translates.

It is asked in the background until it offers some; the answer is kept here. One that refuses is asked again ever more
rarely: its key may be being rotated, or the deployment replaced.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from bot.interpreting.plan import primary
from bot.realtime.client import ModelSocket, ModelSockets
from bot.realtime.errors import SessionError, session_error
from bot.realtime.messages import text

logger = logging.getLogger(__name__)

PROBE_S = 15.0
"""Timeout of one attempt: opening a session takes 2 s, an update 0.2 s, and there are 13 targets."""
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
"""Pauses between two attempts: jitter below a bound that doubles from the first to the longest."""

NOT_LISTED = "target_not_listed"
NOT_OFFERED = "target_not_offered"

CapabilityState = Literal["not_asked", "inconclusive", "offered", "refused"]


class CapabilityReport(TypedDict):
    """What is known of a translation deployment, for logs and the admin API."""

    deployment: str
    state: CapabilityState
    reason: str
    """Why the deployment refused, or why the attempt was inconclusive; else empty."""
    offered: list[str]
    """Target languages, ISO 639-1."""
    refused: list[str]


@dataclass(slots=True)
class _CapabilityAnswer:
    state: CapabilityState = "not_asked"
    reason: str = ""
    targets: dict[str, bool] = field(default_factory=dict)


class Capabilities:
    """What one translation deployment can do. `run` asks it; all other methods return at once what is known."""

    def __init__(
        self,
        sockets: ModelSockets,
        deployment: str,
        languages: Sequence[str],
        rng: random.Random | None = None,
        *,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """`languages`: the targets to use the deployment for, ISO 639-1."""
        self.deployment = deployment
        self._sockets = sockets
        self._languages = tuple(languages)
        self._rng = rng or random.Random()
        self._first_pause_s = first_pause_s
        self._answer = _CapabilityAnswer()

    def refusal(self, target: str) -> str | None:
        """Return why a lane into this language (BCP 47) cannot use it; None if it can, or if that is unknown."""
        language = primary(target)
        if language not in self._languages:
            return NOT_LISTED
        if self._answer.state == "refused":
            return self._answer.reason
        return None if self._answer.targets.get(language, True) else NOT_OFFERED

    def report(self) -> CapabilityReport:
        """Return what is known so far."""
        targets = self._answer.targets
        return {
            "deployment": self.deployment,
            "state": self._answer.state,
            "reason": self._answer.reason,
            "offered": sorted(target for target, offered in targets.items() if offered),
            "refused": sorted(target for target, offered in targets.items() if not offered),
        }

    async def run(self) -> None:
        """Ask until the deployment offers languages. Safe to cancel."""
        attempts = 0
        while await self.ask() != "offered":
            bound_s = min(LONGEST_PAUSE_S, self._first_pause_s * 2 ** min(attempts, 16))
            attempts += 1
            await asyncio.sleep(self._rng.uniform(bound_s / 2, bound_s))

    async def ask(self) -> CapabilityState:
        """Make one attempt, and return what is known after it."""
        answer = _CapabilityAnswer()
        try:
            async with asyncio.timeout(PROBE_S):
                await self._probe(answer)
            answer.state = "offered"
        except Exception as error:  # whatever the SDK and the socket raise
            lost = session_error(error)
            answer.state = "inconclusive" if lost.retryable else "refused"
            answer.reason = lost.code
        before, self._answer = self._answer, answer
        if answer != before:
            level = logging.INFO if answer.state == "offered" else logging.WARNING
            logger.log(level, "translation deployment probed", extra={"capabilities": self.report()})
        return answer.state

    async def _probe(self, answer: _CapabilityAnswer) -> None:
        """Open a session and set its language to each target in turn; nothing that is sent is billed.

        Raises:
            Exception: whatever the SDK and the socket raise.
        """
        socket = await self._sockets.translation(self.deployment)
        try:
            for language in self._languages:
                update = {"audio": {"output": {"language": language}}}
                event_id = f"target:{language}"
                await socket.send(text({"type": "session.update", "event_id": event_id, "session": update}))
                answer.targets[language] = await _accepts(socket, event_id)
        finally:
            await socket.close(1.0)


async def _accepts(socket: ModelSocket, event_id: str) -> bool:
    """Return whether the service accepted the update.

    Raises:
        SessionError: the service reported another error, so its answer is unknown.
    """
    while True:
        message = json.loads(await socket.receive())
        match message.get("type"):
            case "session.updated":
                return True
            case "error":
                error = message.get("error") or {}
                if error.get("event_id") not in (None, event_id) or error.get("type") != "invalid_request_error":
                    raise SessionError(
                        str(error.get("code") or error.get("type") or "unknown"), "the deployment could not be probed"
                    )
                return False
            case _:
                pass
