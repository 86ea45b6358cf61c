"""Reading the transcript, and assigning its entries to turns."""

from __future__ import annotations

from demo import ledger_client
from demo.report import LedgerEntry
from tests.support.demo import line, passage


def test_an_entry_has_its_words_its_times_and_its_end() -> None:
    document = {
        "items": [
            line("u-1", "en-US", "Good morning.", is_original=True, timestamp_ms=1_234),
            line("u-1", "es-ES", "Buenos días.", timestamp_ms=1_234),
        ],
        "passages": [passage("u-1")],
    }
    (entry,) = ledger_client.entries(document)
    assert (entry.speaker_id, entry.began_ms) == ("8:acs:ana", 1_234)
    assert entry.ledger == LedgerEntry(
        "u-1",
        "spoken",
        "es-ES",
        recognised="Good morning.",
        translated="Buenos días.",
        spoken_ms=900,
        ear_voice_span_ms=700,
        model_ms=190,
        waited_ms=0,
        own_share_ms=10.0,
    )


def test_a_voice_that_was_passed_through_is_no_interpretation() -> None:
    assert ledger_client.entries({"items": [], "passages": [passage("u-1", target="en-US")]}) == []


def test_lines_that_still_change_are_left_out() -> None:
    document = {"items": [line("u-1", "es-ES", "Buenos", is_final=False)], "passages": [passage("u-1")]}
    assert ledger_client.final_lines(document) == []
    assert ledger_client.entries(document)[0].ledger.translated is None


def test_an_utterance_whose_end_was_taken_back_went_on_in_the_speakers_next() -> None:
    document = {
        "items": [line("u-2", "en-US", "Good morning, everyone.", is_original=True)],
        "passages": [
            passage("u-1", state="not_needed", reason="goes_on"),
            passage("u-1", state="not_needed", reason="goes_on", target="de-DE"),
            passage("u-9", speaker_id="8:acs:luis"),
            passage("u-2"),
            passage("u-3"),
            passage("u-4", state="not_needed", reason="goes_on"),
        ],
    }
    found = [(one.ledger.utterance_id, one.ledger.went_on_in) for one in ledger_client.entries(document)]
    assert found == [("u-1", "u-2"), ("u-1", None), ("u-9", None), ("u-2", None), ("u-3", None), ("u-4", None)]


def entry(utterance: str, speaker: str, began_ms: int | None) -> ledger_client.UtteranceEntry:
    return ledger_client.UtteranceEntry(speaker, began_ms, LedgerEntry(utterance, "spoken"))


def ids(dealt: list[list[LedgerEntry]]) -> list[list[str]]:
    return [[ledger.utterance_id for ledger in turn] for turn in dealt]


TURNS = [("ana", 1_000.0), ("luis", 5_000.0), ("ana", 5_500.0)]


def test_an_entry_belongs_to_its_speakers_latest_turn_by_then() -> None:
    found = [entry("u-3", "ana", 6_000), entry("u-2", "luis", 5_200), entry("u-1", "ana", 1_300)]
    assert ids(ledger_client.by_turn(found, TURNS, {})) == [["u-1"], ["u-2"], ["u-3"]]


def test_several_utterances_of_one_turn_are_in_the_order_of_speaking() -> None:
    found = [entry("u-2", "ana", 2_000), entry("u-1", "ana", 1_200)]
    assert ids(ledger_client.by_turn(found, TURNS, {})) == [["u-1", "u-2"], [], []]


def test_without_a_line_the_moment_of_closing_tells() -> None:
    assert ids(ledger_client.by_turn([entry("u-1", "ana", None)], TURNS, {"u-1": 9_000.0})) == [[], [], ["u-1"]]


def test_entries_of_other_people_belong_to_no_turn() -> None:
    assert ids(ledger_client.by_turn([entry("u-1", "eva", 1_200)], TURNS, {})) == [[], [], []]
