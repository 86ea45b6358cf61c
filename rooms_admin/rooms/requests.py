"""Request bodies for rooms, participants, glossaries and the interpreter: shapes, limits, examples."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from rooms_admin.rooms.language_tags import AUTO, language_tag
from rooms_admin.rooms.room import (
    BargeIn,
    CaptionStability,
    KeypadAction,
    ParticipantRole,
    RoomLayout,
    RoomMode,
    RoomSettings,
)

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


class NewParticipant(_Request):
    display_name: Name
    role: ParticipantRole = "Attendee"
    speaks: LanguageOrAuto = AUTO
    """one of the room's languages, or `auto`"""
    hears: Language | None = None
    """one of the room's languages; what the participant speaks, if left out"""


class ChangedParticipant(_Request):
    """A key left out changes nothing."""

    display_name: Name | None = None
    role: ParticipantRole | None = None
    speaks: LanguageOrAuto | None = None
    hears: Language | None = None


class UsageCapRequest(_Request):
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
    layout: RoomLayout | None = None
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
    usage_cap: UsageCapRequest | None = None
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
    mode: RoomMode = "consecutive"
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
    mode: RoomMode | None = None
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    settings: ChangedSettings = ChangedSettings()
    retention_days: RetentionDays | None = None


class TokenRequest(_Request):
    expires_in_minutes: Annotated[int, Field(ge=60, le=1440)] = 1440
    """ACS's own limits"""


TicketPurpose = Literal["captions", "audio", "signaling", "speak"]


class TicketRequest(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"purpose": "captions", "language": "es-ES"}]})

    purpose: TicketPurpose
    language: Language | None = None
    """one of the room's languages; any of them, if left out"""
    participant_id: Annotated[str, Field(max_length=64)] | None = None
    """who it is for; needed to speak"""


class JoinRequest(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"purpose": "captions", "language": "es-ES"}]})

    purpose: TicketPurpose
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


def changed_settings(settings: RoomSettings, change: ChangedSettings) -> RoomSettings:
    """The settings with what the change says; ValueError if they contradict each other then."""
    values = {name: getattr(settings, name) for name in RoomSettings.__dataclass_fields__}
    changed = RoomSettings(**values | change.model_dump(exclude_none=True))
    if changed.long_speech_ms >= changed.max_utterance_ms:
        raise ValueError("long_speech_ms must be less than max_utterance_ms")
    return changed
