"""Runs the responses of a session from `response.create` to `response.done`.

    created -> recognising -> interpreting or answering -> waiting -> speaking, or calling a function -> done
       |            |                  |                  |          |
       +------------+------------------+------------------+----------+--> done as failed, cancelled or incomplete

One response at a time may write to the default conversation; any number run out of band in parallel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isinf

from emulator.engine.base import NO_TERMS, EngineError, Heard, Spoken
from emulator.realtime.agenda import ScheduledAction
from emulator.realtime.audio_formats import complete_format
from emulator.realtime.context import SessionContext
from emulator.realtime.errors import ApiError
from emulator.realtime.faults.rules import FaultAction, FaultRule
from emulator.realtime.function_calls import arguments_for, chosen_function
from emulator.realtime.glossary import read_terms
from emulator.realtime.idle_timeout import IdleTimeout
from emulator.realtime.items import Conversation, Item, client_item
from emulator.realtime.languages import Direction, asks_for_few_words, read_direction, read_recital
from emulator.realtime.personas import listening, said_back
from emulator.realtime.recognitions import ItemRecognitions, hinted_languages
from emulator.realtime.response import RESPONSE, Response, misinterpreted, within_limit
from emulator.realtime.schema import Json
from emulator.realtime.session import Abandon, Interpret, Say
from emulator.realtime.session_config import SessionConfig
from emulator.realtime.speech import SpeechStream
from emulator.realtime.speed import shortened, stretched
from emulator.realtime.usage import (
    ContextPart,
    PromptCache,
    TokenAllowance,
    miscounted,
    model_audio_tokens,
    response_usage,
    text_tokens,
)
from emulator.realtime.wire import json_text

NO_TARGET = "No target language was found in the instructions: they must say 'from <language> into <language>'."
NO_ANSWERS = "The scripted persona has no answers."
UNDETERMINED = "und"
"""Language of speech that was not understood (ISO 639-2)."""


class Responses:
    """All responses of one session."""

    def __init__(
        self,
        context: SessionContext,
        config: SessionConfig,
        conversation: Conversation,
        recognitions: ItemRecognitions,
        idle: IdleTimeout,
    ) -> None:
        self._context = context
        self._config = config
        self._conversation = conversation
        self._recognitions = recognitions
        self._idle = idle
        self._active: dict[str, Response] = {}
        self._by_work: dict[int, Response] = {}
        self._in_conversation: Response | None = None
        self._cache = PromptCache()
        self._count = 0
        self._answered = 0
        self._spoken_language = ""
        """Language of the last speech that was recognised."""
        self._allowance = TokenAllowance(context.config.token_limit)
        self.audio_out = 0
        """Bytes of audio sent during the whole session."""

    @property
    def conversation_is_busy(self) -> bool:
        return self._in_conversation is not None

    def create(self, request: Json, now: float, *, unprompted: bool = False) -> None:
        """Create a response from the `response` of a `response.create`. Raises ApiError and then creates nothing.

        An unprompted one answers nothing that was said.
        """
        RESPONSE(request, "response")
        if fault := self._context.faults.take("refuse_response", response=self._count + 1):
            raise ApiError(fault.error_code, fault.message, kind=fault.error_type)
        in_conversation = request.get("conversation", "auto") == "auto"
        if in_conversation and self._in_conversation is not None:
            raise ApiError(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{self._in_conversation.stream.id}. Wait until the response is finished before creating a new one.",
            )
        items = self._input_items(request, now)
        response = self._new_response(request, items, in_conversation, now)
        if unprompted:
            response.subject = None
        self._active[response.stream.id] = response
        if in_conversation:
            self._in_conversation = response
            self._idle.stop()
        response.stream.announce()
        if self._context.config.rate_limits == "start":
            self._emit_rate_limits(now)
        self._context.fault_point("response", response=response.number, target=response.target)
        self._start(response, now)

    def cancel(self, response_id: str | None, reason: str, now: float) -> None:
        """Cancel a response; without an id, that of the default conversation. Raises ApiError if there is none."""
        response = self._in_conversation if response_id is None else self._active.get(response_id)
        if response is None:
            raise ApiError("response_cancel_not_active", "Cancellation failed: no active response found")
        self._recognitions.stop_listening(response.stream.id)
        if response.work is not None:
            del self._by_work[response.work]
            self._context.effect(Abandon(response.work))
            response.work = None
        self._finish(response, "cancelled", {"type": "cancelled", "reason": reason}, now)

    def completed(self, work: int, result: Spoken | EngineError, now: float) -> None:
        """Continue a response with the engine's interpretation or error."""
        if (response := self._by_work.pop(work, None)) is None:
            return  # cancelled meanwhile
        response.work = None
        if isinstance(result, EngineError):
            self._fail(response, "server_error", "server_error", str(result), now)
        else:
            self._interpreted(response, result, now)

    # -- from the request to the engine

    def _input_items(self, request: Json, now: float) -> list[Item]:
        if "input" not in request:
            return self._conversation.items()
        items = []
        for index, entry in enumerate(request["input"]):
            path = f"response.input[{index}]"
            if entry["type"] == "item_reference":
                items.append(self._conversation.get(entry["id"], f"{path}.id"))
            else:
                items.append(client_item(entry, self._context.ids.new("item"), now, path, self._config.input_format))
        return items

    def _new_response(self, request: Json, items: list[Item], in_conversation: bool, now: float) -> Response:
        session: Json = self._config.document
        instructions = request.get("instructions", self._config.instructions)
        direction, recital = read_direction(instructions), read_recital(instructions)
        persona = self._context.persona
        if persona == "auto":
            persona = "interpreter" if direction is not None or recital is not None else "echo"
        answered = ("user",) if persona == "interpreter" else ("user", "tool")
        output = {**session["audio"]["output"], **request.get("audio", {}).get("output", {})}
        limit = {**session, **request}["max_output_tokens"]
        shape = {
            "output_modalities": request.get("output_modalities", session["output_modalities"]),
            "max_output_tokens": limit,
            "audio": {"output": {"format": complete_format(output["format"]), "voice": output["voice"]}},
            "metadata": request.get("metadata"),
        }
        context = [
            ContextPart(instructions, text_tokens(instructions)),
            *(item.context_part() for item in items),
        ]
        self._count += 1
        stream = SpeechStream(
            self._context,
            self._context.ids.new("resp"),
            shape,
            self._conversation if in_conversation else None,
        )
        return Response(
            number=self._count,
            stream=stream,
            in_conversation=in_conversation,
            context=context,
            cached=self._cache.share(context),
            max_tokens=float(limit),
            metadata=request.get("metadata"),
            subject=next((item for item in reversed(items) if item.role in answered), None),
            persona=persona,
            direction=direction,
            recital=recital,
            terms=read_terms(instructions),
            tools={**session, **request}["tools"],
            tool_choice={**session, **request}["tool_choice"],
            speed=float(output.get("speed", 1.0)),
            few_words=asks_for_few_words(instructions),
            created_at=now,
        )

    def _start(self, response: Response, now: float) -> None:
        subject, interprets = response.subject, response.persona == "interpreter"
        if fault := self._take("fail_response", response):
            self._fail(response, fault.error_type, fault.error_code, fault.message, now)
        elif response.persona == "scripted":
            self._answer_in_turn(response, now)
        elif interprets and response.recital is not None and subject is not None and subject.text:
            self._say(response, subject.text, response.recital)
        elif interprets and response.direction is None:
            self._fail(response, "server_error", "server_error", NO_TARGET, now)
        elif subject is not None and subject.pcm:
            languages = self.languages_heard(response.direction)
            self._recognitions.listen(
                response.stream.id, subject, languages, lambda heard, at: self._recognised(response, heard, at), now
            )
        elif not interprets:
            self._heard(response, Heard(self._language(), subject.text if subject is not None else ""), now)
        elif subject is None:
            self._interpreted(response, Spoken("", b"", True), now)  # no user item, so there is nothing to say
        else:
            sources = response.direction.sources if response.direction is not None else ()
            self._heard(response, Heard(sources[0] if sources else "", subject.text), now)

    def _answer_in_turn(self, response: Response, now: float) -> None:
        answers = self._context.answers
        if not answers:
            self._fail(response, "server_error", "server_error", NO_ANSWERS, now)
            return
        answer = answers[self._answered % len(answers)]
        self._answered += 1
        if isinstance(answer, str):
            self._say(response, answer, self._language())
        else:
            self._call(response, answer.name, answer.arguments, now)

    def _language(self) -> str:
        """Return the language for answers to typed text: the last one spoken, else the first to be expected."""
        return self._spoken_language or self.languages_heard(None)[0]

    def languages_heard(self, direction: Direction | None) -> tuple[str, ...]:
        """Return the languages to recognise: from the instructions, else the transcription settings, else default."""
        if direction is not None and direction.sources:
            return direction.sources
        return hinted_languages(self._config.transcription) or self._context.config.default_languages

    def _recognised(self, response: Response, heard: Heard | EngineError, now: float) -> None:
        if isinstance(heard, EngineError):
            self._fail(response, "server_error", "server_error", str(heard), now)
            return
        self._spoken_language = heard.language
        self._heard(response, heard, now)

    def _heard(self, response: Response, heard: Heard, now: float) -> None:
        response.heard = heard
        words, told = heard.text or "", response.subject is not None and response.subject.role == "tool"
        volunteers = response.persona == "echo" and not told
        tool = chosen_function(response.tools, response.tool_choice, words, volunteers=volunteers)
        if tool is not None:
            self._call(response, tool["name"], arguments_for(tool, words), now)
        elif response.persona == "interpreter":
            target = response.target
            assert target is not None
            if fault := self._take("wrong_language", response):
                target = fault.language
            self._context.effect(Interpret(self._work_of(response), heard, target, response.terms))
        else:
            fault = self._take("wrong_language", response)
            self._answer(response, heard, fault.language if fault else heard.language)

    def _answer(self, response: Response, heard: Heard, language: str) -> None:
        if heard.text is None:
            self._context.effect(Interpret(self._work_of(response), Heard(UNDETERMINED, None), language, NO_TERMS))
        elif not heard.text:
            self._say(response, listening(language), language)
        else:
            told = response.subject is not None and response.subject.role == "tool"
            self._say(response, heard.text if told else said_back(heard.text, language), language)

    def _say(self, response: Response, text: str, language: str) -> None:
        self._context.effect(Say(self._work_of(response), text, language))

    def _work_of(self, response: Response) -> int:
        response.work = work = self._context.new_work()
        self._by_work[work] = response
        return work

    # -- from the engine to the client

    def _interpreted(self, response: Response, spoken: Spoken, now: float) -> None:
        spoken = misinterpreted(response, spoken, lambda do: self._take(do, response))
        if response.few_words:
            spoken = shortened(spoken)
        if not response.stream.with_audio:
            spoken = replace(spoken, pcm=b"")
        elif response.speed != 1.0:
            spoken = replace(spoken, pcm=stretched(spoken.pcm, response.speed))
        response.spoken = within_limit(spoken, response.max_tokens)
        if response.spoken is not spoken:
            response.cut_short = "max_output_tokens"
        self._after_delay(response, lambda at: self._speak(response, at), now)

    def _call(self, response: Response, name: str, arguments: Mapping[str, object], now: float) -> None:
        def send(at: float) -> None:
            if not response.done:
                response.called = name
                response.stream.call(name, json_text(arguments), at)
                self._advance(response, at)

        self._after_delay(response, send, now)

    def _after_delay(self, response: Response, speak: ScheduledAction, now: float) -> None:
        delay = self._context.config.first_audio_delay_s
        if fault := self._take("delay_response", response):
            delay += fault.seconds
        if delay > 0:
            self._context.agenda.at(now + delay, speak)
        else:
            speak(now)

    def _speak(self, response: Response, now: float) -> None:
        if response.done:
            return
        assert response.spoken is not None
        response.started_at = now
        response.stream.begin(response.spoken.text, response.spoken.pcm, now)
        response.total_steps = response.stream.steps_left
        if self._take("hang_response", response):
            if response.total_steps:
                self._step(response, now)
            return
        self._advance(response, now)

    def _advance(self, response: Response, now: float) -> None:
        """Send every due step, then schedule the next one or finish."""
        stream = response.stream
        while stream.steps_left and not response.done:
            due = response.started_at + self._paced(stream.next_offset_s)
            if due > now:
                self._context.agenda.at(due, lambda at: self._advance(response, at))
                return
            self._step(response, now)
        if response.done or self._take("omit_done", response):
            return
        if response.cut_short is not None:
            self._finish(response, "incomplete", {"type": "incomplete", "reason": response.cut_short}, now)
        else:
            self._finish(response, "completed", None, now)

    def _paced(self, offset_s: float) -> float:
        pace = self._context.config.pace
        return 0.0 if isinf(pace) else offset_s / pace

    def _step(self, response: Response, now: float) -> None:
        stream = response.stream
        before = len(stream.sent_pcm)
        first = stream.steps_left == response.total_steps
        stream.send_text()
        if first and stream.sent_text:
            self._context.fault_point("mid_word", response=response.number, target=response.target)
        stream.send_audio()
        self.audio_out += len(stream.sent_pcm) - before
        if response.first_delta_at is None and stream.sent_pcm:
            response.first_delta_at = now
            if self._context.config.on_first_delta is not None:
                self._context.config.on_first_delta(stream.id, now)
            self._context.fault_point("first_delta", response=response.number, target=response.target)
        if response.total_steps - stream.steps_left == (response.total_steps + 1) // 2:
            self._context.fault_point("mid_response", response=response.number, target=response.target)
            if fault := self._take("incomplete_response", response):
                reason = fault.reason or "content_filter"
                self._finish(response, "incomplete", {"type": "incomplete", "reason": reason}, now)

    # -- the end

    def _fail(self, response: Response, kind: str, code: str | None, message: str, now: float) -> None:
        error = {"type": kind, "code": code, "message": message}
        self._finish(response, "failed", {"type": "failed", "error": error}, now)

    def _finish(self, response: Response, status: str, details: Json | None, now: float) -> None:
        stream = response.stream
        response.done = True
        del self._active[stream.id]
        if self._in_conversation is response:
            self._in_conversation = None
            self._idle.start(len(stream.sent_pcm), now)
        usage = None
        if status != "failed":
            spoken_tokens = model_audio_tokens(len(stream.sent_pcm))
            written_tokens = text_tokens(stream.sent_text + stream.sent_arguments)
            usage = response_usage(response.context, response.cached, written_tokens, spoken_tokens)
            self._allowance.use(usage["total_tokens"], now)
            if fault := self._take("miscount", response):
                usage = miscounted(usage, fault.tokens)
        stream.finish(status, details, usage)
        if self._context.config.rate_limits == "end":
            self._emit_rate_limits(now)
        self._context.note("realtime.response", **response.facts(status, now))
        self._context.fault_point("done", response=response.number, target=response.target)

    def _take(self, do: FaultAction, response: Response) -> FaultRule | None:
        return self._context.faults.take(do, response=response.number, target=response.target)

    def _emit_rate_limits(self, now: float) -> None:
        self._context.emit("rate_limits.updated", rate_limits=[self._allowance.state(now)])
