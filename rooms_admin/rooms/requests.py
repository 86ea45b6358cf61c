"""Request models of the REST API: rooms, participants, glossaries and the interpreter."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from rooms_admin.plain_text import one_line
from rooms_admin.rooms.language_tags import AUTO, language_tag
from rooms_admin.rooms.room import (
    BargeIn,
    CaptionStability,
    KeypadAction,
    ParticipantRole,
    RoomLayout,
    RoomMedia,
    RoomMode,
    RoomSettings,
)

MOST_PARTICIPANTS = 350
"""Participants of a call, by the service limits of ACS."""
MOST_GUESTS = 300
"""Guests of a room: there is still a place for whom an admin adds, however many times a link was opened."""
MOST_LANGUAGES = 20
"""Languages of a room."""
MOST_USAGE = 10**12
"""Highest limit of usage, of each kind; more than any room uses."""
YEARS = range(1970, 3000)
"""Years of the times that are accepted: all periods of validity and retention are times too."""


def _language_or_auto(written: str) -> str:
    return AUTO if written.lower() == AUTO else language_tag(written)


def _language_or_none(written: str) -> str:
    return language_tag(written) if written else ""


def _name(written: str) -> str:
    name = one_line(written)
    if not name:
        raise ValueError("must contain a visible character")
    return name


def _in_reach(moment: datetime) -> datetime:
    if moment.year not in YEARS:
        raise ValueError(f"must be between the years {YEARS.start} and {YEARS.stop - 1}")
    return moment


GivenTime = Annotated[AwareDatetime, AfterValidator(_in_reach)]
Language = Annotated[str, AfterValidator(language_tag), Field(max_length=64, examples=["en-US"])]
LanguageOrAuto = Annotated[str, AfterValidator(_language_or_auto), Field(max_length=64, examples=["en-US"])]
LanguageOrNone = Annotated[str, AfterValidator(_language_or_none), Field(max_length=64, examples=["en-US"])]
PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{2,14}$", examples=["+15551234567"])]
KeypadTone = Annotated[str, Field(pattern="^[0-9A-D*#]$")]
RetentionDays = Annotated[int, Field(ge=1, le=3_650, examples=[30])]
Name = Annotated[str, Field(min_length=1, max_length=256, examples=["Board meeting"]), AfterValidator(_name)]
"""Shown to people beside those of others: control and invisible characters are removed."""
GuestName = Annotated[str, Field(min_length=1, max_length=100, examples=["Chen"]), AfterValidator(_name)]
"""Like `Name`, but chosen by anybody who has a link: too short to push others off a screen."""


class _Request(BaseModel):
    """Base of request models. Unknown keys are rejected, so that a misspelled setting is not ignored silently.

    Every number is finite and every field with a number has bounds, so that what is accepted can be stored and read.
    """

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


class NewParticipant(_Request):
    display_name: Name
    role: ParticipantRole = "Attendee"
    speaks: LanguageOrAuto = AUTO
    """One of the room's languages, or `auto` to detect it."""
    hears: Language | None = None
    """One of the room's languages; defaults to `speaks`."""
    phone_number: PhoneNumber | None = None
    """Number of a phone, for somebody who is dialled from the call: the room allows dialling out, and the phone is
    interpreted. There is no token for it."""


class ChangedParticipant(_Request):
    """Omitted keys keep their values."""

    display_name: Name | None = None
    role: ParticipantRole | None = None
    speaks: LanguageOrAuto | None = None
    hears: Language | None = None


class UsageCapRequest(_Request):
    """Limits of usage as counted by `GET …/usage`, over all calls still in the ledger. Omitted kinds are unlimited."""

    money: Annotated[float, Field(ge=0, le=MOST_USAGE)] | None = None
    """In the currency of the price table; without one this limit is never reached."""
    tokens: Annotated[int, Field(ge=0, le=MOST_USAGE)] | None = None
    """Input and output tokens of all kinds."""
    minutes: Annotated[float, Field(ge=0, le=MOST_USAGE)] | None = None
    """Spoken minutes, summed over the lanes."""


