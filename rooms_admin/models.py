"""Request and response models of the REST API: shapes, limits, examples; no rule that needs a room."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from rooms_admin.languages import AUTO, language_tag
from rooms_admin.store import (
    BargeIn,
    CaptionStability,
    KeypadAction,
    Layout,
    Mode,
    Participant,
    Role,
    Room,
    RoomSettings,
    UsageKind,
)
from rooms_admin.subscriptions import DeliveryState, EventKind

MOST_PARTICIPANTS = 350  # of one call, by ACS's service limits
MOST_LANGUAGES = 20  # to read; how many are offered is another question, answered with a reason


def _language_or_auto(written: str) -> str:
    return AUTO if written.lower() == AUTO else language_tag(written)


def _language_or_none(written: str) -> str:
    return language_tag(written) if written else ""


Language = Annotated[str, AfterValidator(language_tag), Field(max_length=64, examples=["en-US"])]
LanguageOrAuto = Annotated[str, AfterValidator(_language_or_auto), Field(max_length=64, examples=["en-US"])]
LanguageOrNone = Annotated[str, AfterValidator(_language_or_none), Field(max_length=64, examples=["en-US"])]
KeypadTone = Annotated[str, Field(pattern="^[0-9A-D*#]$")]
RetentionDays = Annotated[int, Field(ge=1, le=3_650, examples=[30])]
Name = Annotated[str, Field(min_length=1, max_length=256, examples=["Board meeting"])]


class _Request(BaseModel):
    """What clients send: a key we do not know is refused, because a setting ignored in silence is a trap."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True, use_attribute_docstrings=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True, use_attribute_docstrings=True)


# --- requests ------------------------------------------------------------------------------------


class NewParticipant(_Request):
    display_name: Name
    role: Role = "Attendee"
    speaks: LanguageOrAuto = AUTO
    """one of the room's languages, or `auto`"""
    hears: Language | None = None
    """one of the room's languages; what the participant speaks, if left out"""


class ChangedParticipant(_Request):
    """A key left out changes nothing."""

    display_name: Name | None = None
    role: Role | None = None
    speaks: LanguageOrAuto | None = None
    hears: Language | None = None


class UsageCap(_Request):
    """A kind left out has no limit. Reckoned as `GET …/usage` does, over all calls whose ledger is kept."""

    money: Annotated[float, Field(ge=0)] | None = None
    """in the currency of the price table; without a table it is never reached"""
    tokens: Annotated[int, Field(ge=0)] | None = None
    """input and output of all kinds"""
    minutes: Annotated[float, Field(ge=0)] | None = None
    """spoken, added up over the lanes"""


class ChangedSettings(_Request):
    """A key left out keeps its value, in a new room its default. Times in milliseconds.

    Limits: below 100 ms a pause between two syllables would end an utterance; beyond 20 s at 24 kHz an
    utterance would pass the 1 MB a model takes at once.
    """

    end_of_turn_ms: Annotated[int, Field(ge=100, le=5_000)] | None = None
    end_of_turn_after_long_ms: Annotated[int, Field(ge=100, le=5_000)] | None = None
    long_speech_ms: Annotated[int, Field(ge=500, le=20_000)] | None = None
    max_utterance_ms: Annotated[int, Field(ge=1_000, le=20_000)] | None = None
    barge_in: BargeIn | None = None
    layout: Layout | None = None
    announcement: bool | None = None
    """say at the start, in every language, that a machine interprets"""
    captions: CaptionStability | None = None
    """how much is shown before it is certain: every piece, whole words, whole clauses that never change"""
    max_lanes: Annotated[int, Field(ge=1, le=200)] | None = None
    """model sessions at a time: one per speaker and language"""
    pivot: LanguageOrNone | None = None
    """language through which a pair goes that the model refuses; empty: none"""
    chair: Annotated[str, Field(max_length=64)] | None = None
    """participant who is interpreted before all others; empty: nobody"""
    keypad: dict[KeypadTone, KeypadAction] | None = None
    """what a keypad tone does"""
    bots: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=MOST_PARTICIPANTS)] | None = None
    """participants that are no people, other interpreters or recorders: never interpreted"""
    mixed: bool | None = None
    """hear the call as one stream in which nobody is told apart, from the next call on"""
    usage_cap: UsageCap | None = None
    """how much is interpreted aloud before it is only read; given anew as a whole, `{}` takes it away"""


