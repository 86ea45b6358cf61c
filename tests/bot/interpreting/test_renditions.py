"""The books of a room, lane by lane, told by hand what the speakers and the booths do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.booths import Booths
from bot.interpreting.captions import Captions, Utterance
from bot.interpreting.effects import (
    Cancel,
    Caption,
    Effect,
    Hear,
    Interpret,
    OpenBooth,
    Opened,
    Pace,
    Play,
    Settled,
    StopPlaying,
    Translate,
)
from bot.interpreting.ledger import Entry, EntryKind, EntryState
from bot.interpreting.plan import Lane, Layout, Mode, RoomPlan, UsageCap
from bot.interpreting.playout.catch_up import VOICE_LIMIT_MS
from bot.interpreting.playout.channels import DRY_S
from bot.interpreting.playout.floor import FloorStage
from bot.interpreting.rendition import MODEL_PATIENCE_S, Rendition
from bot.interpreting.renditions import Renditions
from bot.interpreting.routing import Route, RoutingTable
from bot.interpreting.usage_meter import UsageMeter
from tests.support.audio import FRAME_BYTES, numbered, numbers
from tests.support.meeting import ADA, ADA_INTO_SPANISH, BENITO, THREE_LANGUAGES, TWO_LANGUAGES

LANE, OWN = ADA_INTO_SPANISH, Lane(ADA, "en-US", "en-US")
FRENCH = Lane(ADA, "es-ES", "fr-FR")
"""The second leg of a relay: what is said in Spanish, into French."""
ROUTE, RELAYED = Route(LANE, ("room",)), Route(FRENCH, ("room",), via=LANE)
ALONG = replace(TWO_LANGUAGES, mode=Mode.SIMULTANEOUS)
LISTENERS = replace(TWO_LANGUAGES, layout=Layout.CHANNELS)


class Books:
    """`Renditions`, and what they ask for. Each utterance is 2 s long, and with the model half a second later."""

    def __init__(self, plan: RoomPlan = TWO_LANGUAGES) -> None:
        self.out: list[Effect] = []
        self.usage = UsageMeter(plan.usage_cap)
        self.booths = Booths(plan, RoutingTable(plan), self.out)
        self.captions = Captions(plan, 0.0, self.out)
        self.books = Renditions(plan, self.out, self.usage, self.booths, self.captions)
        self.books.set_stream("room", ready=True)

    def begins(self, *routes: Route, name: str = "u-1", at: float = 0.0, speaker: str = ADA) -> Utterance:
        spoken = Utterance(name, speaker, speaker, "en-US", at)
        self.captions.begin(spoken)
        for route in routes or (ROUTE,):
            self.books.begin(spoken, route, numbered(1), at)
        return spoken

    def said(self, *routes: Route, name: str = "u-1", at: float = 0.0) -> Utterance:
        """Begun, and at its end."""
        spoken = self.begins(*routes, name=name, at=at)
        self.stops(spoken)
        return spoken

    def stops(self, spoken: Utterance) -> None:
        spoken.ended_at = spoken.began_at + 2.0
        self.books.commit(spoken, 500, spoken.began_at + 2.5)

    def one(self, name: str = "u-1", lane: Lane = LANE) -> Rendition:
        found = self.books.open.find(lane, name)
        assert found is not None
        return found

    def answered(self, one: Rendition, frames: int, now: float, text: str = "") -> None:
        """All of the interpretation comes at once."""
        if text:
            self.captions.grow(one.spoken, one.lane.target, text, now)
        if frames:
            self.books.voice(one, numbered(2) * frames, now)
        self.books.complete(one)

    def plays(self, begin: float, end: float) -> None:
        for frame in range(round((end - begin) / 0.02)):
            self.books.play(begin + frame * 0.02, quiet=True)

    def told(self) -> list[str]:
        """What was asked for; what is asked for many times in a row, once."""
        names = [type(effect).__name__ for effect in self.out]
        return [name for place, name in enumerate(names) if place == 0 or name != names[place - 1]]

    def asked(self) -> list[str]:
        return [effect.lane.target for effect in self.out if isinstance(effect, Interpret)]

    def heard(self) -> list[tuple[str, str]]:
        """What each booth was given, piece by piece."""
        return [(effect.utterance, effect.lane.target) for effect in self.out if isinstance(effect, Hear)]

    def entries(self) -> list[Entry]:
        return [effect.entry for effect in self.out if isinstance(effect, Settled)]

    def ends(self) -> list[tuple[str, str, str, str]]:
        return [(one.utterance, one.lane.target, one.state.value, one.reason) for one in self.entries()]


# --- from the first word to the last ---------------------------------------------------------------


def test_an_utterance_is_heard_interpreted_and_spoken() -> None:
    books = Books()
    spoken = books.begins()
    one = books.one()
    assert (one.entry.state, books.books.open.expected(LANE, "u-1"), one.passages) == (EntryState.HEARD, None, [])
    books.books.hear("u-1", numbered(2))
    books.books.pass_through("u-1", numbered(2), 0.0, 0.1)
    assert one.entry.received == 0, "it is interpreted, and not passed through"
    books.stops(spoken)
    books.books.hear("u-1", numbered(3))
    assert (one.entry.state, books.books.open.expected(LANE, "u-1")) == (EntryState.COMMITTED, one)
    assert (one.entry.ended_at, one.entry.patience_ms, one.entry.committed_at) == (2.0, 500, 2.5)
    books.books.voice(one, numbered(7) * 2, 3.0)
    books.books.voice(one, numbered(8), 3.1)
    assert (one.entry.state, one.entry.first_audio_at, one.sound_at) == (EntryState.TRANSLATED, 3.0, 3.0)
    books.plays(3.1, 3.14)
    assert one.begun and not one.heard
    books.books.complete(one)
    assert books.books.open.expected(LANE, "u-1") is None, "it has said its last word"
    assert books.ends() == [], "which is still to be played"
    books.plays(3.14, 3.3)
    assert books.ends() == [("u-1", "es-ES", "spoken", "")]
    assert books.told() == [
        *("OpenBooth", "Opened", "Hear", "Interpret"),
        *("VoiceBegins", "Play", "VoiceEnds", "Settled"),
    ]
    assert books.heard() == [("u-1", "es-ES")] * 2, "nothing after the end of the turn"
    assert [numbers(effect.pcm)[0] for effect in books.out if isinstance(effect, Play)] == [7, 7, 8]


def test_what_is_asked_of_the_books_is_about_what_is_open() -> None:
    books = Books()
    books.said()
    books.said(name="u-2", at=3.0)
    first, second = books.one("u-1"), books.one("u-2")
    assert (books.books.open.all(), books.books.open.of("u-2")) == ([first, second], [second])
    assert books.books.entries() == [first.entry, second.entry]
    books.books.abandon([first, second], "closed")
    assert (books.books.open.all(), books.books.open.find(LANE, "u-1"), books.books.open.expected(LANE, "u-1")) == (
        [],
        None,
        None,
    )
    assert books.books.entries() == []


def test_a_booth_works_until_all_of_it_is_complete() -> None:
    books = Books(replace(TWO_LANGUAGES, park_after_s=1.0))
    books.said()
    assert books.booths.deadline() is None
    books.answered(books.one(), 10, 3.0)
    assert books.booths.deadline() == 1.0, "what is left is to be played"
    books.said(name="u-2", at=5.0)
    books.books.abandon([books.one("u-2")], "closed")
    assert books.booths.deadline() == 6.0


def test_the_chair_is_heard_before_others() -> None:
    into_english = Lane(BENITO, "es-ES", "en-US")
    for chair, order in [(BENITO, [BENITO, ADA]), (None, [ADA, BENITO])]:
        books = Books(replace(TWO_LANGUAGES, chair=chair))
        books.stops(books.begins())
        books.stops(books.begins(Route(into_english, ("room",)), name="u-2", at=1.0, speaker=BENITO))
        for one in books.books.open.all():
            books.answered(one, 5, 4.0)
        books.plays(4.0, 5.0)
        assert [entry.lane.speaker for entry in books.entries()] == order


def test_a_booth_that_runs_along_may_speak_at_once_and_is_told_of_the_end() -> None:
    books = Books(ALONG)
    spoken = books.begins()
    one = books.one()
    assert books.books.open.expected(LANE, "u-1") is one
    (passage,) = one.passages
    assert passage.simultaneous
    books.books.voice(one, numbered(1), 1.0)
    books.stops(spoken)
    assert (books.asked(), one.entry.state, one.passages) == (["es-ES"], EntryState.TRANSLATED, [passage])


def test_a_booth_that_is_done_before_the_speaker_is_asked_and_told_nothing_more() -> None:
    books = Books(ALONG)
    spoken = books.begins()
    books.answered(books.one(), 10, 1.0)
    books.books.hear("u-1", numbered(2))
    books.stops(spoken)
    assert (books.asked(), books.heard()) == ([], [("u-1", "es-ES")])
    assert books.one().entry.committed_at == 2.5


def test_what_is_complete_is_held_back_no_longer_and_what_was_wrong_with_it_is_told() -> None:
    books = Books()
    books.said()
    one = books.one()
    books.books.voice(one, numbered(1) * 5, 3.0)
    one.passages[0].held_until = 9.0
    books.plays(3.0, 3.2)
    assert not one.begun
    one.reason = "max_output_tokens"
    books.books.complete(one)
    books.plays(3.2, 3.4)
    assert books.ends() == [("u-1", "es-ES", "spoken", "max_output_tokens")]


def test_the_next_is_asked_for_faster_where_much_waits() -> None:
    books = Books()
    for number in (1, 2, 3):
        books.said(name=f"u-{number}", at=float(number))
        books.answered(books.one(f"u-{number}"), 250, number + 2.5)
    asked = [(effect.speed, effect.condensed) for effect in books.out if isinstance(effect, Interpret)]
    assert asked == [(1.0, False), (1.05, False), (1.15, True)], "5 s and 10 s are ahead, 1 s of each is past"
    entry = books.one("u-3").entry
    assert (entry.speed, entry.condensed) == (1.15, True)


def test_own_words_wait_for_silence_and_go_through_the_books_like_others() -> None:
    books = Books()
    books.books.say(Utterance("own", "interpreter", "Interpreter", "es-ES", 1.0), ROUTE, 1.0)
    one = books.one("own")
    assert (one.entry.kind, one.entry.state, one.asked) == (EntryKind.ANNOUNCEMENT, EntryState.COMMITTED, True)
    assert books.captions.find("own") is one.spoken
    books.answered(one, 2, 1.5)
    books.books.play(1.5, quiet=False)
    assert not one.begun
    books.plays(1.6, 1.8)
    assert books.ends() == [("own", "es-ES", "spoken", "")]
    assert Opened(LANE, "own") in books.out


# --- the speaker's own voice -------------------------------------------------------------------------


def test_a_voice_is_passed_through_as_it_is_without_a_booth() -> None:
    books = Books(LISTENERS)
    spoken = books.begins(Route(OWN, ("en-US",)))
    one = books.one(lane=OWN)
    books.books.pass_through("u-1", numbered(2), 0.0, 0.02)
    books.books.hear("u-1", numbered(2))
    books.plays(0.02, 0.06)
    books.stops(spoken)
    books.books.pass_through("u-1", numbered(3), 0.0, 2.5)  # the turn is over
    assert [numbers(effect.pcm)[0] for effect in books.out if isinstance(effect, Play)] == [1, 2]
    books.plays(2.5, 2.6)
    assert books.ends() == [("u-1", "en-US", "spoken", "")]
    assert (one.entry.kind, one.entry.committed_at, one.entry.received) == (EntryKind.PASSTHROUGH, 2.5, 2 * FRAME_BYTES)
    assert {type(effect) for effect in books.out} == {Opened, Play, Settled}
    assert books.usage.total.spoken_ms == 0


def test_a_voice_begins_with_its_first_sound_and_without_what_was_held_up() -> None:
    books = Books(LISTENERS)
    spoken = Utterance("u-1", ADA, "Ada", "en-US", 0.0)
    books.captions.begin(spoken)
    books.books.begin(spoken, Route(OWN, ("en-US",)), bytes(3 * FRAME_BYTES) + numbered(1) + bytes(FRAME_BYTES), 0.3)
    books.books.pass_through("u-1", numbered(2), 4.0, 0.34)
    books.plays(0.3, 0.4)
    books.stops(spoken)
    books.plays(2.5, 2.6)
    assert [numbers(effect.pcm)[0] for effect in books.out if isinstance(effect, Play)] == [1, 0]
    (entry,) = books.entries()
    assert (entry.state.value, entry.received, entry.playouts["en-US"].dropped) == (
        "spoken",
        3 * FRAME_BYTES,
        FRAME_BYTES,
    )


def test_a_voice_that_was_held_up_is_not_heard() -> None:
    books = Books(LISTENERS)
    spoken = Utterance("u-1", ADA, "Ada", "en-US", 0.0, age_s=9.0)
    books.captions.begin(spoken)
    books.books.begin(spoken, Route(OWN, ("en-US",)), numbered(1), 9.0)
    books.stops(spoken)
    books.plays(9.0, 9.1)
    assert books.ends() == [("u-1", "en-US", "abandoned", "stale")]


def test_no_booth_may_speak_in_place_of_the_speaker() -> None:
    books = Books(LISTENERS)
    books.begins(Route(OWN, ("en-US",)))
    assert books.books.open.expected(OWN, "u-1") is None


# --- read, not heard ----------------------------------------------------------------------------------


def test_what_no_booth_takes_is_abandoned_at_once() -> None:
    books = Books(replace(THREE_LANGUAGES, max_lanes=1))
    books.booths.refused.add(LANE)
    direct = Lane(ADA, "en-US", "fr-FR")
    books.begins(ROUTE, Route(direct, ("room",)))
    books.begins(Route(Lane(BENITO, "es-ES", "fr-FR"), ("room",)), name="u-2")
    assert books.ends() == [
        ("u-1", "es-ES", "abandoned", "booth_refused"),
        ("u-2", "fr-FR", "abandoned", "lane_limit"),
    ]
    assert books.heard() == [("u-1", "fr-FR")]


@pytest.mark.parametrize(("text", "state"), [("Hola", "caption_only"), ("", "abandoned")])
def test_where_a_booth_only_writes_there_is_nothing_to_wait_for_on_any_channel(text: str, state: str) -> None:
    books = Books()
    books.booths.need(Route(LANE, ("room",)), 0.0)
    books.booths.served(LANE, "captions")
    books.said()
    one = books.one()
    assert (one.entry.engine, one.passages, books.books._channels.floors) == ("captions", [], {})
    books.answered(one, 0, 3.0, text)
    assert books.ends() == [("u-1", "es-ES", state, "degraded")]


def test_what_begins_after_the_cap_is_read_until_there_is_more_to_use() -> None:
    plan = replace(TWO_LANGUAGES, usage_cap=UsageCap(tokens=10))
    books = Books(plan)
    for number, name in enumerate(("u-1", "u-2", "u-3")):
        books.said(name=name, at=number * 10.0)
        one = books.one(name)
        one.entry.tokens["output_audio"] = 10
        books.answered(one, 5 if one.channels else 0, number * 10 + 3.0, "Hola")
        books.plays(number * 10 + 3.0, number * 10 + 3.2)
        if name == "u-2":
            books.usage.cap = UsageCap(tokens=1_000)
    assert books.ends() == [
        ("u-1", "es-ES", "spoken", ""),
        ("u-2", "es-ES", "caption_only", "usage_cap"),
        ("u-3", "es-ES", "spoken", ""),
    ]
    assert [effect.voice for effect in books.out if isinstance(effect, OpenBooth)] == [True, False, True]


def test_an_interpretation_without_sound_is_read() -> None:
    books = Books()
    books.said()
    one = books.one()
    one.unheard = "no_audio"
    books.answered(one, 0, 3.0, "Hola")
    assert books.ends() == [("u-1", "es-ES", "caption_only", "no_audio")]
    assert books.books.next_frame_at(3.0, quiet=True) is None, "nobody is on the floor"


def test_what_would_begin_too_late_is_read_unless_it_waits_alone() -> None:
    books = Books()
    for number in (1, 2, 3):
        books.said(name=f"u-{number}", at=number * 0.1)
    books.answered(books.one("u-1"), 900, 3.0, "Uno")
    books.plays(3.0, 3.02)
    books.answered(books.one("u-2"), 400, 3.1, "Dos")
    assert books.ends() == [], "16 s after it was said"
    books.answered(books.one("u-3"), 400, 3.2, "Tres")
    assert books.ends() == [("u-3", "es-ES", "caption_only", "queue_full")]
    assert books.entries()[0].playouts["room"].dropped == 400 * FRAME_BYTES


def test_a_voice_without_an_end_is_stopped_and_what_still_comes_is_accounted_for() -> None:
    books = Books()
    books.said()
    one, frames = books.one(), VOICE_LIMIT_MS // 20 + 1
    books.books.voice(one, numbered(1) * frames, 3.0)
    assert (one.passages, one.unheard, books.ends()) == ([], "queue_full", [])
    books.answered(one, 10, 4.0, "Hola")
    assert books.ends() == [("u-1", "es-ES", "caption_only", "queue_full")]
    assert one.entry.playouts["room"].dropped == one.entry.received == (frames + 10) * FRAME_BYTES


def test_a_channel_whose_stream_is_away_keeps_nothing_open() -> None:
    books = Books()
    books.said()
    books.said(name="u-2", at=0.1)
    books.answered(books.one(), 10, 3.0, "Hola")
    books.plays(3.0, 3.1)
    books.books.set_stream("room", ready=False)
    assert books.ends() == [("u-1", "es-ES", "caption_only", "channel_away")]
    books.answered(books.one("u-2"), 10, 3.2, "Adiós")
    books.said(name="u-3", at=4.0)
    books.answered(books.one("u-3"), 10, 7.0, "Hasta luego")
    assert [end[2:] for end in books.ends()] == [("caption_only", "channel_away")] * 3
    assert books.books.next_frame_at(8.0, quiet=True) is None
    books.books.set_stream("room", ready=True)
    books.said(name="u-4", at=8.0)
    books.answered(books.one("u-4"), 1, 11.0)
    books.plays(11.0, 11.1)
    assert books.ends()[-1] == ("u-4", "es-ES", "spoken", "")


def test_listeners_need_no_stream_of_the_call() -> None:
    books = Books(LISTENERS)
    books.books.set_stream("room", ready=False)
    books.said(Route(LANE, ("room", "es-ES")))
    books.answered(books.one(), 5, 3.0)
    books.plays(3.0, 3.2)
    assert {effect.channel for effect in books.out if isinstance(effect, Play)} == {"es-ES"}
    assert books.ends() == [("u-1", "es-ES", "spoken", "")]


def test_a_plan_may_take_the_stream_of_a_channel_away() -> None:
    sisters = replace(TWO_LANGUAGES, layout=Layout.SISTER)
    books = Books(sisters)
    books.books.set_stream("es-ES", ready=True)
    books.said(Route(LANE, ("es-ES",)))
    books.answered(books.one(), 10, 3.0, "Hola")
    books.books.follow(replace(sisters, streams={"es-ES": "another"}))
    assert books.ends() == [("u-1", "es-ES", "caption_only", "channel_away")]


def test_who_speaks_on_is_interpreted_at_the_pace_the_channel_has_now() -> None:
    books = Books(ALONG)
    books.begins()
    books.books.voice(books.one(), numbered(1) * 250, 1.0)
    books.begins(name="u-2", at=1.0)
    books.books.hear("u-1", numbered(2))
    books.books.voice(books.one("u-2"), numbered(1) * 5, 1.1)
    for _ in range(3):
        books.books.hear("u-2", numbered(2))
    assert [effect for effect in books.out if isinstance(effect, Pace)] == [Pace(LANE, 1.05, condensed=False)]
    assert books.one("u-2").entry.speed == 1.05


def test_what_is_heard_on_one_channel_is_spoken_whatever_became_of_the_others() -> None:
    books = Books(LISTENERS)
    books.said(Route(LANE, ("room", "es-ES")))
    one = books.one()
    books.books.voice(one, numbered(1) * 3, 3.0)
    books.books.silence(one, [passage for passage in one.passages if passage.channel == "room"], "stale")
    books.answered(one, 2, 3.1)
    books.plays(3.1, 3.3)
    assert books.ends() == [("u-1", "es-ES", "spoken", "")]
    playouts = one.entry.playouts
    assert (playouts["room"].played, playouts["room"].dropped) == (0, 5 * FRAME_BYTES)
    assert (playouts["es-ES"].played, playouts["es-ES"].dropped) == (5 * FRAME_BYTES, 0)


# --- relays -------------------------------------------------------------------------------------------


def test_a_second_leg_hears_nothing_of_the_speaker_and_is_asked_when_the_first_is_there() -> None:
    books = Books(THREE_LANGUAGES)
    spoken = books.begins(Route(LANE, ()), RELAYED)
    books.books.hear("u-1", numbered(2))
    books.stops(spoken)
    first, leg = books.one(), books.one(lane=FRENCH)
    assert set(books.heard()) == {("u-1", "es-ES")}
    assert (books.asked(), books.books.open.legs(first), leg.entry.ended_at) == (["es-ES"], [leg], 2.0)
    books.books.ask(leg, 3.0)
    assert (books.asked(), books.books.open.legs(first)) == (["es-ES", "fr-FR"], [])
    books.answered(first, 5, 3.0, "Hola")
    books.answered(leg, 5, 3.5, "Salut")
    books.plays(3.5, 3.7)
    assert books.ends() == [("u-1", "es-ES", "caption_only", "relay"), ("u-1", "fr-FR", "spoken", "")]


def test_a_second_leg_without_a_first_fails() -> None:
    books = Books(THREE_LANGUAGES)
    books.booths.refused.add(LANE)
    books.begins(ROUTE, RELAYED)
    assert books.ends() == [
        ("u-1", "es-ES", "abandoned", "booth_refused"),
        ("u-1", "fr-FR", "abandoned", "relay_failed"),
    ]
    assert Cancel(FRENCH, "u-1") in books.out


def test_the_legs_of_what_breaks_off_fail_and_those_of_what_is_complete_do_not() -> None:
    for complete, legs in [(False, []), (True, [FRENCH])]:
        books = Books(THREE_LANGUAGES)
        books.said(ROUTE, RELAYED)
        if complete:
            books.answered(books.one(), 10, 3.0)
        books.books.abandon([books.one()], "closed_1011")
        assert [one.lane for one in books.books.open.all()] == legs
        failed = ("u-1", "fr-FR", "abandoned", "relay_failed")
        assert (failed in books.ends()) is not complete


# --- stopping -----------------------------------------------------------------------------------------


def said_by_many(*, simultaneous: bool = False) -> Books:
    """u-1 is being heard, u-2 is with the model, u-3 is being spoken, in Ada's own voice elsewhere, too."""
    books = Books(replace(LISTENERS, mode=Mode.SIMULTANEOUS) if simultaneous else LISTENERS)
    books.said()
    books.said(name="u-2", at=3.0)
    books.begins(ROUTE, Route(OWN, ("en-US",)), name="u-3", at=6.0)
    books.books.voice(books.one(), numbered(1) * 50, 6.0)
    books.plays(6.0, 6.1)
    return books


