"""Posts callback events to the bot, signed and in order, and tries again; what the events say is `callback_events`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import aiohttp
import orjson

from emulator.acs.auth.forged_tokens import forged
from emulator.acs.wire.callback_events import PREFIX, Event
from emulator.clock import wall
from emulator.faults import CallbackFault, FaultPlan, TokenFlaw
from emulator.journal import Journal

CALLBACK_TOKEN_S = 300  # documented: five minutes, a new one per event
MEDIA_TOKEN_S = 86_400  # documented: a day, a new one per connection
# A webhook is to answer at once and work afterwards; the service's own patience is not published.
_PATIENCE_S = 10.0
# Far more than one call ever has on its way; beyond it the webhook is dead.
_OUTBOX = 1000


class Signer(Protocol):
    """Signs tokens: one key, or the current one of several."""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JWT with these claims."""

    def public_pem(self) -> bytes:
        """The public half of the key."""


class TokenIssuer:
    """Signs what the service sends out, so that the bot can tell it from anybody else's."""

    def __init__(self, key: Signer, issuer: str, audience: str) -> None:
        self._key = key
        self._issuer = issuer
        self._audience = audience

    def token(self, lifetime_s: int, flaw: TokenFlaw = "valid") -> str:
        """A token valid from now on, unless it is to have a flaw."""
        now = int(wall()) + {"expired": -2 * lifetime_s, "not_yet_valid": 2 * lifetime_s}.get(flaw, 0)
        claims: dict[str, Any] = {
            "iss": "https://somebody.else.example" if flaw == "wrong_issuer" else self._issuer,
            "aud": "another-resource" if flaw == "wrong_audience" else self._audience,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime_s,
        }
        token = self._key.sign(claims)
        if flaw in ("valid", "missing", "expired", "not_yet_valid", "wrong_audience", "wrong_issuer"):
            return token
        other = self._key.sign(claims | {"jti": "another"})
        return forged(token, other, flaw, self._key.public_pem())


class CallbackPoster:
    """Posts one batch of events until it is taken or the tries are used up."""

    def __init__(
        self, session: aiohttp.ClientSession, issuer: TokenIssuer, faults: FaultPlan, journal: Journal
    ) -> None:
        self._session = session
        self._issuer = issuer
        self._faults = faults
        self._journal = journal

    def fault(self, events: Sequence[Event]) -> CallbackFault | None:
        """What shall happen to these events on their way; asked once, it is spent."""
        return self._faults.callback(_kinds(events))

    async def post(self, uri: str, events: Sequence[Event], fault: CallbackFault | None = None) -> bool:
        """Whether the events were taken (2xx). The same ids go out at every try."""
        kinds = _kinds(events)
        fault = fault or CallbackFault()
        await asyncio.sleep(fault.delay_ms / 1000)
        named = {"types": kinds, "call_connection_id": events[0]["data"]["callConnectionId"]}
        if fault.lost:
            self._journal.note("callback.lost", **named)
            return False
        body = orjson.dumps(events)
        switches = self._faults.switches
        wait = switches.callback_backoff_s
        for number in range(1, switches.callback_tries + 1):
            status = await self._try(uri, body, fault)
            self._journal.note("callback", status=status, number=number, ids=[each["id"] for each in events], **named)
            if 200 <= status < 300:
                for _ in range(fault.duplicate):
                    again = await self._try(uri, body, fault)
                    self._journal.note("callback.duplicate", status=again, **named)
                return True
            if number < switches.callback_tries:
                await asyncio.sleep(wait)
                wait *= 2
        self._journal.note("callback.given_up", **named)
        return False

    async def _try(self, uri: str, body: bytes, fault: CallbackFault) -> int:
        """The status of the answer; 0 when there was none."""
        headers = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
        if fault.token != "missing":
            headers["Authorization"] = "Bearer " + self._issuer.token(CALLBACK_TOKEN_S, fault.token)
        try:
            async with (
                asyncio.timeout(_PATIENCE_S),
                self._session.post(uri, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0


class Outbox:
    """The events of one call connection on their way, one post after the other.

    Bounded by `_OUTBOX` posts; events are never dropped from the middle: when it is full, `put` says so.
    """

    def __init__(self, poster: CallbackPoster) -> None:
        self._poster = poster
        self._posts: asyncio.Queue[tuple[str, Sequence[Event]] | None] = asyncio.Queue(_OUTBOX + 1)
        self._closed = False

    def put(self, uri: str, *events: Event) -> bool:
        """Queue one post; False when the outbox is full. Once it is closed nothing more is said."""
        if self._closed:
            return True
        if self._posts.qsize() >= _OUTBOX:
            return False
        self._posts.put_nowait((uri, events))
        return True

    def close(self) -> None:
        """Nothing more will be put; what is there still goes out."""
        if not self._closed:
            self._closed = True
            self._posts.put_nowait(None)

    async def run(self) -> None:
        """Post until closed and empty."""
        held: list[tuple[str, Sequence[Event], CallbackFault]] = []
        while (post := await self._posts.get()) is not None:
            fault = self._poster.fault(post[1])
            if fault is not None and fault.after_next and not held:
                held.append((*post, fault))
                continue
            await self._poster.post(*post, fault)
            while held:
                await self._poster.post(*held.pop())
        for late in held:  # nothing followed
            await self._poster.post(*late)


def _kinds(events: Sequence[Event]) -> list[str]:
    return [str(each["type"]).removeprefix(PREFIX) for each in events]
