"""Documents and results of a demo made up by hand."""

from __future__ import annotations

from typing import Any

from demo.report import HeardInterpretation, LedgerEntry, Original, Report, TurnResult
from demo.scoring import Words

GOOD_ENTRY = LedgerEntry(
    "u-1", "spoken", "es-ES", recognised="good morning", translated="Buenos días.", own_share_ms=12.5
)
GOOD_HEARD = HeardInterpretation("Luis", "es-ES", "buenos días", 3.5, 4.5, 800, Words(2, 2))
ARRIVED = Original("Luis", wanted=True, found=True, level_db=0.0)
GOOD = TurnResult(
    1,
    "Ana",
    "en-US",
    ("es-ES",),
    "Good morning.",
    {"es-ES": "Buenos días."},
    originals=(ARRIVED,),
    ledger=(GOOD_ENTRY,),
    heard=(GOOD_HEARD,),
)


def report(*turns: TurnResult, broken_off: str | None = None) -> Report:
    return Report(turns, setup_s=3.0, meeting_s=60.0, total_s=70.0, broken_off=broken_off)


def line(utterance: str, language: str, text: str, **more: Any) -> dict[str, Any]:
    return {
        "utterance_id": utterance,
        "revision": 1,
        "speaker_id": "8:acs:ana",
        "speaker_name": "Ana",
        "language": language,
        "text": text,
        "is_final": True,
        "timestamp_ms": 1_000,
        "is_original": False,
        **more,
    }


def passage(utterance: str, **more: Any) -> dict[str, Any]:
    return {
        "utterance_id": utterance,
        "speaker_id": "8:acs:ana",
        "source": "en-US",
        "target": "es-ES",
        "state": "spoken",
        "reason": "",
        "spoken_ms": 900,
        "played_ms": 1_200,
        "ear_voice_span_ms": 700,
        "model_ms": 190,
        "waited_ms": 0,
        "own_share_ms": 10.0,
        **more,
    }
