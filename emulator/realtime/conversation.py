"""The conversation session (`type: "realtime"`): every rule of it, no I/O, no clock.

    input buffer --commit--> item in the conversation --response.create--> hearing, interpreting, speech
         ^                          |
    append, VAD                     +--> transcription, if it is configured

The parts: `session_config` (configuration), `input_buffer` and `vad` (audio in), `items` (the conversation),
`hearing` (recognition and transcription events), `responses` and `speech` (audio out). This file takes client
events to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from emulator.engine.base import EngineError, Heard, Spoken
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.context import SessionContext
from emulator.realtime.errors import ApiError, invalid_value, missing_parameter
from emulator.realtime.faults import ConnectionFaults
from emulator.realtime.hearing import Hearings
from emulator.realtime.ids import Ids
from emulator.realtime.input_buffer import InputBuffer
from emulator.realtime.items import NEW_ITEM, TRUNCATE_MEMBERS, Conversation, Item, audio_item, client_item
from emulator.realtime.languages import read_direction
from emulator.realtime.responses import Responses
from emulator.realtime.schema import Check, an_object, anything, nullable, record, string
from emulator.realtime.session import Output, Result
from emulator.realtime.session_config import SessionConfig, default_session
from emulator.realtime.vad import EnergyDetector, SpeechStarted, SpeechStopped
from emulator.realtime.wire import appended_audio, check_samples, decode_audio, decode_event, without_audio

Json = dict[str, Any]

SILENCE_KEPT_MS = 10_000
"""While speech is looked for, silence further back is of no use but as prefix padding."""
EVENT_ID: Check = string(512)
EXPIRED = "Your session hit the maximum duration of 60 minutes."
"""The service's own words, whatever the duration was."""