def test_hush_stops_what_is_heard_and_what_was_said_before_but_nobody_who_speaks() -> None:
    books = said_by_many()
    books.books.hush("hushed")
    assert books.ends() == [(name, "es-ES", "abandoned", "hushed") for name in ("u-1", "u-2")]
    assert [(one.spoken.id, one.lane) for one in books.books.open.all()] == [("u-3", LANE), ("u-3", OWN)]
    assert StopPlaying("room") in books.out
    assert [effect for effect in books.out if isinstance(effect, Cancel)] == [Cancel(LANE, "u-1"), Cancel(LANE, "u-2")]


def test_hush_stops_an_interpreter_who_runs_along_before_the_first_sound() -> None:
    books = said_by_many(simultaneous=True)
    books.books.hush("hushed")
    assert [(one.spoken.id, one.lane) for one in books.books.open.all()] == [("u-3", OWN)]


def test_hush_lets_go_of_what_would_only_be_read_too() -> None:
    for answered, left in [(False, 0), (True, 1)]:
        books = Books()
        books.said(Route(LANE, ()))
        books.books.hush("hushed", sounding_only=answered)
        assert len(books.books.open.all()) == left


def test_hush_spares_the_words_of_whoever_speaks() -> None:
    books = said_by_many()
    books.books.hush("barge_in", sounding_only=True, spare=ADA)
    assert books.ends() == []


