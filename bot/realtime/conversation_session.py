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

    HEARING ─interpret─► COMMITTING ─committed─► ANSWERING ─response.done─► KEPT ─release─► ENDED ─► forgotten
       │ too short           │ error                 │ ▲                      │ interpret
       │                     │                       │ └──────────────────────┘
       └─────────────────────┴───────────────────────┴──► InterpretationEnded(FAILED)

At most `KEPT_LIMIT` turns are kept, each for `KEEP_S`: the context is as small after hours as at the beginning. A turn
that reads a text aloud begins with ANSWERING and has no item. A cancelled turn takes the same way without events, so
that the service keeps nothing of it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
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
    CONDENSE,
    STRICT_REMINDER,
    ConversationSettings,
    append,
    commit,
    conversation_update,
    item_delete,
    modalities,
    reading_aloud,
    response_cancel,
    response_create,
    session_config,
)
from bot.realtime.errors import SessionError
from bot.realtime.messages import (
    BYTES_PER_MS,
    Response,
    ServerMessage,
    read_item,
    read_response,
    transcription_usage,
    usage,
)
from bot.realtime.response_turn import ResponseTurn, TurnStage
from bot.realtime.session_base import SessionRules

APPEND_BYTES = 100 * BYTES_PER_MS
"""Appends of 100 ms cost two thirds of the CPU of appends of 20 ms."""

MIN_COMMIT_BYTES = 100 * BYTES_PER_MS
"""The service refuses to commit less (`input_audio_buffer_commit_empty`)."""

COMMIT_PATIENCE_S = 3.0
"""Time for the acknowledgement of a commit, which a service that reads sends at once."""

TURNS_LIMIT = 64
"""Turns for which an answer of the service is still missing. The room gives up on each after seconds, so this many mean
that the service ends none."""

KEEP_S = 15.0
"""How long an ended turn may be interpreted again: its text is checked as soon as it is complete."""
KEPT_LIMIT = 8
"""Ended turns that may be interpreted again; beyond it the oldest is deleted."""

