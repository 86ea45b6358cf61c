"""Recognize actions: plays a prompt to a participant, then takes keys or speech for an answer."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from emulator.acs.calls.actions.host import CANCELLED, DONE, NOT_PRESENT, Host, Operation
from emulator.acs.calls.actions.play import Player, Source
from emulator.acs.calls.actions.rules import MediaRules
from emulator.acs.calls.actions.speech import DEFAULT_LANGUAGE, NO_SPEECH_SERVICE, primary
from emulator.acs.calls.actions.utterances import END_SILENCE_S, Utterances
from emulator.acs.calls.sound_files import Unplayable
from emulator.acs.wire.callback_events import Result
from emulator.acs.wire.errors import AcsError
from emulator.engine.base import EngineError

InputType = Literal["dtmf", "speech", "speechOrDtmf", "choices"]

# Sub-codes from the published enumeration of the .NET client (MediaEventReasonCode).
STOP_TONE = Result(200, 8514, "Action completed as stop tone was detected.")
ENOUGH_TONES = Result(200, 8531, "Action completed, max digits received.")
CHOSEN = Result(200, 8533, "Action completed, DTMF option matched.")
SPOKEN_CHOICE = Result(200, 8545, "Action completed, speech option matched.")
_NOTHING = Result(400, 8510, "Action failed, initial silence timeout reached.")
_TOO_SLOW = Result(400, 8532, "Action failed, inter-digit silence timeout reached.")
_WRONG_TONE = Result(400, 8534, "Action failed, incorrect tone entered.")
_NO_CHOICE = Result(400, 8547, "Action failed, speech option not matched.")
_NOT_UNDERSTOOD = Result(400, 8563, "Action failed, speech was not recognized.")
_NO_PROMPT = Result(500, 8511, "Action failed, encountered failure while trying to play the prompt.")

# Keys kept before they are asked for; the oldest is dropped.
_TYPED_AHEAD = 100
_MOST_WAITING = 100


@dataclass(frozen=True, slots=True)
class RecognizeRequest:
    """A checked recognize action. Times are in seconds."""

    input_type: InputType
    target: str
    prompts: Sequence[Source] = ()
    initial_silence_s: float = 5.0
    between_tones_s: float = 2.0
    most_tones: int | None = None
    stop_tones: frozenset[str] = frozenset()
    choices: Mapping[str, str] = field(default_factory=dict)
    """Label by tone; choices without a tone can only be spoken."""
    phrases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Phrases by label."""
    language: str = DEFAULT_LANGUAGE
    end_silence_s: float = END_SILENCE_S
    interrupt_prompt: bool = False
    interrupt: bool = False
    operation: Operation = field(default_factory=Operation)


