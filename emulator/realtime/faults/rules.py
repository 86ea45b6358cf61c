"""Defines and checks the document of fault rules: misbehaviour on request. `plan.py` decides when a rule applies.

A document is `{"rules": [{"do": "close", "at": "mid_response", "close_code": 1011, "times": 1}, …], "seed": 0}`. A rule
without a condition always applies. `persona` and `answers` beside the rules choose who answers in conversations.
Actions by where they apply:

    upgrades            refuse (status, retry_after_s, error_code, message) · hang_up (no answer at all) ·
                        slow_handshake (seconds)
    at a point          close (close_code, reason) · abort · stall (seconds, direction) · error_event (error_code,
                        error_type, message) · garbage_text · malformed_json · binary_frame · unknown_event ·
                        extra_fields · missing_event_id · huge_frame (size); `after_s` delays them
    a server message    delay_message (seconds) · drop_message · repeat_message · reorder_message (after the next) ·
                        garble_message · extend_message (unknown members) · anonymise_message (no event_id) ·
                        unlink_message (says not which request it answers: no `error.event_id`, no
                        `response.metadata`); `event` selects its type, `nth` its number (among those of that type,
                        with `event`)
    session.update      delay_session_updated (seconds) · refuse_session_update (error_code, message)
    session             expires_in (seconds) · expires_skew (seconds: added to the expires_at that is sent)
    transcription       delay_transcription (seconds) · fail_transcription · spread_transcription (its deltas come
                        over `seconds`, the whole of it after that) · mishear (text: written down instead; may be
                        empty)
    response            delay_response (seconds) · fail_response (error_code, error_type, message) · refuse_response
                        (an error instead of a response: error_code, error_type, message) ·
                        incomplete_response (reason) · hang_response (starts, never continues) · omit_done (all but
                        response.done; in a translation session all but session.closed) · double_audio ·
                        half_audio · endless_audio (a minute of it) · silent (neither audio nor text) · mute (audio of
                        zeros, the text as ever) · miscount (every count of usage is `tokens`) · say (text: an answer
                        instead of a translation) · wrong_language (language) · echo (repeats the source).
                        In a translation session the n-th response is the interpretation of the n-th segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

import msgspec

from emulator.realtime.personas import Answer, Persona, answers_as_json, read_answers

FaultAction = Literal[
    "refuse",
    "hang_up",
    "slow_handshake",
    "close",
    "abort",
    "stall",
    "error_event",
    "garbage_text",
    "malformed_json",
    "binary_frame",
    "unknown_event",
    "extra_fields",
    "missing_event_id",
    "huge_frame",
    "delay_message",
    "drop_message",
    "repeat_message",
    "reorder_message",
    "garble_message",
    "extend_message",
    "anonymise_message",
    "unlink_message",
    "delay_session_updated",
    "refuse_session_update",
    "expires_in",
    "expires_skew",
    "delay_transcription",
    "fail_transcription",
    "spread_transcription",
    "mishear",
    "delay_response",
    "fail_response",
    "refuse_response",
    "incomplete_response",
    "hang_response",
    "omit_done",
    "double_audio",
    "half_audio",
    "endless_audio",
    "silent",
    "mute",
    "miscount",
    "say",
    "wrong_language",
    "echo",
]

Point = Literal[
    "connect",
    "created",
    "updated",
    "heard",
    "committed",
    "response",
    "mid_word",
    "first_delta",
    "mid_response",
    "done",
]
"""Points of a session: socket open; after session.created, session.updated, the first append of audio,
input_audio_buffer.committed, response.created; after the text of a word and before its audio; after a response's first
audio; after half of it; after response.done. A translation session has no turns: `committed` is when a segment of
speech has been cut, `response` when its interpretation is ready, and the others are points of that interpretation's
output."""

AT_A_POINT: frozenset[str] = frozenset(
    {
        "close",
        "abort",
        "stall",
        "error_event",
        "garbage_text",
        "malformed_json",
        "binary_frame",
        "unknown_event",
        "extra_fields",
        "missing_event_id",
        "huge_frame",
    }
)
ON_A_MESSAGE: frozenset[str] = frozenset(action for action in get_args(FaultAction) if action.endswith("_message"))


@dataclass(frozen=True, slots=True)
class FaultRule:
    """A fault: an action and its conditions."""

    do: FaultAction
    connection: int | None = None
    """Applies to the n-th upgrade request since the document was set, counted from 1."""
    response: int | None = None
    """Applies to the n-th response of its connection, counted from 1."""
    target: str | None = None
    """Applies to responses into this language (ISO 639-1)."""
    nth: int | None = None
    """Applies to the n-th server message of its connection, counted from 1; with `event`, the n-th of that type."""
    event: str | None = None
    """Applies to server messages of this type."""
    times: int | None = None
    """Maximum number of uses; None for no limit."""
    probability: float = 1.0
    """Probability that the rule applies where it could; drawn from the document's seed."""
    at: Point = "created"
    """Point of the session, for the actions that need one."""
    after_s: float = 0.0
    """Delay after that point in seconds."""
    seconds: float = 1.0
    direction: Literal["reads", "writes", "both"] = "both"
    status: int = 503
    retry_after_s: float | None = None
    close_code: int = 1011
    reason: str = ""
    error_code: str | None = "server_error"
    error_type: str = "server_error"
    message: str = "The server had an error while processing your request. Sorry about that!"
    text: str = "I'm sorry, but I can't help with that."
    language: str = "fr"
    size: int = 2 * 1024 * 1024
    tokens: int = -5


