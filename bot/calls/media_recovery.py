"""How a lost media stream is won back: which step comes next. Pure; `call.py` takes the steps.

ACS dials a lost socket again by itself, how often and how soon is not documented (ACS protocol sheet, 4.7): it is given
its time. Then it is asked to start streaming anew on the same connection; then we leave and join again. Whoever has
tried all that in vain leaves the call to the reconciliation, which tries again later.
"""

from __future__ import annotations

from enum import StrEnum


class RecoveryStep(StrEnum):
    WAIT = "waiting for the re-dial"
    RESTART = "restarting media streaming"
    RECONNECT = "joining again"


PATIENCE_S: dict[RecoveryStep, float] = {
    RecoveryStep.WAIT: 4.0,
    RecoveryStep.RESTART: 4.0,
    RecoveryStep.RECONNECT: 12.0,
}
"""How long each step may take to bring the socket back. The first two fit into the ten seconds in which a call is to be
heard again; a join takes as long as ACS needs to answer and to dial."""
RUNGS = (RecoveryStep.WAIT, RecoveryStep.RESTART, RecoveryStep.RECONNECT, RecoveryStep.RECONNECT)
CALM_S = 30.0
"""A stream that has held for this long is well again: the next loss begins at the bottom."""


class MediaRecovery:
    """One call's way up."""

    def __init__(self) -> None:
        self._taken = 0
        self._restored_at: float | None = None

    def restored(self, now: float) -> None:
        """The stream is back."""
        self._restored_at = now

    def next(self, now: float, *, refused: bool = False) -> RecoveryStep | None:
        """The next step; None when all have been taken. `refused`: ACS has given up dialling, waiting is in vain."""
        if self._restored_at is not None and now - self._restored_at >= CALM_S:
            self._taken = 0
        self._restored_at = None
        if refused and self._taken == 0:
            self._taken = 1
        if self._taken >= len(RUNGS):
            return None
        self._taken += 1
        return RUNGS[self._taken - 1]
