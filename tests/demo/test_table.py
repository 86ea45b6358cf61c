"""The report as it is printed."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from demo import table
from demo.report import DelaySpread, Report
from demo.scoring import Words
from tests.support.demo import ARRIVED, GOOD, GOOD_HEARD, report


def printed(shown: Report, width: int = 120) -> str:
    written = StringIO()
    table.show(shown, Console(file=written, width=width))
    return written.getvalue()


def test_a_row_has_what_was_said_recognised_interpreted_heard_and_how_late() -> None:
    text = printed(report(GOOD))
    for piece in ("Ana en-US", "Good morning.", "good morning", "Buenos días.", "Luis 2/2 800", "12"):
        assert piece in text
    assert "1 utterance, 1 interpreted · 2 of 2 words heard correctly (100%) · delay 800 ms median" in text
    assert "✗" not in text


def test_words_that_were_recognised_wrong_are_counted() -> None:
    assert "wrong" not in printed(report(GOOD))
    entry = replace(GOOD.ledger[0], recognised="good evening")
    assert "1 of 2 words wrong" in printed(report(replace(GOOD, ledger=(entry,))))


def test_each_turn_that_failed_has_a_line_of_its_own() -> None:
    unheard = replace(GOOD, number=2, heard=(replace(GOOD_HEARD, text=None, starts_s=None),))
    text = printed(report(GOOD, unheard, broken_off="the bot ended with status 1"))
    assert " ✗ 2. Ana (en-US): Luis heard no interpretation" in text
    assert " ✗ the bot ended with status 1" in text
    assert "2 utterances, 1 interpreted" in text


def test_without_a_meeting_there_is_no_table_only_the_reason() -> None:
    lines = printed(report(broken_off="the bot ended with status 1;\n  | its last words")).strip().splitlines()
    assert lines == [
        "✗ the bot ended with status 1;",
        "  | its last words",
        "No meeting was held · 70 s in all",
    ]


def test_waiting_is_marked_and_explained() -> None:
    text = printed(report(GOOD, replace(GOOD, overlapping=True)))
    assert "800*" in text
    queued = replace(GOOD, heard=(replace(GOOD_HEARD, queued=True),))
    assert "800*" in printed(report(queued))
    assert "had to wait for another" in text
    assert "had to wait for another" not in printed(report(GOOD))


def test_words_in_brackets_are_words_and_no_markup() -> None:
    entry = replace(GOOD.ledger[0], recognised="[b]bold", translated="[/]")
    heard = replace(GOOD_HEARD, text="[i]", words=Words(2, 1))
    text = printed(report(replace(GOOD, said="[red] alert", ledger=(entry,), heard=(heard,))))
    for words in ("[red] alert", "[b]bold", "[/]", "[i]"):
        assert words in text


def test_figures_that_could_not_be_measured_say_so() -> None:
    assert "delay not measured" in table.summary(report(replace(GOOD, heard=())))
    assert DelaySpread.of([]).median is None


def test_it_fits_a_narrow_terminal() -> None:
    assert all(len(row) <= 80 for row in printed(report(GOOD), width=80).splitlines() if "·" not in row)


def test_with_a_room_per_language_it_says_whose_own_voice_was_heard_where() -> None:
    originals = (
        ARRIVED,
        replace(ARRIVED, listener="Jonas", wanted=False, found=False, level_db=-41.3),
        replace(ARRIVED, listener="Eva", wanted=False, found=False, level_db=-90.0),
    )
    text = printed(report(replace(GOOD, originals=originals)), width=100)
    for piece in ("own voice", "Luis 0 ✓", "Jonas -41", "Eva silent", "other languages' voices at most -41 dB"):
        assert piece in text
    assert "own voice" not in printed(report(GOOD))


def test_what_a_recording_says_is_not_known_to_the_demo() -> None:
    note = "recognised: whether a recording says that"
    assert note in printed(report(replace(GOOD, said=None)))
    assert note not in printed(report(GOOD))


def test_a_recording_is_compared_with_the_texts_beside_it() -> None:
    entry = replace(GOOD.ledger[0], recognised="Good morning, 2 of you.")
    known = replace(GOOD, said=None, ledger=(entry,), transcript="Good evening, two of you.")
    text = printed(report(replace(known, references={"es": "Buenos días.", "fr": "Bonjour."})))
    assert "1 of 5 words wrong" in text
    assert "es chrF 100" in text
    assert "only you can tell" not in text
    assert "words wrong" not in printed(report(replace(known, transcript=None)))
