"""Recognises utterances in the recogniser's process, one at a time. `process.WorkerProcess` starts it."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

from emulator.engine.base import SAMPLE_RATE
from emulator.engine.local.audio import AUDIBLE, RECOGNISER_RATE, Samples, loudness, read_pcm, resample
from emulator.engine.local.messages import Learn, Recognition, ToEnglish, Utterance
from emulator.engine.local.phrase_sounds import PhraseSounds
from emulator.engine.local.process import serve
from emulator.engine.local.whisper import Whisper

_whisper = functools.cache(Whisper)
_phrases = functools.cache(PhraseSounds.load)


def recognise(request: Utterance) -> Recognition:
    """Return the known sentence that an utterance sounds like, else what Whisper hears."""
    model = None if request.model is None else _whisper(Path(request.model))
    phrases = [(one, _phrases(Path(file))) for one in request.languages for file in request.phrases.get(one, ())]
    samples = _samples(request.pcm)
    if loudness(samples).max(initial=0.0) < AUDIBLE:
        return Recognition(next(iter(request.languages), ""), None)
    found = [(match, language) for language, sounds in phrases if (match := sounds.match(samples)) is not None]
    if found:
        match, language = min(found, key=lambda one: one[0].distance)
        return Recognition(language, match.text)
    if model is None:
        return Recognition(request.languages[0], None)
    heard = model.transcribe(samples, request.languages)
    return Recognition(heard.language, heard.text)


def _samples(pcm: bytes) -> Samples:
    return resample(read_pcm(pcm), SAMPLE_RATE, RECOGNISER_RATE)


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    decoder: msgspec.msgpack.Decoder[Utterance | ToEnglish | Learn] = msgspec.msgpack.Decoder(
        Utterance | ToEnglish | Learn
    )

    def handle(body: bytes) -> bytes:
        match decoder.decode(body):
            case Utterance() as request:
                return msgspec.msgpack.encode(recognise(request))
            case ToEnglish(pcm, language, model):
                text = _whisper(Path(model)).translate(_samples(pcm), language)
                return msgspec.msgpack.encode(Recognition("en", text))
            case Learn(texts, spoken, path):
                PhraseSounds.of(texts, [_samples(pcm) for pcm in spoken]).save(Path(path))
                return b""

    serve(handle)