def test_a_voice_that_breaks_off_for_too_long_is_read() -> None:
    books = Books()
    books.said()
    books.books.voice(books.one(), numbered(1) * 2, 3.0)
    books.plays(3.0, 3.04)
    books.books.play(3.05 + DRY_S, quiet=True)
    books.answered(books.one(), 10, 8.0, "Hola")
    assert books.ends() == [("u-1", "es-ES", "caption_only", "stale")]


def test_silence_before_the_first_sound_is_dropped_and_alone_is_no_interpretation() -> None:
    books = Books()
    books.said()
    one = books.one()
    books.books.voice(one, bytes(4_801), 3.0)
    assert (one.sound_bytes, one.entry.first_audio_at, one.entry.state) == (0, None, EntryState.COMMITTED)
    books.answered(one, 0, 3.1)
    assert books.entries()[0].playouts["room"].dropped == books.entries()[0].received == 4_801
    assert books.entries()[0].state is EntryState.ABANDONED


@pytest.mark.parametrize("simultaneous", [False, True])
def test_of_what_is_answered_only_that_is_stopped_whose_sound_has_come(simultaneous: bool) -> None:
    books = said_by_many(simultaneous=simultaneous)
    books.books.hush("barge_in", sounding_only=True)
    assert books.ends() == [("u-1", "es-ES", "abandoned", "barge_in")]


