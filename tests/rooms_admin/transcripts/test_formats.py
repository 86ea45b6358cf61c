"""Transcripts as files that players and people read."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms_admin.plain_text import one_line
from rooms_admin.transcripts.formats import cues, latest, to_srt, to_txt, to_vtt
from rooms_admin.transcripts.records import TranscriptLine


def said(
    text: str = "Hello",
    at_ms: int = 0,
    *,
    utterance: str = "u1",
    language: str = "en-US",
    revision: int = 1,
    final: bool = True,
    speaker: str = "Ada",
    original: bool = True,
) -> TranscriptLine:
    return TranscriptLine(utterance, revision, "8:acs:a", speaker, language, text, final, at_ms, original)


MEETING = [
    said("Good morning, everybody.", 3_725_000, utterance="u1"),
    said("Buenos días a todos.", 3_725_000, utterance="u1", language="es-ES", original=False),
    said("¿Empezamos?", 3_727_250, utterance="u2", language="es-ES", speaker="Benito"),
    said("Shall we begin?", 3_727_250, utterance="u2", original=False, speaker="Benito"),
]


def test_vtt_of_one_language() -> None:
    assert to_vtt(MEETING, "en-US") == (
        "WEBVTT\n\n"
        "1\n00:00:00.000 --> 00:00:01.560\n<v Ada>Good morning, everybody.\n\n"
        "2\n00:00:02.250 --> 00:00:03.750\n<v Benito>Shall we begin?\n"
    )


def test_vtt_of_all_languages_says_which_is_which() -> None:
    assert "<v Benito><lang es-ES>¿Empezamos?</lang>" in to_vtt(MEETING)
    assert to_vtt(MEETING).count(" --> ") == 4


VARIETIES = [
    said("Buenos días.", utterance="u1", language="es-ES", original=False),
    said("Buenos días, pues.", utterance="u1", language="es-MX", original=False),
    said("¿Empezamos?", 2_000, utterance="u2", language="es-ES", original=False),
    said("简体", 4_000, utterance="u3", language="zh-Hans", original=False),
    said("繁體", 4_000, utterance="u3", language="zh-Hant", original=False),
]


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("es-MX", ["Buenos días, pues.", "¿Empezamos?"]),
        ("ES-es", ["Buenos días.", "¿Empezamos?"]),
        ("es-AR", ["Buenos días.", "¿Empezamos?"]),
        ("es", ["Buenos días.", "¿Empezamos?"]),
        ("zh-Hant-TW", ["繁體"]),
        ("en-US", []),
    ],
)
def test_of_an_utterance_without_a_line_in_the_language_that_of_the_closest_variety_is_read(
    language: str, wanted: list[str]
) -> None:
    for lines in (VARIETIES, VARIETIES[::-1]):
        found = [line.text for line in latest(lines, language)]
        if language in ("es-AR", "es"):  # neither is closer
            found[0] = "Buenos días."
        assert found == wanted


def test_cues_in_several_varieties_follow_one_another_in_one_track() -> None:
    lines = [
        said("Buenos días a todos, señoras y señores.", language="es-ES"),
        said("¿Sí?", 800, utterance="u2", language="es-MX"),
    ]
    assert [(start, end) for start, end, _ in cues(lines, "es-ES")] == [(0, 800), (800, 2_300)]


def test_srt_and_txt() -> None:
    assert to_srt(MEETING, "es-ES") == (
        "1\n00:00:00,000 --> 00:00:01,500\nAda: Buenos días a todos.\n\n"
        "2\n00:00:02,250 --> 00:00:03,750\nBenito: ¿Empezamos?\n"
    )
    assert to_txt(MEETING, "es-ES") == "[00:00:00] Ada: Buenos días a todos.\n[00:00:02] Benito: ¿Empezamos?\n"


def test_nothing_said() -> None:
    assert (to_vtt([]), to_srt([]), to_txt([])) == ("WEBVTT\n", "", "")


def test_all_languages_share_the_moment_zero() -> None:
    lines = [said(at_ms=1_000), said("Hola", 5_000, utterance="u2", language="es-ES")]
    assert [cue.start_ms for cue in cues(lines, "es-ES")] == [4_000]


def test_only_the_latest_final_text_is_shown() -> None:
    lines = [
        said("Good mor", revision=1, final=False),
        said("Good morning", revision=3),
        said("Good mourning", revision=2, final=False),
        said("and", 4_000, utterance="u2", final=False),
        said(" \n", 5_000, utterance="u3"),
    ]
    assert [cue.line.text for cue in cues(lines)] == ["Good morning"]
    assert [line.text for line in latest(lines)] == ["Good morning", "and", " \n"]


def test_a_cue_ends_when_the_next_in_its_language_begins() -> None:
    lines = [
        said("A rather long sentence to be read.", 0, utterance="u1"),
        said("Two at once,", 500, utterance="u2"),
        said("as it happens.", 500, utterance="u3"),
        said("Yes.", 900, utterance="u4"),
        said("Sí.", 600, utterance="u5", language="es-ES"),
    ]
    assert [(cue.start_ms, cue.end_ms) for cue in cues(lines, "en-US")] == [
        (0, 700),  # not gone at once
        (500, 1_200),
        (500, 1_200),
        (900, 2_400),
    ]


def test_a_cue_stays_while_the_speaker_speaks() -> None:
    lines = [replace(said("Well", 0), duration_ms=9_000), said("So", 20_000, utterance="u2")]
    assert [(cue.start_ms, cue.end_ms) for cue in cues(lines)] == [(0, 9_000), (20_000, 21_500)]


def test_files_for_players_and_people_say_nothing_of_flags() -> None:
    plain, flagged = said(), replace(said(), flags=("number", "abandoned"))
    for write in (to_vtt, to_srt, to_txt):
        assert write([flagged]) == write([plain])


def test_a_long_text_does_not_stay_for_ever() -> None:
    (cue,) = cues([said("word " * 200)])
    assert cue.end_ms == 7_000


def test_hours() -> None:
    assert "27:46:40.001 --> " in to_vtt([said(), said(at_ms=100_000_001, utterance="u2")])


def test_text_that_looks_like_markup_or_timing() -> None:
    evil = said("</v><b>&amp; 00:00 --> 00:01\n\n2\nNOTE", speaker="A>\nda --> &")
    assert to_vtt([evil], "en-US").splitlines()[4:] == [
        "<v A&gt; da --&gt; &amp;>&lt;/v&gt;&lt;b&gt;&amp;amp; 00:00 --&gt; 00:01 2 NOTE"
    ]
    assert to_srt([evil]).splitlines()[2:] == ["A› da → &: ‹/v›‹b›&amp; 00:00 → 00:01 2 NOTE"]


def test_scripts_that_need_joiners_keep_them() -> None:
    persian = "می\u200cخواهم"
    assert persian in to_vtt([said(persian)])


def test_a_speaker_without_a_name_is_shown_by_id() -> None:
    assert "8:acs:a: Hello" in to_txt([said(speaker="")], "en-US")


# --- laws ----------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
lines_said = st.lists(
    st.builds(
        TranscriptLine,
        utterance_id=st.sampled_from(["u1", "u2", "u3"]),
        revision=st.integers(1, 3),
        speaker_id=st.just("8:acs:a"),
        speaker_name=texts,
        language=st.sampled_from(["en-US", "es-ES"]),
        text=texts,
        is_final=st.booleans(),
        timestamp_ms=st.integers(0, 10_000_000),
        is_original=st.booleans(),
    ),
    max_size=8,
)


def seconds(stamp: str) -> float:
    hours, minutes, rest = stamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


@settings(deadline=None)
@given(lines_said)
def test_whatever_is_said_the_vtt_reads_back(lines: list[TranscriptLine]) -> None:
    """Every cue has its three lines, a positive duration, and the text, once its escaping is undone, but for braces."""
    head, *blocks = to_vtt(lines, "en-US").rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    assert len(blocks) == len(cues(lines, "en-US"))
    last_start = 0.0
    for number, (block, cue) in enumerate(zip(blocks, cues(lines, "en-US"), strict=True), start=1):
        label, timing, payload = block.split("\n")
        start, end = (seconds(stamp) for stamp in timing.split(" --> "))
        assert label == str(number)
        assert last_start <= start < end
        last_start = start
        match = re.fullmatch(r"<v ([^<>]*)>([^<>]*)", payload)
        assert match
        assert html.unescape(match[2]) == one_line(cue.line.text).translate(str.maketrans("{}", "()"))


@settings(deadline=None)
@given(lines_said)
def test_files_have_as_many_cues_as_there_is_to_show(lines: list[TranscriptLine]) -> None:
    shown = len(cues(lines))
    assert to_srt(lines).count(" --> ") == to_vtt(lines).count(" --> ") == shown
    assert len(to_txt(lines).splitlines()) == shown


@settings(deadline=None)
@given(lines_said)
def test_the_latest_of_each_pair_and_nothing_else(lines: list[TranscriptLine]) -> None:
    kept = latest(lines)
    pairs = [(line.utterance_id, line.language) for line in kept]
    assert sorted(pairs) == sorted({(line.utterance_id, line.language) for line in lines})
    for line in kept:
        same = [x.revision for x in lines if (x.utterance_id, x.language) == (line.utterance_id, line.language)]
        assert line.revision == max(same)
    assert [line.timestamp_ms for line in kept] == sorted(line.timestamp_ms for line in kept)


HOSTILE = [
    ("<i>quiet</i>", "quiet"),
    ("{\\an8}above", "above"),
    ("a\u202eb\u2066c\u200fd", "abcd"),
    ("zero\u200bwidth\ufeff", "zerowidth"),
    ("nul\0and\x1b[31m", "nul and [31m"),
    ("half \ud800", "half"),
    ("two\u2028lines\r\n\r\nand more", "two lines and more"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
@pytest.mark.parametrize("write", [to_vtt, to_srt, to_txt])
def test_text_is_shown_and_nothing_else(write: Callable[..., str], text: str, shown: str) -> None:
    """No player takes it for markup, nothing is turned round, nothing is hidden; words and names alike."""
    written = write([said(text, speaker=text)], "en-US")
    written.encode()
    for part in ("<i>", "</i>", "{", "}", *"\u202e\u2066\u200f\u200b\ufeff\0\x1b\u2028\r"):
        assert part not in written
    bare = html.unescape(written).replace("‹i›", "").replace("‹/i›", "").replace("(\\an8)", "")
    assert shown in bare.replace("<i>", "").replace("</i>", "")
