"""Formats a transcript as JSON, WebVTT, SubRip or plain text. Pure.

JSON is complete; the other formats are for players and readers, and omit flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os.path import commonprefix
from typing import NamedTuple

import msgspec

from rooms_admin.plain_text import one_line
from rooms_admin.rooms.language_tags import primary
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine

READING_MS_PER_CHARACTER = 65
"""Time to read a character: subtitling practice is 15 to 17 characters per second at most."""
ENCODED_AT_ONCE = 500
"""Records encoded in about a millisecond."""
SHORTEST_CUE_MS = 1_500
LONGEST_CUE_MS = 7_000
SHORTEST_OVERLAP_MS = 700
"""Minimum duration of a cue when the next speaker follows immediately; about as long as the eye needs to notice it."""


class Cue(NamedTuple):
    """A line with the time it is shown."""

    start_ms: int
    """Since the first line of the transcript in any language."""
    end_ms: int
    line: TranscriptLine


def latest(lines: Iterable[TranscriptLine], language: str | None = None) -> list[TranscriptLine]:
    """Return the latest revision of each line, by time.

    Args:
        language: only lines in it; of an utterance that has none, the line in the variety of it that is most alike.
    """
    best: dict[tuple[str, str], TranscriptLine] = {}
    for line in lines:
        if language is not None and primary(line.language.lower()) != primary(language.lower()):
            continue
        known = best.get((line.utterance_id, line.language))
        if known is None or line.revision >= known.revision:
            best[line.utterance_id, line.language] = line
    if language is not None:
        closest: dict[str, TranscriptLine] = {}
        for line in best.values():
            known = closest.get(line.utterance_id)
            if known is None or _alike(line.language, language) > _alike(known.language, language):
                closest[line.utterance_id] = line
        best = {(line.utterance_id, line.language): line for line in closest.values()}
    return sorted(best.values(), key=lambda line: (line.timestamp_ms, line.utterance_id, not line.is_original))


def _alike(tag: str, wanted: str) -> tuple[bool, int]:
    """Return how much a language tag is like the one wanted: by being the same, or by the parts it begins with."""
    parts, others = tag.lower().split("-"), wanted.lower().split("-")
    return parts == others, len(commonprefix([parts, others]))


def cues(lines: Sequence[TranscriptLine], language: str | None = None) -> list[Cue]:
    """Return the final lines with the time each is shown.

    A cue begins with the speaker and lasts as long as they spoke or it takes to read; it ends when the next one in its
    language begins, but not before `SHORTEST_OVERLAP_MS`. All languages and calls of a room share time zero.
    """
    if not lines:
        return []
    zero = min(line.timestamp_ms for line in lines)
    shown = [line for line in latest(lines, language) if line.is_final and one_line(line.text)]
    following: dict[
        str, tuple[int, int | None]
    ] = {}  # by language asked for, else of the line: the next start, and the one after it
    timed: list[Cue] = []
    for line in reversed(shown):
        start = line.timestamp_ms - zero
        reading = len(one_line(line.text)) * READING_MS_PER_CHARACTER
        end = start + max(min(max(reading, SHORTEST_CUE_MS), LONGEST_CUE_MS), line.duration_ms)
        track = language or line.language
        coming, beyond = following.get(track, (None, None))
        # Lines that begin in the same millisecond are both shown.
        limit = coming if coming is not None and coming > start else beyond
        following[track] = (start, limit)
        timed.append(Cue(start, end if limit is None else min(end, max(limit, start + SHORTEST_OVERLAP_MS)), line))
    timed.reverse()
    return timed


def to_json(
    room_id: str, lines: Sequence[TranscriptLine], passages: Sequence[LedgerRecord], language: str | None = None
) -> bytes:
    """Encode what `schemas.TranscriptResponse` describes, without building a model of each line."""
    items, ledger = _array(latest(lines, language)), _array(passages)
    head = msgspec.json.encode({"room_id": room_id, "next_cursor": None})
    return b'%b,"items":%b,"passages":%b}' % (head[:-1], items, ledger)


def _array(items: Sequence[object]) -> bytes:
    """Encode in parts: during the encoding of one no other thread runs, the event loop's included."""
    parts = (items[start : start + ENCODED_AT_ONCE] for start in range(0, len(items), ENCODED_AT_ONCE))
    return b"[%b]" % b",".join(msgspec.json.encode(part)[1:-1] for part in parts)


def to_vtt(lines: Sequence[TranscriptLine], language: str | None = None) -> str:
    """Format as WebVTT with the speaker as voice; with several languages, each text is tagged with its language."""
    blocks = ["WEBVTT"]
    for number, (start, end, line) in enumerate(cues(lines, language), start=1):
        text = _vtt(one_line(line.text))
        if language is None:
            text = f"<lang {_vtt(one_line(line.language))}>{text}</lang>"
        voice = _vtt(one_line(line.speaker_name or line.speaker_id))
        blocks.append(f"{number}\n{_clock(start, '.')} --> {_clock(end, '.')}\n<v {voice}>{text}")
    return "\n\n".join(blocks) + "\n"


def to_srt(lines: Sequence[TranscriptLine], language: str | None = None) -> str:
    """Format as SubRip."""
    blocks = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_spoken(line)}\n"
        for number, (start, end, line) in enumerate(cues(lines, language), start=1)
    ]
    return "\n".join(blocks)


def to_txt(lines: Sequence[TranscriptLine], language: str | None = None) -> str:
    """Format as plain text: time, speaker, language and text on a line."""
    return "".join(
        f"[{_clock(start, '.')[:8]}] {_spoken(line, with_language=language is None)}\n"
        for start, _, line in cues(lines, language)
    )


def _spoken(line: TranscriptLine, with_language: bool = False) -> str:
    speaker = one_line(line.speaker_name or line.speaker_id)
    spoken = f"{speaker}{f' ({line.language})' if with_language else ''}: {one_line(line.text)}"
    return spoken.replace("-->", "→").translate(_MARKUP)


_MARKUP = str.maketrans("<>{}", "‹›()")
"""What players take for markup, such as `<i>` and `{\\an8}`, some of them also in WebVTT. SubRip has no escaping."""


def _vtt(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").translate(_MARKUP)


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{ms:03}"
