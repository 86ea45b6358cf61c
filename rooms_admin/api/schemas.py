"""Request and response models of the REST API: shapes, limits, examples; no rule that needs a room."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from rooms_admin.integrations.subscriptions import DeliveryState, EventKind
from rooms_admin.rooms.room import (
    BargeIn,
    CaptionStability,
    KeypadAction,
    Participant,
    ParticipantRole,
    Room,
    RoomLayout,
    RoomMode,
    UsageKind,
)


class _ResponseModel(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


# --- requests ------------------------------------------------------------------------------------


# --- answers -------------------------------------------------------------------------------------


class ParticipantResponse(_ResponseModel):
    participant_id: str
    acs_user_id: str
    display_name: str
    role: ParticipantRole
    speaks: str
    hears: str

    @classmethod
    def of(cls, participant: Participant) -> Self:
        return cls.model_validate(participant)


class SettingsResponse(_ResponseModel):
    end_of_turn_ms: int
    end_of_turn_after_long_ms: int
    long_speech_ms: int
    max_utterance_ms: int
    barge_in: BargeIn
    layout: RoomLayout
    announcement: bool
    captions: CaptionStability
    max_lanes: int
    pivot: str
    chair: str
    keypad: dict[str, KeypadAction]
    bots: tuple[str, ...]
    mixed: bool
    usage_cap: dict[UsageKind, float]


class RoomResponse(_ResponseModel):
    room_id: str
    acs_room_id: str
    """with layout `sister` the one of the first language"""
    sisters: dict[str, str]
    """with layout `sister` the ACS room of each language, in which those sit who hear it; empty otherwise"""
    join_code: str
    name: str
    languages: tuple[str, ...]
    mode: RoomMode
    participants: tuple[ParticipantResponse, ...]
    valid_from: datetime
    valid_until: datetime
    created_at: datetime
    settings: SettingsResponse
    retention_days: int | None
    """None: as long as the service's setting says"""
    version: int
    """the entity tag, without quotes"""

    @classmethod
    def of(cls, room: Room) -> Self:
        return cls.model_validate(room)


class TokenResponse(_ResponseModel):
    token: str
    expires_on: datetime
    acs_user_id: str
    acs_room_id: str


class TicketResponse(_ResponseModel):
    ticket: str
    expires_on: datetime


class JoinResponse(_ResponseModel):
    """What a join code leads to."""

    room_id: str
    name: str
    languages: tuple[str, ...]
    ticket: str
    expires_on: datetime


class TermResponse(_ResponseModel):
    term: str
    translations: dict[str, str]


class GlossaryResponse(_ResponseModel):
    version: int
    """grows by one with every change; 0: there never was one"""
    terms: tuple[TermResponse, ...]


class DeletionResponse(_ResponseModel):
    """Proof that a room is gone."""

    room_id: str
    deleted_at: datetime
    removed: dict[str, int]
    """how much of each kind was removed"""
    left: dict[str, int]
    """how much of each kind was found afterwards, looked for in the same transaction: nothing"""


class LaneUsageResponse(_ResponseModel):
    """One speaker into one language."""

    speaker_id: str
    source: str
    target: str
    utterances: dict[str, int]
    """by final state"""
    spoken_minutes: float
    """by the speaker"""
    interpreted_minutes: float
    """of interpretation that went into the call"""
    tokens: dict[str, int]
    """by kind, as the model counted them"""
    cost: float | None
    """in the currency; null without a price table"""


class UsageResponse(_ResponseModel):
    """What is still in the ledger: what retention has deleted is not counted."""

    room_id: str
    currency: str | None
    lanes: list[LaneUsageResponse]
    spoken_minutes: float
    interpreted_minutes: float
    tokens: dict[str, int]
    cost: float | None


LaneStateName = Literal["open", "parked", "refused"]
EngineName = Literal["translation", "conversation", "captions", "passthrough"]


class LaneResponse(_ResponseModel):
    """How one speaker is interpreted into one language."""

    speaker_id: str
    source: str
    target: str
    state: LaneStateName
    """`open`: there is a model session; `parked`: one is opened with the next word; `refused`: there will be none"""
    engine: EngineName | None
    """what serves it; null while it is parked, refused or not known yet. With `captions` nothing is heard"""
    reason: Annotated[str | None, Field(examples=["quota"])]
    """why it is not served as the room asks for: `quota`, `usage_cap`, or the code of the model's refusal"""
    ear_voice_spans_ms: tuple[int, ...] | None
    """of its last utterances, oldest first; null where another replica is in the call"""
    waiting: int | None
    """utterances on their way; null where another replica is in the call"""


