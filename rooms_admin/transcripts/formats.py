"""A transcript as JSON, WebVTT, SubRip or plain text. Pure: lines in, text out.

JSON tells everything; the others are for players and people, and say nothing of flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine

# How long a line stays to be read. Subtitling practice is 15-17 characters per second at most.
READING_MS_PER_CHARACTER = 65
SHORTEST_CUE_MS = 1_500
LONGEST_CUE_MS = 7_000
SHORTEST_OVERLAP_MS = 700
"""However soon somebody else speaks: about as long as the eye needs to take a line in at all."""


class Cue(NamedTuple):
    start_ms: int
    """since the first line of the transcript, in whatever language"""
    end_ms: int
    line: TranscriptLine


def latest(lines: Iterable[TranscriptLine], language: str | None = None) -> list[TranscriptLine]:
    """Of each utterance and language the highest revision, by time; of one language only, if it is named."""
    best: dict[tuple[str, str], TranscriptLine] = {}
    for line in lines:
        if language is not None and line.language.lower() != language.lower():
            continue
        known = best.get((line.utterance_id, line.language))
        if known is None or line.revision >= known.revision:
            best[line.utterance_id, line.language] = line
    return sorted(best.values(), key=lambda line: (line.timestamp_ms, line.utterance_id, not line.is_original))


def cues(lines: Sequence[TranscriptLine], language: str | None = None) -> list[Cue]:
    """The final lines with the time each is shown: from when the speaker began, for as long as they spoke or it takes
    to read, gone when the next one in its language comes, but never at once. All languages of a transcript share the
    moment zero, and all calls of a room, so that times grow across them."""
    if not lines:
        return []
    zero = min(line.timestamp_ms for line in lines)
    shown = [line for line in latest(lines, language) if line.is_final and _one_line(line.text)]
    following: dict[str, tuple[int, int | None]] = {}  # by language: the next start, and the first after that
    timed: list[Cue] = []
    for line in reversed(shown):
        start = line.timestamp_ms - zero
        reading = len(_one_line(line.text)) * READING_MS_PER_CHARACTER
        end = start + max(min(max(reading, SHORTEST_CUE_MS), LONGEST_CUE_MS), line.duration_ms)
        coming, beyond = following.get(line.language, (None, None))
        # Two people who begin in the same millisecond are both shown.
        limit = coming if coming is not None and coming > start else beyond
        following[line.language] = (start, limit)
        timed.append(Cue(start, end if limit is None else min(end, max(limit, start + SHORTEST_OVERLAP_MS)), line))
    timed.reverse()
    return timed


def to_json(
    room_id: str, lines: Sequence[TranscriptLine], passages: Sequence[LedgerRecord], language: str | None = None
) -> bytes:
    """What `models.TranscriptResponse` describes, without making an object of each line a second time."""
    answer: dict[str, object] = {
        "room_id": room_id,
        "items": latest(lines, language),
        "next_cursor": None,
        "passages": passages,
    }
    return msgspec.json.encode(answer)


def to_vtt(lines: Sequence[TranscriptLine], language: str | None = None) -> str:
    """WebVTT; the speaker is the voice, and with several languages each text says which it is in."""
    blocks = ["WEBVTT"]
    for number, (start, end, line) in enumerate(cues(lines, language), start=1):
        text = _vtt(_one_line(line.text))
        if language is None:
            text = f"<lang {_vtt(_one_line(line.language))}>{text}</lang>"
        voice = _vtt(_one_line(line.speaker_name or line.speaker_id))
        blocks.append(f"{number}\n{_clock(start, '.')} --> {_clock(end, '.')}\n<v {voice}>{text}")
    return "\n\n".join(blocks) + "\n"


def to_srt(lines: Sequence[TranscriptLine], language: str | None = None) -> str:
    """SubRip, which knows no escaping: an arrow inside a text is written otherwise."""
    blocks = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_spoken(line).replace('-->', '→')}\n"
        for number, (start, end, line) in enumerate(cues(lines, language), start=1)
    ]
    return "\n".join(blocks)


def to_txt(lines: Sequence[TranscriptLine], language: str | None = None) -> str:
    """One line each: time, speaker, language, text."""
    return "".join(
        f"[{_clock(start, '.')[:8]}] {_spoken(line, with_language=language is None)}\n"
        for start, _, line in cues(lines, language)
    )


def _spoken(line: TranscriptLine, with_language: bool = False) -> str:
    speaker = _one_line(line.speaker_name or line.speaker_id)
    return f"{speaker}{f' ({line.language})' if with_language else ''}: {_one_line(line.text)}"


_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")


def _one_line(text: str) -> str:
    """Without line breaks and control characters: a blank line would end a cue in the middle."""
    return " ".join(text.translate(_CONTROLS).split())


def _vtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"
