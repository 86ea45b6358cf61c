from __future__ import annotations

import pytest

from bot.interpreting.effects import Effect, Play, VoiceBegins, VoiceEnds
from bot.interpreting.ledger import Entry, EntryKind, EntryState
from bot.interpreting.plan import Lane
from bot.interpreting.playout.catch_up import VOICE_LIMIT_MS
from bot.interpreting.playout.channels import DRY_S, DRY_SIMULTANEOUS_S, FLOOR_HELD_MS, Channels
from bot.interpreting.playout.floor import FloorEntry
from tests.support.audio import FRAME_BYTES, numbered

ROOM, SPANISH = "room", "es-ES"
LANE = Lane("8:acs:ada", "en-US", "es-ES")


class Voices:
    """`Channels`, and what it asks for."""

    def __init__(self) -> None:
        self.out: list[Effect] = []
        self.speaking = Channels(self.out)

    def enter(
        self,
        name: str,
        since: float,
        channel: str = ROOM,
        kind: EntryKind = EntryKind.UTTERANCE,
        *,
        lane: Lane = LANE,
        simultaneous: bool = False,
    ) -> FloorEntry:
        entry = Entry(name, lane, EntryState.COMMITTED, since, kind=kind)
        entry.committed_at = since
        passage = FloorEntry(entry, since, channel, simultaneous=simultaneous)
        self.speaking.enter(passage)
        return passage

    def say(self, passage: FloorEntry, frames: int, now: float) -> None:
        self.speaking.audio(passage, numbered(1) * frames, now)

    def play(self, begin: float, end: float, channel: str = ROOM) -> FloorEntry | None:
        """Every 20 ms; what has been heard to its end."""
        now = begin
        while now < end:
            over = self.speaking.play(channel, now, quiet=True)
            if over:
                return over[0]
            now += 0.02
        return None

    def told(self) -> list[str]:
        """What was asked for, frames counted."""
        names = [type(effect).__name__ for effect in self.out]
        return [name for place, name in enumerate(names) if place == 0 or name != names[place - 1]]


def test_a_voice_is_announced_played_and_taken_off() -> None:
    voices = Voices()
    one = voices.enter("one", 1.0)
    assert voices.speaking.play(ROOM, 1.0, quiet=True) == []
    voices.say(one, 3, 1.5)
    assert voices.speaking.queued_ms == 60
    one.pacer.finish()
    assert voices.play(1.6, 2.0) is one
    voices.speaking.drop(one)
    assert voices.told() == ["VoiceBegins", "Play", "VoiceEnds"]
    assert [effect for effect in voices.out if isinstance(effect, VoiceBegins | VoiceEnds)] == [
        VoiceBegins(ROOM, LANE),
        VoiceEnds(ROOM, LANE),
    ]
    entry, playout = one.entry, one.entry.playouts[ROOM]
    assert (playout.played, playout.dropped, entry.played_ms) == (3 * FRAME_BYTES, 0, 60)
    assert entry.waited_ms == pytest.approx(100)
    assert entry.first_played_at == pytest.approx(1.6)
    assert entry.last_played_at == pytest.approx(1.64)


def test_what_is_complete_begins_however_short_and_waits_no_longer_on_a_second_channel() -> None:
    voices = Voices()
    one = voices.enter("one", 1.0)
    voices.speaking.audio(one, numbered(1)[:100], 1.5)
    assert voices.speaking.play(ROOM, 1.5, quiet=True) == []
    voices.speaking.finish(one)
    one.entry.first_played_at = 1.2
    assert voices.speaking.play(ROOM, 1.6, quiet=True) == [one]
    assert (one.entry.waited_ms, one.entry.first_played_at) == (0.0, 1.2)


def test_what_is_stopped_in_its_middle_is_stopped_in_the_call_too_and_accounted_for() -> None:
    voices = Voices()
    one = voices.enter("one", 1.0)
    voices.say(one, 10, 1.0)
    voices.play(1.0, 1.05)
    voices.speaking.drop(one)
    assert voices.told() == ["VoiceBegins", "Play", "StopPlaying", "VoiceEnds"]
    playout = one.entry.playouts[ROOM]
    assert playout.played + playout.dropped == 10 * FRAME_BYTES
    assert playout.dropped > 0


def test_what_has_not_begun_goes_without_a_word() -> None:
    voices = Voices()
    one = voices.enter("one", 1.0)
    voices.say(one, 10, 1.0)
    voices.speaking.drop(one)
    assert voices.out == []
    assert one.entry.playouts[ROOM].dropped == 10 * FRAME_BYTES


def test_the_interpreters_own_words_are_nobodys_voice() -> None:
    voices = Voices()
    own = voices.enter("own", 1.0, kind=EntryKind.ANNOUNCEMENT)
    voices.say(own, 2, 1.0)
    own.pacer.finish()
    assert voices.play(1.0, 1.5) is own
    voices.speaking.drop(own)
    assert {type(effect) for effect in voices.out} == {Play}