class Recognition:
    """The recognize actions of one connection, run one after the other."""

    def __init__(self, host: Host, rules: MediaRules, player: Player) -> None:
        self._host = host
        self._rules = rules
        self._player = player
        self._turn = asyncio.Lock()
        self._actions: dict[asyncio.Task[None], RecognizeRequest] = {}
        self._asked: str | None = None
        self._keys: deque[str] = deque(maxlen=_TYPED_AHEAD)
        self._keys_count = True
        self._pressed = asyncio.Event()
        self._utterances: Utterances | None = None
        self._utterance: asyncio.Future[bytes] | None = None
        # Set at the first key or word.
        self._answering = asyncio.Event()

    def pressed(self, raw_id: str, tone: str) -> None:
        """Take a key that a participant pressed."""
        if raw_id == self._asked and self._keys_count:
            self._keys.append(tone)
            self._pressed.set()
            self._answering.set()

    @property
    def listening(self) -> bool:
        """Whether speech is an answer now."""
        return self._utterances is not None and self._asked is not None

    def overheard(self, raw_id: str, frame: bytes | None, level: float) -> None:
        """Take what a participant says in this tick, with its loudness."""
        if self._utterances is None or self._utterance is None or raw_id != self._asked or self._utterance.done():
            return
        said = self._utterances.push(frame, level)
        if self._utterances.speaking:
            self._answering.set()
        if said is not None:
            self._utterance.set_result(said)

    def start(self, request: RecognizeRequest) -> None:
        """Start a recognize action; an event reports the answer.

        Raises:
            AcsError: 412/8583, 400/8585 too many actions are waiting.
        """
        self._rules.check("recognize")
        if len(self._actions) >= _MOST_WAITING:
            raise AcsError(400, "8585", "Too many recognize operations are waiting.")
        if request.interrupt:
            self.cancel()
            self._player.cancel()
        task = self._host.spawn(self._act(request), "recognize")
        self._actions[task] = request
        task.add_done_callback(lambda done: self._actions.pop(done, None))

    def cancel(self) -> bool:
        """Cancel all recognize actions with `RecognizeCanceled`; return whether there were any."""
        actions = dict(self._actions)
        self._actions.clear()
        for task, request in actions.items():
            task.cancel()
            self._say("RecognizeCanceled", CANCELLED, request)
        return bool(actions)

    async def _act(self, request: RecognizeRequest) -> None:
        async with self._turn:
            with self._rules.running("recognize"):
                kind, result, data = await self._ask(request)
        task = asyncio.current_task()
        if task is not None:
            self._actions.pop(task, None)
        self._say(kind, result, request, **data)

    async def _ask(self, request: RecognizeRequest) -> tuple[str, Result, dict[str, Any]]:
        """Run the action and return the event that ends it."""
        if not self._host.present(request.target):
            return "RecognizeFailed", NOT_PRESENT, {}
        if request.input_type == "speech" and not self._host.options.speech:
            return "RecognizeFailed", NO_SPEECH_SERVICE, {}
        self._keys.clear()
        self._keys_count = request.input_type != "speech"
        self._pressed.clear()
        self._answering.clear()
        if request.input_type != "dtmf" and self._host.options.speech:
            self._utterances = Utterances(request.end_silence_s)
            self._utterance = asyncio.get_running_loop().create_future()
        self._asked = request.target if request.interrupt_prompt or not request.prompts else None
        try:
            await self._prompt(request)
            self._asked = request.target
            return await self._answer(request)
        except Unplayable as error:
            return "RecognizeFailed", _NO_PROMPT, {"failedPlaySourceIndex": error.index}
        finally:
            self._asked = self._utterances = self._utterance = None

    async def _answer(self, request: RecognizeRequest) -> tuple[str, Result, dict[str, Any]]:
        """Take the answer in the way in which it begins: by key or in words."""
        try:
            async with asyncio.timeout(request.initial_silence_s):
                await self._answering.wait()
        except TimeoutError:
            return "RecognizeFailed", _NOTHING, {}
        if self._utterance is not None and not self._keys:
            return await self._words(request, await self._utterance)
        return await (self._choice(request) if request.input_type == "choices" else self._tones(request))

    async def _words(self, request: RecognizeRequest, said: bytes) -> tuple[str, Result, dict[str, Any]]:
        try:
            heard = await self._host.services.engine.hear(said, [primary(request.language)])
        except EngineError:
            return "RecognizeFailed", NO_SPEECH_SERVICE, {}
        if not heard.text:
            return "RecognizeFailed", _NOT_UNDERSTOOD, {}
        if request.input_type != "choices":
            return "RecognizeCompleted", DONE, {"recognitionType": "speech", "speechResult": {"speech": heard.text}}
        for label, phrases in request.phrases.items():
            for phrase in phrases:
                if f" {_bare(phrase)} " in f" {_bare(heard.text)} ":
                    choice = {"label": label, "recognizedPhrase": phrase}
                    return "RecognizeCompleted", SPOKEN_CHOICE, {"recognitionType": "choices", "choiceResult": choice}
        return "RecognizeFailed", _NO_CHOICE, {}

    async def _prompt(self, request: RecognizeRequest) -> None:
        if not request.prompts:
            return
        frames = await self._player.frames(request.prompts)
        async with asyncio.TaskGroup() as both:
            prompt = both.create_task(self._player.sound(frames, (request.target,)))
            if request.interrupt_prompt:
                listening = both.create_task(self._interrupt(prompt))
                prompt.add_done_callback(lambda _: listening.cancel())

    async def _interrupt(self, prompt: asyncio.Task[None]) -> None:
        """Stop the prompt at the first key or word."""
        await self._answering.wait()
        prompt.cancel()

    async def _choice(self, request: RecognizeRequest) -> tuple[str, Result, dict[str, Any]]:
        tone = await self._key(request.between_tones_s)
        label = request.choices.get(tone or "")
        if label is None:
            return "RecognizeFailed", _WRONG_TONE, {}
        return "RecognizeCompleted", CHOSEN, {"recognitionType": "choices", "choiceResult": {"label": label}}

    async def _tones(self, request: RecognizeRequest) -> tuple[str, Result, dict[str, Any]]:
        tones: list[str] = []
        while True:
            tone = await self._key(request.between_tones_s)
            if tone is None:
                return "RecognizeFailed", _TOO_SLOW, {}
            if tone in request.stop_tones:
                result = STOP_TONE
                break
            tones.append(tone)
            if request.most_tones is not None and len(tones) >= request.most_tones:
                result = ENOUGH_TONES
                break
        return "RecognizeCompleted", result, {"recognitionType": "dtmf", "dtmfResult": {"tones": tones}}

    async def _key(self, timeout_s: float) -> str | None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._pressed.wait()
        except TimeoutError:
            return None
        tone = self._keys.popleft()
        if not self._keys:
            self._pressed.clear()
        return tone

    def _say(self, kind: str, result: Result, request: RecognizeRequest, **data: Any) -> None:
        operation = request.operation
        self._host.say(kind, result, operation.context, operation.callback_uri, **data)


def _bare(text: str) -> str:
    """Return the words of a text without case and punctuation."""
    return " ".join(re.findall(r"\w+", text.casefold()))
