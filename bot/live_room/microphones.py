"""The open microphones of a room: people who speak by browser are heard like those in the call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from bot.interpreting.events import PresenceChanged, SpeakerMuted
from bot.interpreting.plan import WEB
from bot.live_room.frame_age import FrameAge
from bot.live_room.hearing import Hearing
from media_streaming.messages import AudioData

logger = logging.getLogger(__name__)

Ended = Callable[[str], None]
"""Is told why a microphone has ended: `replaced`, `removed`, `room_ended` or `service_stopping`."""


class Microphones:
    """Holds the microphones of one room, one for each speaker, and reports who is there by them."""

    def __init__(
        self,
        hearing: Hearing,
        deliver: Callable[[PresenceChanged | SpeakerMuted], None],
        is_by_browser: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        """`is_by_browser`: whether somebody is there by browser alone; in a call, they are heard there."""
        self._hearing = hearing
        self._deliver = deliver
        self._is_by_browser = is_by_browser
        self._clock = clock
        self._open: dict[str, RoomMicrophone] = {}
        self._watchers: list[Callable[[], None]] = []
        self._over = ""
        """Why no microphone is opened any more."""

    @property
    def speakers(self) -> frozenset[str]:
        """Raw ids of those whose microphone is open, muted or not."""
        return frozenset(self._open)

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever somebody comes or goes."""
        self._watchers.append(changed)

    def open(self, speaker: str, ended: Ended) -> RoomMicrophone:
        """Open a microphone of somebody on the roster, in place of the one they have.

        In a room that is over, it ends at once.
        """
        before, microphone = self._open.get(speaker), RoomMicrophone(self, speaker, ended)
        if self._over:
            microphone.end(self._over)
            return microphone
        self._open[speaker] = microphone
        if before is not None:
            before.end("replaced")
        else:
            self._changed()
        logger.info("microphone opened", extra={"participant_id": speaker})
        return microphone

    def follow_roster(self) -> None:
        """End the microphones of those who are not on the roster any more."""
        for speaker, microphone in list(self._open.items()):
            if self._hearing.plan.listens(speaker) is None:
                microphone.end("removed")

    def end_all(self, reason: str) -> None:
        """End all microphones, and open none from now on."""
        self._over = reason
        for microphone in list(self._open.values()):
            microphone.end(reason)

    def take(self, speaker: str, pcm: bytes, captured_us: int, age: FrameAge) -> None:
        """Take a frame. Of somebody who is in the call as well, it is dropped: they are heard there."""
        if not self._is_by_browser(speaker):
            return
        frame = AudioData(pcm, speaker, _moment(captured_us))
        self._hearing.hear(speaker, pcm, False, self.echo_of(speaker), age.age_s(frame, self._clock()))

    def echo_of(self, speaker: str) -> str:
        """Return which channel may come back through a speaker's microphone: that of the language they hear."""
        attendee = self._hearing.plan.attendees.get(speaker)
        return attendee.listens_to if attendee is not None else ""

    def may_return(self, channel: str) -> bool:
        """Return whether what is heard on a channel may come back through a microphone."""
        return any(self.echo_of(speaker) == channel for speaker in self._open)

    def muted(self, speaker: str) -> None:
        self._deliver(SpeakerMuted(speaker))

    def closed(self, speaker: str, microphone: RoomMicrophone) -> None:
        """Note that a microphone is closed, unless another has taken its place."""
        if self._open.get(speaker) is microphone:
            del self._open[speaker]
            self._changed()
            logger.info("microphone closed", extra={"participant_id": speaker})

    def _changed(self) -> None:
        self._deliver(PresenceChanged(self.speakers, WEB))
        for changed in self._watchers:
            changed()


class RoomMicrophone:
    """One speaker's microphone (implements `listeners.microphones.Microphone`)."""

    def __init__(self, room: Microphones, speaker: str, ended: Ended) -> None:
        self._room = room
        self._speaker = speaker
        self._ended: Ended | None = ended
        """None once it has ended or is closed."""
        self._muted = False
        self._age = FrameAge()

    def frame(self, pcm: bytes, captured_us: int) -> None:
        """Take the next frame; none while muted, or after the end."""
        if self._ended is not None and not self._muted:
            self._room.take(self._speaker, pcm, captured_us, self._age)

    def muted(self, muted: bool) -> None:
        """Mute or unmute. What was said before is an utterance."""
        if self._ended is not None and muted and not self._muted:
            self._room.muted(self._speaker)
        self._muted = muted

    def close(self) -> None:
        """Close it, for nothing comes any more. Closing twice does nothing."""
        if self._ended is not None:
            self._ended = None
            self._room.closed(self._speaker, self)

    def end(self, reason: str) -> None:
        """Close it, and say why."""
        ended = self._ended
        self.close()
        if ended is not None:
            ended(reason)


def _moment(captured_us: int) -> datetime | None:
    """Return the time of a frame by its sender's clock; None for one that no calendar has."""
    try:
        return datetime.fromtimestamp(captured_us / 1_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
