"""What has been signalled of a room and still holds."""

from __future__ import annotations

from listeners.messages import InterpreterSignal, LaneSignal, SignalMessage, SpeakingSignal
from listeners.room_signals import RoomSignals


def test_a_voice_on_several_channels_is_signalled_once() -> None:
    signals = RoomSignals()
    first = SignalMessage("suppress_original", "ada", "es", 10)
    assert signals.voice_begins("ada", "es", 10) == [first]
    assert signals.voice_begins("ada", "es", 20) == []
    assert signals.current() == [first]
    assert signals.voice_ends("ada", "es", 30) == []
    assert signals.voice_ends("ada", "es", 40) == [SignalMessage("restore_original", "ada", "es", 40)]
    assert signals.voice_ends("ada", "es", 50) == []
    assert signals.current() == []


def test_lanes_are_restored_only_if_they_were_not_as_requested() -> None:
    signals = RoomSignals()
    assert signals.lane_served("ada", "es", "conversation", "") == []
    degraded = LaneSignal("lane_degraded", "ada", "es", "captions", "quota")
    assert signals.lane_served("ada", "es", "captions", "quota") == [degraded]
    assert signals.current() == [degraded]
    restored = LaneSignal("lane_restored", "ada", "es", "conversation", "")
    assert signals.lane_served("ada", "es", "conversation", "") == [restored]


def test_only_changes_are_signalled() -> None:
    signals = RoomSignals()
    assert signals.interpreter_does(InterpreterSignal("off")) == []
    assert signals.interpreter_does(InterpreterSignal("behind", 3000)) == [InterpreterSignal("behind", 3000)]
    assert signals.speak(frozenset({"b", "a"})) == [SpeakingSignal("a", True), SpeakingSignal("b", True)]
    assert signals.speak(frozenset({"b", "c"})) == [SpeakingSignal("a", False), SpeakingSignal("c", True)]


def test_the_end_of_a_call_takes_everything_back() -> None:
    signals = RoomSignals()
    signals.voice_begins("ada", "es", 10)
    signals.lane_served("ada", "es", "", "http_401")
    signals.speak(frozenset({"ada"}))
    signals.interpreter_does(InterpreterSignal("interpreting"))
    assert signals.call_ended(99) == [
        SignalMessage("restore_original", "ada", "es", 99),
        LaneSignal("lane_restored", "ada", "es", "", ""),
        SpeakingSignal("ada", False),
        InterpreterSignal("off"),
    ]
    assert signals.current() == []


def test_what_another_process_signals_is_news_once() -> None:
    theirs, mine = RoomSignals(), RoomSignals()
    told = [
        *theirs.voice_begins("ada", "es-ES", 1),
        *theirs.lane_served("ada", "fr-FR", "captions", "quota"),
        *theirs.speak(frozenset({"ada"})),
        *theirs.interpreter_does(InterpreterSignal("behind", 3_000)),
    ]
    assert mine.take(told) == told
    assert mine.take(told) == []
    assert mine.take(theirs.everything(), 5) == []
    assert mine.everything() == theirs.everything()
    theirs.voice_begins("ada", "es-ES", 2)
    assert mine.take(theirs.voice_ends("ada", "es-ES", 3)) == []
    ended = theirs.voice_ends("ada", "es-ES", 4)
    assert mine.take(ended) == ended
    assert mine.take(theirs.speak(frozenset())) == [SpeakingSignal("ada", False)]


def test_what_another_process_does_not_signal_any_more_has_ended() -> None:
    mine = RoomSignals()
    mine.voice_begins("ada", "es-ES", 1)
    mine.lane_served("ada", "fr-FR", "captions", "quota")
    mine.speak(frozenset({"ada", "8:acs:luis"}))
    assert mine.take([SpeakingSignal("ada", True), InterpreterSignal("paused")], 9) == [
        InterpreterSignal("paused"),
        SignalMessage("restore_original", "ada", "es-ES", 9),
        LaneSignal("lane_restored", "ada", "fr-FR", "", ""),
        SpeakingSignal("8:acs:luis", False),
    ]
