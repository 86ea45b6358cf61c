"""One conversation session as an interpreter uses it: turns, ids and rules. No sockets, no event loop, no clock.

What happens to one utterance, between us (C) and the service (S):

    hear        C input_audio_buffer.append …
    interpret   C input_audio_buffer.commit
                S input_audio_buffer.committed {item_id}
                C response.create {input: [that item], conversation: none, metadata: {utterance}}
                S response.created, output_audio.delta …, output_audio_transcript.delta …, response.done
                S conversation.item.input_audio_transcription.completed | failed     (any time after the commit)
                C conversation.item.delete                                           (after the last two)

Each response sees its own utterance and nothing else: nothing said before can make the model answer instead of
translating, and nothing is billed twice.

    HEARING ─interpret─► COMMITTING ─committed─► ANSWERING ─response.done─► ENDED ─transcribed─► forgotten
       │ too short           │ error                 │ error
       └─────────────────────┴───────────────────────┴──► InterpretationEnded(FAILED)

A cancelled turn goes the same way, silently, so that nothing of it is left behind at the service.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

import msgspec
import pybase64

from bot.interpreting.events import (
    BoothEvent,
    BoothReady,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationText,
    Outcome,
    SourceText,
)
from bot.interpreting.plan import AUTO, Lane, primary
from bot.realtime.errors import SessionError
from bot.realtime.messages import (
    BYTES_PER_MS,
    CLEAR,
    ConversationSettings,
    ErrorDetail,
    Response,
    ServerMessage,
    append,
    differences,
    read_error,
    read_item,
    read_message,
    read_object,
    read_response,
    read_type,
    session_config,
    session_update,
    text,
    usage,
)

logger = logging.getLogger(__name__)

APPEND_BYTES = 100 * BYTES_PER_MS
"""Appends of 100 ms cost two thirds of the CPU of appends of 20 ms."""

MIN_COMMIT_BYTES = 100 * BYTES_PER_MS
"""The service refuses to commit less (`input_audio_buffer_commit_empty`)."""

COMMIT_PATIENCE_S = 3.0
"""A commit is acknowledged at once by a service that reads; the bound of `BoothLost` in the contract."""

GARBAGE_LIMIT = 20
"""Unreadable messages in a row: whoever is at the other end does not speak our protocol."""

TURNS_LIMIT = 64
"""Turns of which the service still owes us something. The room gives up on each after seconds, so this many mean
that it does not end any."""

_CONFIGURE = "configure"
_VITAL = ("instructions", "output_modalities", "audio.input.turn_detection", "audio.input.format", "audio.output")
"""Without these the session is no interpreter: an assistant's persona, answers unasked, noise instead of speech."""


class _Stage(Enum):
    HEARING = auto()
    COMMITTING = auto()
    ANSWERING = auto()
    ENDED = auto()


@dataclass(slots=True)
class _Turn:
    utterance: str
    stage: _Stage = _Stage.HEARING
    appended: int = 0
    """Bytes."""
    committed_at: float = 0.0
    item_id: str | None = None
    response_id: str | None = None
    transcribed: bool = False
    cancelled: bool = False
    odd_byte: bytes = b""
    """Half a sample at the end of the last delta."""
    commentary: set[str] = field(default_factory=set)
    """Output items that are not the interpretation."""


@dataclass(slots=True)
class SessionCounters:
    """Monotonic, per session."""

    garbage: int = 0
    """Messages that could not be read."""
    ignored: int = 0
    """Messages about things unknown, or known no longer."""
    errors: int = 0
    """`error` events."""