def test_what_goes_with_another_is_closed_once() -> None:
    books = Books(THREE_LANGUAGES)
    books.said(ROUTE, RELAYED)
    books.books.hush("hushed")
    assert books.ends() == [
        ("u-1", "es-ES", "abandoned", "hushed"),
        ("u-1", "fr-FR", "abandoned", "relay_failed"),
    ]


def test_what_is_abandoned_in_its_middle_leaves_the_floor_and_its_readers_know() -> None:
    books = Books()
    books.said()
    one = books.one()
    books.captions.grow(one.spoken, "es-ES", "Buenos", 3.0)
    books.books.voice(one, numbered(1) * 10, 3.0)
    books.plays(3.0, 3.1)
    books.books.abandon([one], "closed_1011")
    books.books.abandon([one], "again")
    assert books.told()[-6:] == ["Play", "StopPlaying", "VoiceEnds", "Cancel", "Caption", "Settled"]
    assert [effect.line.flags for effect in books.out if isinstance(effect, Caption)] == [(), ("abandoned",)]
    assert books.ends() == [("u-1", "es-ES", "abandoned", "closed_1011")]
    assert books.books.queued_ms == 0


def test_nobody_is_told_to_forget_where_there_is_no_booth() -> None:
    books = Books(LISTENERS)
    books.begins(Route(OWN, ("en-US",)))
    books.books.abandon(books.books.open.all(), "call_ended")
    assert books.ends() == [("u-1", "en-US", "abandoned", "call_ended")]
    assert not any(isinstance(effect, Cancel) for effect in books.out)


