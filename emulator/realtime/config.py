"""Configures the regular behaviour of the Realtime server; misbehaviour on request is in `faults/`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from emulator.realtime.deployments import Deployments
from emulator.realtime.personas import Answer, Persona
from emulator.realtime.translation_model import TranslationModel


@dataclass(frozen=True, slots=True)
class RealtimeConfig:
    """Behaviour of one Realtime server, the same for all its sessions."""

    pace: float = 4.0
    """Model audio leaves this many times faster than real time; `math.inf` sends all at once."""
    first_audio_delay_s: float = 0.0
    """Extra wait between the engine's answer and the first audio delta."""
    session_s: float = 3600.0
    """Session length in seconds, documented as 60 minutes."""
    rate_limits: Literal["start", "end", "never"] = "end"
    """Where `rate_limits.updated` stands: the reference says at the start, the capture has it at the end."""
    token_limit: int = 40_000
    """Tokens a minute in `rate_limits.updated`, as captured; nothing is ever refused because of it."""
    send_conversation_created: bool = False
    """Documented to follow `session.created`, absent from captures."""
    error_at_expiry: bool = True
    """Whether an `error` event comes before the close 1001 of an expired session: both are reported."""
    error_event_ids: bool = True
    """False: errors carry `"event_id": null`, as captured on Azure."""
    transcription_usage: Literal["auto", "tokens", "duration"] = "auto"
    """`auto`: whisper models bill by duration, the others by tokens."""
    default_languages: tuple[str, ...] = ("en",)
    """Languages (ISO 639-1) to recognise when neither instructions nor `transcription.language` name any."""
    transcription_object: Literal["realtime.transcription_session", "realtime.session"] = (
        "realtime.transcription_session"
    )
    """`object` of a transcription session: the SDK has the first value, the guide the second."""
    persona: Persona = "auto"
    """Who answers in conversations; see `personas.Persona`."""
    answers: tuple[Answer, ...] = ()
    """Prepared answers of the scripted persona; each session gets them in turn, and from the first again."""
    translation: TranslationModel = field(default_factory=TranslationModel)
    translation_bearer: bool = True
    """Whether translation sessions accept their key as a bearer token; only `api-key` was verified on Azure."""
    deployments: Deployments | None = None
    """Known deployments by name; None accepts every name and derives its kind from name or request."""
    ping_interval_s: float | None = None
    """Ping interval in seconds; None disables pings."""
    ping_timeout_s: float = 20.0
    """Seconds to wait for a pong before closing with 1011, "keepalive ping timeout"."""
    seed: int | None = None
    """Seed that makes all identifiers and random choices repeatable."""
    on_append: Callable[[str, bytes, float], None] | None = None
    """Benchmarks only: called with (connection id, PCM, time.monotonic()) for every append."""
    on_first_delta: Callable[[str, float], None] | None = None
    """Benchmarks only: called with (response id, time.monotonic()) at the first audio of a response."""
