"""Evaluates the records of a run: which frame was spoken when, and when it arrived where.

All times are seconds of one clock; measures are in milliseconds and cover what started within the window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks import stamps
from benchmarks.percentiles import jitter, most_ahead
from benchmarks.stamps import Stamps

END_OF_TURN_MS = 500.0
"""Pause that ends a turn, for both programs."""
TAIL_FRAMES = 10
"""Frames at the end of an utterance (200 ms) that may be delayed until its end by design."""
BREATH_S = 0.3
"""Seconds of silence after which a channel counts as idle: interpretations are separated by a pause by design."""


@dataclass(slots=True)
class Utterance:
    """Consecutive frames of a speaker."""

    first: int
    """Number of the first frame."""
    frames: int

    @property
    def last(self) -> int:
        return self.first + self.frames - 1


@dataclass(slots=True)
class SpeakerLog:
    """The frames and utterances of a speaker."""

    number: int
    """Source in the stamps of their frames."""
    call: int
    written: list[float] = field(default_factory=list)
    """Time of writing to the media socket, by frame number."""
    utterances: list[Utterance] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Append:
    """Audio that arrived at the model."""

    at: float
    connection: str
    frames: Stamps


@dataclass(frozen=True, slots=True)
class Answer:
    """An interpretation sent by the model."""

    number: int
    """The source in the stamps of its frames."""
    heard_last: int
    """Stamp of the last received frame of the source; 0 if there was none."""
    committed_at: float
    first_delta_at: float
    frames: int
    """Number of frames sent."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Numbers of missing and sent frames."""

    missing: int
    sent: int