class NewRoom(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Board meeting",
                    "languages": ["en-US", "es-ES"],
                    "mode": "consecutive",
                    "participants": [
                        {"display_name": "Ada", "role": "Presenter", "speaks": "en-US", "hears": "en-US"},
                        {"display_name": "Benito", "role": "Attendee", "speaks": "es-ES", "hears": "es-ES"},
                    ],
                }
            ]
        }
    )

    name: Name
    languages: Annotated[list[Language], Field(min_length=2, max_length=MOST_LANGUAGES)]
    mode: Mode = "consecutive"
    participants: Annotated[list[NewParticipant], Field(max_length=MOST_PARTICIPANTS)] = []
    valid_from: AwareDatetime | None = None
    """now, if left out"""
    valid_until: AwareDatetime | None = None
    """180 days after `valid_from`, if left out; no more than that"""
    settings: ChangedSettings = ChangedSettings()
    retention_days: RetentionDays | None = None
    """how long transcript and ledger are kept; as long as the service's setting says, if left out"""


class ChangedRoom(_Request):
    """A key left out changes nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Town hall", "settings": {"barge_in": "stop"}}]})

    name: Name | None = None
    languages: Annotated[list[Language], Field(min_length=2, max_length=MOST_LANGUAGES)] | None = None
    mode: Mode | None = None
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    settings: ChangedSettings = ChangedSettings()
    retention_days: RetentionDays | None = None


class TokenRequest(_Request):
    expires_in_minutes: Annotated[int, Field(ge=60, le=1440)] = 1440
    """ACS's own limits"""


Purpose = Literal["captions", "audio", "signaling", "speak"]


class TicketRequest(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"purpose": "captions", "language": "es-ES"}]})

    purpose: Purpose
    language: Language | None = None
    """one of the room's languages; any of them, if left out"""
    participant_id: Annotated[str, Field(max_length=64)] | None = None
    """who it is for; needed to speak"""


class JoinRequest(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"purpose": "captions", "language": "es-ES"}]})

    purpose: Purpose
    """not to speak"""
    language: Language | None = None


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must have no line breaks or control characters")
    return text


TermText = Annotated[str, AfterValidator(_printable), Field(min_length=1, max_length=100, examples=["Contoso"])]


class GlossaryTerm(_Request):
    model_config = ConfigDict(from_attributes=True)

    term: TermText
    translations: Annotated[dict[Language, TermText], Field(max_length=MOST_LANGUAGES)] = {}
    """what it is to become, by language; without any it stays as it is in every language"""


class NewGlossary(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "terms": [
                        {"term": "Contoso"},
                        {"term": "booth", "translations": {"es-ES": "cabina", "en-US": "booth"}},
                    ]
                }
            ]
        }
    )

    terms: Annotated[list[GlossaryTerm], Field(max_length=500)]


Action = Literal["start", "stop", "pause", "resume", "hush"]


class InterpreterCommand(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "pause"}]})

    action: Action


def _receiver(text: str) -> str:
    """An address that can be posted to; what is signed is not secret, but what is said in a room is."""
    try:
        address = urlsplit(text)
        port_is_fine = address.port is None or address.port > 0
    except ValueError as error:
        raise ValueError("is not an address") from error
    host = address.hostname
    if address.scheme not in ("https", "http") or not host or not port_is_fine or "@" in address.netloc:
        raise ValueError("must be an https address without a user name")
    if address.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("must be https (http is for loopback only)")
    if address.fragment or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be an address as it goes over the wire, without a fragment")
    return text


class NewSubscription(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://contoso.com/hooks/interpreter", "events": ["utterance.final", "room.ended"]}]
        }
    )

    url: Annotated[str, AfterValidator(_receiver), Field(max_length=2_000)]
    events: Annotated[list[EventKind], Field(min_length=1, max_length=20)]
    room_id: Annotated[str, Field(max_length=64)] | None = None
    """only of this room; of every room, if left out"""


# --- answers -------------------------------------------------------------------------------------


class ParticipantAnswer(_Answer):
    participant_id: str
    acs_user_id: str
    display_name: str
    role: Role
    speaks: str
    hears: str

    @classmethod
    def of(cls, participant: Participant) -> Self:
        return cls.model_validate(participant)


class SettingsAnswer(_Answer):
    end_of_turn_ms: int
    end_of_turn_after_long_ms: int
    long_speech_ms: int
    max_utterance_ms: int
    barge_in: BargeIn
    layout: Layout
    announcement: bool
    captions: CaptionStability
    max_lanes: int
    pivot: str
    chair: str
    keypad: dict[str, KeypadAction]
    bots: tuple[str, ...]
    mixed: bool
    usage_cap: dict[UsageKind, float]


class RoomAnswer(_Answer):
    room_id: str
    acs_room_id: str
    """with layout `sister` the one of the first language"""
    sisters: dict[str, str]
    """with layout `sister` the ACS room of each language, in which those sit who hear it; empty otherwise"""
    join_code: str
    name: str
    languages: tuple[str, ...]
    mode: Mode
    participants: tuple[ParticipantAnswer, ...]
    valid_from: datetime
    valid_until: datetime
    created_at: datetime
    settings: SettingsAnswer
    retention_days: int | None
    """None: as long as the service's setting says"""
    version: int
    """the entity tag, without quotes"""

    @classmethod
    def of(cls, room: Room) -> Self:
        return cls.model_validate(room)