DOUBT_S = 0.5
"""Time for what waits to be acknowledged all the same, after an error that does not say what it is about: a service
acknowledges at once."""
ABOUT_WAITING = frozenset({("commit", TurnStage.COMMITTING), ("create", TurnStage.ANSWERING)})
"""Errors about a turn, and the stages in which it waits for what was refused."""
NOT_ABOUT_TURNS = frozenset({"response_cancel_not_active", "item_delete_invalid_item_id"})
"""Codes of errors about requests that tidy up. An error that does not say what it is about, and has another code, is
about the request that waits for an answer, if there is exactly one."""

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
        self._transcribes = settings.transcribe is not None
        self._response: dict[str, Any] = {
            "conversation": "none",
            "output_modalities": modalities(spoken=not text_only),
            "max_output_tokens": settings.max_output_tokens,
            "tool_choice": "none",
        }
        self._retiring = False
        self._turns: OrderedDict[str, ResponseTurn] = OrderedDict()
        self._hearing: ResponseTurn | None = None
        self._committing: deque[ResponseTurn] = deque()
        self._kept: OrderedDict[str, ResponseTurn] = OrderedDict()
        self._doubted: tuple[ResponseTurn, str, float] | None = None
        """The turn an error may have been about, its code, and until when the turn may prove the contrary."""
        self._by_item: dict[str, ResponseTurn] = {}
        self._by_response: dict[str, ResponseTurn] = {}
        self._done: deque[str] = deque(maxlen=DONE_REMEMBERED)

    # --- requests

    def hear(self, utterance: str, pcm: bytes, now: float) -> None:
        turn = self._turns.get(utterance)
        if turn is None:
            if self._hearing is not None:
                raise ValueError(f"{self._hearing.utterance} is still being heard")
            self._evict_if_full()
            turn = self._turns[utterance] = self._hearing = ResponseTurn(utterance)
        if turn.stage is not TurnStage.HEARING:
            raise ValueError(f"{utterance} is complete")
        if pcm:
            turn.appended += len(pcm)
            self._outgoing.append(append(pcm))

    def interpret(
        self, utterance: str, now: float, *, strict: bool = False, speed: float = 1.0, condensed: bool = False
    ) -> list[BoothEvent]:
        """Commit the audio of the utterance and request its interpretation; or request another one."""
        turn = self._turns.get(utterance)
        instructions = self._instructions + (STRICT_REMINDER if strict else "") + (CONDENSE if condensed else "")
        if turn is not None and turn.stage is TurnStage.KEPT:
            del self._kept[utterance]
            turn.begin_attempt(instructions, speed)
            self._create(turn)
            return []
        if turn is None or turn is not self._hearing:
            raise ValueError(f"{utterance} is not being heard")
        self._hearing = None
        if turn.appended < MIN_COMMIT_BYTES:
            if turn.appended:
                self._outgoing.append(CLEAR)
            del self._turns[utterance]
            return [InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, "too_short")]
        turn.begin_attempt(instructions, speed)
        turn.stage = TurnStage.COMMITTING
        turn.committed_at = now
        self._committing.append(turn)
        self._outgoing.append(commit(utterance))
        return []

    def say(self, utterance: str, text: str, language: str, now: float) -> list[BoothEvent]:
        if utterance in self._turns:
            raise ValueError(f"{utterance} has begun already")
        self._evict_if_full()
        turn = self._turns[utterance] = ResponseTurn(utterance, text=text, transcribed=True, released=True)
        turn.begin_attempt(reading_aloud(language_name(language)), self._sent_speed)
        self._create(turn)
        return []

    def release(self, utterance: str) -> None:
        turn = self._turns.get(utterance)
        if turn is not None:
            turn.released = True
            if turn.stage is TurnStage.KEPT:
                self._end_kept(turn)

    def cancel(self, utterance: str) -> None:
        turn = self._turns.get(utterance)
        if turn is None or turn.cancelled:
            return
        turn.cancelled = True
        if turn.stage is TurnStage.HEARING:
            self._hearing = None
            if turn.appended:
                self._outgoing.append(CLEAR)
            del self._turns[utterance]
        elif turn.stage is TurnStage.ANSWERING and turn.response_id is not None:
            self._cancel_response(turn, turn.response_id)
        elif turn.stage is TurnStage.KEPT:
            self._end_kept(turn)

    def brief(self, instructions: str) -> None:
        """Use new instructions: each response carries its own, and the session's follow when no response runs."""
        self._instructions = instructions
        self._send_instructions()

    def retire(self, now: float) -> None:
        self._retiring = True

    @property
    def finished(self) -> bool:
        return self._retiring and not self._kept and not self.unfinished()

    # --- state

    def knows(self, utterance: str) -> bool:
        turn = self._turns.get(utterance)
        return turn is not None and turn.stage is not TurnStage.ENDED and not turn.cancelled

    def unfinished(self) -> tuple[str, ...]:
        over = (TurnStage.KEPT, TurnStage.ENDED)
        return tuple(turn.utterance for turn in self._turns.values() if turn.stage not in over and not turn.cancelled)

    @property
    def deadline(self) -> float | None:
        acknowledged_by = self._committing[0].committed_at + COMMIT_PATIENCE_S if self._committing else None
        kept_until = next(iter(self._kept.values())).ended_at + KEEP_S if self._kept else None
        doubted_until = self._doubted[2] if self._doubted is not None else None
        return min((at for at in (acknowledged_by, kept_until, doubted_until) if at is not None), default=None)

    def check(self, now: float) -> list[BoothEvent]:
        """Give up a service that acknowledges nothing; delete turns that were kept for long enough.

        The turn that waits alone when an error comes that says not what it is about has been refused, unless it is
        acknowledged soon after all.
        """
        if self._committing and now >= self._committing[0].committed_at + COMMIT_PATIENCE_S:
            raise SessionError("unacknowledged", "a commit was not acknowledged in time")
        while self._kept and now >= next(iter(self._kept.values())).ended_at + KEEP_S:
            self._end_kept(next(iter(self._kept.values())))
        if self._doubted is not None and now >= self._doubted[2]:
            turn, code, _ = self._doubted
            self._doubted = None
            if self._only_waiting(TurnStage.COMMITTING, TurnStage.ANSWERING) is turn:
                return self._refused(turn, code, now)
        return []

    # --- messages of the service

    def _committed(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        if not self._committing or message.item_id is None:
            return self._ignored()
        turn = self._committing.popleft()
        self._doubted = None
        turn.item_id = message.item_id
        self._by_item[message.item_id] = turn
        if turn.cancelled:
            turn.stage = TurnStage.ENDED
            turn.transcribed = True  # its transcript is not wanted
            self._forget_if_over(turn)
            return []
        self._create(turn)
        return []

    def _response_created(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        response = read_response(message.response)
        turn = self._turn_of(response)
        if turn is None and response.utterance is None:
            turn = self._only_waiting(TurnStage.ANSWERING)  # the service does not echo metadata
        if turn is None:
            return self._ignored()
        if turn.response_id is None and turn.cutting != response.id:
            turn.response_id = response.id
            self._doubted = None
            self._by_response[response.id] = turn
            if turn.cancelled:
                self._cancel_response(turn, response.id)
        return []

    def _item_added(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        turn = self._by_response.get(message.response_id or "")
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
        turn = self._turn_of(response)
        if response.id in self._done:
            return self._ignored()
        self._done.append(response.id)
        used = usage(response.usage)
        late: list[BoothEvent] = [BoothUsed(self._lane, used)] if used != NOTHING_USED else []
        if turn is None:
            return self._ignored() + late
        if turn.cutting == response.id:
            return self._cut_off(turn) + late
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
        turn = self._by_item.get(message.item_id or "")
        if turn is None or turn.transcribed or turn.cancelled or not message.delta:
            return self._ignored()
        return [SourceDelta(self._lane, turn.utterance, message.delta)]

    def _transcription_completed(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        return self._transcribed(message, message.transcript)

    def _transcription_failed(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        return self._transcribed(message, None)

    def _transcribed(self, message: ServerMessage, transcript: str | None) -> list[BoothEvent]:
        turn = self._by_item.get(message.item_id or "")
        if turn is None or turn.transcribed:
            return self._ignored()
        turn.transcribed = True
        self._forget_if_over(turn)
        used = transcription_usage(message.usage)
        events: list[BoothEvent] = [BoothUsed(self._lane, used)] if used != NOTHING_USED else []
        return events if turn.cancelled else [*events, SourceText(self._lane, turn.utterance, transcript)]

    def _error(self, message: ServerMessage, now: float) -> list[BoothEvent]:
        error, code = self._read_error(message)
        about, _, utterance = (error.event_id or "").partition(":")
        turn = self._turns.get(utterance)
        if error.event_id is None and error.code not in NOT_ABOUT_TURNS:
            waiting = self._only_waiting(TurnStage.COMMITTING, TurnStage.ANSWERING)
            if waiting is not None:
                self._doubted = (waiting, code, now + DOUBT_S)
        elif turn is not None and (about, turn.stage) in ABOUT_WAITING:
            return self._refused(turn, code, now)
        if about == "cancel":
            # The response had ended already, whether its end was received or not.
            if turn is not None and turn.cutting is not None:
                return self._cut_off(turn)
            if turn is not None and turn.cancelled and turn.stage is TurnStage.ANSWERING:
                return self._end(turn, self._failed(turn, code), now)
            return []
        return self._report(error, code)

    def _refused(self, turn: ResponseTurn, code: str, now: float) -> list[BoothEvent]:
        """End a turn whose commit or response the service refuses."""
        if turn.stage is TurnStage.COMMITTING:
            self._committing.remove(turn)
            if self._hearing is None:
                self._outgoing.append(CLEAR)  # refused audio must not become the beginning of the next utterance
        return self._quota(code) + self._end(turn, self._failed(turn, code), now)

    # --- responses

    def _create(self, turn: ResponseTurn) -> None:
        if turn.speed != self._sent_speed and not self._answering():
            # The speed belongs to the session, and may only change between two responses.
            self._sent_speed = turn.speed
            self._outgoing.append(conversation_update("speed", {"audio": {"output": {"speed": turn.speed}}}))
        turn.stage = TurnStage.ANSWERING
        self._outgoing.append(response_create(turn, self._response))

    def _turn_of(self, response: Response) -> ResponseTurn | None:
        turn = self._by_response.get(response.id)
        if turn is not None:
            return turn
        turn = self._turns.get(response.utterance or "")
        if turn is None or turn.stage is not TurnStage.ANSWERING or turn.response_id is not None:
            return None
        return turn if response.attempt == str(turn.attempt) else None

    def _only_waiting(self, *stages: TurnStage) -> ResponseTurn | None:
        """Return the turn that waits for the service to accept its request, if there is exactly one."""
        waiting = (TurnStage.COMMITTING, TurnStage.ANSWERING)
        found = [turn for turn in self._turns.values() if turn.stage in waiting and turn.response_id is None]
        return found[0] if len(found) == 1 and found[0].stage in stages else None

    def _speaking(self, message: ServerMessage) -> ResponseTurn | None:
        """Return the turn a delta belongs to, unless the delta is not wanted."""
        turn = self._by_response.get(message.response_id or "")
        if turn is None or turn.cancelled or message.item_id in turn.commentary:
            return None
        return turn if turn.response_id == message.response_id else None

    def _cancel_response(self, turn: ResponseTurn, response_id: str) -> None:
        self._outgoing.append(response_cancel(turn.utterance, response_id))

    def _cut(self, turn: ResponseTurn, now: float) -> list[BoothEvent]:
        """Cut the response of a model that does not stop."""
        response_id = turn.response_id or ""
        self._cancel_response(turn, response_id)
        turn.cutting, turn.response_id = response_id, None
        return self._end(
            turn, InterpretationEnded(self._lane, turn.utterance, InterpretationOutcome.INCOMPLETE, "endless"), now
        )

    def _cut_off(self, turn: ResponseTurn) -> list[BoothEvent]:
        """Note that a response that was cut has ended at the service too."""
        self._by_response.pop(turn.cutting or "", None)
        turn.cutting = None
        self._forget_if_over(turn)
        return []

    # --- ends

    def _failed(self, turn: ResponseTurn, reason: str) -> InterpretationEnded:
        return InterpretationEnded(self._lane, turn.utterance, InterpretationOutcome.FAILED, reason)

    def _end(self, turn: ResponseTurn, ended: InterpretationEnded, now: float) -> list[BoothEvent]:
        if turn.response_id is not None:
            self._by_response.pop(turn.response_id, None)
            turn.response_id = None
        turn.ended_at = now
        if turn.item_id is None or turn.released or turn.cancelled:
            turn.stage = TurnStage.ENDED
            self._forget_if_over(turn)
        else:
            turn.stage = TurnStage.KEPT
            self._kept[turn.utterance] = turn
            if len(self._kept) > KEPT_LIMIT:
                self._end_kept(next(iter(self._kept.values())))
        self._send_instructions()
        return [] if turn.cancelled else [ended]

    def _end_kept(self, turn: ResponseTurn) -> None:
        del self._kept[turn.utterance]
        turn.stage = TurnStage.ENDED
        self._forget_if_over(turn)

    def _forget_if_over(self, turn: ResponseTurn) -> None:
        """Delete the item once nothing more is expected of it: an earlier deletion has no documented effect."""
        if turn.stage is not TurnStage.ENDED or turn.cutting is not None:
            return
        if turn.item_id is not None:
            if self._transcribes and not turn.transcribed:
                return
            self._by_item.pop(turn.item_id, None)
            self._outgoing.append(item_delete(turn.item_id))
        del self._turns[turn.utterance]

    def _evict_if_full(self) -> None:
        """Forget a turn for which only messages that tidy up are missing, if there are too many turns.

        Raises:
            SessionError: there is no such turn.
        """
        if len(self._turns) < TURNS_LIMIT:
            return
        for turn in self._turns.values():
            over = turn.stage in (TurnStage.KEPT, TurnStage.ENDED)
            if over or (turn.cancelled and turn.stage is TurnStage.ANSWERING):
                self._kept.pop(turn.utterance, None)
                turn.stage = TurnStage.ENDED
                turn.transcribed = True
                self._by_response.pop(turn.response_id or "", None)
                self._by_response.pop(turn.cutting or "", None)
                turn.cutting = None
                self._forget_if_over(turn)
                return
        raise SessionError("unanswered", "the service completes no response")

    # --- the session itself

    def _answering(self) -> bool:
        return any(turn.stage is TurnStage.ANSWERING for turn in self._turns.values())

    def _send_instructions(self) -> None:
        if self.ready and self._sent_instructions != self._instructions and not self._answering():
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
