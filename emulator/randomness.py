"""The source of all random numbers in the emulator: the system, or a seed that makes a run repeatable.

The source belongs to the context (PEP 567): all tasks of an emulator share one source, two emulators in a process do
not disturb each other, and no class needs a source as parameter.
"""

from __future__ import annotations

import base64
import random
import uuid
from contextvars import ContextVar

_SYSTEM = random.SystemRandom()
_source: ContextVar[random.Random] = ContextVar("source", default=_SYSTEM)


def use_seed(seed: int | None) -> None:
    """Use this seed in this context and in tasks started from it; None uses the system."""
    _source.set(_SYSTEM if seed is None else random.Random(seed))


def uuid4() -> str:
    """Return a random GUID."""
    return str(uuid.UUID(bytes=_source.get().randbytes(16), version=4))


def token_bytes(count: int) -> bytes:
    """Return random bytes."""
    return _source.get().randbytes(count)


def token_hex(count: int) -> str:
    """Return random bytes as hexadecimal digits."""
    return token_bytes(count).hex()


def token_urlsafe(count: int) -> str:
    """Return random bytes in the base64 alphabet of URLs."""
    return base64.urlsafe_b64encode(token_bytes(count)).rstrip(b"=").decode()


def randbelow(limit: int) -> int:
    """Return a random integer from 0 to `limit - 1`."""
    return _source.get().randrange(limit)


def uniform(low: float, high: float) -> float:
    """Return a random number between `low` and `high`."""
    return _source.get().uniform(low, high)
