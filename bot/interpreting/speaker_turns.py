"""Whose utterance is under way: one endpointer per speaker cuts utterances out of frames."""

from __future__ import annotations

from dataclasses import replace

from bot.interpreting.captions import Utterance
from bot.interpreting.endpointing import Endpointer, TurnEvent
from bot.interpreting.plan import Mode, RoomPlan


class SpeakerTurns:
    """Endpointers by speaker, and the utterances they have begun."""

    def __init__(self, plan: RoomPlan, name: str) -> None:
        self.current: dict[str, Utterance] = {}
        """Utterances under way, by speaker."""
        self._plan = plan
        self._name = name
        self._count = 0
        self._endpointers: dict[str, Endpointer] = {}
        self._ages: dict[str, float] = {}
        """How old the last speech of each speaker was when it came; empty while nothing is held up."""
        self._last: dict[str, Utterance] = {}
        """What each speaker said last."""
        self._over: dict[str, set[str]] = {}
        """By utterance under way: other utterances that were under way when it began, and still are."""

    @property
    def _streamed(self) -> bool:
        return self._plan.mode is Mode.SIMULTANEOUS

    @property
    def quiet(self) -> bool:
        """Whether nobody speaks."""
        return not self.current

    def frame(self, speaker: str, pcm: bytes, voiced: bool, now: float, age_s: float = 0.0) -> list[TurnEvent]:
        """Take the next frame of a speaker, which was held up on its way for `age_s`."""
        if voiced and (age_s or self._ages):
            self._ages[speaker] = age_s
        endpointer = self._endpointers.get(speaker)
        if endpointer is None:
            endpointer = Endpointer(self._plan.endpointing, streamed=self._streamed)
            self._endpointers[speaker] = endpointer
        return endpointer.frame(pcm, voiced, now)

    def expired(self, now: float) -> list[tuple[str, list[TurnEvent]]]:
        """Return what has happened to each speaker because no frames come any more."""
        return [(speaker, endpointer.expire(now)) for speaker, endpointer in self._endpointers.items()]

    def stop(self, speaker: str) -> list[TurnEvent]:
        """End the speaker's utterance under way: the speaker has left or is muted."""
        endpointer = self._endpointers.pop(speaker, None)
        self._last.pop(speaker, None)
        return endpointer.stop() if endpointer else []

    def clear(self) -> None:
        """Forget every speaker, and drop what is under way."""
        self._endpointers.clear()
        self._ages.clear()
        self.current.clear()
        self._last.clear()
        self._over.clear()

    def begin(self, speaker: str, now: float) -> Utterance:
        """Number and name the utterance that has begun."""
        self._count += 1
        name, age_s = f"{self._name}-{self._count}", self._ages.get(speaker, 0.0)
        spoken = Utterance(
            name, speaker, self._plan.name(speaker), self._plan.speaks(speaker), now - age_s, age_s=age_s
        )
        self._over[spoken.id] = {other.id for other in self.current.values()}
        self.current[speaker] = spoken
        return spoken

    def last(self, speaker: str) -> Utterance | None:
        """Return what the speaker said before the utterance under way."""
        return self._last.get(speaker)

    def may_go_on_until(self, last_voiced_at: float) -> float:
        """Return by when it is known that a speaker has gone on after a pause within a sentence."""
        endpointing = self._plan.endpointing
        return last_voiced_at + (endpointing.end_of_turn_unfinished_ms + endpointing.onset_window_ms) / 1000

    def go_on(self, speaker: str, before: Utterance, pcm: bytes) -> None:
        """Make what was said before the pause a part of the utterance that has just begun."""
        self._endpointers[speaker].go_on()
        spoken = self.current[speaker]
        spoken.began_at = before.began_at
        spoken.flags, spoken.before, spoken.before_pcm = before.flags, before, pcm
        before.before, before.before_pcm = None, b""

    def say_again(self, before: Utterance) -> Utterance:
        """Name anew, as an utterance by itself, what was a part of another."""
        self._count += 1
        return replace(before, id=f"{self._name}-{self._count}", source_text=None, settled_at=None)

    def end(self, speaker: str, last_voiced_at: float, voiced_ms: int) -> Utterance:
        """Take the utterance under way of a speaker, and complete what is known of it."""
        spoken = self._last[speaker] = self.current.pop(speaker)
        spoken.age_s = self._ages.get(speaker, 0.0)
        spoken.ended_at, spoken.voiced_ms = max(last_voiced_at - spoken.age_s, spoken.began_at), voiced_ms
        if not spoken.age_s:
            self._ages.pop(speaker, None)
        whole = spoken.before is None or spoken.before.talked_over
        spoken.talked_over = bool(self._over.pop(spoken.id)) and whole
        for others in self._over.values():
            others.discard(spoken.id)
        return spoken

    def follow(self, plan: RoomPlan) -> None:
        """Apply a changed plan; its endpointing holds at once, within utterances as well."""
        self._plan = plan
        for endpointer in self._endpointers.values():
            endpointer.settings, endpointer.streamed = plan.endpointing, self._streamed

    def deadline(self) -> float | None:
        """When `expired` has something to return. Moves with every frame."""
        due_at: float | None = None
        for endpointer in self._endpointers.values():
            turn_ends_at = endpointer.deadline
            if turn_ends_at is not None and (due_at is None or turn_ends_at < due_at):
                due_at = turn_ends_at
        return due_at
