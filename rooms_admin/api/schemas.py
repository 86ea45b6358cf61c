"""Response models of the REST API. Request models are in `rooms_admin/rooms/requests.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rooms_admin.integrations.subscriptions import DeliveryState, EventKind
from rooms_admin.rooms.room import (
    BargeIn,
    CaptionStability,
    KeypadAction,
    Participant,
    ParticipantRole,
    Room,
    RoomLayout,
    RoomMedia,
    RoomMode,
    UsageKind,
)


class _ResponseModel(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


class ParticipantResponse(_ResponseModel):
    participant_id: str
    acs_user_id: str
    """Raw id of the ACS user or of the phone; `web:{participant_id}` of somebody without ACS identity."""
    display_name: str
    role: ParticipantRole
    speaks: str
    hears: str
    phone_number: str | None
    """Null for a user of ACS."""
    guest: bool
    """Came by the join code."""

    @classmethod
    def of(cls, participant: Participant) -> Self:
        return cls.model_validate(participant)


class SettingsResponse(_ResponseModel):
    end_of_turn_ms: int
    end_of_turn_after_long_ms: int
    end_of_turn_unfinished_ms: int
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
    separate_varieties: bool
    mixed: bool
    usage_cap: dict[UsageKind, float]
    guests: bool
    waits_for_start: bool
    speak_messages: bool
    save_transcript: bool


class RoomResponse(_ResponseModel):
    room_id: str
    media: RoomMedia
    acs_room_id: Annotated[str | None, BeforeValidator(lambda given: given or None)]
    """With layout `sister`, the ACS room of the first language; null with media `web`."""
    sisters: dict[str, str]
    """With layout `sister`, the ACS room for participants hearing each language; otherwise empty."""
    join_code: str
    name: str
    languages: tuple[str, ...]
    mode: RoomMode
    participants: tuple[ParticipantResponse, ...]
    valid_from: datetime
    valid_until: datetime
    created_at: datetime
    settings: SettingsResponse
    chosen: Annotated[dict[str, str], Field(examples=[{"mode": "2 languages: interpretations follow what was said"}])]
    """Why the service chose the `mode` and the `layout` of the room; empty for what requests have named."""
    retention_days: int | None
    """Null: the service's setting `RETENTION_DAYS` applies."""
    version: int
    """The entity tag without its quotes."""

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


class JoinResponse(TicketResponse):
    """The room a join code belongs to, and a ticket for it."""

    room_id: str
    name: str
    languages: tuple[str, ...]
    media: RoomMedia
    save_transcript: bool
    participant_id: str | None
    """With `speak`: the guest on the roster; null otherwise."""
    guest_key: str | None
    """With `speak`: proves later who the guest is. Keep it secret; null otherwise."""


class NewSessionResponse(_ResponseModel):
    sessionId: str
    """Six digits: the join code of the room."""
    listenerUrl: str
    """For the audience."""
    speakerUrl: str
    """For the speaker alone: whoever has it speaks, and starts, stops and ends the session."""


class SessionResponse(_ResponseModel):
    status: Literal["active", "paused", "ended"]


class MessageResponse(_ResponseModel):
    room_id: str
    utterance_id: str
    """As in captions, transcript and ledger."""


class TermResponse(_ResponseModel):
    term: str
    translations: dict[str, str]


class GlossaryResponse(_ResponseModel):
    version: int
    """Incremented with every change; 0 if no glossary was ever stored."""
    terms: tuple[TermResponse, ...]


class DeletionResponse(_ResponseModel):
    """Proof that a room was deleted."""

    room_id: str
    deleted_at: datetime
    removed: dict[str, int]
    """Number of items removed, by kind."""
    left: dict[str, int]
    """Number of items found afterwards in the same transaction, by kind: all zero."""


class LaneUsageResponse(_ResponseModel):
    """Usage of a lane: one speaker interpreted into one language."""

    speaker_id: str
    source: str
    target: str
    utterances: dict[str, int]
    """Number of utterances, by final state."""
    spoken_minutes: float
    """Minutes of the speaker that were sent to the model: speech, and the pauses around it."""
    interpreted_minutes: float
    """Minutes of interpretation played into the call."""
    condensed: int
    """Number of utterances that were requested in fewer words."""
    tokens: dict[str, int]
    """Number of tokens, by kind, as counted by the model."""
    model_minutes: dict[str, float]
    """What is billed by the minute: `translation` (streamed audio, silence included) and `transcription`."""
    cost: float | None
    """In `currency`; null without a price table."""