class ChangedSettings(_Request):
    """Omitted keys keep their values, or have their defaults in a new room. Times are in milliseconds.

    Limits: below 100 ms, a pause between two syllables would end an utterance; beyond 20 s at 24 kHz, an utterance
    would exceed the 1 MB a model accepts at once.
    """

    end_of_turn_ms: Annotated[int, Field(ge=100, le=5_000)] | None = None
    end_of_turn_after_long_ms: Annotated[int, Field(ge=100, le=5_000)] | None = None
    end_of_turn_unfinished_ms: Annotated[int, Field(ge=100, le=5_000)] | None = None
    """Maximum pause after which a speaker who goes on is interpreted as a whole, if nothing of that came before."""
    long_speech_ms: Annotated[int, Field(ge=500, le=20_000)] | None = None
    max_utterance_ms: Annotated[int, Field(ge=1_000, le=20_000)] | None = None
    barge_in: BargeIn | None = None
    layout: RoomLayout | None = None
    """In a new room it defaults to `shared` for two languages, and to `sister` for three and more (`channels` if the
    audio is mixed). With media `web` it is `channels`."""
    announcement: bool | None = None
    """Announce at the start, in every language, that a machine interprets."""
    captions: CaptionStability | None = None
    """How early captions are shown: every piece of text, whole words, or whole clauses that never change."""
    max_lanes: Annotated[int, Field(ge=1, le=200)] | None = None
    """Maximum of model sessions open at a time: one per speaker and target language."""
    pivot: LanguageOrNone | None = None
    """Language used as relay for pairs the model refuses; empty for none."""
    chair: Annotated[str, Field(max_length=64)] | None = None
    """Id of the participant interpreted with priority; empty for nobody."""
    keypad: dict[KeypadTone, KeypadAction] | None = None
    """Action of each keypad tone."""
    bots: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=MOST_PARTICIPANTS)] | None = None
    """Ids of participants that are machines, such as recorders or other interpreters. They are never interpreted, and
    nothing is interpreted for them."""
    separate_varieties: bool | None = None
    """Interpret into each variety of a language, such as pt-BR and pt-PT, by itself. By default all who hear the
    language share one voice, in the variety that comes first among `languages` and is heard, and its captions; only a
    variety in another script, such as zh-Hant beside zh-Hans, has captions of its own."""
    mixed: bool | None = None
    """Receive the call as one mixed stream that does not identify speakers. Takes effect with the next call."""
    usage_cap: UsageCapRequest | None = None
    """Usage after which interpretation is text only. Replaces all limits; `{}` removes them."""
    guests: bool | None = None
    """Whether the join code lets people in who are not on the roster, to speak from a browser; true in a new room."""
    waits_for_start: bool | None = None
    """With media `web`: nothing is interpreted before an admin starts the interpreter; false in a new room."""
    speak_messages: bool | None = None
    """Whether translations of typed messages are also spoken; false in a new room."""
    save_transcript: bool | None = None
    """Whether the page of the meeting offers the captions it has shown as a file; true in a new room."""


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
    mode: RoomMode | None = None
    """Defaults to `consecutive` for two languages and with layout `shared`, else to `simultaneous`."""
    media: RoomMedia = "acs"
    """`acs`: people join an ACS room, some of them by browser. `web`: there is no ACS room, and everybody comes by
    browser. Cannot be changed later."""
    participants: Annotated[list[NewParticipant], Field(max_length=MOST_PARTICIPANTS)] = []
    valid_from: GivenTime | None = None
    """Defaults to now."""
    valid_until: GivenTime | None = None
    """Defaults to 180 days after `valid_from`, which is the maximum."""
    settings: ChangedSettings = ChangedSettings()
    retention_days: RetentionDays | None = None
    """Days the transcript and ledger are kept; defaults to the service's setting `RETENTION_DAYS`."""


class ChangedRoom(_Request):
    """Omitted keys keep their values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Town hall", "settings": {"barge_in": "stop"}}]})

    name: Name | None = None
    languages: Annotated[list[Language], Field(min_length=2, max_length=MOST_LANGUAGES)] | None = None
    mode: RoomMode | None = None
    valid_from: GivenTime | None = None
    valid_until: GivenTime | None = None
    settings: ChangedSettings = ChangedSettings()
    retention_days: RetentionDays | None = None


class TokenRequest(_Request):
    expires_in_minutes: Annotated[int, Field(ge=60, le=1440)] = 1440
    """Limits of ACS."""


TicketPurpose = Literal["captions", "audio", "signaling", "speak"]


class TicketRequest(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"purpose": "captions", "language": "es-ES"}]})

    purpose: TicketPurpose
    language: Language | None = None
    """One of the room's languages; any of them if omitted."""
    participant_id: Annotated[str, Field(max_length=64)] | None = None
    """Participant the ticket is for; required to speak."""


