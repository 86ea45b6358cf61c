from __future__ import annotations

from bot.interpreting.events import SourceDelta, SourceText
from bot.interpreting.open_ends import OpenEnds
from bot.interpreting.plan import Lane

LANE = Lane("8:acs:ada", "en-US", "es-ES")


def delta(utterance: str, text: str = "Good") -> SourceDelta:
    return SourceDelta(LANE, utterance, text)


def test_words_are_withheld_till_the_end_is_final() -> None:
    ends = OpenEnds()
    words: list[SourceDelta | SourceText] = [
        delta("u-1"),
        delta("u-1", " morning"),
        SourceText(LANE, "u-1", "Good morning."),
    ]
    assert not ends.withholds(words[0], 2.7)
    ends.open("u-1", 3.0, 2.5)
    ends.open("u-2", 3.5, 2.6)
    assert all(ends.withholds(each, 2.7) for each in words)
    assert not ends.withholds(delta("u-3"), 2.7)
    assert ends.all() == ["u-1", "u-2"]
    assert ends.close("u-1") == words
    assert ends.close("u-1") == []
    assert not ends.withholds(words[0], 2.7)
    assert ends.close("u-2") == []


def test_what_is_taken_back_is_handed_out_and_what_is_final_is_not_taken_back() -> None:
    ends = OpenEnds()
    ends.open("u-1", 3.0, 2.5)
    ends.withholds(delta("u-1"), 2.7)
    assert ends.take_back("u-1") == [delta("u-1")]
    assert ends.close("u-1") == []
    assert ends.take_back("u-1") is None


def test_an_end_with_words_is_due_when_the_speaker_can_no_longer_go_on() -> None:
    ends = OpenEnds()
    ends.open("u-1", 3.0, 2.5)
    assert ends.deadline() is None, "there is nothing to show"
    ends.open("u-2", 3.5, 2.6)
    ends.withholds(delta("u-2"), 2.7)
    assert ends.deadline() == 3.5
    assert ends.due(2.9) == []
    assert ends.due(3.5) == ["u-1", "u-2"]
    assert not ends.withholds(delta("u-1"), 3.0), "nobody can go on"
    assert ends.withholds(delta("u-2"), 3.5), "in order"
    ends.open("u-3", 5.0, 4.0)
    assert ends.all() == ["u-2", "u-3"], "what nobody asks for is forgotten"