def test_channels_speak_at_the_same_time() -> None:
    voices = Voices()
    here, there = voices.enter("here", 1.0), voices.enter("there", 1.0, SPANISH)
    for passage in (here, there):
        voices.say(passage, 5, 1.0)
        assert voices.speaking.play(passage.channel, 1.0, quiet=True) == []
    assert [effect.channel for effect in voices.out if isinstance(effect, Play)] == [ROOM, SPANISH]


def whose(voices: Voices) -> list[tuple[str, ...]]:
    return [effect.speakers for effect in voices.out if isinstance(effect, Play)]


def heard(voices: Voices) -> list[tuple[bytes, tuple[bytes, ...]]]:
    return [(effect.pcm, effect.floor) for effect in voices.out if isinstance(effect, Play)]


def own_voice(voices: Voices, name: str, since: float = 1.0) -> FloorEntry:
    lane = Lane(f"8:acs:{name[:3]}", "es-ES", "es-ES")
    return voices.enter(name, since, SPANISH, EntryKind.PASSTHROUGH, lane=lane)


def test_a_speakers_own_voice_waits_for_nobody_and_is_heard_under_the_interpretation() -> None:
    voices = Voices()
    one, own = voices.enter("one", 1.0, SPANISH), own_voice(voices, "own")
    for number in range(8):  # the interpretation is 80 ms long, 40 ms after the voice began
        now = 2.0 + number * 0.02
        if number == 2:
            voices.speaking.audio(one, numbered(1) * 4, now)
            voices.speaking.finish(one)
        voices.speaking.audio(own, numbered(100 + number), now)
        for over in voices.speaking.play(SPANISH, now, quiet=False):
            voices.speaking.drop(over)
    frames = [numbered(100 + number) for number in range(8)]
    interpreted = [(numbered(1), (frame,)) for frame in frames[2:6]]
    assert heard(voices) == [
        *((frame, ()) for frame in frames[:2]),
        *interpreted,
        *((frame, ()) for frame in frames[6:]),
    ]
    assert whose(voices) == [("8:acs:own",)] * 8
    voices.speaking.finish(own)
    assert voices.speaking.play(SPANISH, 3.0, quiet=True) == [own]
    voices.speaking.drop(own)
    playout = own.entry.playouts[SPANISH]
    assert (playout.played, playout.dropped, own.entry.played_ms) == (8 * FRAME_BYTES, 0, 160)
    assert [type(effect) for effect in voices.out if not isinstance(effect, Play)] == [VoiceBegins, VoiceEnds]
    voices.speaking.forget(())
    assert (voices.speaking.floors, voices.speaking.voices) == ({}, {})


def test_people_who_speak_at_once_are_heard_at_once() -> None:
    voices = Voices()
    one, two = own_voice(voices, "one"), own_voice(voices, "two")
    voices.speaking.audio(one, numbered(1) * 2, 2.0)
    voices.speaking.audio(two, numbered(2), 2.0)
    assert voices.speaking.deadline(SPANISH, 2.0, quiet=False) == 2.0
    voices.play(2.0, 2.06, SPANISH)
    assert heard(voices) == [(b"", (numbered(1), numbered(2))), (numbered(1), ())]
    voices.speaking.audio(two, numbered(3), 2.06)
    due_at = voices.speaking.deadline(SPANISH, 2.06, quiet=False)
    assert due_at is not None and due_at <= 2.06
    voices.play(2.06, 2.07, SPANISH)
    assert heard(voices)[2:] == [(numbered(3), ())], "whoever goes on needs nobody"


def test_a_speaker_is_heard_to_the_end_of_one_utterance_before_the_next() -> None:
    voices = Voices()
    first, then = own_voice(voices, "ana 1"), own_voice(voices, "ana 2")
    voices.speaking.audio(first, numbered(1) * 2, 2.0)
    voices.speaking.audio(then, numbered(2), 2.0)
    voices.speaking.finish(first)
    assert voices.play(2.0, 2.06, SPANISH) is first
    voices.speaking.drop(first)
    voices.play(2.04, 2.06, SPANISH)
    assert heard(voices) == [(numbered(1), ()), (numbered(1), ()), (numbered(2), ())]


def test_a_voice_that_breaks_off_leaves_its_channel_to_the_speakers() -> None:
    voices = Voices()
    one, own = voices.enter("one", 1.0, SPANISH), own_voice(voices, "own")
    voices.speaking.audio(one, numbered(1), 2.0)
    voices.play(2.0, 2.01, SPANISH)
    broken_off_at = voices.speaking.deadline(SPANISH, 2.01, quiet=False)
    assert broken_off_at is not None
    voices.speaking.audio(own, numbered(2) * 3, 2.01)
    due_at = voices.speaking.deadline(SPANISH, 2.01, quiet=False)
    assert due_at is not None and due_at < broken_off_at
    assert voices.speaking.play(SPANISH, 2.01, quiet=False) == [], "not before the frame of the other is over"
    voices.play(2.02, 2.07, SPANISH)
    assert heard(voices) == [(numbered(1), ()), *[(numbered(2), ())] * 3]


