"""Settings of an emulator: ports, keys, and switches for behaviours of the real service that are not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

CALLBACK_ISSUER = "https://acscallautomation.communication.azure.com"
"""Issuer of callback and media tokens, as documented for the service ("secure webhook endpoint")."""
LANGUAGES = ("en", "es")
"""Default languages of the participants (ISO 639-1)."""
RESOURCE_ID = "8f1d3c52-6f0e-4b8e-9a57-2d1c4e7b9a10"
"""Default id of the emulated resource. It is fixed, so the audience of callback tokens is known in advance."""
WELL_KNOWN_ACCESS_KEY = "YWNzLWVtdWxhdG9yOiB3ZWxsLWtub3duIGFjY2VzcyBrZXkuIEl0IGlzIHB1YmxpYywgbm8gc2VjcmV0Li4uLg=="
"""Default access key, the same in every installation. It is public and protects nothing."""
WELL_KNOWN_REALTIME_KEY = "acs-emulator-well-known-realtime-key"
"""Default API key of the Realtime side, the same in every installation. It is public and protects nothing."""

Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]


class Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Behaviours that are not known of the real service, or that tests need to change."""

    strict_signing: Annotated[bool, Meta(description="verify signatures over the path exactly as sent")] = False
    strict_urls: Annotated[
        bool, Meta(description="refuse http callbacks and ws media addresses, as the cloud does")
    ] = False
    connect_to_empty_room: Annotated[
        Literal["refuse", "fail", "accept"],
        Meta(description="connect to a room without participants: 404/8522, ConnectFailed, or a call of the bot alone"),
    ] = "refuse"
    connect_answer: Annotated[
        Literal["recorded", "documented"],
        Meta(description="answer of connect: as recorded (no serverCallId, subscription disabled) or as documented"),
    ] = "recorded"
    media_before_answer: Annotated[
        bool, Meta(description="open the media socket before the connect request is answered")
    ] = False
    connected_order: Annotated[
        Literal["media_first", "events_first"],
        Meta(description="open the media socket before or after CallConnected is posted"),
    ] = "media_first"
    first_events: Annotated[
        Literal["together", "separate", "swapped"],
        Meta(description="CallConnected and ParticipantsUpdated in one post, in two, or in two in reverse order"),
    ] = "together"
    sequence_step: Annotated[int, Meta(ge=1, description="step of ParticipantsUpdated.sequenceNumber")] = 1
    bot_in_participants: Annotated[
        bool, Meta(description="list bots that joined by connect in ParticipantsUpdated and list_participants")
    ] = False
    last_human_leaves: Annotated[
        Literal["bot_stays", "call_ends"],
        Meta(description="what happens to a bot when the last person has left"),
    ] = "bot_stays"
    alone_limit_s: Annotated[
        float, Meta(ge=0, description="seconds after which a bot alone in a call is disconnected")
    ] = 60.0
    callback_tries: Annotated[int, Meta(ge=1, description="attempts to post a callback event")] = 3
    callback_backoff_s: Annotated[
        float, Meta(ge=0, description="seconds before the second attempt; doubles each time")
    ] = 0.5
    redials: Annotated[int, Meta(ge=0, description="attempts to open a broken media socket again")] = 3
    redial_gap_s: Annotated[float, Meta(ge=0, description="seconds between those attempts")] = 0.5
    silent_frames: Annotated[
        Literal["sent", "omitted"], Meta(description="silent frames: sent with the flag, or left out")
    ] = "sent"
    silence_rms: Annotated[
        float, Meta(ge=0, description="a frame with less than this root mean square (of 32768) is silent")
    ] = 24.0
    muted_participants: Annotated[
        Literal["silent", "absent"], Meta(description="frames of a muted participant in unmixed audio")
    ] = "silent"
    mixed_participant_id: Annotated[Literal["absent", "null"], Meta(description="participantRawID in mixed audio")] = (
        "absent"
    )
    media_frame_ms: Annotated[
        Literal[20, 40, 60, 100, 200], Meta(description="milliseconds of audio in a message to a bot")
    ] = 20
    streams_per_participant: Annotated[
        int,
        Meta(ge=1, le=4, description="streams under each raw id in unmixed audio; after the first: muted devices"),
    ] = 1
    echo_bot: Annotated[bool, Meta(description="send a bot its own audio as well")] = False
    dominant_speakers: Annotated[int, Meta(ge=1, description="most speakers at the same time in unmixed audio")] = 4
    play_limit_ms: Annotated[int, Meta(ge=20, description="most audio of a bot that waits for playing")] = 60_000
    play_overflow: Annotated[
        Literal["drop_oldest", "close"], Meta(description="what happens to audio beyond play_limit_ms")
    ] = "drop_oldest"
    slow_reader: Annotated[
        Literal["drop_oldest", "close"],
        Meta(description="what happens to a bot that leaves slow_reader_ms of media unread"),
    ] = "drop_oldest"
    slow_reader_ms: Annotated[int, Meta(ge=20, description="most unread media held for a bot")] = 1000
    marks: Annotated[bool, Meta(description="answer marks in outbound audio with MarkData (preview)")] = False
    phone_numbers: Annotated[
        Literal["answer", "busy", "ring_out"], Meta(description="how a dialled phone number reacts")
    ] = "answer"
    ring_s: Annotated[float, Meta(ge=0, description="seconds to ring if the request names no timeout")] = 60.0
    eventgrid_speed_up: Annotated[
        float, Meta(gt=0, description="divides the waits of Event Grid, in addition to --eventgrid-speed-up")
    ] = 1.0
    page_size: Annotated[int, Meta(ge=1, description="items per page of a list")] = 100