class UsageResponse(_ResponseModel):
    """Usage of a room, from the records still in its ledger; records deleted by retention are not counted."""

    room_id: str
    currency: str | None
    lanes: list[LaneUsageResponse]
    spoken_minutes: float
    interpreted_minutes: float
    tokens: dict[str, int]
    model_minutes: dict[str, float]
    cost: float | None


EngineName = Literal["translation", "conversation", "captions", "passthrough"]


class LaneResponse(_ResponseModel):
    """State of a lane: one speaker interpreted into one language."""

    speaker_id: str
    source: str
    target: str
    state: Literal["open", "parked", "refused"]
    """`open`: has a model session. `parked`: gets one when the speaker speaks. `refused`: refused by the model."""
    engine: EngineName | None
    """What serves the lane; null while it is parked, refused or not known yet. `captions`: text only, no audio."""
    reason: Annotated[str | None, Field(examples=["quota"])]
    """Why the lane is not served as configured: `quota`, `usage_cap`, or the error code of the model."""
    ear_voice_spans_ms: tuple[int, ...] | None
    """Ear-voice spans of the last utterances, oldest first; null if another replica serves the call."""
    waiting: int | None
    """Number of utterances in progress; null if another replica serves the call."""


class CapabilitiesResponse(_ResponseModel):
    """What the translation deployment was found to offer."""

    deployment: str
    state: Literal["not_asked", "inconclusive", "offered", "refused"]
    reason: str
    """Why a language was refused, or why the check was inconclusive."""
    offered: tuple[str, ...]
    """Target languages, ISO 639-1."""
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
    """Lanes of this call in the order of first use; at most 64, or 32 if another replica serves the call."""
    capabilities: CapabilitiesResponse | None
    """Null without a translation deployment."""


class TranscriptLineResponse(_ResponseModel):
    utterance_id: str
    revision: int
    speaker_id: str
    speaker_name: str
    language: str
    text: str
    is_final: bool
    timestamp_ms: int
    """Start of the utterance, since the Unix epoch."""
    is_original: bool
    duration_ms: int
    """How long the speaker spoke; 0 while not known."""
    flags: Annotated[tuple[str, ...], Field(examples=[("number",)])]
    """Remarks: `typed` if it was typed and not said, `abandoned` if the rest will never come, or what is wrong with the
    interpretation."""


Item = TypeVar("Item")


class Page(_ResponseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None
    """Pass it as `cursor` to get the next page; null on the last page."""


class PlayoutResponse(_ResponseModel):
    """How much of an interpretation was played on a channel."""

    played_ms: int
    trimmed_ms: int
    """Pauses cut because playout lagged behind the speaker."""
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
    """`utterance`, `typed` (a typed message), `passthrough` (original voice where the speaker is not heard) or
    `announcement` (the interpreter's own)."""
    faults: Annotated[tuple[str, ...], Field(examples=[("number",)])]
    """Problems of the interpretation found by automatic checks."""
    strict: bool
    """True if it was requested a second time, because the first output was no interpretation."""
    speed: float
    """Requested speed of the voice."""
    condensed: bool
    """True if it was requested in fewer words, because listeners would have heard it too late."""
    engine: str
    """Engine that served the lane, if it was not the requested one."""
    playouts: dict[str, PlayoutResponse]
    """Playout by channel."""


class TranscriptResponse(Page[TranscriptLineResponse]):
    """`items`: originals and interpretations. `passages`: the ledger, a record per utterance and target language."""

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
    """Key of the signatures; only shown in this response."""


class RefusalResponse(_ResponseModel):
    """Requests refused to a caller at an endpoint for a reason, within the last hour."""

    caller: str
    """Name of the key or application; without valid proof the network: an IPv4 address, or a /64 of IPv6."""
    endpoint: str
    reason: str
    """Code of the error response."""
    count: int
    last_at: datetime
    """End of the minute of the last one."""


class DeliveryResponse(_ResponseModel):
    delivery_id: str
    """Also sent in the header `webhook-id`."""
    room_id: str
    event: EventKind
    state: DeliveryState
    attempts: int
    status: int | None
    """HTTP status of the last attempt; null if there was no response."""
    error: str | None
    """Why the last attempt got no response."""
    created_ms: int
    due_ms: int
    """Time of the next attempt while `state` is `pending`, in milliseconds since the Unix epoch."""


class ErrorBody(_ResponseModel):
    code: Annotated[str, Field(examples=["not_found"])]
    message: Annotated[str, Field(examples=["no such room"])]
    retry_after_ms: int | None = None
    details: list[dict[str, object]] | None = None


class ErrorResponse(_ResponseModel):
    """The body of every error response."""

    error: ErrorBody