def test_what_is_settled_before_its_turn_takes_its_passages_off_the_floor() -> None:
    books = Books()
    books.said()
    one = books.one()
    books.books.settle(one, EntryState.NOT_NEEDED)
    assert (one.passages, books.books._channels.floors["room"].passages) == ([], [])
    assert books.ends() == [("u-1", "es-ES", "not_needed", "")]


def test_a_last_word_said_twice_closes_the_books_once() -> None:
    books = Books()
    books.said()
    one = books.one()
    books.answered(one, 0, 3.0)
    books.books.complete(one)
    assert books.ends() == [("u-1", "es-ES", "abandoned", "")]


def test_it_is_held_back_for_as_long_as_anything_is_uncertain() -> None:
    books = Books()
    books.said()
    one = books.one()
    one.heard_out_until, one.unknown_until, one.doubted_until = 3.1, 3.3, 3.2
    one.hold()
    assert {passage.held_until for passage in one.passages} == {3.3}


def test_who_is_asked_again_begins_from_nothing() -> None:
    books = Books()
    books.said()
    one = books.one()
    one.letters, one.judged_letters, one.heard_out_until, one.doubted_until = 9, 9, 3.4, 3.4
    books.books.voice(one, numbered(1) * 10, 3.0)
    (passage,) = one.passages
    passage.held_until = 9.0
    books.books.restart(one, 4.0)
    assert (one.sound_bytes, one.sound_at, one.last_sign_at) == (0, None, 4.0)
    assert (one.letters, one.judged_letters, one.heard_out_until, one.doubted_until) == (0, 0, 0.0, 0.0)
    assert (passage.stage, passage.held_until, books.books.queued_ms) == (FloorStage.WAITING, 0.0, 0)
    books.answered(one, 5, 4.5)
    books.plays(4.5, 4.7)
    assert [numbers(effect.pcm)[0] for effect in books.out if isinstance(effect, Play)] == [2] * 5
    assert (one.entry.received, one.entry.playouts["room"].dropped) == (15 * FRAME_BYTES, 10 * FRAME_BYTES)
    assert books.ends() == [("u-1", "es-ES", "spoken", "")]


