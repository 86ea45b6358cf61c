"""Takes texts that participants and organisers type: checks them, and hands them to the room's interpreter."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence

from bot.interpreting.events import TextTyped
from bot.interpreting.plan import AUTO
from bot.interpreting.quality.language_id import IdentifyLanguage
from bot.interpreting.spoken_language import recognise
from bot.listening.listener_rooms import closest
from http_serving.errors import InvalidRequest, NotFound, TooManyRequests
from http_serving.rate_limiter import TokenBuckets
from rooms_admin.plain_text import one_line
from rooms_admin.rooms.requests import MOST_CHARACTERS
from rooms_admin.rooms.room import Room

ORGANISER = "organiser"
"""Speaker of what an admin types in nobody's name. No raw id looks like it."""
ORGANISER_NAME = "Organiser"

GetRoom = Callable[[str], Awaitable[Room]]
"""Returns the room of an id, if people can still join it; else raises `ServiceError`."""
SendMessage = Callable[[str, TextTyped], Awaitable[str]]
"""Has a text interpreted in a room; returns the id of its utterance, or raises `ServiceError`."""


class TypedMessages:
    """Takes typed texts of all rooms."""

    def __init__(
        self, room: GetRoom, interpret: SendMessage, identify: IdentifyLanguage, buckets: TokenBuckets
    ) -> None:
        """`buckets` limits what each participant types."""
        self._room = room
        self._interpret = interpret
        self._identify = identify
        self._buckets = buckets

    async def take(self, room_id: str, participant_id: str | None, text: str, language: str | None) -> str:
        """Have a text interpreted into every language of the room; returns the id of its utterance.

        Args:
            participant_id: who has typed it; None for the organiser.
            language: BCP 47 tag of the text; None for the language that the participant speaks.

        Raises:
            InvalidRequest: the text is empty or too long, or its language is none of the room's or not clear.
            NotFound: no such room, or nobody of this id is on its roster.
            TooManyRequests: the participant types too fast.
            ServiceError: the interpreter is not running or paused (409), or its replica does not answer (503).
        """
        room = await self._room(room_id)
        participant = None if participant_id is None else room.participant(participant_id)
        if participant is None and participant_id is not None:
            raise NotFound("no such participant")
        if len(text) > MOST_CHARACTERS:
            raise InvalidRequest.about("text", f"must have at most {MOST_CHARACTERS} characters")
        words = one_line(text)
        if not words:
            raise InvalidRequest.about("text", "must contain a visible character")
        spoken = AUTO if participant is None else participant.speaks
        tag = self._language(words, spoken if language is None else language, room.languages)
        if wait := self._buckets.take(f"{room_id}/{participant_id or ORGANISER}"):
            raise TooManyRequests.after(wait)
        speaker, name = ORGANISER, ORGANISER_NAME
        if participant is not None:
            speaker, name = participant.acs_user_id, participant.display_name
        return await self._interpret(room_id, TextTyped(secrets.token_hex(6), speaker, name, words, tag))

    def _language(self, text: str, language: str, languages: Sequence[str]) -> str:
        if language == AUTO:
            if found := recognise(text, languages, self._identify):
                return found
            raise InvalidRequest.about("language", "is required: it is not clear from the text")
        tag = closest(language, languages)
        if tag is None:
            raise InvalidRequest.about("language", f"must be one of the room's languages: {', '.join(languages)}")
        return tag
