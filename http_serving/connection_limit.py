"""Decides which connections stay open when there are too many, by what the callers have proved. Pure.

| group | connections | when there are too many |
|---|---|---|
| unproved | waiting for a first request, or serving one that has proved nothing yet | the oldest gives way |
| idle | waiting for another request after one with proof | the oldest gives way when there are no unproved ones |
| callers | serving an admin or a listener | the request is answered with 503 above their share |
| platform | serving ACS or Event Grid | never closed, and not counted in that share |

So nobody without proof keeps out anybody with proof, and admins and listeners never keep out ACS and Event Grid. A
request on an idle connection has to be proved anew: behind an ingress, it may be of somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Literal

from http_serving.errors import Overloaded

MOST_CONNECTIONS = 5000
"""Default limit of open connections. Three quarters, 3,750, are for listeners: two lectures to 500 phones, with
captions, audio and signals. A caption reader takes 37 kB and an Opus listener 29 kB: together 140 MB at most."""
RESERVED = 4
"""One in so many is kept for ACS and Event Grid."""

Proof = Literal["platform", "caller"]

PROOF = "proof"
"""Key of the proof in the state of an ASGI scope."""
_PROVE = "interpreter.prove"
"""Key of the function among the extensions of an ASGI scope."""


def prove(scope: MutableMapping[str, Any], proof: Proof) -> None:
    """Note that the sender of a request or upgrade has proved who it is. Under another server, the scope notes it only.

    Raises:
        Overloaded: there are too many admins and listeners.
    """
    scope.setdefault("state", {})[PROOF] = proof
    note: Callable[[Proof], None] | None = scope.get("extensions", {}).get(_PROVE)
    if note is not None:
        note(proof)


class ConnectionLimit:
    """Counts the open connections of a server."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.most_callers = most - most // RESERVED
        self.unproved: dict[Place, None] = {}
        """Oldest first, by the beginning of the connection, or of the request if one with proof came before it."""
        self.idle: dict[Place, None] = {}
        """Oldest first."""
        self.proved: dict[Place, Proof] = {}
        self.callers = 0

    def __len__(self) -> int:
        return len(self.unproved) + len(self.idle) + len(self.proved)

    def open(self, give_way: Callable[[], None]) -> Place | None:
        """Return a place for a new connection, for which another may have to give way; None if there is none."""
        if len(self) >= self.most:
            oldest = next(iter(self.unproved or self.idle), None)
            if oldest is None:
                return None
            oldest.close()
            oldest.give_way()
        place = Place(self, give_way)
        self.unproved[place] = None
        return place


class Place:
    """The place of a connection among those that are open."""

    def __init__(self, limit: ConnectionLimit, give_way: Callable[[], None]) -> None:
        self._limit = limit
        self.give_way = give_way
        """Closes the connection at once."""

    def begin(self, scope: Any) -> None:
        """Note that a request has arrived, and let `prove` work with its scope."""
        if self in self._limit.idle:
            del self._limit.idle[self]
            self._limit.unproved[self] = None
        scope.setdefault("extensions", {})[_PROVE] = self.prove

    def prove(self, proof: Proof) -> None:
        """Note a proof. `Overloaded` if callers have all their places already."""
        if self not in self._limit.unproved:
            return  # noted already, or the connection has given way meanwhile
        if proof == "caller":
            if self._limit.callers >= self._limit.most_callers:
                raise Overloaded("too many connections are open", retry_after_ms=1000)
            self._limit.callers += 1
        del self._limit.unproved[self]
        self._limit.proved[self] = proof

    def served(self) -> None:
        """Note the end of a response."""
        if self._forget_proof():
            self._limit.idle[self] = None

    def close(self) -> None:
        """Note the end of the connection."""
        self._limit.unproved.pop(self, None)
        self._limit.idle.pop(self, None)
        self._forget_proof()

    def _forget_proof(self) -> bool:
        proof = self._limit.proved.pop(self, None)
        self._limit.callers -= proof == "caller"
        return proof is not None