# --- time ---------------------------------------------------------------------------------------------


def test_a_model_that_gives_no_sign_is_given_up_and_each_sign_counts() -> None:
    books = Books()
    spoken = books.begins()
    assert books.books.deadline() is None, "it is not the model's turn"
    books.stops(spoken)
    assert books.books.deadline() == 2.5 + MODEL_PATIENCE_S
    books.one().last_sign_at = 4.0
    books.books.tick(2.5 + MODEL_PATIENCE_S)
    assert (books.ends(), books.books.deadline()) == ([], 4.0 + MODEL_PATIENCE_S)
    books.books.tick(4.0 + MODEL_PATIENCE_S)
    assert books.ends() == [("u-1", "es-ES", "abandoned", "model_timeout")]


def test_nobody_waits_for_a_model_that_has_said_its_last_word() -> None:
    books = Books()
    books.said()
    books.answered(books.one(), 100, 3.0)
    assert books.books.deadline() is None
    books.books.tick(100.0)
    assert books.ends() == []


def test_channels_that_the_plan_no_longer_has_are_forgotten() -> None:
    books = Books(LISTENERS)
    books.said(Route(LANE, ("room", "es-ES")))
    books.answered(books.one(), 5, 3.0)
    books.plays(3.0, 3.2)
    books.books.follow(replace(LISTENERS, languages=("en-US",)))
    books.books.tidy(4.0)
    assert set(books.books._channels.floors) == {"room"}


