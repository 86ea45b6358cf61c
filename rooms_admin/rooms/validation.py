"""Validates rooms: validity, languages, roster and settings. Pure. Errors name the field and the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from http_serving.errors import Conflict, InvalidRequest
from rooms_admin.errors import NotSupported
from rooms_admin.rooms.language_tags import AUTO, primary
from rooms_admin.rooms.requests import (
    MOST_GUESTS,
    MOST_PARTICIPANTS,
    ChangedSettings,
    NewGlossary,
    NewParticipant,
    TicketRequest,
    changed_settings,
)
from rooms_admin.rooms.room import Participant, Room, RoomMedia, RoomSettings, Term

LONGEST_VALIDITY = timedelta(days=180)
"""Limit of ACS from `valid_from` to `valid_until`."""


def check_offered(languages: Sequence[str], settings: RoomSettings, media: RoomMedia = "acs") -> None:
    """Check that there is something to interpret, and that media, layout and mixed audio are compatible."""
    if media == "web":
        wrong = []
        if settings.layout != "channels":
            wrong.append(_wrong("settings.layout", "must be channels, as there is no ACS room in which to be heard"))
        if settings.mixed:
            wrong.append(_wrong("settings.mixed", "must be false, as each microphone is received by itself"))
        if wrong:
            raise NotSupported("the settings need an ACS room (media acs)", details=wrong)
    if settings.mixed and settings.layout == "sister":
        reason = "cannot be combined with layout sister, whose rooms are received separately"
        raise InvalidRequest("the settings contradict each other", details=[_wrong("settings.mixed", reason)])
    if len(set(languages)) < len(languages) or len({primary(tag) for tag in languages}) == 1:
        reason = "they must differ, and not all be varieties of one language"
        raise InvalidRequest("the languages are not valid", details=[_wrong("languages", reason)])


def check_layout(before: RoomSettings, after: RoomSettings) -> None:
    """Check that layout `sister` is neither set nor removed later.

    Participants hold tokens for their ACS room, and an active call cannot be moved to other rooms.
    """
    if (before.layout == "sister") != (after.layout == "sister"):
        reason = "layout sister can only be chosen when a room is created"
        raise NotSupported("the room cannot change to this layout", details=[_wrong("settings.layout", reason)])


def check_bots(settings: RoomSettings, participants: Sequence[Participant]) -> None:
    if set(settings.bots) - {one.participant_id for one in participants}:
        raise InvalidRequest(
            "settings.bots names a participant who is not on the roster",
            details=[_wrong("settings.bots", "is not on the roster")],
        )


def check_chair(settings: RoomSettings, participants: Sequence[Participant]) -> None:
    if settings.chair and all(one.participant_id != settings.chair for one in participants):
        raise InvalidRequest(
            "settings.chair names a participant who is not on the roster",
            details=[_wrong("settings.chair", "is not on the roster")],
        )


def check_validity(valid_from: datetime, valid_until: datetime, now: datetime) -> None:
    if valid_until <= now:
        reason = "is in the past"
    elif valid_until <= valid_from:
        reason = "must be after valid_from"
    elif valid_until - valid_from > LONGEST_VALIDITY:
        reason = "is more than 180 days after valid_from"
    else:
        return
    raise InvalidRequest("the period of validity is not valid", details=[_wrong("valid_until", reason)])


def check_languages(languages: Sequence[str], speaks: str, hears: str, where: str = "") -> None:
    offered = ", ".join(languages)
    wrong = []
    if speaks != AUTO and speaks not in languages:
        wrong.append(_wrong(f"{where}speaks", f"must be auto or one of the room's languages: {offered}"))
    if hears not in languages:
        wrong.append(_wrong(f"{where}hears", f"must be one of the room's languages: {offered}"))
    if wrong:
        raise InvalidRequest("a participant's languages are not among those of the room", details=wrong)


def check_size(room: Room) -> None:
    if len(room.participants) >= MOST_PARTICIPANTS:
        raise Conflict(f"the room is full: {MOST_PARTICIPANTS} participants")


def check_guests(room: Room) -> None:
    """Check that there is a place for another guest."""
    check_size(room)
    if sum(one.guest for one in room.participants) >= MOST_GUESTS:
        raise Conflict(f"the room is full: {MOST_GUESTS} guests")


def roster_entry(languages: Sequence[str], new: NewParticipant, where: str = "") -> Participant:
    """Build a roster entry whose ids are still empty."""
    hears = new.hears
    if hears is None:
        if new.speaks == AUTO:
            details = [_wrong(f"{where}hears", "is required when speaks is auto")]
            raise InvalidRequest("a participant's languages are incomplete", details=details)
        hears = new.speaks
    check_languages(languages, new.speaks, hears, where)
    return Participant("", "", new.display_name, new.role, new.speaks, hears, phone_number=new.phone_number)


def check_phones(roster: Sequence[Participant], media: RoomMedia = "acs") -> None:
    """Check that no phone is on the roster twice (its raw id identifies the speaker), nor in a room without ACS."""
    numbers = [one.phone_number for one in roster if one.phone_number is not None]
    if numbers and media == "web":
        reason = "needs an ACS room (media acs), from which it is dialled"
        raise NotSupported("a phone cannot be in this room", details=[_wrong("phone_number", reason)])
    if len(set(numbers)) < len(numbers):
        raise InvalidRequest("a phone is on the roster twice", details=[_wrong("phone_number", "is on the roster")])


def merged_settings(settings: RoomSettings, change: ChangedSettings) -> RoomSettings:
    try:
        return changed_settings(settings, change)
    except ValueError as error:
        raise InvalidRequest("the settings contradict each other", details=[_wrong("settings", str(error))]) from error


def check_ticket(room: Room, wanted: TicketRequest) -> None:
    wrong = []
    if wanted.language is not None and wanted.language not in room.languages:
        wrong.append(_wrong("language", f"must be one of the room's languages: {', '.join(room.languages)}"))
    if wanted.participant_id is not None and room.participant(wanted.participant_id) is None:
        wrong.append(_wrong("participant_id", "is not on the roster"))
    if wanted.purpose == "speak" and wanted.participant_id is None:
        wrong.append(_wrong("participant_id", "is required to speak"))
    if wrong:
        raise InvalidRequest("the ticket cannot be issued", details=wrong)


def glossary_terms(languages: Sequence[str], new: NewGlossary) -> tuple[Term, ...]:
    wrong = []
    seen: set[str] = set()
    for index, one in enumerate(new.terms):
        if one.term.casefold() in seen:
            wrong.append(_wrong(f"terms.{index}.term", "occurs twice"))
        seen.add(one.term.casefold())
        for language in one.translations:
            if language not in languages:
                reason = f"must be one of the room's languages: {', '.join(languages)}"
                wrong.append(_wrong(f"terms.{index}.translations.{language}", reason))
    if wrong:
        raise InvalidRequest("the glossary is not valid", details=wrong)
    return tuple(Term(one.term, one.translations) for one in new.terms)


def _wrong(field: str, reason: str) -> dict[str, object]:
    return {"field": field, "reason": reason}
