"""Where all randomness of the emulator comes from: the system's source, or a seed, so that a run can be repeated.

The source belongs to the context (PEP 567): what an emulator starts draws from that emulator's, two in one process do
not disturb one another, and no class has to be handed a source of identifiers.
"""

from __future__ import annotations

import base64
import random
import uuid
from contextvars import ContextVar

_SYSTEM = random.SystemRandom()
_source: ContextVar[random.Random] = ContextVar("source", default=_SYSTEM)


def use_seed(seed: int | None) -> None:
    """From here on, and in every task started from here, draw from this seed; None: from the system."""
    _source.set(_SYSTEM if seed is None else random.Random(seed))


def uuid4() -> str:
    """A random GUID."""
    return str(uuid.UUID(bytes=_source.get().randbytes(16), version=4))


def token_bytes(count: int) -> bytes:
    """Random bytes."""
    return _source.get().randbytes(count)


def token_hex(count: int) -> str:
    """Random bytes, two hexadecimal digits each."""
    return token_bytes(count).hex()


def token_urlsafe(count: int) -> str:
    """Random bytes in the alphabet of URLs."""
    return base64.urlsafe_b64encode(token_bytes(count)).rstrip(b"=").decode()


def randbelow(limit: int) -> int:
    """A whole number from 0 to `limit - 1`."""
    return _source.get().randrange(limit)


def uniform(low: float, high: float) -> float:
    """A number between the two."""
    return _source.get().uniform(low, high)