@dataclass(frozen=True, slots=True)
class Observations:
    """The records of a run."""

    start: float
    end: float
    speakers: Mapping[int, SpeakerLog]
    appends: Sequence[Append]
    answers: Sequence[Answer]
    played: Mapping[int, Sequence[tuple[float, int]]]
    """Arrival and stamp of each played frame, by call."""

    def delays_up(self) -> list[float]:
        """Return the delays from writing an append's newest frame to its arrival at the model, within speech.

        Older frames of an append are excluded because batching is intended, as is the wait at the end of a turn.
        """
        return [
            (append.at - at) * 1000
            for append in self.appends
            if len(append.frames) and (at := self._written_mid_speech(int(append.frames[-1]))) is not None
        ]

    def _written_mid_speech(self, stamp: int) -> float | None:
        speaker = self.speakers.get(stamps.source(stamp))
        number = stamps.number(stamp)
        if speaker is None or number >= len(speaker.written):
            return None
        at = speaker.written[number]
        if not self.start <= at < self.end:
            return None
        utterance = _utterance(speaker, number)
        return at if number <= utterance.last - TAIL_FRAMES else None

    def delays_down(self) -> list[float]:
        """Return the delays from the model's first audio to the first frame in the call, on idle channels."""
        return [(began - answer.first_delta_at) * 1000 for answer, began in self._unhindered()]

    def own_shares(self) -> list[float]:
        """Return the delays from the end of speech to the first frame, without the model and the pause of the turn."""
        shares = []
        for answer, began in self._unhindered():
            ended = self._ended_at(answer)
            if ended is not None:
                pause = (answer.committed_at - ended) * 1000 - END_OF_TURN_MS
                shares.append(pause + (began - answer.first_delta_at) * 1000)
        return shares

    def ear_voice_spans(self) -> list[float]:
        """Return the whole delays from the end of speech to the first frame, on any channel."""
        arrivals = self._arrivals()
        return [
            (arrivals[answer.number][0][0] - ended) * 1000
            for answer in self._answers_in_window()
            if answer.number in arrivals and (ended := self._ended_at(answer)) is not None
        ]

    def _ended_at(self, answer: Answer) -> float | None:
        """Return when the last frame of the source was written; None unless the model received the whole utterance."""
        speaker = self.speakers.get(stamps.source(answer.heard_last))
        if speaker is None:
            return None
        number = stamps.number(answer.heard_last)
        last = _utterance(speaker, number).last
        return speaker.written[last] if last - number <= TAIL_FRAMES and last < len(speaker.written) else None

    def _unhindered(self) -> list[tuple[Answer, float]]:
        """Return answers whose channel was idle, with the arrival of their first frame."""
        arrivals = self._arrivals()
        spans: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
        for answer in self.answers:
            call = self._call(answer)
            heard = arrivals.get(answer.number)
            if call is not None:
                spans[call].append((answer.number, answer.committed_at, heard[-1][0] if heard else self.end))
        found = []
        for answer in self._answers_in_window():
            call, heard = self._call(answer), arrivals.get(answer.number)
            if call is None or not heard:
                continue
            began = heard[0][0]
            others = (span for span in spans[call] if span[0] != answer.number)
            if not any(begins <= began and ends + BREATH_S >= answer.first_delta_at for _, begins, ends in others):
                found.append((answer, began))
        return found

    def _answers_in_window(self) -> Iterable[Answer]:
        return (answer for answer in self.answers if self.start <= answer.first_delta_at < self.end)

    def _call(self, answer: Answer) -> int | None:
        speaker = self.speakers.get(stamps.source(answer.heard_last))
        return None if speaker is None else speaker.call

    def _arrivals(self) -> dict[int, list[tuple[float, int]]]:
        """Return arrivals and numbers of frames in the call, by interpretation."""
        arrivals: dict[int, list[tuple[float, int]]] = defaultdict(list)
        for played in self.played.values():
            for at, stamp in played:
                if stamp:
                    arrivals[stamps.source(stamp)].append((at, stamps.number(stamp)))
        return arrivals

    # --- the rhythm of what is played --------------------------------------------------------------

    def jitters(self) -> list[float]:
        """Return the differences from 20 ms of the intervals between frames of an interpretation."""
        return [late for times in self._rhythms() for late in jitter(times)]

    def most_ahead(self) -> float | None:
        """Return the maximum by which an interpretation was ahead of real time."""
        return max((most_ahead(times) for times in self._rhythms()), default=None)

    def _rhythms(self) -> list[list[float]]:
        arrivals = self._arrivals()
        return [
            [at for at, _ in arrivals[answer.number]]
            for answer in self._answers_in_window()
            if answer.number in arrivals
        ]

    # --- losses --------------------------------------------------------------------------------------

    def lost_to_the_model(self) -> Losses:
        """Count frames of speech missing at the model between received ones of the same utterance.

        Frames missing at either end were cut as silence by design. Of an utterance that did not reach the model at all,
        every frame is missing.
        """
        heard = {int(stamp) for append in self.appends for stamp in append.frames}
        missing = sent = 0
        for speaker in self.speakers.values():
            for utterance in self._whole_utterances(speaker):
                there = [
                    number
                    for number in range(utterance.first, utterance.last + 1)
                    if (speaker.number << 16) + number in heard
                ]
                sent += utterance.frames
                missing += there[-1] - there[0] + 1 - len(there) if there else utterance.frames
        return Losses(missing, sent)

    def _whole_utterances(self, speaker: SpeakerLog) -> list[Utterance]:
        """Return the utterances entirely within the window."""
        return [
            utterance
            for utterance in speaker.utterances
            if utterance.last < len(speaker.written)
            and self.start <= speaker.written[utterance.first]
            and speaker.written[utterance.last] < self.end
        ]

    def lost_to_the_call(self) -> Losses:
        """Count frames of interpretations that the model sent and the call did not get."""
        arrivals = self._arrivals()
        missing = sent = 0
        for answer in self._answers_in_window():
            came = {number for _, number in arrivals.get(answer.number, ())}
            sent += answer.frames
            missing += answer.frames - len(came)
        return Losses(missing, sent)

    @property
    def utterances(self) -> int:
        """Return the number of utterances entirely within the window."""
        return sum(len(self._whole_utterances(speaker)) for speaker in self.speakers.values())

    @property
    def interpreted(self) -> int:
        """Return how many of these were interpreted in the call."""
        arrivals = self._arrivals()
        sources = {answer.heard_last for answer in self.answers if answer.number in arrivals}
        return sum(
            any((speaker.number << 16) + number in sources for number in range(one.first, one.last + 1))
            for speaker in self.speakers.values()
            for one in self._whole_utterances(speaker)
        )

    # --- after a stall ----------------------------------------------------------------------------

    def oldest_heard(self, since: float, connections: set[str] | None = None) -> float | None:
        """Return the age at arrival of the oldest audio that reached the model after `since`.

        Args:
            since: start of the period.
            connections: sessions to consider; None for all.
        """
        ages = []
        for append in self.appends:
            if append.at < since or (connections is not None and append.connection not in connections):
                continue
            for stamp in append.frames.tolist():
                speaker = self.speakers.get(stamps.source(stamp))
                if speaker is not None and stamps.number(stamp) < len(speaker.written):
                    ages.append((append.at - speaker.written[stamps.number(stamp)]) * 1000)
                    break
        return max(ages, default=None)


def _utterance(speaker: SpeakerLog, number: int) -> Utterance:
    """Return the utterance of a frame. The search starts at the latest one, which it usually is."""
    return next(utterance for utterance in reversed(speaker.utterances) if utterance.first <= number)
