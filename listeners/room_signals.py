"""What has been signalled of a room and still holds. Pure: each change returns the signals that tell of it."""

from __future__ import annotations

from collections.abc import Sequence

from listeners.messages import InterpreterSignal, LaneSignal, Signal, SignalMessage, SpeakingSignal


class RoomSignals:
    """The state of one room's voices, lanes and interpreter."""

    def __init__(self) -> None:
        self.interpreter = InterpreterSignal("off")
        self.speaking: frozenset[str] = frozenset()
        """Speakers who speak now."""
        self._suppressed: dict[tuple[str, str], list[SignalMessage]] = {}
        """By speaker and language: a signal for each channel on which the interpretation plays; the first was sent."""
        self._degraded: dict[tuple[str, str], LaneSignal] = {}
        """By speaker and language: the latest signal of lanes that are not served as requested."""

    def current(self) -> Sequence[Signal]:
        """Return the signals that describe voices and lanes as they are, for somebody who joins."""
        return [*(playing[0] for playing in self._suppressed.values()), *self._degraded.values()]

    def voice_begins(self, speaker: str, language: str, at_us: int) -> Sequence[Signal]:
        """Note that a speaker's interpretation is about to play on one more channel."""
        signal = SignalMessage("suppress_original", speaker, language, at_us)
        playing = self._suppressed.setdefault((speaker, language), [])
        playing.append(signal)
        return [signal] if len(playing) == 1 else []

    def voice_ends(self, speaker: str, language: str, at_us: int) -> Sequence[Signal]:
        """Note that it plays on one channel less."""
        playing = self._suppressed.get((speaker, language), [])
        if len(playing) > 1:
            playing.pop()
            return []
        known = self._suppressed.pop((speaker, language), None)
        return [] if known is None else [SignalMessage("restore_original", speaker, language, at_us)]

    def lane_served(self, speaker: str, language: str, engine: str, reason: str) -> Sequence[Signal]:
        """Note what serves a lane (empty: nothing); without a reason it is served as requested again."""
        key = speaker, language
        known = self._degraded.pop(key, None)
        if reason:
            self._degraded[key] = LaneSignal("lane_degraded", speaker, language, engine, reason)
            return [self._degraded[key]]
        return [] if known is None else [LaneSignal("lane_restored", speaker, language, engine, reason)]

    def interpreter_does(self, signal: InterpreterSignal) -> Sequence[Signal]:
        """Note what the interpreter does."""
        if signal == self.interpreter:
            return []
        self.interpreter = signal
        return [signal]

    def speak(self, speakers: frozenset[str]) -> Sequence[Signal]:
        """Note who speaks now."""
        changed, self.speaking = self.speaking ^ speakers, speakers
        return [SpeakingSignal(speaker, speaker in speakers) for speaker in sorted(changed)]

    def everything(self) -> list[Signal]:
        """Return all that holds, for another process."""
        speaking = [SpeakingSignal(speaker, True) for speaker in sorted(self.speaking)]
        return [*self.current(), *speaking, self.interpreter]

    def take(self, signals: Sequence[Signal], complete_at_us: int | None = None) -> list[Signal]:
        """Note what another process has signalled.

        Args:
            complete_at_us: the signals are all that holds now, at this time in µs; whatever is missing has ended.
        """
        news = [one for signal in signals for one in self._take(signal)]
        if complete_at_us is None:
            return news
        held = {(one.speaker_id, one.language) for one in signals if isinstance(one, SignalMessage)}
        for speaker, language in self._suppressed.keys() - held:
            news += self.voice_ends(speaker, language, complete_at_us)
        held = {(one.speaker_id, one.language) for one in signals if isinstance(one, LaneSignal)}
        for speaker, language in self._degraded.keys() - held:
            news += self.lane_served(speaker, language, "", "")
        return [*news, *self.speak(frozenset(one.speaker_id for one in signals if isinstance(one, SpeakingSignal)))]

    def _take(self, signal: Signal) -> Sequence[Signal]:
        match signal:
            case SignalMessage("suppress_original", speaker, language, at_us):
                known = (speaker, language) in self._suppressed
                return [] if known else self.voice_begins(speaker, language, at_us)
            case SignalMessage(_, speaker, language, at_us):
                return self.voice_ends(speaker, language, at_us)
            case LaneSignal(_, speaker, language, engine, reason):
                known = self._degraded.get((speaker, language)) == signal
                return [] if known else self.lane_served(speaker, language, engine, reason)
            case SpeakingSignal(speaker, speaking):
                return self.speak(self.speaking | {speaker} if speaking else self.speaking - {speaker})
            case InterpreterSignal():
                return self.interpreter_does(signal)

    def call_ended(self, at_us: int) -> Sequence[Signal]:
        """Restore all voices and lanes; nobody speaks."""
        restored = [
            SignalMessage("restore_original", speaker, language, at_us) for speaker, language in self._suppressed
        ]
        self._suppressed.clear()
        lanes = [
            one for speaker, language in list(self._degraded) for one in self.lane_served(speaker, language, "", "")
        ]
        return [*restored, *lanes, *self.speak(frozenset()), *self.interpreter_does(InterpreterSignal("off"))]