def test_an_utterance_is_forgotten_when_its_last_lane_is_settled_and_its_own_words_are_known() -> None:
    books = Books()
    books.said().source_text = "Good morning"
    books.books.tidy(3.0)
    assert books.captions.find("u-1") is not None
    books.answered(books.one(), 0, 3.0, "Hola")
    books.books.tidy(3.0)
    assert books.captions.find("u-1") is None


def test_the_next_frame_is_the_earliest_of_all_channels() -> None:
    books = Books(LISTENERS)
    books.said()
    books.said(Route(LANE, ("es-ES",)), name="u-2", at=0.5)
    books.answered(books.one(), 10, 3.0)
    books.answered(books.one("u-2"), 10, 3.0)
    books.books.play(3.0, quiet=True)
    assert books.books.next_frame_at(3.0, quiet=True) == pytest.approx(3.02)
    books.books.set_stream("room", ready=False)
    books.books.play(3.02, quiet=True)
    assert books.books.next_frame_at(3.02, quiet=True) == pytest.approx(3.04), "that of the listeners goes on"
    assert books.books.queued_ms == 160, "and the room's has been taken off"


# --- the speaker's own voice, when their language has become known ---------------------------------

GUESSED = Route(Lane(ADA, "auto", "es-ES"), ("room", "es-ES"), passed_through=("es-ES",))


