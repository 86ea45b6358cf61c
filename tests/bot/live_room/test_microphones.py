"""Microphones of people who speak by browser, alone and in a live room, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.events import Event, OwnVoiceHeard, PresenceChanged, SpeakerAudio, SpeakerMuted
from bot.interpreting.plan import WEB, RoomPlan
from bot.live_room.hearing import Hearing
from bot.live_room.microphones import Microphones, RoomMicrophone
from tests.support.audio import numbered
from tests.support.media_streams import NumberedSpeech
from tests.support.meeting import ADA, BENITO, GUEST, TWO_LANGUAGES

EPOCH_US = 1_800_000_000_000_000


class Room:
    """Microphones over a hearing, and a clock that the test moves."""

    def __init__(self, plan: RoomPlan = TWO_LANGUAGES) -> None:
        self.now = 100.0
        self.heard: list[Event] = []
        self.in_call: set[str] = set()
        self.hearing = Hearing(plan, NumberedSpeech(), self.heard.append, lambda: self.now, None, None)
        self.microphones = Microphones(
            self.hearing, self.heard.append, lambda speaker: speaker not in self.in_call, lambda: self.now
        )
        self.ended: list[str] = []
        self.changes = 0

    def open(self, speaker: str = ADA) -> RoomMicrophone:
        return self.microphones.open(speaker, self.ended.append)

    def says(self, microphone: RoomMicrophone, frames: int, captured_s: float = 0.0) -> None:
        """In the rhythm of the room's clock."""
        for number in range(1, frames + 1):
            self.now += 0.02
            microphone.frame(numbered(number), EPOCH_US + round((captured_s + number * 0.02) * 1_000_000))

    @property
    def audio(self) -> list[SpeakerAudio]:
        return [event for event in self.heard if isinstance(event, SpeakerAudio)]


def test_who_opens_a_microphone_is_there_and_heard_until_it_is_closed() -> None:
    room = Room()
    room.microphones.watch(lambda: setattr(room, "changes", room.changes + 1))
    microphone = room.open()
    room.says(microphone, 2)
    microphone.close()
    microphone.close()
    room.says(microphone, 1)
    assert room.heard == [
        PresenceChanged(frozenset({ADA}), WEB),
        SpeakerAudio(ADA, numbered(1), True, 0.0),
        SpeakerAudio(ADA, numbered(2), True, 0.0),
        PresenceChanged(frozenset(), WEB),
    ]
    assert (room.ended, room.changes) == ([], 2)


def test_a_muted_microphone_ends_what_was_said_and_lets_nothing_through() -> None:
    room = Room()
    microphone = room.open()
    for muted in (True, True, False):
        microphone.muted(muted)
        room.says(microphone, 1)
    assert room.heard[1:] == [SpeakerMuted(ADA), SpeakerAudio(ADA, numbered(1), True, 0.0)]
    assert room.microphones.speakers == {ADA}


def test_the_newest_microphone_of_a_person_is_the_one_that_is_heard() -> None:
    room = Room()
    first = room.open()
    second = room.open()
    assert room.ended == ["replaced"]
    room.says(first, 1)
    first.close()
    assert room.audio == []
    assert room.microphones.speakers == {ADA}
    room.says(second, 1)
    assert len(room.audio) == 1
    assert len([event for event in room.heard if isinstance(event, PresenceChanged)]) == 1


def test_who_is_in_the_call_as_well_is_not_heard_twice() -> None:
    room = Room()
    microphone = room.open()
    room.in_call.add(ADA)
    room.says(microphone, 3)
    assert room.audio == []
    room.in_call.clear()
    room.says(microphone, 1)
    assert len(room.audio) == 1


def test_who_is_taken_off_the_roster_is_heard_no_more() -> None:
    room = Room()
    ada = room.open(ADA)
    room.open(BENITO)
    room.hearing.plan = replace(TWO_LANGUAGES, attendees={BENITO: TWO_LANGUAGES.attendees[BENITO]})
    room.microphones.follow_roster()
    assert room.ended == ["removed"]
    ada.close()
    assert room.microphones.speakers == {BENITO}


