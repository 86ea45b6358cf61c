"""A conversation session as an interpreter uses it: turns, ids and rules. No sockets, no event loop, no clock.

What happens to an utterance, between this client (C) and the service (S):

    hear        C input_audio_buffer.append …
    interpret   C input_audio_buffer.commit
                S input_audio_buffer.committed {item_id}
                C response.create {input: [that item], conversation: none, metadata: {utterance}}
                S response.created, output_audio.delta …, output_audio_transcript.delta …, response.done
                S conversation.item.input_audio_transcription.completed | failed     (any time after the commit)
    interpret   C response.create …, of the same item, with another `attempt`        (as often as wanted)
    release     C conversation.item.delete                                           (after all of these)

Each response gets its own utterance as input and nothing else: earlier speech cannot make the model answer instead of
translating, and nothing is billed twice.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import pybase64

from bot.interpreting.briefing import language_name
from bot.interpreting.events import (
    BoothEvent,
    BoothUsed,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceDelta,
    SourceText,
    Usage,
)
from bot.interpreting.plan import AUTO, Lane, primary
from bot.realtime.conversation_messages import (
    CLEAR,
    ConversationSettings,
    append,
    commit,
    conversation_update,
    item_delete,
    modalities,
    reading_aloud,
    reminded,
    response_cancel,
    response_create,
    session_config,
)
from bot.realtime.conversation_turns import ConversationTurns, ResponseTurn, TurnStage
from bot.realtime.messages import BYTES_PER_MS, ServerMessage, read_item, read_response, transcription_usage, usage
from bot.realtime.session_base import SessionRules

APPEND_BYTES = 100 * BYTES_PER_MS
"""Appends of 100 ms cost two thirds of the CPU of appends of 20 ms."""

MIN_COMMIT_BYTES = 100 * BYTES_PER_MS
"""The service refuses to commit less (`input_audio_buffer_commit_empty`)."""

ABOUT_WAITING = frozenset({("commit", TurnStage.COMMITTING), ("create", TurnStage.ANSWERING)})
"""Errors about a turn, and the stages in which it waits for what was refused."""
NOT_ABOUT_TURNS = frozenset({"response_cancel_not_active", "item_delete_invalid_item_id"})
"""Codes of errors about requests that tidy up. An error that does not say what it is about, and has another code, is
about the oldest request that waits for an answer."""

NOTHING_USED = Usage()
DONE_REMEMBERED = 32
"""Ended responses whose usage is not counted again, should their end be sent twice."""

CAPTIONS = "captions"
CONVERSATION = "conversation"


class ConversationSession(SessionRules):
    """Implements `RealtimeSession`, turn by turn."""

    append_bytes = APPEND_BYTES
    # Otherwise the session would be an assistant, respond without being asked, or send noise instead of speech.
    _VITAL = ("instructions", "output_modalities", "audio.input.turn_detection", "audio.input.format", "audio.output")

    def __init__(
        self, lane: Lane, instructions: str, settings: ConversationSettings, *, text_only: bool = False
    ) -> None:
        language = None if lane.source == AUTO else primary(lane.source)
        super().__init__(lane, session_config(instructions, settings, language, spoken=not text_only))
        self.engine = CAPTIONS if text_only else CONVERSATION
        self._instructions = self._sent_instructions = instructions
        self._sent_speed = 1.0
        self._response: dict[str, Any] = {
            "conversation": "none",
            "output_modalities": modalities(spoken=not text_only),
            "max_output_tokens": settings.max_output_tokens,
            "tool_choice": "none",
        }
        self._retiring = False
        self._turns = ConversationTurns(
            transcribes=settings.transcribe is not None,
            delete=lambda item_id: self._outgoing.append(item_delete(item_id)),
        )
        self._done: deque[str] = deque(maxlen=DONE_REMEMBERED)

    # --- requests

    def hear(self, utterance: str, pcm: bytes, now: float) -> None:
        turn = self._turns.find(utterance)
        if turn is None:
            if self._turns.hearing is not None:
                raise ValueError(f"{self._turns.hearing.utterance} is still being heard")
            turn = self._turns.hearing = self._turns.begin(ResponseTurn(utterance))
        if turn.stage is not TurnStage.HEARING:
            raise ValueError(f"{utterance} is complete")
        if pcm:
            turn.appended += len(pcm)
            self._outgoing.append(append(pcm))

    def interpret(
        self, utterance: str, now: float, *, strict: bool = False, speed: float = 1.0, condensed: bool = False
    ) -> list[BoothEvent]:
        """Commit the audio of the utterance and request its interpretation; or request another one."""
        turn = self._turns.find(utterance)
        instructions = reminded(self._instructions, strict, condensed)
        if turn is not None and turn.stage is TurnStage.KEPT:
            self._turns.ask_again(turn)
            turn.begin_attempt(instructions, speed)
            self._create(turn)
            return []
        if turn is None or turn is not self._turns.hearing:
            raise ValueError(f"{utterance} is not being heard")
        if turn.appended < MIN_COMMIT_BYTES:
            self._stop_hearing(turn)
            return [InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, "too_short")]
        turn.begin_attempt(instructions, speed)
        self._turns.commit(turn, now)
        self._outgoing.append(commit(utterance))
        return []

    def say(self, utterance: str, text: str, language: str, now: float) -> list[BoothEvent]:
        return self._respond(utterance, text, reading_aloud(language_name(language)), self._sent_speed)

    def translate(
        self, utterance: str, text: str, now: float, *, strict: bool, speed: float, condensed: bool
    ) -> list[BoothEvent]:
        return self._respond(utterance, text, reminded(self._instructions, strict, condensed), speed)

    def _respond(self, utterance: str, text: str, instructions: str, speed: float) -> list[BoothEvent]:
        """Request a response to a text, which is sent with the request: the service keeps no item of it."""
        if self._turns.find(utterance) is not None:
            raise ValueError(f"{utterance} has begun already")
        turn = self._turns.begin(ResponseTurn(utterance, text=text, transcribed=True, released=True))
        turn.begin_attempt(instructions, speed)
        self._create(turn)
        return []

    def release(self, utterance: str) -> None:
        turn = self._turns.find(utterance)
        if turn is not None:
            turn.released = True
            if turn.stage is TurnStage.KEPT:
                self._turns.end_kept(turn)

    def cancel(self, utterance: str) -> None:
        turn = self._turns.find(utterance)
        if turn is None or turn.cancelled:
            return
        turn.cancelled = True
        if turn.stage is TurnStage.HEARING:
            self._stop_hearing(turn)
        elif turn.stage is TurnStage.ANSWERING and turn.response_id is not None:
            self._outgoing.append(response_cancel(utterance, turn.response_id))
        elif turn.stage is TurnStage.KEPT:
            self._turns.end_kept(turn)

    def _stop_hearing(self, turn: ResponseTurn) -> None:
        """Forget a turn, and have the service forget its audio."""
        self._turns.stop_hearing(turn)
        if turn.appended:
            self._outgoing.append(CLEAR)

    def brief(self, instructions: str) -> None:
        """Use new instructions: each response carries its own, and the session's follow when no response runs."""
        self._instructions = instructions
        self._send_instructions()

    def retire(self, now: float) -> None:
        self._retiring = True

    @property
    def finished(self) -> bool:
        return self._retiring and not self._turns.keeps_any and not self.unfinished()

    # --- state

    def knows(self, utterance: str) -> bool:
        turn = self._turns.find(utterance)
        return turn is not None and turn.stage is not TurnStage.ENDED and not turn.cancelled

    def unfinished(self) -> tuple[str, ...]:
        return self._turns.unfinished()

    @property
    def deadline(self) -> float | None:
        return self._turns.deadline

    def check(self, now: float) -> list[BoothEvent]:
        return [event for turn, code in self._turns.check(now) for event in self._refused(turn, code, now)]

    # --- messages of the service

    def _committed(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        if not self._turns.committing or message.item_id is None:
            return self._ignored()
        turn = self._turns.committed(message.item_id)
        if turn.cancelled:
            turn.stage = TurnStage.ENDED
            turn.transcribed = True  # its transcript is not wanted
            self._turns.forget_if_over(turn)
            return []
        self._create(turn)
        return []

    def _response_created(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        response = read_response(message.response)
        turn = self._turns.of(response)
        if turn is None and response.utterance is None:
            turn = self._turns.only_waiting_for_a_response()  # the service does not echo metadata
        if turn is None:
            return self._ignored()
        if turn.response_id is None and turn.cutting != response.id:
            self._turns.begin_response(turn, response.id)
            if turn.cancelled:
                self._outgoing.append(response_cancel(turn.utterance, response.id))
        return []

    def _item_added(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        turn = self._turns.by_response(message.response_id)
        if turn is None:
            return self._ignored()
        item = read_item(message.item)
        if item.id is not None and item.phase == "commentary":
            turn.commentary.add(item.id)
        return []

    def _audio(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        turn = self._speaking(message)
        if turn is None:
            return self._ignored()
        pcm = turn.odd_byte + pybase64.b64decode(message.delta, validate=True)
        whole = len(pcm) & ~1
        turn.odd_byte = pcm[whole:]
        if not whole:
            return []
        room = turn.longest - turn.spoken
        turn.spoken += whole
        if whole <= room:
            return [InterpretationAudio(self._lane, turn.utterance, pcm[:whole])]
        last: list[BoothEvent] = [InterpretationAudio(self._lane, turn.utterance, pcm[:room])] if room > 0 else []
        return last + self._cut(turn, now)

    def _text(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        turn = self._speaking(message)
        if turn is None:
            return self._ignored()
        return [InterpretationText(self._lane, turn.utterance, message.delta)] if message.delta else []

    def _response_done(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        response = read_response(message.response)
        turn = self._turns.of(response)
        if response.id in self._done:
            return self._ignored()
        self._done.append(response.id)
        used = usage(response.usage)
        late: list[BoothEvent] = [BoothUsed(self._lane, used)] if used != NOTHING_USED else []
        if turn is None:
            return self._ignored() + late
        if turn.cutting == response.id:
            self._turns.cut_off(turn)
            return late
        try:
            outcome = InterpretationOutcome(response.status or "")
        except ValueError:
            outcome = InterpretationOutcome.FAILED
        reason = "" if outcome is InterpretationOutcome.COMPLETED else response.reason or response.status or "unknown"
        if outcome is InterpretationOutcome.COMPLETED:
            self._short_of_quota = False
        if turn.cancelled:
            return self._quota(reason) + self._end(turn, self._failed(turn, reason), now) + late
        ended = InterpretationEnded(self._lane, turn.utterance, outcome, reason, used)
        return self._quota(reason) + self._end(turn, ended, now)

    def _transcription_delta(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        turn = self._turns.by_item(message.item_id)
        if turn is None or turn.transcribed or turn.cancelled or not message.delta:
            return self._ignored()
        return [SourceDelta(self._lane, turn.utterance, message.delta)]

    def _transcription_completed(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        return self._transcribed(message, message.transcript)

    def _transcription_failed(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        return self._transcribed(message, None)

    def _transcribed(self, message: ServerMessage, transcript: str | None) -> list[BoothEvent]:
        turn = self._turns.by_item(message.item_id)
        if turn is None or turn.transcribed:
            return self._ignored()
        turn.transcribed = True
        self._turns.forget_if_over(turn)
        used = transcription_usage(message.usage)
        events: list[BoothEvent] = [BoothUsed(self._lane, used)] if used != NOTHING_USED else []
        return events if turn.cancelled else [*events, SourceText(self._lane, turn.utterance, transcript)]

    def _error(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        error, code = self._read_error(message)
        about, _, utterance = (error.event_id or "").partition(":")
        turn = self._turns.find(utterance)
        if error.event_id is None and error.code not in NOT_ABOUT_TURNS:
            self._turns.doubt(code, now)
            return self._report(error, code) + self.check(now)
        elif turn is not None and (about, turn.stage) in ABOUT_WAITING:
            return self._refused(turn, code, now)
        if about == "cancel":
            # The response had ended already, whether its end was received or not.
            if turn is not None and turn.cutting is not None:
                self._turns.cut_off(turn)
                return []
            if turn is not None and turn.cancelled and turn.stage is TurnStage.ANSWERING:
                return self._end(turn, self._failed(turn, code), now)
            return []
        return self._report(error, code)

    def _refused(self, turn: ResponseTurn, code: str, now: float) -> list[BoothEvent]:
        """End a turn whose commit or response the service refuses."""
        if turn.stage is TurnStage.COMMITTING:
            self._turns.committing.remove(turn)
            if self._turns.hearing is None:
                self._outgoing.append(CLEAR)  # refused audio must not become the beginning of the next utterance
        return self._quota(code) + self._end(turn, self._failed(turn, code), now)

    # --- responses

    def _create(self, turn: ResponseTurn) -> None:
        if turn.speed != self._sent_speed and not self._turns.answering:
            # The speed belongs to the session, and may only change between two responses.
            self._sent_speed = turn.speed
            self._outgoing.append(conversation_update("speed", {"audio": {"output": {"speed": turn.speed}}}))
        self._turns.ask(turn)
        self._outgoing.append(response_create(turn, self._response))

    def _speaking(self, message: ServerMessage) -> ResponseTurn | None:
        """Return the turn a delta belongs to, unless the delta is not wanted."""
        turn = self._turns.by_response(message.response_id)
        if turn is None or turn.cancelled or message.item_id in turn.commentary:
            return None
        return turn if turn.response_id == message.response_id else None

    def _cut(self, turn: ResponseTurn, now: float) -> list[BoothEvent]:
        """Cut the response of a model that does not stop."""
        response_id = turn.response_id or ""
        self._outgoing.append(response_cancel(turn.utterance, response_id))
        turn.cutting, turn.response_id = response_id, None
        return self._end(
            turn, InterpretationEnded(self._lane, turn.utterance, InterpretationOutcome.INCOMPLETE, "endless"), now
        )

    # --- ends

    def _failed(self, turn: ResponseTurn, reason: str) -> InterpretationEnded:
        return InterpretationEnded(self._lane, turn.utterance, InterpretationOutcome.FAILED, reason)

    def _end(self, turn: ResponseTurn, ended: InterpretationEnded, now: float) -> list[BoothEvent]:
        self._turns.end(turn, now)
        self._send_instructions()
        return [] if turn.cancelled else [ended]

    # --- the session itself

    def _send_instructions(self) -> None:
        if self.ready and self._sent_instructions != self._instructions and not self._turns.answering:
            self._sent_instructions = self._instructions
            self._outgoing.append(conversation_update("brief", {"instructions": self._instructions}))

    _HANDLERS = {
        "response.output_audio.delta": _audio,
        "response.output_audio_transcript.delta": _text,
        "response.output_text.delta": _text,
        "response.output_item.added": _item_added,
        "response.created": _response_created,
        "response.done": _response_done,
        "input_audio_buffer.committed": _committed,
        "conversation.item.input_audio_transcription.delta": _transcription_delta,
        "conversation.item.input_audio_transcription.completed": _transcription_completed,
        "conversation.item.input_audio_transcription.failed": _transcription_failed,
        "session.created": SessionRules._created,
        "session.updated": SessionRules._updated,
        "error": _error,
    }