class ConversationSession:
    """One conversation session; see `session.Session` for how it is driven."""

    def __init__(
        self, config: RealtimeConfig, faults: ConnectionFaults, *, model: str, connection_id: str, unix_time: float
    ) -> None:
        """`unix_time`: the wall clock at opening, only for the `expires_at` that is told."""
        ids = Ids(None if config.seed is None else f"{config.seed}/{connection_id}")
        self._context = SessionContext(config, faults, ids, connection_id)
        self._config = SessionConfig(default_session(ids.new("sess"), model, int(unix_time)))
        self._unix_time = unix_time
        self._conversation = Conversation(ids.new("conv"))
        self._buffer = InputBuffer()
        self._detector: EnergyDetector | None = None
        self._announced_item_id: str | None = None  # told with speech_started, used at the commit
        self._hearings = Hearings(self._context, self._is_kept)
        self._responses = Responses(self._context, self._config, self._conversation, self._hearings)
        self._events: dict[str, tuple[Check, Callable[[Json, float], None]]] = {
            "session.update": (_event({"session": an_object}, ["session"]), self._update_session),
            "input_audio_buffer.append": (_event({"audio": string()}, ["audio"]), self._append_event),
            "input_audio_buffer.commit": (_event({}), self._commit),
            "input_audio_buffer.clear": (_event({}), self._clear),
            "conversation.item.create": (
                _event({"item": NEW_ITEM, "previous_item_id": nullable(string(64))}, ["item"]),
                self._create_item,
            ),
            "conversation.item.truncate": (_event(TRUNCATE_MEMBERS, list(TRUNCATE_MEMBERS)), self._truncate_item),
            "conversation.item.delete": (_event({"item_id": string(64)}, ["item_id"]), self._delete_item),
            "conversation.item.retrieve": (_event({"item_id": string(64)}, ["item_id"]), self._retrieve_item),
            "response.create": (_event({"response": nullable(an_object)}), self._create_response),
            "response.cancel": (_event({"response_id": nullable(string(64))}), self._cancel_response),
        }

    @property
    def id(self) -> str:
        return str(self._config.document["id"])

    # -- Session

    def open(self, now: float) -> Sequence[Output]:
        context = self._context
        lasting = context.faults.take("expires_in")
        skew = context.faults.take("expires_skew")
        lasts_s = context.config.session_s if lasting is None else lasting.seconds
        told_s = lasts_s + (skew.seconds if skew is not None else 0.0)
        self._config.document["expires_at"] = int(self._unix_time + told_s)
        context.agenda.at(now + lasts_s, self._expire)
        context.fault_point("connect")
        context.emit("session.created", session=self._config.document)
        if context.config.send_conversation_created:
            conversation = {"id": self._conversation.id, "object": "realtime.conversation"}
            context.emit("conversation.created", conversation=conversation)
        self._reset_detector()
        context.fault_point("created")
        return context.drain()

    def receive(self, frame: str | bytes, now: float) -> Sequence[Output]:
        if self._context.ended:
            return ()
        self._context.agenda.run(now)
        if isinstance(frame, str) and (pcm := appended_audio(frame)) is not None:
            try:
                self._append(pcm, now)
            except ApiError as error:
                self._context.error(error)
        else:
            self._receive_event(frame, now)
        return self._context.drain()

    def completed(self, work: int, result: Result, now: float) -> Sequence[Output]:
        if self._context.ended:
            return ()
        match result:
            case Heard():
                self._hearings.completed(work, result, now)
            case Spoken():
                self._responses.completed(work, result, now)
            case EngineError():  # the work numbers of the two never meet
                self._hearings.completed(work, result, now)
                self._responses.completed(work, result, now)
        self._context.agenda.run(now)
        return self._context.drain()

    def tick(self, now: float) -> Sequence[Output]:
        self._context.agenda.run(now)
        return self._context.drain()

    def next_deadline(self) -> float | None:
        return self._context.agenda.next_deadline()

    # -- client events

    def _receive_event(self, frame: str | bytes, now: float) -> None:
        event_id: str | None = None
        try:
            event = decode_event(frame)
            if isinstance(event.get("event_id"), str):
                event_id = event["event_id"]
            if event.get("type") != "input_audio_buffer.append":
                self._context.note("realtime.event", event=without_audio(event))
            if "type" not in event:
                raise missing_parameter("type")
            kind = event["type"]
            if not isinstance(kind, str) or kind not in self._events:
                raise invalid_value(kind, list(self._events), "type")
            check, handle = self._events[kind]
            check(event, "")
            handle(event, now)
        except ApiError as error:
            self._context.error(error, event_id)

    def _update_session(self, event: Json, now: float) -> None:
        context = self._context
        if fault := context.faults.take("refuse_session_update"):
            raise ApiError(fault.error_code, fault.message, kind=fault.error_type)
        before = self._config.turn_detection
        self._config.update(event["session"], voice_locked=self._responses.audio_was_sent)
        if self._config.turn_detection != before:
            self._reset_detector()
        if fault := context.faults.take("delay_session_updated"):
            context.agenda.at(now + fault.seconds, lambda at: self._confirm_update())
        else:
            self._confirm_update()

    def _confirm_update(self) -> None:
        self._context.emit("session.updated", session=self._config.document)
        self._context.fault_point("updated")

    def _append_event(self, event: Json, now: float) -> None:
        self._append(decode_audio(event["audio"], "audio"), now)

    def _append(self, pcm: bytes, now: float) -> None:
        check_samples(pcm, "audio")
        self._buffer.append(pcm)
        if (hook := self._context.config.on_append) is not None:
            hook(self._context.connection_id, pcm, now)
        if self._detector is not None:
            for change in self._detector.feed(pcm):
                self._speech_changed(change, now)
            if not self._detector.speaking:
                self._buffer.take_until(self._buffer.end_ms - SILENCE_KEPT_MS)

    def _commit(self, event: Json, now: float) -> None:
        self._commit_audio(self._buffer.commit(), now)
        if self._detector is not None:
            self._reset_detector()

    def _clear(self, event: Json, now: float) -> None:
        self._buffer.clear()
        self._announced_item_id = None
        if self._detector is not None:
            self._reset_detector()
        self._context.emit("input_audio_buffer.cleared")

    def _create_item(self, event: Json, now: float) -> None:
        item = client_item(event["item"], self._context.ids.new("item"), now, "item")
        previous = self._conversation.add(item, event.get("previous_item_id"))
        self._announce_item(item, previous)

    def _truncate_item(self, event: Json, now: float) -> None:
        place = {key: event[key] for key in TRUNCATE_MEMBERS}
        self._conversation.truncate(**place)
        self._context.emit("conversation.item.truncated", **place)

    def _delete_item(self, event: Json, now: float) -> None:
        self._conversation.remove(event["item_id"])
        self._hearings.forget(event["item_id"])
        self._context.emit("conversation.item.deleted", item_id=event["item_id"])

    def _retrieve_item(self, event: Json, now: float) -> None:
        item = self._conversation.get(event["item_id"], "item_id")
        self._context.emit("conversation.item.retrieved", item=item.with_audio())

    def _create_response(self, event: Json, now: float) -> None:
        self._responses.create(event.get("response") or {}, now)

    def _cancel_response(self, event: Json, now: float) -> None:
        self._responses.cancel(event.get("response_id"), "client_cancelled", now)

    # -- audio in

    def _commit_audio(self, pcm: bytes, now: float) -> None:
        """The buffer becomes an item; transcription starts here."""
        context = self._context
        item = audio_item(self._announced_item_id or context.ids.new("item"), pcm, now)
        self._announced_item_id = None
        previous = self._conversation.add(item)
        context.emit("input_audio_buffer.committed", previous_item_id=previous, item_id=item.id)
        self._announce_item(item, previous)
        context.note("realtime.committed", item_id=item.id, audio_ms=item.audio_ms)
        if (transcription := self._config.transcription) is not None:
            languages = self._responses.languages_heard(read_direction(self._config.instructions))
            self._hearings.transcribe(item, transcription, languages)
        context.fault_point("committed")

    def _announce_item(self, item: Item, previous_item_id: str | None) -> None:
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._context.emit(kind, previous_item_id=previous_item_id, item=item.document)

    def _speech_changed(self, change: SpeechStarted | SpeechStopped, now: float) -> None:
        detection = self._config.turn_detection
        assert detection is not None
        match change:
            case SpeechStarted(start_ms):
                self._buffer.take_until(start_ms)
                item_id = self._announced_item_id = self._context.ids.new("item")
                self._context.emit("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item_id)
                if detection["interrupt_response"] and self._responses.conversation_is_busy:
                    self._responses.cancel(None, "turn_detected", now)
            case SpeechStopped(end_ms):
                self._context.emit(
                    "input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=self._announced_item_id
                )
                self._commit_audio(self._buffer.take_until(end_ms), now)
                # a turn that ends while the model still speaks gets no response at all, as documented
                if detection["create_response"] and not self._responses.conversation_is_busy:
                    self._responses.create({}, now)

    def _reset_detector(self) -> None:
        detection = self._config.turn_detection
        self._detector = None if detection is None else EnergyDetector(detection, self._buffer.end_ms)

    def _is_kept(self, item_id: str) -> bool:
        return self._conversation.find(item_id) is not None

    def _expire(self, now: float) -> None:
        self._context.error(ApiError("session_expired", EXPIRED))
        self._context.end(1001, EXPIRED)


def _event(members: dict[str, Check], required: Sequence[str] = ()) -> Check:
    return record({"type": anything, "event_id": EVENT_ID, **members}, required)