def test_a_speakers_own_voice_never_piles_up() -> None:
    voices = Voices()
    own = own_voice(voices, "own")
    voices.speaking.audio(own, numbered(1) * 20, 2.0)
    voices.speaking.audio(own, numbered(2) * 10, 2.0)
    assert own.pacer.queued_ms == FLOOR_HELD_MS
    assert own.pacer.dropped_bytes == 5 * FRAME_BYTES
    voices.speaking.forget(())
    assert set(voices.speaking.floors) == {SPANISH}
    voices.speaking.drop(own)
    assert own.entry.playouts[SPANISH].dropped == 30 * FRAME_BYTES


def test_a_channel_is_forgotten_when_nobody_wants_it_and_nobody_is_on_it() -> None:
    voices = Voices()
    voices.enter("here", 1.0)
    there = voices.enter("there", 1.0, SPANISH)
    voices.speaking.forget(())
    assert set(voices.speaking.floors) == {ROOM, SPANISH}
    voices.speaking.drop(there)
    voices.speaking.forget((ROOM,))
    assert set(voices.speaking.floors) == set(voices.speaking.lags) == {ROOM}


def test_what_would_be_heard_too_late_is_left_out_and_that_is_remembered() -> None:
    voices = Voices()
    talking, first, second = (
        voices.enter(name, at) for name, at in [("talking", 1.0), ("first", 1.1), ("second", 1.2)]
    )
    voices.say(talking, 500, 2.0)
    voices.play(2.0, 2.01)
    voices.say(first, 400, 2.1)
    assert voices.speaking.too_much(ROOM, 2.1) is None
    voices.say(second, 400, 2.2)
    assert voices.speaking.too_much(ROOM, 2.2) is second
    voices.speaking.drop(second)
    third = voices.enter("third", 1.3, lane=Lane("8:acs:benito", "en-US", "es-ES"))
    voices.say(third, 400, 2.3)
    assert voices.speaking.too_much(ROOM, 2.3) is third, "of a language and a speaker that lost less"


def test_a_voice_without_an_end_goes_first() -> None:
    voices = Voices()
    endless = voices.enter("endless", 1.0)
    voices.say(endless, VOICE_LIMIT_MS // 20 + 1, 2.0)
    assert voices.speaking.too_much(ROOM, 2.0) is endless


def test_what_was_said_for_long_may_be_interpreted_for_long() -> None:
    voices = Voices()
    long = voices.enter("long", 0.0)
    long.entry.ended_at = VOICE_LIMIT_MS / 1000
    voices.say(long, VOICE_LIMIT_MS // 10, 21.0)
    assert voices.speaking.too_much(ROOM, 21.0) is None
    voices.say(long, 1, 21.0)
    assert voices.speaking.too_much(ROOM, 21.0) is long


def test_the_next_is_spoken_faster_where_much_waits() -> None:
    voices = Voices()
    one, two, elsewhere = voices.enter("one", 1.0), voices.enter("two", 1.1), voices.enter("two", 1.1, SPANISH)
    assert voices.speaking.lag([]) is None
    voices.say(one, 350, 2.0)
    for passage in (one, two, elsewhere):
        voices.speaking.expect(passage, 2.0)
    here, there = voices.speaking.lag([two]), voices.speaking.lag([two, elsewhere])
    assert here is not None and there is not None
    assert (here.speed, here.condensing) == (1.1, True)
    assert (there.speed, there.condensing) == (1.0, False), "hurried nowhere because another channel is crowded"


def test_pauses_are_shortened_where_much_waits_and_that_is_accounted_for() -> None:
    voices = Voices()
    one, two, three = (voices.enter(name, at) for name, at in [("one", 1.0), ("two", 1.1), ("three", 1.2)])
    voices.speaking.audio(one, numbered(1) + bytes(100 * FRAME_BYTES), 2.0)
    one.pacer.finish()
    voices.say(two, 200, 2.0)
    voices.say(three, 1, 2.0)
    assert voices.play(2.0, 5.0) is one
    voices.speaking.drop(one)
    playout = one.entry.playouts[ROOM]
    assert playout.trimmed > 0
    assert playout.played + playout.trimmed == 101 * FRAME_BYTES


@pytest.mark.parametrize(("simultaneous", "patience_s"), [(False, DRY_S), (True, DRY_SIMULTANEOUS_S)])
def test_a_voice_that_breaks_off_is_waited_for_only_so_long(simultaneous: bool, patience_s: float) -> None:
    voices = Voices()
    one = voices.enter("one", 1.0, simultaneous=simultaneous)
    voices.say(one, 1, 1.0)
    voices.play(1.0, 1.01)
    due_at = voices.speaking.deadline(ROOM, 1.1, quiet=True)
    assert due_at == pytest.approx(1.02 + patience_s)
    assert due_at is not None
    assert voices.speaking.broken_off(ROOM, due_at - 0.01) is None
    assert voices.speaking.broken_off(ROOM, due_at) is one
    voices.speaking.restart(one, due_at)
    assert voices.speaking.broken_off(ROOM, due_at) is None
