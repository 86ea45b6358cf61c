"""Misbehaviour on request: a document of rules, and the plan that says when each applies. Performs nothing itself.

A document is `{"rules": [{"do": "close", "at": "mid_response", "close_code": 1011, "times": 1}, …]}`. A rule
without `connection`, `response`, `target` and `times` always applies. What the rules can do:

    refused upgrades    refuse (status, retry_after_s, error_code, message) · slow_handshake (seconds)
    at a point          close (close_code, reason) · abort · stall (seconds, direction) · error_event (error_code,
                        error_type, message) · garbage_text · malformed_json · binary_frame · unknown_event ·
                        extra_fields · missing_event_id · huge_frame (size)
    session.update      delay_session_updated (seconds) · refuse_session_update (error_code, message)
    session             expires_in (seconds) · expires_skew (seconds: added to the expires_at that is told)
    transcription       delay_transcription (seconds) · fail_transcription
    response            delay_response (seconds) · fail_response (error_code, error_type, message) ·
                        incomplete_response (reason) · hang_response (starts, never goes on) · omit_done (all but
                        response.done) · double_audio · say (text: wrong language, an answer instead of a
                        translation) · echo (the source comes back)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

import msgspec

Action = Literal[
    "refuse",
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
    "delay_session_updated",
    "refuse_session_update",
    "expires_in",
    "expires_skew",
    "delay_transcription",
    "fail_transcription",
    "delay_response",
    "fail_response",
    "incomplete_response",
    "hang_response",
    "omit_done",
    "double_audio",
    "say",
    "echo",
]

Point = Literal["connect", "created", "updated", "committed", "response", "first_delta", "mid_response", "done"]
"""Moments of a session: socket open; after session.created, session.updated, input_audio_buffer.committed,
response.created; after a response's first audio; after half of it; after response.done."""

AT_A_POINT: frozenset[str] = frozenset(get_args(Action)[2:13])


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One thing to do wrong, and when."""

    do: Action
    connection: int | None = None
    """Only the n-th upgrade request since the document was set, counted from 1."""
    response: int | None = None
    """Only the n-th response of its connection, counted from 1."""
    target: str | None = None
    """Only responses into this language (ISO 639-1)."""
    times: int | None = None
    """At most this often, then the rule is spent."""
    at: Point = "created"
    """For the actions that happen at a point."""
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
    size: int = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RealtimeFaults:
    """The whole document; empty means good behaviour."""

    rules: tuple[FaultRule, ...] = field(default=())

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> RealtimeFaults:
        """Raises ValueError that says what is wrong with the document."""
        unknown = set(document) - {"rules"}
        if unknown:
            raise ValueError(f"unknown members: {', '.join(sorted(unknown))}")
        rules = document.get("rules", [])
        if not isinstance(rules, list):
            raise ValueError("rules: expected an array")
        return cls(tuple(_rule(entry, index) for index, entry in enumerate(rules)))

    def to_dict(self) -> dict[str, Any]:
        """The document again, defaults left out; `from_dict` of it is equal."""
        return {"rules": [_without_defaults(rule) for rule in self.rules]}


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


class FaultPlan:
    """The rules in force on one server, with how often each may still apply."""

    def __init__(self, faults: RealtimeFaults) -> None:
        self.faults = faults
        self._left: list[float] = []
        self._connections_before = 0
        self.replace(faults, 0)

    def replace(self, faults: RealtimeFaults, connections_so_far: int) -> None:
        """Put a new document in force; connections are counted anew, and those already open have no number."""
        self.faults = faults
        self._left = [float("inf") if rule.times is None else rule.times for rule in faults.rules]
        self._connections_before = connections_so_far

    def take(
        self,
        do: str,
        connection: int,
        *,
        response: int | None = None,
        target: str | None = None,
        at: Point | None = None,
    ) -> FaultRule | None:
        """The first rule with this action that applies now; it is thereby used once."""
        if not self.faults.rules:  # the usual case costs nothing
            return None
        for index, rule in enumerate(self.faults.rules):
            if (
                rule.do == do
                and self._left[index] > 0
                and rule.connection in (None, connection - self._connections_before)
                and rule.response in (None, response)
                and rule.target in (None, target)
                and (at is None or rule.at == at)
            ):
                self._left[index] -= 1
                return rule
        return None


class ConnectionFaults:
    """The plan as one connection sees it."""

    def __init__(self, plan: FaultPlan, connection: int) -> None:
        """`connection` is the running number of its upgrade request on the server."""
        self._plan = plan
        self._connection = connection

    def take(self, do: Action, *, response: int | None = None, target: str | None = None) -> FaultRule | None:
        return self._plan.take(do, self._connection, response=response, target=target)

    def take_at(self, point: Point, *, response: int | None = None, target: str | None = None) -> list[FaultRule]:
        """Every rule for this point, in the order of the document."""
        if not self._plan.faults.rules:
            return []
        wanted = dict.fromkeys(rule.do for rule in self._plan.faults.rules if rule.do in AT_A_POINT)
        found = (self._plan.take(do, self._connection, response=response, target=target, at=point) for do in wanted)
        return [rule for rule in found if rule is not None]
