"""Sends a translation: deltas in the mode's sizes and bursts, each transcript ahead of its audio."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from emulator.realtime.context import SessionContext
from emulator.realtime.output_timeline import FRAGMENT_CHARACTERS, Chunk, OutputTimeline, Reached, Speech
from emulator.realtime.translation_model import OutputMode
from emulator.realtime.wire import encode_audio

AUDIO_DELTA = "session.output_audio.delta"
OUTPUT_TRANSCRIPT = "session.output_transcript.delta"
INPUT_TRANSCRIPT = "session.input_transcript.delta"

SOURCE_CHARACTERS = 24
"""Maximum of source transcript characters per step: several times what anybody says in 200 ms."""


class TranslationOutput:
    """The output of a session: call `step` every 200 ms of model time. `reached` gets the progress of each speech."""

    def __init__(
        self,
        context: SessionContext,
        mode: OutputMode,
        timeline: OutputTimeline,
        reached: Callable[[Speech, Reached], None],
        seed: str | None,
    ) -> None:
        self._context = context
        self._mode = mode
        self._timeline = timeline
        self._reached = reached
        self._random = Random(seed)
        self._source = ""
        self._owed = 0
        self._size = self._next_size()
        self._held: list[tuple[str, Chunk]] = []
        self._steps_held = self._next_burst()
        self._word_of = 0
        self.sent = 0
        """Bytes of audio sent during the whole session."""

    def write_source(self, text: str) -> None:
        """Append text to the source transcript, as it is."""
        self._source += text

    def step(self, elapsed_ms: int) -> None:
        self._send_source(elapsed_ms, SOURCE_CHARACTERS)
        self._owed += self._mode.step_bytes
        while self._owed >= self._size:
            self._owed -= self._size
            self._produce(self._size, elapsed_ms)
            self._size = self._next_size()
        self._steps_held -= 1
        if self._steps_held <= 0:
            self._steps_held = self._next_burst()
            self._release()

    def finish(self, elapsed_ms: int) -> None:
        """Send everything that is held back."""
        self._send_source(elapsed_ms, len(self._source))
        self._release()

    def _send_source(self, elapsed_ms: int, limit: int) -> None:
        while self._source and limit > 0:
            size = self._random.randint(*FRAGMENT_CHARACTERS)
            fragment, self._source = self._source[:size], self._source[size:]
            limit -= len(fragment)
            self._context.emit(INPUT_TRANSCRIPT, delta=fragment, **self._optional({"elapsed_ms": elapsed_ms}))

    def _produce(self, size: int, elapsed_ms: int) -> None:
        """Produce the next delta: send its text now, hold its audio for its burst."""
        speech = self._timeline.head
        for fragment in self._timeline.text(elapsed_ms, size):
            self._context.emit(OUTPUT_TRANSCRIPT, delta=fragment, **self._optional({"elapsed_ms": elapsed_ms}))
        if speech is not None and speech.inside_a_word and speech.number != self._word_of:
            self._word_of = speech.number
            self._reached(speech, "word")
        chunk = self._timeline.audio(size, elapsed_ms)
        format_ = {"sample_rate": 24_000, "channels": 1, "format": "pcm16", "elapsed_ms": elapsed_ms}
        # The members contain no character that JSON escapes, so the frame is joined without an encoder.
        members = "".join(
            f'"{name}":"{value}",' if isinstance(value, str) else f'"{name}":{value},'
            for name, value in self._optional(format_).items()
        )
        event_id = self._context.ids.new("event")
        delta = encode_audio(chunk.pcm)
        self._held.append((f'{{"type":"{AUDIO_DELTA}","event_id":"{event_id}",{members}"delta":"{delta}"}}', chunk))

    def _release(self) -> None:
        held, self._held = self._held, []
        for frame, chunk in held:
            self._context.send(AUDIO_DELTA, frame)
            self.sent += len(chunk.pcm)
            for reached in chunk.reached:
                assert chunk.speech is not None
                self._reached(chunk.speech, reached)

    def _optional(self, members: dict[str, Any]) -> dict[str, Any]:
        if not self._mode.omitted:
            return members
        return {name: value for name, value in members.items() if self._random.random() >= self._mode.omitted}

    def _next_size(self) -> int:
        low, high = self._mode.delta_bytes
        return 2 * self._random.randint(low // 2, high // 2)

    def _next_burst(self) -> int:
        return self._random.randint(*self._mode.burst_steps)
