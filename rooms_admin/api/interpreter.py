"""Routes of a room's interpreter: control, transcript and usage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, Protocol, TypeVar

from fastapi import APIRouter, Response

from rooms_admin.api.responses import IdempotencyKey, Responses, errors, written
from rooms_admin.api.rooms import LanguageFilter, RoomId, wanted_language
from rooms_admin.api.schemas import (
    CapabilitiesResponse,
    InterpreterResponse,
    LaneResponse,
    LaneUsageResponse,
    TranscriptResponse,
    UsageResponse,
)
from rooms_admin.rooms.requests import Action, InterpreterCommand
from rooms_admin.rooms.service import RoomService
from rooms_admin.transcripts.formats import to_json, to_srt, to_txt, to_vtt
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from rooms_admin.transcripts.usage import LaneUsage, Prices, usage_by_lane

InterpreterStatus = Literal[
    "idle", "waiting", "connecting", "interpreting", "interrupted", "paused", "stopping", "stopped", "failed"
]
MS_PER_MINUTE = 60_000
FEW_LINES = 200
"""Lines that are formatted in less than a millisecond, so that no thread is needed."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """State of a lane."""

    speaker_id: str
    source: str
    target: str
    state: str
    engine: str | None
    reason: str | None
    ear_voice_spans_ms: Sequence[int] | None
    waiting: int | None


@dataclass(frozen=True, slots=True)
class TranslationCapabilities:
    """What the translation deployment was found to offer."""

    deployment: str
    state: str
    reason: str
    offered: Sequence[str]
    refused: Sequence[str]


@dataclass(frozen=True, slots=True)
class InterpreterState:
    """State of a room's interpreter."""

    status: InterpreterStatus
    call_connection_id: str | None = None
    since: datetime | None = None
    reason: str | None = None
    """Why it stopped, failed or is paused."""
    lanes: Sequence[LaneStatus] = ()
    """In the order in which they were first needed."""
    capabilities: TranslationCapabilities | None = None
    """None without a translation deployment."""


class InterpreterControl(Protocol):
    """Controls the interpreters. Methods may raise any `ServiceError`."""

    async def state(self, room_id: str) -> InterpreterState: ...

    async def command(self, room_id: str, action: Action) -> None:
        """Accept the command or raise. It is carried out asynchronously."""


class Transcripts(Protocol):
    """Reads stored transcripts and ledgers."""

    async def lines(self, room_id: str) -> Sequence[TranscriptLine]: ...

    async def ledger(self, room_id: str) -> Sequence[LedgerRecord]: ...

    async def whole_ledger(self, room_id: str) -> Sequence[LedgerRecord]:
        """Return all records, not only the most recent ones."""
        ...


_EXPORTS: dict[str, tuple[Callable[[Sequence[TranscriptLine], str | None], str], str]] = {
    "vtt": (to_vtt, "text/vtt; charset=utf-8"),
    "srt": (to_srt, "application/x-subrip; charset=utf-8"),
    "txt": (to_txt, "text/plain; charset=utf-8"),
}
_ALSO_AS_TEXT: Responses = {
    200: {"content": {media_type: {"schema": {"type": "string"}} for _, media_type in _EXPORTS.values()}}
}


