"""Typed texts: whose, in which language, how long, how many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.events import TextTyped
from bot.interpreting.quality.language_id import identify_none
from bot.listening.typed_messages import ORGANISER, TypedMessages
from http_serving.errors import InvalidRequest, NotFound, ServiceError, TooManyRequests
from http_serving.rate_limiter import TokenBuckets
from rooms_admin.rooms.requests import MOST_CHARACTERS
from rooms_admin.rooms.room import Participant, Room
from tests.support.rooms import room

AUTO = Participant("participant-2", "web:participant-2", "Chen", "Attendee", "auto", "es-ES", guest=True)


class Desk:
    """Takes texts of one room, whose interpreter takes everything."""

    def __init__(self, *, languages: tuple[str, ...] = ("en-US", "es-ES", "es-MX", "ja-JP")) -> None:
        self.now = 0.0
        self.taken: list[TextTyped] = []
        self.refusal: Exception | None = None
        self.room = replace(room(1), languages=languages, participants=(*room(1).participants, AUTO))
        self.messages = TypedMessages(
            self._find, self._interpret, identify_none, TokenBuckets(0.5, 10, lambda: self.now)
        )

    async def _find(self, room_id: str) -> Room:
        if room_id != self.room.room_id:
            raise NotFound("no such room")
        return self.room

    async def _interpret(self, room_id: str, typed: TextTyped) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.taken.append(typed)
        return f"u-{typed.utterance}"

    async def take(
        self, text: str, participant_id: str | None = "participant-1", language: str | None = None
    ) -> TextTyped:
        utterance = await self.messages.take("room-1", participant_id, text, language)
        assert utterance == f"u-{self.taken[-1].utterance}"
        return self.taken[-1]


async def test_a_text_is_its_authors_in_the_language_they_speak() -> None:
    desk = Desk()
    typed = await desk.take("Hello\u202e\n\tthere\x00")
    assert replace(typed, utterance="") == TextTyped("", "8:acs:a", "Ada", "Hello there", "en-US")
    assert (await desk.take("Hello")).utterance != typed.utterance


@pytest.mark.parametrize(("given", "taken"), [("es", "es-ES"), ("es-MX", "es-MX"), ("es-AR", "es-ES"), ("ja", "ja-JP")])
async def test_a_language_is_one_of_the_rooms_or_a_variety_of_one(given: str, taken: str) -> None:
    assert (await Desk().take("Hola", language=given)).language == taken


async def test_who_speaks_any_language_or_none_is_known_by_the_text() -> None:
    desk = Desk()
    assert (await desk.take("こんにちは", "participant-2")).language == "ja-JP"
    typed = await desk.take("こんにちは", None)
    assert (typed.speaker, typed.name, typed.language) == (ORGANISER, "Organiser", "ja-JP")
    for participant_id in ("participant-2", None):
        with pytest.raises(InvalidRequest) as refused:
            await desk.take("Hola", participant_id)
        assert refused.value.details[0]["field"] == "language"


@pytest.mark.parametrize("text", ["", " \n ", "\u200b\u202e", "a" * (MOST_CHARACTERS + 1)])
async def test_texts_that_say_nothing_or_too_much_are_refused(text: str) -> None:
    desk = Desk()
    with pytest.raises(InvalidRequest) as refused:
        await desk.take(text)
    assert refused.value.details[0]["field"] == "text"
    assert (await desk.take("a" * MOST_CHARACTERS)).text == "a" * MOST_CHARACTERS


async def test_strangers_and_languages_of_no_one_are_refused() -> None:
    desk = Desk()
    with pytest.raises(NotFound, match="no such participant"):
        await desk.take("Hello", "participant-9")
    with pytest.raises(NotFound, match="no such room"):
        await desk.messages.take("room-9", None, "Hello", "en-US")
    with pytest.raises(InvalidRequest, match="language"):
        await desk.take("Bonjour", language="fr-FR")
    assert desk.taken == []


async def test_nobody_types_faster_than_others_read_and_others_do_not_feel_it() -> None:
    desk = Desk()
    for _ in range(10):
        await desk.take("Hello")
    with pytest.raises(TooManyRequests) as refused:
        await desk.take("Hello")
    assert refused.value.retry_after_ms == 2_000
    await desk.take("Hola", "participant-2", "es-ES")
    await desk.take("Hola", None, "es-ES")
    desk.now += 2.0
    await desk.take("Hello")


async def test_a_refusal_of_the_interpreter_is_the_answer() -> None:
    desk = Desk()
    desk.refusal = ServiceError("nobody translates now")
    with pytest.raises(ServiceError, match="nobody"):
        await desk.take("Hello")