def parse_switches(assignments: Iterable[str], base: Switches | None = None) -> Switches:
    """Return `base` changed by `name=value` words.

    Raises:
        ValueError: a word is not `name=value`, the name is unknown, or the value does not fit.
    """
    values: dict[str, Any] = {}
    for word in assignments:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} is not name=value")
        values[name] = value
    return with_switches(base or Switches(), values)


def with_switches(base: Switches, values: dict[str, Any]) -> Switches:
    """Return `base` with some switches changed; text is converted to the type of the switch.

    Raises:
        ValueError: a name is unknown or a value does not fit.
    """
    try:
        return msgspec.convert({**msgspec.structs.asdict(base), **values}, Switches, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def switch_help() -> str:
    """Return one line per switch: name, default, meaning."""
    lines = []
    for item in msgspec.structs.fields(Switches):
        described = msgspec.inspect.type_info(item.type)
        extra = getattr(described, "extra_json_schema", None) or {}
        inner = getattr(described, "type", described)
        words = getattr(inner, "values", ())
        choice = f" ({', '.join(map(str, words))})" if words else ""
        lines.append(f"  {item.name}={item.default}{choice}: {extra.get('description', '')}")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of an emulator. Port 0 takes a free port."""

    host: str = "127.0.0.1"
    acs_port: int = 9100
    realtime_port: int = 9200
    access_key: str = field(default=WELL_KNOWN_ACCESS_KEY, repr=False)  # base64
    realtime_key: str = field(default=WELL_KNOWN_REALTIME_KEY, repr=False)
    engine: Literal["local", "scripted"] = "local"
    persona: Literal["auto", "interpreter", "echo", "scripted"] = "auto"  # who answers in Realtime conversations
    answers: tuple[Any, ...] = ()  # of the scripted persona: texts, and objects with `name` and `arguments`
    deployments: tuple[str, ...] | None = None  # None: any name is accepted
    languages: tuple[str, ...] = LANGUAGES  # ISO 639-1; loaded at start, distinguished by translation sessions
    resource_id: str = RESOURCE_ID
    callback_issuer: str = CALLBACK_ISSUER
    callback_audience: str | None = None  # None: the resource id
    clock_skew_s: float = 900.0  # the service's own window is not published
    eventgrid_speed_up: float = 1.0  # divides the waits of the retry table
    switches: Switches = Switches()
    journal_path: Path | None = None
    tls_port: int | None = None  # of the ACS side; None: no https
    realtime_tls_port: int | None = None  # None: no https and wss
    ca_file: Path | None = None  # the certificate that https clients must trust is written here
    seed: int | None = None  # of identifiers and all other random numbers; None: different in each run