class TokenAnswer(_Answer):
    token: str
    expires_on: datetime
    acs_user_id: str
    acs_room_id: str


class TicketAnswer(_Answer):
    ticket: str
    expires_on: datetime


class JoinAnswer(_Answer):
    """What a join code leads to."""

    room_id: str
    name: str
    languages: tuple[str, ...]
    ticket: str
    expires_on: datetime


class TermAnswer(_Answer):
    term: str
    translations: dict[str, str]


class GlossaryAnswer(_Answer):
    version: int
    """grows by one with every change; 0: there never was one"""
    terms: tuple[TermAnswer, ...]


class DeletionAnswer(_Answer):
    """Proof that a room is gone."""

    room_id: str
    deleted_at: datetime
    removed: dict[str, int]
    """how much of each kind was removed"""
    left: dict[str, int]
    """how much of each kind was found afterwards, looked for in the same transaction: nothing"""


class LaneUsageAnswer(_Answer):
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


class UsageAnswer(_Answer):
    """What is still in the ledger: what retention has deleted is not counted."""

    room_id: str
    currency: str | None
    lanes: list[LaneUsageAnswer]
    spoken_minutes: float
    interpreted_minutes: float
    tokens: dict[str, int]
    cost: float | None


LaneState = Literal["open", "parked", "refused"]
Engine = Literal["translation", "conversation", "captions", "passthrough"]


class LaneAnswer(_Answer):
    """How one speaker is interpreted into one language."""

    speaker_id: str
    source: str
    target: str
    state: LaneState
    """`open`: there is a model session; `parked`: one is opened with the next word; `refused`: there will be none"""
    engine: Engine | None
    """what serves it; null while it is parked, refused or not known yet. With `captions` nothing is heard"""
    reason: Annotated[str | None, Field(examples=["quota"])]
    """why it is not served as the room asks for: `quota`, `usage_cap`, or the code of the model's refusal"""
    ear_voice_spans_ms: tuple[int, ...] | None
    """of its last utterances, oldest first; null where another replica is in the call"""
    waiting: int | None
    """utterances on their way; null where another replica is in the call"""


class CapabilitiesAnswer(_Answer):
    """What the translation deployment was found to do."""

    deployment: str
    state: Literal["not_asked", "inconclusive", "offered", "refused"]
    reason: str
    """of a refusal, or of not knowing"""
    offered: tuple[str, ...]
    """target languages, ISO 639-1"""
    refused: tuple[str, ...]


class InterpreterAnswer(_Answer):
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
    lanes: tuple[LaneAnswer, ...]
    """in the order in which they were first needed, during this call; at most 64, from another replica 32"""
    capabilities: CapabilitiesAnswer | None
    """null without a translation deployment"""


class TranscriptLineAnswer(_Answer):
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


class Page(_Answer, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None
    """to be passed as `cursor` for what follows; null at the end"""


class PlayoutAnswer(_Answer):
    """What became of an interpretation on one channel."""

    played_ms: int
    trimmed_ms: int
    """of pauses that were shortened, because listeners were far behind"""
    dropped_ms: int


class PassageAnswer(_Answer):
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
    playouts: dict[str, PlayoutAnswer]
    """by channel"""


class TranscriptAnswer(Page[TranscriptLineAnswer]):
    """`items`: what was said and its translations; `passages`: what became of each utterance, by target."""

    room_id: str
    passages: list[PassageAnswer]


class SubscriptionAnswer(_Answer):
    subscription_id: str
    url: str
    events: tuple[EventKind, ...]
    room_id: str | None
    created_at: datetime


class NewSubscriptionAnswer(SubscriptionAnswer):
    secret: str
    """to check the signatures with; shown this once"""


class DeliveryAnswer(_Answer):
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


class ErrorBody(_Answer):
    code: Annotated[str, Field(examples=["not_found"])]
    message: Annotated[str, Field(examples=["no such room"])]
    retry_after_ms: int | None = None
    details: list[dict[str, object]] | None = None


class ErrorAnswer(_Answer):
    """Every error, of every route."""

    error: ErrorBody


# --- from requests to what is kept ---------------------------------------------------------------


def changed_settings(settings: RoomSettings, change: ChangedSettings) -> RoomSettings:
    """The settings with what the change says; ValueError if they contradict each other then."""
    values = {name: getattr(settings, name) for name in RoomSettings.__dataclass_fields__}
    changed = RoomSettings(**values | change.model_dump(exclude_none=True))
    if changed.long_speech_ms >= changed.max_utterance_ms:
        raise ValueError("long_speech_ms must be less than max_utterance_ms")
    return changed
