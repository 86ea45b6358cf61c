"""The documented rule about which media actions may run at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from emulator.acs.wire.errors import AcsError

Kind = Literal["play to all", "play to some", "recognize", "continuous dtmf", "send dtmf"]

# Documented ("control mid-call media actions"): beside these, only what is for all or asks one participant may start.
_EXCLUSIVE: tuple[Kind, ...] = ("play to some", "send dtmf")
_ALWAYS_WELCOME: tuple[Kind, ...] = ("play to all", "recognize")


class MediaRules:
    """The running media actions of one connection."""

    def __init__(self) -> None:
        self._running: Counter[Kind] = Counter()

    def check(self, kind: Kind) -> None:
        """Check that an action may start now.

        Raises:
            AcsError: 412/8583.
        """
        if kind not in _ALWAYS_WELCOME and any(self._running[each] for each in _EXCLUSIVE):
            raise AcsError(412, "8583", "Another media operation is in progress.")

    @contextmanager
    def running(self, kind: Kind) -> Iterator[None]:
        """Count an action as running while inside."""
        self._running[kind] += 1
        try:
            yield
        finally:
            self._running[kind] -= 1