class GuestProof(_Request):
    """Who a guest was when they joined before."""

    participant_id: Annotated[str, Field(max_length=64)]
    guest_key: Annotated[str, Field(max_length=128)]


class JoinRequest(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"purpose": "captions", "language": "es-ES"},
                {"purpose": "speak", "display_name": "Chen", "speaks": "en-US", "hears": "es-ES"},
            ]
        }
    )

    purpose: TicketPurpose
    """`speak`: take part as a guest, if the room's setting `guests` allows it."""
    language: Language | None = None
    """Not with `speak`."""
    display_name: GuestName | None = None
    """Required to speak, except for a guest who comes back and keeps the name."""
    speaks: LanguageOrAuto | None = None
    """As for a participant; required to speak, except for a guest who comes back."""
    hears: Language | None = None
    guest: GuestProof | None = None
    """For a guest who comes back: what the first answer gave. The person on the roster stays the same."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        named = (self.display_name, self.speaks, self.hears, self.guest)
        if self.purpose != "speak" and any(one is not None for one in named):
            raise ValueError("display_name, speaks, hears and guest belong to the purpose speak")
        if self.purpose == "speak" and self.language is not None:
            raise ValueError("language does not belong to the purpose speak: give speaks and hears")
        if self.purpose == "speak" and self.guest is None and (self.display_name is None or self.speaks is None):
            raise ValueError("display_name and speaks are required to speak")
        return self


class NewSession(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Lecture", "source_language": "en-US", "target_languages": ["es-ES", "fr-FR"]}]
        }
    )

    name: Name
    source_language: Language
    target_languages: Annotated[list[Language], Field(min_length=1, max_length=MOST_LANGUAGES - 1)] | None = None
    target_language: Language | None = None
    """Instead of `target_languages`, for a single one."""
    avatar: bool = False
    """Whether listeners see a face that speaks."""

    @property
    def targets(self) -> list[str]:
        return self.target_languages or [self.target_language or ""]

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.target_languages is None) == (self.target_language is None):
            raise ValueError("give either target_languages or target_language")
        return self


class SessionRequest(_Request):
    sessionId: Annotated[str, Field(pattern="^[0-9]{6}$", examples=["042117"])]
    """As returned by `createSession`."""


MOST_CHARACTERS = 2_000
"""Of a typed message: half a page, which takes two minutes to say."""


class NewMessage(_Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "The slides are online.", "participant_id": "participant-1"}]}
    )

    text: Annotated[str, Field(min_length=1, max_length=MOST_CHARACTERS)]
    """Line breaks become blanks; control and invisible characters are removed."""
    participant_id: Annotated[str, Field(max_length=64)] | None = None
    """Who has typed it; the organiser if omitted."""
    language: Language | None = None
    """Defaults to what the participant speaks. Of the organiser, or a participant who speaks `auto`, the text tells it;
    required where that is not clear."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must not contain line breaks or control characters")
    return text


TermText = Annotated[str, AfterValidator(_printable), Field(min_length=1, max_length=100, examples=["Contoso"])]


class GlossaryTerm(_Request):
    model_config = ConfigDict(from_attributes=True)

    term: TermText
    translations: Annotated[dict[Language, TermText], Field(max_length=MOST_LANGUAGES)] = {}
    """Translation by language; without any, the term stays as it is in every language."""


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
    """Apply a change to settings; `ValueError` if the result contradicts itself."""
    values = {name: getattr(settings, name) for name in RoomSettings.__dataclass_fields__}
    changed = RoomSettings(**values | change.model_dump(exclude_none=True))
    if changed.long_speech_ms >= changed.max_utterance_ms:
        raise ValueError("long_speech_ms must be less than max_utterance_ms")
    return changed