def test_an_utterance_can_be_heard_elsewhere_as_it_was_said_in_place_of_its_interpretation() -> None:
    books = Books(LISTENERS)
    spoken = books.begins(GUESSED)
    books.books.hear("u-1", numbered(1))
    books.stops(spoken)
    one = books.one(lane=GUESSED.lane)
    books.books.voice(one, numbered(2) * 10, 2.9)
    books.books.pass_original(one, 3.0)
    assert books.books.open.expected(GUESSED.lane, "u-1") is None, "what the booth says is not wanted any more"
    assert books.told()[-1] == "Cancel"
    books.plays(3.0, 4.0)
    played = [(effect.channel, numbers(effect.pcm)) for effect in books.out if isinstance(effect, Play)]
    assert played == [("es-ES", [1])] * 2
    (entry,) = books.entries()
    assert (entry.kind, entry.state) == (EntryKind.PASSTHROUGH, EntryState.SPOKEN)
    assert {name: one.dropped for name, one in entry.playouts.items()} == {
        "room": 12 * FRAME_BYTES,
        "es-ES": 10 * FRAME_BYTES,
    }


def test_what_is_said_after_the_language_is_known_follows_at_the_end_of_the_turn() -> None:
    books = Books(replace(LISTENERS, mode=Mode.SIMULTANEOUS))
    spoken = books.begins(GUESSED, ROUTE)
    one = books.one(lane=GUESSED.lane)
    books.books.pass_original(one, 1.0)
    books.out.clear()
    books.books.hear("u-1", numbered(1))
    assert books.heard() == [("u-1", "es-ES")], "the other booth"
    books.stops(spoken)
    assert one.entry.received == 2 * FRAME_BYTES


def test_a_booth_that_is_closed_is_not_told_to_forget() -> None:
    books = Books(LISTENERS)
    books.said(GUESSED)
    one = books.one(lane=GUESSED.lane)
    books.booths.close_all()
    books.out.clear()
    books.books.pass_original(one, 3.0)
    assert books.told() == []


@pytest.mark.parametrize(("state", "wanted"), [(EntryState.NOT_NEEDED, ("not_needed",)), (EntryState.ABANDONED, ())])
def test_a_complete_caption_that_was_not_final_is_so_when_its_lane_is_settled(
    state: EntryState, wanted: tuple[str, ...]
) -> None:
    books = Books()
    books.said()
    one = books.one()
    books.captions.grow(one.spoken, "es-ES", "Hola", 3.0)
    one.final_flags = ()
    books.books.withdraw(one, state, "")
    assert [effect.line.flags for effect in books.out if isinstance(effect, Caption)][1:] == [wanted]


def test_the_end_of_a_long_speech_is_said_in_full_when_nothing_waits_any_more() -> None:
    books = Books(ALONG)
    books.begins()
    books.books.voice(books.one(), numbered(1) * 550, 1.0)
    spoken = books.begins(name="u-2", at=1.0)
    books.books.voice(books.one("u-2"), numbered(1) * 5, 1.1)
    books.books.hear("u-2", numbered(2))
    books.books.abandon([books.one()], "hushed")
    spoken.ended_at = 20.0
    books.books.commit(spoken, 500, 20.5)
    asked = [(one.speed, one.condensed) for one in books.out if isinstance(one, Pace | Interpret)]
    assert asked == [(1.2, True), (1.0, False)]
    assert books.one("u-2").entry.condensed, "part of it was"


def test_the_booth_of_a_typed_text_is_given_the_text_and_no_audio() -> None:
    books = Books()
    lane = Lane(ADA, "en-US", "es-ES", typed=True)
    spoken = books.begins(Route(lane, (), spoken=False))
    spoken.source_text = "Hello"
    books.stops(spoken)
    assert books.heard() == []
    assert books.out[-1] == Translate(lane, "u-1", "Hello")
    books.answered(books.one(lane=lane), 0, 3.0, "Hola")
    assert books.ends() == [("u-1", "es-ES", "caption_only", "read_only")]