class CapabilitiesResponse(_ResponseModel):
    """What the translation deployment was found to do."""

    deployment: str
    state: Literal["not_asked", "inconclusive", "offered", "refused"]
    reason: str
    """of a refusal, or of not knowing"""
    offered: tuple[str, ...]
    """target languages, ISO 639-1"""
    refused: tuple[str, ...]


class InterpreterResponse(_ResponseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "room_id": "room-1",
                    "status": "interpreting",
                    "call_connection_id": "421f3500-5d00-4f6f-ba4f-5a1d1a7d5b6f",
                    "since": "2026-11-20T08:00:00Z",
                    "reason": None,
                    "lanes": [
                        {
                            "speaker_id": "8:acs:ada",
                            "source": "en-US",
                            "target": "es-ES",
                            "state": "open",
                            "engine": "captions",
                            "reason": "quota",
                            "ear_voice_spans_ms": [1240, 1180],
                            "waiting": 1,
                        }
                    ],
                    "capabilities": None,
                }
            ]
        }
    )

    room_id: str
    status: str
    call_connection_id: str | None
    since: datetime | None
    reason: str | None
    lanes: tuple[LaneResponse, ...]
    """in the order in which they were first needed, during this call; at most 64, from another replica 32"""
    capabilities: CapabilitiesResponse | None
    """null without a translation deployment"""


class TranscriptLineResponse(_ResponseModel):
    utterance_id: str
    revision: int
    speaker_id: str
    speaker_name: str
    language: str
    text: str
    is_final: bool
    timestamp_ms: int
    """when the utterance began, since the Unix epoch"""
    is_original: bool
    duration_ms: int
    """how long the speaker spoke; 0 while that is not known"""
    flags: Annotated[tuple[str, ...], Field(examples=[("number",)])]
    """what a reader should know: `abandoned` if the rest will never come, or what is wrong with the interpretation"""


Item = TypeVar("Item")


class Page(_ResponseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None
    """to be passed as `cursor` for what follows; null at the end"""


class PlayoutResponse(_ResponseModel):
    """What became of an interpretation on one channel."""

    played_ms: int
    trimmed_ms: int
    """of pauses that were shortened, because listeners were far behind"""
    dropped_ms: int


class LedgerEntryResponse(_ResponseModel):
    utterance_id: str
    speaker_id: str
    source: str
    target: str
    state: str
    reason: str
    spoken_ms: int | None
    played_ms: int
    ear_voice_span_ms: int | None
    model_ms: int | None
    waited_ms: int
    own_share_ms: float | None
    tokens: dict[str, int]
    closed_at_ms: int
    kind: str
    """`utterance`, `passthrough` (the speaker's own voice in another room) or `announcement` (the interpreter's own)"""
    faults: Annotated[tuple[str, ...], Field(examples=[("number",)])]
    """what is wrong with the interpretation, as far as a machine can tell"""
    strict: bool
    """interpreted a second time, because the first was no interpretation"""
    speed: float
    """of the voice, as asked for"""
    engine: str
    """what served the lane, where it was not what had been asked for"""
    playouts: dict[str, PlayoutResponse]
    """by channel"""


class TranscriptResponse(Page[TranscriptLineResponse]):
    """`items`: what was said and its translations; `passages`: what became of each utterance, by target."""

    room_id: str
    passages: list[LedgerEntryResponse]


class SubscriptionResponse(_ResponseModel):
    subscription_id: str
    url: str
    events: tuple[EventKind, ...]
    room_id: str | None
    created_at: datetime


class NewSubscriptionResponse(SubscriptionResponse):
    secret: str
    """to check the signatures with; shown this once"""


class DeliveryResponse(_ResponseModel):
    delivery_id: str
    """also in the header `webhook-id`"""
    room_id: str
    event: EventKind
    state: DeliveryState
    attempts: int
    status: int | None
    """of the last answer"""
    error: str | None
    """why there was none"""
    created_ms: int
    due_ms: int
    """when it is tried again, while it is pending"""


class ErrorBody(_ResponseModel):
    code: Annotated[str, Field(examples=["not_found"])]
    message: Annotated[str, Field(examples=["no such room"])]
    retry_after_ms: int | None = None
    details: list[dict[str, object]] | None = None


class ErrorResponse(_ResponseModel):
    """Every error, of every route."""

    error: ErrorBody


# --- from requests to what is kept ---------------------------------------------------------------
