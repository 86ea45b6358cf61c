"""Posts callback events to the bot, signed, in order, and repeated after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import aiohttp
import orjson

from emulator.acs.auth.forged_tokens import forged
from emulator.acs.wire.callback_events import PREFIX, Event
from emulator.acs.wire.urls import as_given
from emulator.clock import wall
from emulator.faults import CallbackFault, FaultPlan, TokenFlaw
from emulator.journal import Journal

CALLBACK_TOKEN_S = 300  # documented: five minutes, a new one per event
MEDIA_TOKEN_S = 86_400  # documented: a day, a new one per connection
# Seconds that a webhook has to answer; the service's own limit is not published.
_TIMEOUT_S = 10.0
# Far more posts than a call ever has waiting; beyond it the webhook counts as dead.
_OUTBOX = 1000


class Signer(Protocol):
    """A key that signs tokens, or the current one of several."""

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT with these claims."""

    def public_pem(self) -> bytes:
        """Return the public half of the key, PEM."""


class TokenIssuer:
    """Issues the tokens with which the service authenticates callbacks and media sockets."""

    def __init__(self, key: Signer, issuer: str, audience: str) -> None:
        self._key = key
        self._issuer = issuer
        self._audience = audience

    def token(self, lifetime_s: int, flaw: TokenFlaw = "valid") -> str:
        """Issue a token valid from now on, or one with a flaw."""
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
    """Posts a batch of events until it is accepted or the attempts are used up."""

    def __init__(
        self, session: aiohttp.ClientSession, issuer: TokenIssuer, faults: FaultPlan, journal: Journal
    ) -> None:
        self._session = session
        self._issuer = issuer
        self._faults = faults
        self._journal = journal

    def fault(self, events: Sequence[Event]) -> CallbackFault | None:
        """Return the fault that applies to these events, which uses it up once."""
        return self._faults.callback(_kinds(events))

    async def post(self, uri: str, events: Sequence[Event], fault: CallbackFault | None = None) -> bool:
        """Post events and return whether they were accepted (2xx). Every attempt carries the same ids."""
        kinds = _kinds(events)
        fault = fault or CallbackFault()
        await asyncio.sleep(fault.delay_ms / 1000)
        named = {"types": kinds, "call_connection_id": events[0]["data"]["callConnectionId"]}
        if fault.lost:
            self._journal.note("callback.lost", **named)
            return False
        body = orjson.dumps([{**each, "data": {**each["data"], **fault.data}} for each in events])
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
        """Post once and return the status, or 0 without an answer."""
        headers = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
        if fault.token != "missing":
            headers["Authorization"] = "Bearer " + self._issuer.token(CALLBACK_TOKEN_S, fault.token)
        try:
            async with (
                asyncio.timeout(_TIMEOUT_S),
                self._session.post(as_given(uri), data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0


class Outbox:
    """The queue of events of one call connection, posted one after the other.

    Holds at most `_OUTBOX` posts; nothing is dropped, and `put` returns False when it is full.
    """

    def __init__(self, poster: CallbackPoster) -> None:
        self._poster = poster
        self._posts: asyncio.Queue[tuple[str, Sequence[Event]] | None] = asyncio.Queue(_OUTBOX + 1)
        self._closed = False

    def put(self, uri: str, *events: Event) -> bool:
        """Queue a post; return False when the outbox is full. After `close` posts are ignored."""
        if self._closed:
            return True
        if self._posts.qsize() >= _OUTBOX:
            return False
        self._posts.put_nowait((uri, events))
        return True

    def close(self) -> None:
        """Accept no more posts; those queued are still sent."""
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
        for late in held:  # no post followed
            await self._poster.post(*late)


def _kinds(events: Sequence[Event]) -> list[str]:
    return [str(each["type"]).removeprefix(PREFIX) for each in events]
