"""Forecasts what a meeting uses, from its size and from what is usual in meetings. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, cast

from bot.interpreting.briefing import briefing
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Lane, RoomPlan
from listeners.opus import BITRATE
from rooms_admin.rooms.defaults import choose
from rooms_admin.rooms.requests import ChangedSettings

ForecastEngine = Literal["conversation", "translation"]

TURN_S = 30.0
"""Usual time that somebody keeps the floor."""
PARK_S = cast(float, next(field.default for field in fields(RoomPlan) if field.name == "park_after_s"))
"""How long the sessions of a speaker who is silent stay open."""
UTTERANCE_S = 8.0
"""Usual length of an utterance: the text of the briefing is billed with each."""
HEARD_PER_MINUTE = 600
SPOKEN_PER_MINUTE = 1_200
"""Tokens of audio (Realtime protocol sheet, 2.12)."""
TEXT_PER_MINUTE = 200
"""Tokens of the text of an interpretation: 150 words a minute, four thirds of a token each."""
CHARACTERS_PER_TOKEN = 4
SOCKET_BYTES_PER_S = 69_000
"""Audio in JSON to ACS or to the model: 24 kHz PCM16 in base64, and what is around it."""
LISTENER_BYTES_PER_S = BITRATE / 8 + 2_000
"""Opus, headers, and captions."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """The size of a meeting."""

    languages: int
    people: int
    hours: float
    speakers: int
    """People who take turns speaking, each in one of the languages."""
    listeners: int
    """People who listen by browser; they are no participants of the ACS call."""
    talk: float
    """Share of the time in which somebody speaks."""
    web: bool
    """Everybody by browser: there is no ACS call."""
    transcribed: bool
    engine: ForecastEngine | None = None
    """None: as the service chooses; translation where rooms are simultaneous."""

    @property
    def layout(self) -> tuple[str, str]:
        """Mode and layout that the service chooses for such a room."""
        tags = [f"{chr(ord('a') + number // 26)}{chr(ord('a') + number % 26)}" for number in range(self.languages)]
        mode, layout, _ = choose(tags, None, ChangedSettings(), "web" if self.web else "acs")
        return mode, layout


@dataclass(frozen=True, slots=True)
class ForecastItem:
    """A quantity that is billed: the name of its price, and how much in the unit of that price."""

    price: str
    what: str
    quantity: float


def forecast(meeting: Meeting) -> list[ForecastItem]:
    """Return what the meeting uses, in minutes, millions of tokens and GB. Caching of briefings is not counted."""
    mode, layout = meeting.layout
    engine = meeting.engine or ("translation" if mode == "simultaneous" else "conversation")
    minutes = meeting.hours * 60
    speech = minutes * meeting.talk
    targets = meeting.languages - 1
    interpreted = speech * targets
    items: list[ForecastItem] = []
    if engine == "translation":
        heard = minutes * targets * meeting.speakers * _open_share(meeting)
        items.append(ForecastItem("translation", "streamed to translation sessions", heard))
    else:
        heard = interpreted
        instructions = briefing(Lane("speaker", "en-US", "es-ES"), ("en-US", "es-ES"), GlossaryEntries())
        responses = interpreted * 60 / UTTERANCE_S
        items += [
            ForecastItem("input_audio", "speech heard by the model", heard * HEARD_PER_MINUTE / 1e6),
            ForecastItem("output_audio", "speech of the model", interpreted * SPOKEN_PER_MINUTE / 1e6),
            ForecastItem("input_text", "briefings", responses * len(instructions) / CHARACTERS_PER_TOKEN / 1e6),
            ForecastItem("output_text", "text of interpretations", interpreted * TEXT_PER_MINUTE / 1e6),
        ]
    if meeting.transcribed:
        items.append(ForecastItem("transcription", "transcription of speakers", heard))
    rooms = 0 if meeting.web else meeting.languages if layout == "sister" else 1
    if rooms:
        present = (meeting.people + rooms) * minutes
        items.append(ForecastItem("participant", "in the call, interpreters too", present))
        items.append(ForecastItem("media_stream", "audio streaming of interpreters", rooms * minutes))
    by_browser = meeting.listeners + (meeting.people if meeting.web else 0)
    sockets = (heard + (interpreted if rooms else 0)) * 60 * SOCKET_BYTES_PER_S
    listened = by_browser * minutes * 60 * LISTENER_BYTES_PER_S
    items.append(ForecastItem("egress", "sent to model, ACS and listeners", (sockets + listened) / 1e9))
    return items


def _open_share(meeting: Meeting) -> float:
    """Return the share of the time in which a speaker's sessions are open: after a turn they wait for the next."""
    cycle_s = meeting.speakers * TURN_S / meeting.talk
    return min(1.0, (TURN_S + PARK_S) / cycle_s)
