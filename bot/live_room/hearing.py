"""What is heard through the media streams of a room: speech of people on its roster, or the interpreter itself."""

from __future__ import annotations

import logging
from collections.abc import Callable

from bot.interpreting.events import OwnVoiceHeard, SpeakerAudio
from bot.interpreting.plan import MIXED, RoomPlan
from bot.live_room.frame_age import FrameAge
from bot.live_room.ports import EchoFilter, EchoMeasurement, VoiceDetector, VoiceDetectors
from media_streaming.messages import AudioData

logger = logging.getLogger(__name__)


class Hearing:
    """Judges the frames of each speaker, and delivers them."""

    def __init__(
        self,
        plan: RoomPlan,
        detectors: VoiceDetectors,
        deliver: Callable[[OwnVoiceHeard | SpeakerAudio], None],
        clock: Callable[[], float],
        echo: Callable[[], EchoFilter] | None,
        echo_meter: EchoMeasurement | None,
        floor: Callable[[str, bytes, bool], None] = lambda speaker, pcm, silent: None,
    ) -> None:
        """`floor` takes each frame of people on the roster, and whether ACS says that it is silent."""
        self.plan = plan
        self._detector_pool = detectors
        self._deliver = deliver
        self._clock = clock
        self._echo = echo() if echo is not None and plan.mixed else None
        self._echo_meter = None if plan.mixed else echo_meter
        self._floor = floor
        self._detectors: dict[str, VoiceDetector] = {}
        self._ignored: set[str] = set()
        """Speakers that are not on the roster, as far as they were logged."""
        self._ages: dict[str, FrameAge] = {}
        """By the name of the stream: a stream that comes back has the clock of the one before."""

    def take(self, message: AudioData, stream: str) -> None:
        """Take a frame as it comes through a media stream."""
        age = self._ages.get(stream)
        if age is None:
            age = self._ages[stream] = FrameAge()
        self.hear(message.speaker, message.pcm, message.silent, stream, age.age_s(message, self._clock()))

    def hear(self, speaker: str | None, pcm: bytes, silent: bool, stream: str, age_s: float) -> None:
        """Take a frame of one speaker, or of mixed audio if the plan says so.

        Only people on the roster are interpreted, never this bot or another.

        Args:
            stream: what was played on it may come back.
            age_s: how long the frame was held up.
        """
        heard = self.plan.listens(speaker)
        if heard is None:
            self._ignore(speaker or "")
            return
        self._floor(heard, pcm, silent)
        detector = self._detectors.get(heard)
        if detector is None:
            detector = self._detectors[heard] = self._detector_pool.detector()
        voiced = detector.voiced(pcm, silent)
        if self._echo is not None and heard == MIXED and self._echo.is_ours(pcm):
            voiced = False
        if self._echo_meter is not None:
            own_voice = self._echo_meter.heard(stream, heard, pcm, voiced, self._clock())
            if own_voice is not None:
                self._deliver(OwnVoiceHeard(heard, *own_voice))
        self._deliver(SpeakerAudio(heard, pcm, voiced, age_s))

    def _ignore(self, speaker: str) -> None:
        if speaker not in self._ignored and len(self._ignored) < 1000:
            self._ignored.add(speaker)
            logger.info("speaker ignored: not on the roster", extra={"participant_id": speaker})

    def played(self, stream: str, pcm: bytes) -> None:
        """Note a frame of the interpreter's voice, which may come back."""
        if self._echo is not None:
            self._echo.played(pcm)
        elif self._echo_meter is not None:
            self._echo_meter.played(stream, pcm, self._clock())

    def stopped(self, stream: str) -> None:
        """Note that frames of it were discarded that had not been heard."""
        if self._echo is not None:
            self._echo.stopped()
        elif self._echo_meter is not None:
            self._echo_meter.stopped(stream, self._clock())

    def close(self) -> None:
        for detector in self._detectors.values():
            detector.close()
        self._detectors.clear()