def add_interpreter_routes(
    routes: APIRouter,
    rooms: RoomService,
    interpreter: InterpreterControl,
    transcripts: Transcripts,
    prices: Prices | None,
) -> None:
    formatter = _Formatter()

    @routes.get(
        "/{room_id}/interpreter",
        summary="Get the state of the interpreter",
        tags=["interpreter"],
        response_model=InterpreterResponse,
        responses=errors(404),
    )
    async def interpreter_state(room_id: RoomId) -> Response:
        await rooms.get(room_id)
        return written(_interpreter(room_id, await interpreter.state(room_id)))

    @routes.post(
        "/{room_id}/interpreter",
        status_code=202,
        summary="Control the interpreter",
        tags=["interpreter"],
        response_model=InterpreterResponse,
        responses=errors(404, 409, 422),
    )
    async def command_interpreter(
        room_id: RoomId, command: InterpreterCommand, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Accepted asynchronously; returns the current state."""
        await (rooms.current if command.action == "start" else rooms.get)(room_id)
        await interpreter.command(room_id, command.action)
        return written(_interpreter(room_id, await interpreter.state(room_id)), 202)

    @routes.get(
        "/{room_id}/transcript",
        summary="Get the transcript and the ledger",
        tags=["transcript"],
        response_model=TranscriptResponse,
        responses=_ALSO_AS_TEXT | errors(404),
    )
    async def transcript(
        room_id: RoomId, format: Literal["json", "vtt", "srt", "txt"] = "json", language: LanguageFilter = None
    ) -> Response:
        wanted = wanted_language(language)
        await rooms.get(room_id)
        lines = await transcripts.lines(room_id)
        if format != "json":
            write, media_type = _EXPORTS[format]
            return Response(await formatter.run(len(lines), write, lines, wanted), media_type=media_type)
        passages = await transcripts.ledger(room_id)
        body = await formatter.run(len(lines) + len(passages), to_json, room_id, lines, passages, wanted)
        return Response(body, media_type="application/json")

    @routes.get(
        "/{room_id}/usage",
        summary="Get usage: minutes, tokens and cost by lane",
        tags=["usage"],
        response_model=UsageResponse,
        responses=errors(404),
    )
    async def usage(room_id: RoomId) -> Response:
        await rooms.get(room_id)
        passages = await transcripts.whole_ledger(room_id)
        lanes = await formatter.run(len(passages), usage_by_lane, passages)
        return written(_usage(room_id, lanes, prices))


class _Formatter:
    """Formats long transcripts in a thread, one at a time, as several would delay the loop and with it the audio."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="formatter")

    async def run(self, size: int, work: Callable[..., Result], *values: object) -> Result:
        if size <= FEW_LINES:
            return work(*values)
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *values))


def _interpreter(room_id: str, state: InterpreterState) -> InterpreterResponse:
    return InterpreterResponse(
        room_id=room_id,
        status=state.status,
        call_connection_id=state.call_connection_id,
        since=state.since,
        reason=state.reason,
        lanes=tuple(LaneResponse.model_validate(lane) for lane in state.lanes),
        capabilities=None if state.capabilities is None else CapabilitiesResponse.model_validate(state.capabilities),
    )


def _usage(room_id: str, lanes: Sequence[LaneUsage], prices: Prices | None) -> UsageResponse:
    total = LaneUsage("", "", "")
    for lane in lanes:
        total.spoken_ms += lane.spoken_ms
        total.interpreted_ms += lane.interpreted_ms
        total.used.update(lane.used)

    def cost(lane: LaneUsage) -> float | None:
        return None if prices is None else round(prices.cost(lane.used), 6)

    return UsageResponse(
        room_id=room_id,
        currency=None if prices is None else prices.currency,
        lanes=[
            LaneUsageResponse(
                speaker_id=lane.speaker_id,
                source=lane.source,
                target=lane.target,
                utterances=dict(lane.utterances),
                spoken_minutes=_minutes(lane.spoken_ms),
                interpreted_minutes=_minutes(lane.interpreted_ms),
                condensed=lane.condensed,
                tokens=lane.tokens,
                model_minutes={name: _minutes(ms) for name, ms in lane.model_ms.items()},
                cost=cost(lane),
            )
            for lane in lanes
        ],
        spoken_minutes=_minutes(total.spoken_ms),
        interpreted_minutes=_minutes(total.interpreted_ms),
        tokens=total.tokens,
        model_minutes={name: _minutes(ms) for name, ms in total.model_ms.items()},
        cost=cost(total),
    )


def _minutes(ms: int) -> float:
    return round(ms / MS_PER_MINUTE, 3)
