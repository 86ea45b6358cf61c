"""A service as the console sees it, scripted: one meeting of three languages, and what happens in it."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Request

from tests.support.scripted_site import Answer, Site, answer, refusal

KEY = "a-key-of-the-console"
ROOM = "room-0006428fbe5aef4c1f2e3d"
ODD_NAME = "<b>Board</b> \u202emeeting\u202c"
ANA, LUIS = "participant-ana", "participant-luis"


def room(**changes: Any) -> dict[str, Any]:
    people = [(ANA, "Ana Keller", "Presenter", "en-US"), (LUIS, "Luis Ortega", "Attendee", "es-ES")]
    return {
        "room_id": ROOM,
        "acs_room_id": "",
        "sisters": {},
        "join_code": "042117",
        "name": "Board meeting",
        "languages": ["en-US", "es-ES", "de-DE"],
        "mode": "simultaneous",
        "media": "web",
        "participants": [
            {
                "participant_id": one,
                "acs_user_id": f"web:{one}",
                "display_name": name,
                "role": role,
                "speaks": speaks,
                "hears": speaks,
                "phone_number": None,
            }
            for one, name, role, speaks in people
        ],
        "valid_from": "2026-11-20T08:00:00Z",
        "valid_until": "2027-05-19T08:00:00Z",
        "created_at": "2026-11-20T08:00:00Z",
        "settings": {},
        "chosen": {},
        "retention_days": None,
        "version": 3,
        **changes,
    }


def lane(speaker: str, source: str, target: str, **changes: Any) -> dict[str, Any]:
    return {
        "speaker_id": f"web:{speaker}",
        "source": source,
        "target": target,
        "state": "open",
        "engine": "translation",
        "reason": None,
        "ear_voice_spans_ms": [1300, 1240, 1480],
        "waiting": 1,
        **changes,
    }


def interpreter(status: str = "interpreting", **changes: Any) -> dict[str, Any]:
    lanes = [
        lane(ANA, "en-US", "es-ES"),
        lane(ANA, "en-US", "de-DE", engine="captions", reason="quota", ear_voice_spans_ms=[7400], waiting=3),
        lane(LUIS, "es-ES", "en-US", state="parked", engine=None, ear_voice_spans_ms=[], waiting=0),
    ]
    return {
        "room_id": ROOM,
        "status": status,
        "call_connection_id": None,
        "since": "2026-11-20T08:01:00Z",
        "reason": None,
        "lanes": lanes if status in ("interpreting", "paused") else [],
        "capabilities": None,
        **changes,
    }


def caption(utterance: str, speaker: str, language: str, text: str, **more: Any) -> dict[str, Any]:
    name = {ANA: "Ana Keller", LUIS: "Luis Ortega"}[speaker]
    return {
        "event": "caption",
        "room_id": ROOM,
        "utterance_id": utterance,
        "revision": 1,
        "speaker_id": f"web:{speaker}",
        "speaker_name": name,
        "language": language,
        "text": text,
        "is_final": True,
        "timestamp_ms": 1_763_625_700_000,
        "position": utterance,
        "original": False,
        **more,
    }


def passage(utterance: str, target: str, state: str, **more: Any) -> dict[str, Any]:
    return {
        "utterance_id": utterance,
        "speaker_id": f"web:{ANA}",
        "source": "en-US",
        "target": target,
        "state": state,
        "reason": "",
        "ear_voice_span_ms": 1320 if state == "spoken" else None,
        "closed_at_ms": 1_763_625_700_000 + 1000 * len(utterance),
        "kind": "utterance",
        "faults": [],
        **more,
    }


TRANSCRIPT = {
    "room_id": ROOM,
    "next_cursor": None,
    "items": [
        caption("u-1", ANA, "es-ES", "Las cifras del tercer trimestre son mejores que nuestra previsión."),
        caption("u-22", ANA, "de-DE", "Die Zahlen des dritten Quartals liegen über unserer Prognose."),
    ],
    "passages": [
        passage("u-1", "es-ES", "spoken"),
        passage("u-22", "de-DE", "caption_only", reason="too_late", faults=["number"]),
        passage("u-333", "es-ES", "not_needed", reason="backchannel"),
        passage("u-4444", "es-ES", "abandoned", reason="model_backlog"),
    ],
}
USAGE = {
    "room_id": ROOM,
    "currency": "EUR",
    "lanes": [
        {
            "speaker_id": f"web:{ANA}",
            "source": "en-US",
            "target": target,
            "utterances": {"spoken": spoken},
            "spoken_minutes": 12.4,
            "interpreted_minutes": 11.8,
            "condensed": 1,
            "tokens": {"input_audio": 14_200, "output_audio": 9_800},
            "model_minutes": {"translation": 13.0},
            "cost": cost,
        }
        for target, spoken, cost in (("es-ES", 41, 0.4212), ("de-DE", 40, 0.3977))
    ],
    "spoken_minutes": 24.8,
    "interpreted_minutes": 23.6,
    "tokens": {"input_audio": 28_400, "output_audio": 19_600},
    "model_minutes": {"translation": 26.0},
    "cost": 0.8189,
}
GLOSSARY = {
    "version": 4,
    "terms": [
        {"term": "Contoso", "translations": {}},
        {"term": "booth", "translations": {"es-ES": "cabina", "de-DE": "Kabine"}},
    ],
}
REFUSALS = [
    {"caller": "203.0.113.7", "endpoint": "/api/join", "reason": "not_found", "count": 48},
    {"caller": "2001:db8:7::/64", "endpoint": "/api", "reason": "unauthorized", "count": 3},
]


def scripted(**changes: Any) -> Site:
    """A site whose service has one room. It refuses whoever does not bring the key."""
    site = Site()
    one = room(**changes)

    def guarded(content: Any, status: int = 200, **headers: str) -> Any:
        def respond(request: Request) -> Answer:
            if request.headers.get("x-api-key") != KEY:
                return refusal(401, "unauthorized", "a valid API key or bearer token is required")
            return answer(content(request) if callable(content) else content, status, **headers)

        return respond

    path = f"/api/rooms/{ROOM}"
    page = {"next_cursor": None}
    site.answers = {
        "GET /api/rooms": guarded({"items": [one], **page}),
        "POST /api/rooms": guarded(one, 201),
        f"GET {path}": guarded(one, ETag='"3"'),
        f"DELETE {path}": guarded({}, 200),
        f"GET {path}/interpreter": guarded(interpreter()),
        f"POST {path}/interpreter": guarded(interpreter("paused"), 202),
        f"GET {path}/transcript": guarded(TRANSCRIPT),
        f"GET {path}/usage": guarded(USAGE),
        f"GET {path}/glossary": guarded(GLOSSARY, ETag='"4"'),
        f"PUT {path}/glossary": guarded(GLOSSARY, ETag='"5"'),
        f"POST {path}/tickets": guarded({"ticket": "v1.ticket.signature", "expires_on": "2026-11-20T08:15:00Z"}),
        "GET /api/refusals": guarded(
            {"items": [{**one, "last_at": "2026-11-20T08:05:00Z"} for one in REFUSALS], **page}
        ),
    }
    site.hello = {
        "captions": {"event": "hello", "room_id": ROOM, "heartbeat_ms": 10_000, "room_state": "active"},
        "signaling": {
            "type": "hello",
            "room_id": ROOM,
            "heartbeat_ms": 10_000,
            "room_state": "active",
            "members": [],
            "listener_count": 12,
            "listeners": {"es-ES": 9, "de-DE": 3},
        },
    }
    return site
