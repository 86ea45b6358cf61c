"""Limits the guessing of join codes: per network and over all, shared by all replicas. Knows neither rooms nor HTTP.

A right code costs nothing. Wrong ones are counted twice, in the shared store:

| by | allowed | above that |
|---|---|---|
| network (an IPv4 address, a /64 of IPv6) | `FREE` at once, one every `LEAK_S` | locked out, each time twice as long |
| all networks together | `FREE_OVER_ALL` at once, one every `LEAK_OVER_ALL_S` | every look-up has to wait |

A private address is not locked out: it is usually that of an ingress not named in `TRUSTED_PROXIES`, behind which one
guesser would lock out everybody.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

import msgspec

from http_serving.errors import TooManyRequests
from storage.key_value import KeyValueStore

audit = logging.getLogger("rooms_admin.audit")

FREE = 60
"""Wrong codes of a network at once: a hall of 500 phones joins from one address, and one in ten mistypes."""
LEAK_S = 180.0
"""Seconds in which one wrong code of a network is forgotten."""
LOCKED_S = 60.0
"""Seconds of the first lockout; each further one, after `FREE` / 2 more wrong codes, is twice as long."""
LONGEST_LOCKED_S = 24 * 3600.0
REMEMBERED_S = 24 * 3600.0
"""Seconds after the last wrong code, or the end of a lockout, in which a network's lockouts are remembered."""
FREE_OVER_ALL = 300
"""Wrong codes of all networks at once. A code of six digits is found by 3,300 guesses on average if 300 are in use."""
LEAK_OVER_ALL_S = 10.0
"""Seconds in which one wrong code of them is forgotten: 8,640 a day, whatever the number of networks."""
TOLD_S = 60.0
"""Shortest time in seconds between two reports that the limit over all is reached."""

_PREFIX = "join-attempts:"
_ALL = f"{_PREFIX}all"

Found = TypeVar("Found")


class _Tries(msgspec.Struct, frozen=True, kw_only=True):
    """Wrong codes of a network, or of all."""

    level: float = 0.0
    """Wrong codes not forgotten yet, as of `at`."""
    at: float = 0.0
    """Unix time in seconds."""
    lockouts: int = 0
    until: float = 0.0
    """End of the last lockout, Unix time in seconds."""

    def leaked(self, now: float, leak_s: float) -> float:
        """Return the level now. Clocks of replicas may differ a little."""
        return max(0.0, self.level - max(0.0, now - self.at) / leak_s)


_decoder = msgspec.json.Decoder(_Tries)


class JoinAttempts:
    """Admits look-ups of join codes. Methods raise `StoreUnavailable` if the counts cannot be read."""

    def __init__(self, store: KeyValueStore, *, now: Callable[[], float] = time.time) -> None:
        """`now` returns Unix time in seconds."""
        self._store = store
        self._now = now
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._told_at = -TOLD_S

    async def look_up(self, network: str, find: Callable[[], Awaitable[Found | None]]) -> Found | None:
        """Return what `find` finds; None is a wrong code.

        A network's look-ups wait for one another, or many at once would not be counted yet when they are admitted.

        Raises:
            TooManyRequests: the network is locked out, or there were too many wrong codes over all.
        """
        turn = self._turns.setdefault(network, asyncio.Lock())
        async with turn:
            await self._admit(network)
            found = await find()
            if found is None:
                await self._count(network)
            return found

    async def _admit(self, network: str) -> None:
        now = self._now()
        locked_s = _read(await self._store.get(_PREFIX + network)).until - now
        if locked_s > 0:
            raise TooManyRequests.after(locked_s)
        above = _read(await self._store.get(_ALL)).leaked(now, LEAK_OVER_ALL_S) - FREE_OVER_ALL
        if above > 0:
            if now - self._told_at >= TOLD_S:
                self._told_at = now
                audit.warning("look-ups of join codes limited", extra={"reason": "wrong_codes_over_all"})
            raise TooManyRequests.after(above * LEAK_OVER_ALL_S)

    async def _count(self, network: str) -> None:
        await self._change(
            _ALL, lambda tries, now: _counted(tries, now, LEAK_OVER_ALL_S), LEAK_OVER_ALL_S * 2 * FREE_OVER_ALL
        )
        after = await self._change(
            _PREFIX + network,
            _locked_out if _may_be_locked_out(network) else _of_network,
            LONGEST_LOCKED_S + REMEMBERED_S,
        )
        if after.until > after.at:
            fields = {"caller": network, "lockouts": after.lockouts, "locked_s": round(after.until - after.at)}
            audit.warning("join codes locked out", extra=fields | {"reason": "wrong_codes"})

    async def _change(self, key: str, change: Callable[[_Tries, float], _Tries], ttl_s: float) -> _Tries:
        while True:
            old = await self._store.get(key)
            new = change(_read(old), self._now())
            if await self._store.swap(key, old, msgspec.json.encode(new), ttl_s):
                return new


def _read(stored: bytes | None) -> _Tries:
    try:
        return _Tries() if stored is None else _decoder.decode(stored)
    except msgspec.DecodeError:  # of a newer version perhaps; it is overwritten by the next wrong code
        return _Tries()


def _counted(tries: _Tries, now: float, leak_s: float) -> _Tries:
    return msgspec.structs.replace(tries, level=tries.leaked(now, leak_s) + 1, at=now)


def _of_network(tries: _Tries, now: float) -> _Tries:
    return _counted(tries, now, LEAK_S)


def _locked_out(tries: _Tries, now: float) -> _Tries:
    """Count a wrong code of a network that may be locked out."""
    after = _of_network(tries, now)
    if after.level <= FREE:
        return after
    before = 0 if now - max(tries.at, tries.until) > REMEMBERED_S else tries.lockouts
    locked_s = min(LOCKED_S * 2 ** min(before, 20), LONGEST_LOCKED_S)
    return msgspec.structs.replace(after, level=FREE / 2, lockouts=before + 1, until=now + locked_s)


def _may_be_locked_out(network: str) -> bool:
    try:
        return ipaddress.ip_network(network).is_global
    except ValueError:
        return False
