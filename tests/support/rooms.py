"""Rooms, transcript lines and ledger records as tests store them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rooms_admin.rooms.room import Participant, Room, milliseconds
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
NOW_MS = milliseconds(NOW)
ADA = Participant("participant-1", "8:acs:a", "Ada", "Presenter", "en-US", "en-US")


def room(number: int, *, join_code: str | None = None, created_at: datetime = NOW, name: str = "Board") -> Room:
    return Room(
        room_id=f"room-{number}",
        acs_room_id=f"9911781242862{number:04}",
        join_code=join_code or f"{number:06}",
        name=name,
        languages=("en-US", "es-ES"),
        mode="consecutive",
        participants=(ADA,),
        valid_from=created_at,
        valid_until=created_at + timedelta(days=1),
        created_at=created_at,
    )


def line(number: int = 1, text: str = "Hola", *, revision: int = 1, at_ms: int = NOW_MS) -> TranscriptLine:
    return TranscriptLine(f"u-{number}", revision, "8:acs:a", "Ada", "es-ES", text, False, at_ms, False)


def passage(number: int = 1, state: str = "spoken") -> LedgerRecord:
    return LedgerRecord(
        f"u-{number}", "8:acs:a", "en-US", "es-ES", state, "", 900, 800, 700, 300, 0, 5.0, {"input_audio": 9}
    )