def test_a_room_that_is_over_opens_no_microphone() -> None:
    room = Room()
    room.open(ADA)
    room.open(BENITO)
    room.microphones.end_all("room_ended")
    assert (room.ended, room.microphones.speakers) == (["room_ended", "room_ended"], frozenset())
    room.says(room.open(ADA), 1)
    assert room.ended == ["room_ended"] * 3
    assert room.audio == []


@pytest.mark.parametrize("drift", [-0.0005, 0.0005])
def test_a_clock_that_drifts_makes_no_frame_old(drift: float) -> None:
    """Half a thousandth is ten times what the clock of a phone drifts: 1.8 s within the hour."""
    room = Room()
    microphone = room.open()
    captured_us = float(EPOCH_US)
    for _ in range(30_000):
        room.now += 0.02
        captured_us += 20_000 * (1 + drift)
        microphone.frame(numbered(1), round(captured_us))
    assert {frame.age_s for frame in room.audio} == {0.0}


def test_what_a_stalled_phone_sends_afterwards_is_known_to_be_old() -> None:
    room = Room()
    ada, benito = room.open(ADA), room.open(BENITO)
    room.says(ada, 100)
    room.says(benito, 100)
    room.now += 4.0
    for number in range(200):
        ada.frame(numbered(1), EPOCH_US + 2_000_000 + number * 20_000)
        benito.frame(numbered(1), EPOCH_US + 6_000_000 + number * 20_000)
    ages = {speaker: [one.age_s for one in room.audio if one.speaker == speaker][100:] for speaker in (ADA, BENITO)}
    assert ages[ADA][0] == pytest.approx(6.0, abs=0.1)
    assert all(earlier >= later for earlier, later in zip(ages[ADA], ages[ADA][1:], strict=False))
    assert set(ages[BENITO]) == {0.0}, "each has a clock of their own"


@pytest.mark.parametrize("captured_us", [-(2**62), 2**63, 0])
def test_a_time_that_no_calendar_has_does_no_harm(captured_us: int) -> None:
    room = Room()
    room.open().frame(numbered(1), captured_us)
    assert [frame.age_s for frame in room.audio] == [0.0]


def test_what_may_come_back_through_a_microphone_is_the_language_that_its_owner_hears() -> None:
    room = Room()
    room.open(BENITO)
    assert room.microphones.echo_of(BENITO) == "es-ES"
    assert room.microphones.echo_of(GUEST) == ""
    assert [room.microphones.may_return(channel) for channel in ("es-ES", "en-US")] == [True, False]


class Meter:
    """Takes all that is heard with something played on its stream for our voice."""

    def __init__(self) -> None:
        self.streams: set[str] = set()

    def played(self, stream: str, pcm: bytes, now: float) -> None:
        self.streams.add(stream)

    def stopped(self, stream: str, now: float) -> None:
        pass

    def heard(self, stream: str, speaker: str, pcm: bytes, voiced: bool, now: float) -> tuple[float, int] | None:
        return (1.0, 20) if stream in self.streams else None


def test_the_echo_of_a_microphone_is_compared_with_what_its_owner_hears() -> None:
    room = Room()
    room.hearing = Hearing(TWO_LANGUAGES, NumberedSpeech(), room.heard.append, lambda: room.now, None, Meter())
    room.microphones = Microphones(room.hearing, room.heard.append, lambda _: True, lambda: room.now)
    room.hearing.played("es-ES", numbered(1))
    room.says(room.open(ADA), 1)
    room.says(room.open(BENITO), 1)
    assert [event for event in room.heard if isinstance(event, OwnVoiceHeard)] == [OwnVoiceHeard(BENITO, 1.0, 20)]
