"""Defines the state of a response and the check of a client's request for it. Sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from emulator.engine.base import BYTES_PER_MS, Heard, Spoken
from emulator.realtime.audio_settings import AUDIO_FORMAT
from emulator.realtime.faults.rules import FaultAction, FaultRule
from emulator.realtime.items import RESPONSE_INPUT, Item
from emulator.realtime.languages import Direction
from emulator.realtime.personas import Persona
from emulator.realtime.schema import Check, Json, an_object, array, boolean, nullable, one_of, record
from emulator.realtime.session_config import (
    INSTRUCTIONS,
    REASONING,
    TOOL_CHOICE,
    TOOLS,
    VOICE,
    max_output_tokens,
    metadata,
    modalities,
)
from emulator.realtime.speech import SpeechStream
from emulator.realtime.speed import misspoken
from emulator.realtime.usage import (
    CHARACTERS_PER_TOKEN,
    MODEL_AUDIO_MS_PER_TOKEN,
    ContextPart,
    model_audio_tokens,
    text_tokens,
)

RESPONSE: Check = record(
    {
        "conversation": one_of("auto", "none"),
        "metadata": nullable(metadata),
        "input": array(RESPONSE_INPUT),
        "instructions": INSTRUCTIONS,
        "output_modalities": modalities,
        "max_output_tokens": max_output_tokens,
        "audio": record({"output": record({"format": AUDIO_FORMAT, "voice": VOICE})}),
        "tools": TOOLS,
        "tool_choice": TOOL_CHOICE,
        "parallel_tool_calls": boolean,
        "reasoning": nullable(REASONING),
        "prompt": nullable(an_object),
    }
)


@dataclass(slots=True)
class Response:
    """The state of a response."""

    number: int
    stream: SpeechStream
    in_conversation: bool
    context: Sequence[ContextPart]
    cached: tuple[int, int]
    max_tokens: float
    metadata: Json | None
    subject: Item | None
    persona: Persona
    """Who answers; never `auto`."""
    direction: Direction | None
    recital: str | None
    """Language of a text to read aloud instead of an interpretation."""
    terms: Mapping[str, str]
    """What may be said -> how it is to be interpreted."""
    speed: float
    tools: Sequence[Json]
    tool_choice: object
    few_words: bool
    """Interpret in half as many words."""
    created_at: float
    work: int | None = None
    heard: Heard | None = None
    spoken: Spoken | None = None
    called: str | None = None
    """Name of the function that was called."""
    cut_short: str | None = None
    """Reason why it will end as incomplete."""
    total_steps: int = 0
    started_at: float = 0.0
    first_delta_at: float | None = None
    done: bool = False

    @property
    def target(self) -> str | None:
        """Return the language of the answer; None before it is known."""
        if self.persona == "interpreter":
            return self.recital or (self.direction.target if self.direction is not None else None)
        return self.heard.language if self.heard is not None else None

    def facts(self, status: str, now: float) -> dict[str, object]:
        """Return the journal entry written at its end."""
        subject, heard, spoken = self.subject, self.heard, self.spoken
        return {
            "response_id": self.stream.id,
            "number": self.number,
            "item_id": subject.id if subject is not None else None,
            "in_conversation": self.in_conversation,
            "metadata": self.metadata,
            "status": status,
            "source": heard.language if heard is not None else None,
            "target": self.target,
            "heard": heard.text if heard is not None else None,
            "said": self.stream.sent_text,
            "called": self.called,
            "understood": spoken.understood if spoken is not None else None,
            "audio_ms": len(self.stream.sent_pcm) // BYTES_PER_MS,
            "committed_at": subject.at if subject is not None else None,
            "created_at": self.created_at,
            "first_delta_at": self.first_delta_at,
            "done_at": now,
        }


def within_limit(spoken: Spoken, max_tokens: float) -> Spoken:
    """Cut an interpretation to `max_output_tokens`: text counts first, audio gets the rest."""
    if text_tokens(spoken.text) + model_audio_tokens(len(spoken.pcm)) <= max_tokens:
        return spoken
    text = spoken.text[: int(max_tokens) * CHARACTERS_PER_TOKEN]
    left = int(max_tokens) - text_tokens(text)
    return replace(spoken, text=text, pcm=spoken.pcm[: left * MODEL_AUDIO_MS_PER_TOKEN * BYTES_PER_MS])


def misinterpreted(response: Response, spoken: Spoken, take: Callable[[FaultAction], FaultRule | None]) -> Spoken:
    """Return the answer, changed by fault rules if any apply. Replaced text keeps the engine's audio."""
    if fault := take("say"):
        spoken = replace(spoken, text=fault.text)
    if take("echo") and response.heard is not None and response.subject is not None:
        spoken = replace(spoken, text=response.heard.text or "", pcm=response.subject.pcm)
    if take("double_audio"):
        spoken = replace(spoken, pcm=spoken.pcm * 2)
    return misspoken(spoken, take)
