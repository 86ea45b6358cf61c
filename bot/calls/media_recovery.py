"""How a lost or silent media stream is recovered: which step comes next, and until when to wait for it. Does no I/O.

ACS dials a lost socket again by itself; how often and how soon is not documented (ACS protocol sheet, 4.7), so it gets
some time. Then it is asked to start streaming anew on the same connection; then the call is left and joined again. When
all steps were in vain the call is given up here, and the reconciler has it joined again later.
"""

from __future__ import annotations

from enum import StrEnum, auto


class RecoveryStep(StrEnum):
    WAIT = "waiting for the re-dial"
    RESTART = "restarting media streaming"
    RECONNECT = "joining again"


PATIENCE_S: dict[RecoveryStep, float] = {
    RecoveryStep.WAIT: 4.0,
    RecoveryStep.RESTART: 4.0,
    RecoveryStep.RECONNECT: 12.0,
}
"""How long each step may take to bring the socket back, in seconds. The first two fit into the ten seconds in which a
call has to be heard again; a join takes as long as ACS needs to answer and to dial."""
STEPS = (RecoveryStep.WAIT, RecoveryStep.RESTART, RecoveryStep.RECONNECT, RecoveryStep.RECONNECT)
"""Steps in the order in which they are taken."""
CALM_S = 30.0
"""A stream that has held for this long, in seconds, is well: the next loss begins with the first step."""
FIRST_MEDIA_S = 15.0
"""From the answer to the connect request to the media socket, in seconds. ACS opens the socket before it reports the
call as connected."""
FIRST_FRAME_S = 15.0
"""From the media socket to its first frame, in seconds. It is not known whether ACS sends nothing or silence while
everybody is muted."""
SILENT_RESTARTS = 1
"""How often a stream without frames is restarted before it is accepted as it is."""
NO_AUDIO = "no audio has come"


class RecoveryTask(StrEnum):
    """What the call has to do at once."""

    STEP = auto()
    STEP_AFTER_REFUSAL = auto()
    """The same, but ACS has given up dialling, so waiting for it is useless."""
    RESTART_SILENT_STREAM = auto()


class MediaRecovery:
    """The recovery of one call's media stream. Times are seconds of the event loop."""

    def __init__(self, first_wait_s: float = FIRST_MEDIA_S) -> None:
        """`first_wait_s`: how long the first media socket may take."""
        self.step: RecoveryStep | None = None
        """The last step taken since the stream was lost."""
        self.due: RecoveryTask | None = None
        self.deadline: float | None = None
        """When the socket, or its first frame, is late; None: nothing is waited for."""
        self.problem: str | None = None
        """What is wrong, for admins."""
        self._wait_s = first_wait_s
        self._taken = 0
        self._restored_at: float | None = None
        self._silent_restarts = 0

    # --- what happens ----------------------------------------------------------------------------

    def opened(self, now: float) -> None:
        """Note that a media socket is open; its first frame is waited for."""
        self.step = self.due = self.problem = None
        self._restored_at = now
        self.deadline = now + FIRST_FRAME_S if self._silent_restarts < SILENT_RESTARTS else None

    def frames_arrived(self) -> None:
        self.deadline = None

    def lost(self, *, refused: bool = False) -> None:
        """Note that the stream is gone or did not come; `refused`: ACS says that it has given up dialling."""
        if self.due is not RecoveryTask.STEP_AFTER_REFUSAL:
            self.due = RecoveryTask.STEP_AFTER_REFUSAL if refused else RecoveryTask.STEP

    def silent(self) -> None:
        """Note that no frame has come through the open socket."""
        self.due = RecoveryTask.RESTART_SILENT_STREAM

    # --- what to do ------------------------------------------------------------------------------

    def wait(self, now: float) -> None:
        """Give the socket the time that the present step allows."""
        self.deadline = now + self._wait_s

    def begin_step(self, now: float) -> RecoveryStep | None:
        """Return the step to take; None when all have been taken since the stream last held for `CALM_S`."""
        refused, self.due = self.due is RecoveryTask.STEP_AFTER_REFUSAL, None
        if self._restored_at is not None and now - self._restored_at >= CALM_S:
            self._taken = 0
        self._restored_at = None
        if refused and self._taken == 0:
            self._taken = 1
        if self._taken >= len(STEPS):
            return None
        self.step = STEPS[self._taken]
        self._taken += 1
        self.problem = self.step.value
        self._wait_s = PATIENCE_S[self.step]
        return self.step

    def begin_silent_restart(self) -> None:
        """Note that a stream without frames is being restarted."""
        self.due = self.deadline = None
        self.problem = NO_AUDIO
        self._silent_restarts += 1