@dataclass(frozen=True, slots=True)
class RealtimeFaults:
    """The whole fault document; without rules the server behaves correctly."""

    rules: tuple[FaultRule, ...] = field(default=())
    seed: int = 0
    """Seed of the draws for `probability`; makes a run repeatable."""
    persona: Persona | None = None
    """Who answers in conversations, instead of who was chosen at the start."""
    answers: tuple[Answer, ...] = ()
    """Answers of the scripted persona, instead of those of the start."""

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> RealtimeFaults:
        """Parse a document. Raises ValueError that says what is wrong with it."""
        unknown = set(document) - {"rules", "seed", "persona", "answers"}
        if unknown:
            raise ValueError(f"unknown members: {', '.join(sorted(unknown))}")
        rules, seed = document.get("rules", []), document.get("seed", 0)
        persona = document.get("persona")
        if persona not in (None, *get_args(Persona)):
            raise ValueError(f"persona: expected one of {', '.join(get_args(Persona))}")
        if not isinstance(rules, list):
            raise ValueError("rules: expected an array")
        if not isinstance(seed, int):
            raise ValueError("seed: expected an integer")
        answers = read_answers(document.get("answers", []))
        return cls(tuple(_rule(entry, index) for index, entry in enumerate(rules)), seed, persona, answers)

    def to_dict(self) -> dict[str, Any]:
        """Return the document without defaults; `from_dict` of it is equal."""
        document: dict[str, Any] = {"rules": [_without_defaults(rule) for rule in self.rules]}
        others = {"seed": self.seed, "persona": self.persona, "answers": answers_as_json(self.answers)}
        return {**document, **{name: value for name, value in others.items() if value}}


def _rule(entry: object, index: int) -> FaultRule:
    known = {member.name for member in fields(FaultRule)}
    if not isinstance(entry, dict):
        raise ValueError(f"rules[{index}]: expected an object")
    if unknown := set(entry) - known:
        raise ValueError(f"rules[{index}]: unknown members: {', '.join(sorted(map(str, unknown)))}")
    try:
        return msgspec.convert(entry, FaultRule)
    except msgspec.ValidationError as error:
        raise ValueError(f"rules[{index}]: {error}") from error


def _without_defaults(rule: FaultRule) -> dict[str, Any]:
    values = {member.name: (getattr(rule, member.name), member.default) for member in fields(rule)}
    return {name: value for name, (value, default) in values.items() if default is MISSING or value != default}
