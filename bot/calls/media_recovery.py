"""How a media stream that is lost, or yields no frames, is recovered: what to do next, and when. Does no I/O.

ACS dials a lost socket again by itself; how often and how soon is not documented (ACS protocol sheet, 4.7), so it gets
some time. Then it is asked to start streaming anew on the same connection; then the call is left and joined again. When
all steps were in vain the call is given up here, and the reconciler has it joined again later.

ACS sends frames of everybody all the time, as far as is known; whether it also does while everybody is muted or silent
is not (ACS protocol sheet, 4.1). So a restart that brings no frames at once makes the next one wait twice as long:
silence is then what this ACS sends.
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


class RecoveryTask(StrEnum):
    """What the call has to do at once."""

    STEP = auto()
    STEP_AFTER_REFUSAL = auto()
    """The same, but ACS has given up dialling, so waiting for it is useless."""


class MediaRecovery:
    """The recovery of one call's media stream. Times are seconds of the event loop."""

    def __init__(self, first_wait_s: float = FIRST_MEDIA_S) -> None:
        """`first_wait_s`: how long the first media socket may take."""
        self.step: RecoveryStep | None = None
        """The last step taken since the stream was lost."""
        self.due: RecoveryTask | None = None
        self.deadline: float | None = None
        """When the socket is late; None: it is not waited for."""
        self.problem: str | None = None
        """What is wrong, for admins."""
        self._wait_s = first_wait_s
        self._taken = 0
        self._restored_at: float | None = None
        self._asked = False
        """Whether ACS has been asked to stream anew, for which it closes the open socket."""
        self._cause = ""

    # --- what happens ----------------------------------------------------------------------------

    def opened(self, now: float) -> None:
        """Note that a media socket is open."""
        self.step = self.due = self.problem = self.deadline = None
        self._restored_at = now
        self._asked = False

    def closed(self, cause: str) -> None:
        """Note why this side has closed the socket; empty if it has not."""
        self._cause = cause

    def asked(self) -> None:
        """Note that ACS is asked to stream anew while the socket is open: that this one is lost then is no setback."""
        self._asked = True

    def lost(self, *, refused: bool = False) -> None:
        """Note that the stream is gone or did not come; `refused`: ACS says that it has given up dialling."""
        if self.due is not RecoveryTask.STEP_AFTER_REFUSAL:
            self.due = RecoveryTask.STEP_AFTER_REFUSAL if refused else RecoveryTask.STEP

    # --- what to do ------------------------------------------------------------------------------

    def wait(self, now: float) -> None:
        """Give the socket the time that the present step allows."""
        self.deadline = now + self._wait_s

    def begin_step(self, now: float) -> RecoveryStep | None:
        """Return the step to take; None when all have been taken since the stream last held for `CALM_S`."""
        refused, self.due = self.due is RecoveryTask.STEP_AFTER_REFUSAL, None
        if self._asked or (self._restored_at is not None and now - self._restored_at >= CALM_S):
            self._taken = 0
        self._restored_at, self._asked = None, False
        if refused and self._taken == 0:
            self._taken = 1
        if self._taken >= len(STEPS):
            return None
        self.step = STEPS[self._taken]
        self._taken += 1
        self.problem = self.because(self.step.value)
        self._wait_s = PATIENCE_S[self.step]
        return self.step

    def because(self, what: str) -> str:
        """Add why the socket was closed, if it was closed by this side."""
        return f"{what}: {self._cause}" if self._cause else what


# --- frames through an open socket ---------------------------------------------------------------

FIRST_FRAME_S = 15.0
"""From the media socket to its first frame, in seconds."""
SILENT_S = 5.0
"""Interval in seconds at which frames are looked for, so that their end is noticed within twice of it."""
LONGEST_SILENT_S = 300.0
"""Longest such interval, where restarts bring nothing."""
REPORTED_S = 1.5
"""From ACS's report that it has stopped streaming to the look whether it has, in seconds: the report may come late."""
RESTART_S = 4.0
"""How long a restart may take until frames come, in seconds."""
AT_ONCE_S = 2.0
"""From the socket that a restart opens to its first frame, in seconds: later ones come by themselves."""
OWN_STOP_S = 10.0
"""How long after a restart ACS's report of a stop is taken for that of our own, in seconds."""
STRAY_FRAMES = 10
"""Frames that may still come after such a report: they were under way."""
NO_AUDIO = "no audio has come"


class FrameVerdict(StrEnum):
    """What to do about frames that do not come."""

    RESTART = auto()
    """Have ACS stream anew."""
    CLOSE = auto()
    """Close the socket and recover it like a lost one: ACS says that it has stopped, and a restart was in vain."""


class FrameWatch:
    """Watches one call's media socket. Times are seconds of the event loop; frames are counted by the stream."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        """When to `look`; None while there is no socket."""
        self.problem: str | None = None
        """What is wrong, for admins."""
        self._frames = 0
        self._interval_s = SILENT_S
        self._restarting = False
        self._reported = False
        self._own_stop_until = float("-inf")

    def opened(self, now: float) -> None:
        """Note that a socket is open."""
        self._frames = 1  # the metadata
        self.deadline = now + (AT_ONCE_S if self._restarting else FIRST_FRAME_S)

    def closed(self) -> None:
        """Note that no socket is open."""
        self.deadline = None

    def reported(self, now: float, frames: int, *, failed: bool = False) -> None:
        """Note that ACS reports to have stopped streaming, or to have `failed` to stream."""
        if now < self._own_stop_until and not failed:
            return
        self._reported = True
        if not self._restarting:
            self._frames = frames + STRAY_FRAMES
            self.deadline = now + REPORTED_S

    def asked(self, now: float) -> None:
        """Note that ACS is asked to stop and to stream anew, whatever for."""
        self._own_stop_until = now + OWN_STOP_S

    def restarted(self, now: float) -> None:
        """Note that this is done because no frames come."""
        self._restarting = True
        self.problem = NO_AUDIO
        self.deadline = now + RESTART_S

    def look(self, now: float, frames: int, *, people: bool) -> FrameVerdict | None:
        """Decide what to do, at the deadline.

        Args:
            frames: received through the socket so far.
            people: whether anybody is in the call, as far as is known.
        """
        arrived = frames > self._frames
        restarted, self._restarting = self._restarting, False
        reported, self._reported = self._reported, False
        self._frames = max(frames, 1)
        if arrived:
            self.problem = None
        if restarted:
            self._interval_s = SILENT_S if arrived else min(2 * self._interval_s, LONGEST_SILENT_S)
        self.deadline = now + self._interval_s
        if arrived:
            return None
        if restarted:
            return FrameVerdict.CLOSE if reported else None
        self._reported = reported  # until frames come
        return FrameVerdict.RESTART if people or reported else None