class ConversationProtocol:
    """One session for one lane. Call `receive` with what came, write what `data_to_send` returns, in that order.

    Audio may be given once `ready`. One utterance is heard at a time: the service has a single buffer.
    """

    def __init__(self, lane: Lane, instructions: str, settings: ConversationSettings) -> None:
        self.ready = False
        """The session is configured as asked."""
        self.expires_at: float | None = None
        """When the service will end the session, in Unix seconds by its own clock; None if it does not say."""
        self.counters = SessionCounters()
        self._lane = lane
        language = None if lane.source == AUTO else primary(lane.source)
        self._transcribes = settings.transcribe is not None
        self._session = session_config(instructions, settings, language)
        self._response = {
            "conversation": "none",
            "instructions": instructions,
            "output_modalities": ["audio"],
            "max_output_tokens": settings.max_output_tokens,
            "tool_choice": "none",
        }
        self._outgoing = [session_update(_CONFIGURE, self._session)]
        self._turns: OrderedDict[str, _Turn] = OrderedDict()
        self._hearing: _Turn | None = None
        self._committing: deque[_Turn] = deque()
        self._by_item: dict[str, _Turn] = {}
        self._by_response: dict[str, _Turn] = {}
        self._garbage_in_a_row = 0
        self._reported: set[str] = set()

    # --- what we want

    def hear(self, utterance: str, pcm: bytes) -> None:
        """Send the next audio of an utterance."""
        turn = self._turns.get(utterance)
        if turn is None:
            if self._hearing is not None:
                raise ValueError(f"{self._hearing.utterance} is still being heard")
            self._make_room()
            turn = self._turns[utterance] = self._hearing = _Turn(utterance)
        if turn.stage is not _Stage.HEARING:
            raise ValueError(f"{utterance} is complete")
        if pcm:
            turn.appended += len(pcm)
            self._outgoing.append(append(pcm))

    def interpret(self, utterance: str, now: float) -> list[BoothEvent]:
        """Commit what was heard of an utterance and ask for its interpretation."""
        turn = self._turns.get(utterance)
        if turn is None or turn is not self._hearing:
            raise ValueError(f"{utterance} is not being heard")
        self._hearing = None
        if turn.appended < MIN_COMMIT_BYTES:
            if turn.appended:
                self._outgoing.append(CLEAR)
            del self._turns[utterance]
            return [InterpretationEnded(self._lane, utterance, Outcome.FAILED, "too_short")]
        turn.stage = _Stage.COMMITTING
        turn.committed_at = now
        self._committing.append(turn)
        self._send({"type": "input_audio_buffer.commit", "event_id": f"commit:{utterance}"})
        return []

    def cancel(self, utterance: str) -> None:
        """Forget an utterance in whatever state it is; nothing more is reported about it."""
        turn = self._turns.get(utterance)
        if turn is None or turn.cancelled:
            return
        turn.cancelled = True
        if turn.stage is _Stage.HEARING:
            self._hearing = None
            if turn.appended:
                self._outgoing.append(CLEAR)
            del self._turns[utterance]
        elif turn.stage is _Stage.ANSWERING and turn.response_id is not None:
            self._cancel_response(turn)

    @property
    def has_data_to_send(self) -> bool:
        return bool(self._outgoing)

    def data_to_send(self) -> list[str]:
        """Return, once, what is to be written, in order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # --- what is left open

    def unfinished(self) -> tuple[str, ...]:
        """Utterances that have begun here and whose last word has not been said."""
        return tuple(
            turn.utterance for turn in self._turns.values() if turn.stage is not _Stage.ENDED and not turn.cancelled
        )

    @property
    def deadline(self) -> float | None:
        """When `check` is to be called."""
        return self._committing[0].committed_at + COMMIT_PATIENCE_S if self._committing else None

    def check(self, now: float) -> None:
        """Notice a service that has stopped listening.

        Raises:
            SessionError: it owes us an acknowledgement for too long.
        """
        deadline = self.deadline
        if deadline is not None and now >= deadline:
            raise SessionError("unacknowledged", "a commit was not acknowledged in time")

    # --- what comes

    def receive(self, data: bytes | str) -> list[BoothEvent]:
        """Take one message from the service and say what it means.

        Raises:
            SessionError: the session is of no use any more.
        """
        try:
            events = self._handle(data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # ValueError: bad UTF-8, bad base64
            self.counters.garbage += 1
            self._garbage_in_a_row += 1
            if self._garbage_in_a_row >= GARBAGE_LIMIT:
                raise SessionError("garbage", "the service sends what cannot be read") from error
            return []
        self._garbage_in_a_row = 0
        return events

    def _handle(self, data: bytes | str) -> list[BoothEvent]:
        try:
            message = read_message(data)
        except msgspec.ValidationError:
            if read_type(data).type in _HANDLERS:
                raise
            return []  # a kind we do not know may look as it likes
        handle = _HANDLERS.get(message.type)
        return handle(self, message) if handle else []

    def _created(self, message: ServerMessage) -> list[BoothEvent]:
        expires_at = read_object(message.session).get("expires_at")
        if isinstance(expires_at, int | float):
            self.expires_at = float(expires_at)
        return []

    def _updated(self, message: ServerMessage) -> list[BoothEvent]:
        self._created(message)
        if self.ready:
            return []
        wrong = differences(self._session, read_object(message.session))
        if any(path.startswith(vital) or vital.startswith(path) for path in wrong for vital in _VITAL):
            raise SessionError("configuration_ignored", ", ".join(wrong), retryable=False)
        if wrong:
            logger.warning("session differs from what was asked", extra={"fields": wrong})
        self.ready = True
        return [BoothReady(self._lane)]

    def _committed(self, message: ServerMessage) -> list[BoothEvent]:
        if not self._committing or message.item_id is None:
            return self._ignored()
        turn = self._committing.popleft()
        turn.item_id = message.item_id
        self._by_item[message.item_id] = turn
        if turn.cancelled:
            turn.stage = _Stage.ENDED
            turn.transcribed = True  # nobody waits for it
            self._forget_if_over(turn)
            return []
        turn.stage = _Stage.ANSWERING
        self._send(
            {
                "type": "response.create",
                "event_id": f"create:{turn.utterance}",
                "response": {
                    **self._response,
                    "metadata": {"utterance": turn.utterance},
                    "input": [{"type": "item_reference", "id": turn.item_id}],
                },
            }
        )
        return []

    def _response_created(self, message: ServerMessage) -> list[BoothEvent]:
        response = read_response(message.response)
        turn = self._turn_of(response)
        if turn is None:
            return self._ignored()
        if turn.response_id is None:
            turn.response_id = response.id
            self._by_response[response.id] = turn
            if turn.cancelled:
                self._cancel_response(turn)
        return []

    def _item_added(self, message: ServerMessage) -> list[BoothEvent]:
        turn = self._by_response.get(message.response_id or "")
        if turn is None:
            return self._ignored()
        item = read_item(message.item)
        if item.id is not None and item.phase == "commentary":
            turn.commentary.add(item.id)
        return []

    def _audio(self, message: ServerMessage) -> list[BoothEvent]:
        turn = self._speaking(message)
        if turn is None:
            return self._ignored()
        pcm = turn.odd_byte + pybase64.b64decode(message.delta, validate=True)
        whole = len(pcm) & ~1
        turn.odd_byte = pcm[whole:]
        return [InterpretationAudio(self._lane, turn.utterance, pcm[:whole])] if whole else []

    def _text(self, message: ServerMessage) -> list[BoothEvent]:
        turn = self._speaking(message)
        if turn is None:
            return self._ignored()
        return [InterpretationText(self._lane, turn.utterance, message.delta)] if message.delta else []

    def _response_done(self, message: ServerMessage) -> list[BoothEvent]:
        response = read_response(message.response)
        turn = self._turn_of(response)
        if turn is None:
            return self._ignored()
        try:
            outcome = Outcome(response.status or "")
        except ValueError:
            outcome = Outcome.FAILED
        reason = "" if outcome is Outcome.COMPLETED else response.reason or response.status or "unknown"
        return self._end(turn, InterpretationEnded(self._lane, turn.utterance, outcome, reason, usage(response.usage)))

    def _transcription_completed(self, message: ServerMessage) -> list[BoothEvent]:
        return self._transcribed(message, message.transcript)

    def _transcription_failed(self, message: ServerMessage) -> list[BoothEvent]:
        return self._transcribed(message, None)

    def _transcribed(self, message: ServerMessage, transcript: str | None) -> list[BoothEvent]:
        turn = self._by_item.get(message.item_id or "")
        if turn is None or turn.transcribed:
            return self._ignored()
        turn.transcribed = True
        self._forget_if_over(turn)
        return [] if turn.cancelled else [SourceText(self._lane, turn.utterance, transcript)]

    def _error(self, message: ServerMessage) -> list[BoothEvent]:
        self.counters.errors += 1
        error = read_error(message.error)
        code = error.code or error.type or "unknown"
        about, _, utterance = (error.event_id or "").partition(":")
        if about == _CONFIGURE and not self.ready:
            retryable = error.type != "invalid_request_error"
            raise SessionError("configuration_refused", f"{code} {error.param or ''}".strip(), retryable=retryable)
        if code == "session_expired":
            raise SessionError(code)
        turn = self._turns.get(utterance)
        if turn is not None and about == "commit" and turn.stage is _Stage.COMMITTING:
            self._committing.remove(turn)
            if self._hearing is None:
                self._outgoing.append(CLEAR)  # what was refused must not begin the next utterance
            return self._end(turn, self._failed(turn, code))
        if turn is not None and about == "create" and turn.stage is _Stage.ANSWERING:
            return self._end(turn, self._failed(turn, code))
        if (
            about == "cancel"
        ):  # there was nothing to cancel any more: the response is over, whether we saw it end or not
            return self._end(turn, self._failed(turn, code)) if turn is not None and turn.cancelled else []
        self._report(error, code)
        return []

    # --- helpers

    def _send(self, message: dict[str, object]) -> None:
        self._outgoing.append(text(message))

    def _ignored(self) -> list[BoothEvent]:
        self.counters.ignored += 1
        return []

    def _report(self, error: ErrorDetail, code: str) -> None:
        """Log an error that concerns no utterance: once per code, in case the service repeats itself."""
        if code not in self._reported and len(self._reported) < GARBAGE_LIMIT:
            self._reported.add(code)
            logger.warning("model reports an error", extra={"code": code, "error_type": error.type})

    def _turn_of(self, response: Response) -> _Turn | None:
        turn = self._by_response.get(response.id)
        if turn is not None:
            return turn
        turn = self._turns.get(response.utterance or "")
        return turn if turn is not None and turn.stage is _Stage.ANSWERING else None

    def _speaking(self, message: ServerMessage) -> _Turn | None:
        """The turn a delta belongs to, unless nobody wants to hear it."""
        turn = self._by_response.get(message.response_id or "")
        if turn is None or turn.cancelled or message.item_id in turn.commentary:
            return None
        return turn

    def _cancel_response(self, turn: _Turn) -> None:
        self._send({"type": "response.cancel", "event_id": f"cancel:{turn.utterance}", "response_id": turn.response_id})

    def _failed(self, turn: _Turn, reason: str) -> InterpretationEnded:
        return InterpretationEnded(self._lane, turn.utterance, Outcome.FAILED, reason)

    def _end(self, turn: _Turn, ended: InterpretationEnded) -> list[BoothEvent]:
        turn.stage = _Stage.ENDED
        if turn.response_id is not None:
            self._by_response.pop(turn.response_id, None)
        self._forget_if_over(turn)
        return [] if turn.cancelled else [ended]

    def _make_room(self) -> None:
        """Give up waiting for what only tidies up, if the service does not send it."""
        if len(self._turns) < TURNS_LIMIT:
            return
        for turn in self._turns.values():
            if turn.stage is _Stage.ENDED or (turn.cancelled and turn.stage is _Stage.ANSWERING):
                turn.stage = _Stage.ENDED
                turn.transcribed = True
                self._by_response.pop(turn.response_id or "", None)
                self._forget_if_over(turn)
                return
        raise SessionError("unanswered", "the service ends no response")

    def _forget_if_over(self, turn: _Turn) -> None:
        """Delete the item once nothing more is wanted of it: before that the effect is not documented."""
        if turn.stage is not _Stage.ENDED:
            return
        if turn.item_id is not None:
            if self._transcribes and not turn.transcribed:
                return
            self._by_item.pop(turn.item_id, None)
            self._send({"type": "conversation.item.delete", "item_id": turn.item_id})
        del self._turns[turn.utterance]


_Handler = Callable[[ConversationProtocol, ServerMessage], list[BoothEvent]]

# The class's own methods: this table is where server messages and their meaning meet.
_HANDLERS: dict[str, _Handler] = {
    "response.output_audio.delta": ConversationProtocol._audio,
    "response.output_audio_transcript.delta": ConversationProtocol._text,
    "response.output_text.delta": ConversationProtocol._text,
    "response.output_item.added": ConversationProtocol._item_added,
    "response.created": ConversationProtocol._response_created,
    "response.done": ConversationProtocol._response_done,
    "input_audio_buffer.committed": ConversationProtocol._committed,
    "conversation.item.input_audio_transcription.completed": ConversationProtocol._transcription_completed,
    "conversation.item.input_audio_transcription.failed": ConversationProtocol._transcription_failed,
    "session.created": ConversationProtocol._created,
    "session.updated": ConversationProtocol._updated,
    "error": ConversationProtocol._error,
}
