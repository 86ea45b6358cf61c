"""What rooms have yielded: caption lines and closed ledger entries, kept in memory, bounded per room."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from bot.interpreting.ledger import Entry, State
from bot.interpreting.transcript import CaptionLine

LINES_PER_ROOM = 20_000
"""Two languages, some ten utterances a minute: more than twelve hours. The oldest go first, and are counted."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One utterance in one lane, as the ledger closed it. Milliseconds; None where it never came to that."""

    utterance: str
    speaker: str
    source: str
    target: str
    state: State
    reason: str
    spoken_ms: int | None
    """How long the speaker spoke."""
    played_ms: int
    """How much of the interpretation went into the call."""
    ear_voice_span_ms: int | None
    """From the speaker's last word to the first word of the interpretation."""
    model_ms: int | None
    """From the end of the turn to the model's first audio."""
    waited_ms: int
    """For the floor, while somebody else was being interpreted."""
    own_share_ms: float | None
    """What is left of the ear-voice span without the intended pause, the model and the wait: our own doing."""
    tokens: dict[str, int]


def passage_of(entry: Entry) -> Passage:
    """Read a closed entry as milliseconds."""
    ended, committed, audio, played = entry.ended_at, entry.committed_at, entry.first_audio_at, entry.first_played_at
    span = model = own = None
    if ended is not None and committed is not None:
        if audio is not None:
            model = (audio - committed) * 1000
        if audio is not None and played is not None:
            span = (played - ended) * 1000
            own = (committed - ended) * 1000 - entry.patience_ms + (played - audio) * 1000 - entry.waited_ms
    return Passage(
        utterance=entry.utterance,
        speaker=entry.lane.speaker,
        source=entry.lane.source,
        target=entry.lane.target,
        state=entry.state,
        reason=entry.reason,
        spoken_ms=None if ended is None else round((ended - entry.began_at) * 1000),
        played_ms=entry.played_ms,
        ear_voice_span_ms=None if span is None else round(span),
        model_ms=None if model is None else round(model),
        waited_ms=round(entry.waited_ms),
        own_share_ms=None if own is None else round(own, 1),
        tokens=dict(entry.tokens),
    )


@dataclass(slots=True)
class RoomRecord:
    """The latest revision of every line of a room, and every closed entry, over all its calls."""

    lines: OrderedDict[tuple[str, str], CaptionLine] = field(default_factory=OrderedDict)
    passages: list[Passage] = field(default_factory=list)
    forgotten: int = 0


@dataclass(frozen=True, slots=True)
class CallScribe:
    """Writes down one call of a room."""

    record: RoomRecord
    began_at_ms: int
    """Since the epoch: what the call counts from."""

    def caption(self, line: CaptionLine) -> None:
        lines = self.record.lines
        lines[line.utterance, line.language] = replace(line, timestamp_ms=line.timestamp_ms + self.began_at_ms)
        if len(lines) > LINES_PER_ROOM:
            lines.popitem(last=False)
            self.record.forgotten += 1

    def settled(self, entry: Entry) -> None:
        passages = self.record.passages
        passages.append(passage_of(entry))
        if len(passages) > LINES_PER_ROOM:
            del passages[0]
            self.record.forgotten += 1


class Records:
    """The records of all rooms, by room id."""

    def __init__(self) -> None:
        self._rooms: dict[str, RoomRecord] = {}

    def of(self, room_id: str) -> RoomRecord:
        """The room's record, begun if there is none."""
        return self._rooms.setdefault(room_id, RoomRecord())

    def scribe(self, room_id: str, began_at_ms: int) -> CallScribe:
        return CallScribe(self.of(room_id), began_at_ms)

    def delete(self, room_id: str) -> None:
        self._rooms.pop(room_id, None)
