"""The recogniser's process: decoders by their settings, one utterance at a time; decides nothing about the results.

Spoken to through `process.WorkerProcess`.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
from pocketsphinx import Decoder

from emulator.engine.local.audio import for_recogniser
from emulator.engine.local.process import serve


class DecoderSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a decoder listens for. Paths are files; without lm, fsg and allphone it is the general English model."""

    lm: str | None = None
    fsg: str | None = None
    allphone: str | None = None
    dict: str | None = None
    lw: float | None = None
    beam: float | None = None
    pbeam: float | None = None
    wbeam: float | None = None


class Utterance(msgspec.Struct, frozen=True):
    """A request: what one decoder makes of one utterance. Empty audio just loads the decoder."""

    decoder: DecoderSettings
    pcm: bytes
    """PCM16 mono 24 kHz."""


class Hypothesis(msgspec.Struct, frozen=True):
    """The answer."""

    text: str | None
    """The decoder's words, marks included; None when nothing fits."""
    score: float | None
    """Acoustic and language score per 10 ms frame; comparable between decoders on the same utterance only."""


_decoders: dict[DecoderSettings, Any] = {}  # Any: pocketsphinx has no types


def _decoder(settings: DecoderSettings) -> Any:
    decoder = _decoders.get(settings)
    if decoder is None:
        given = {name: value for name, value in msgspec.structs.asdict(settings).items() if value is not None}
        if "fsg" in given or "allphone" in given:
            given["lm"] = None  # or the general model comes with it
        if "allphone" in given:
            given["dict"] = None
        decoder = _decoders[settings] = Decoder(samprate=16000, loglevel="FATAL", **given)
    return decoder


def decode(request: Utterance) -> Hypothesis:
    """One decoder, one utterance. The same bytes give the same answer."""
    decoder = _decoder(request.decoder)
    if not request.pcm:
        return Hypothesis(None, None)
    decoder.reinit_feat()  # noise removal remembers the last utterance otherwise
    decoder.start_utt()
    decoder.process_raw(for_recogniser(request.pcm), False, True)
    decoder.end_utt()
    best, frames = decoder.hyp(), decoder.n_frames()
    if best is None or best.best_score <= 0 or frames < 1:
        return Hypothesis(None, None)
    # best_score is a linear value in log base 1.0001, so this is the log score per frame.
    return Hypothesis(best.hypstr, math.log(best.best_score) * 1e4 / frames)


def main() -> None:
    """Answer until the parent closes the pipe."""
    decoder = msgspec.msgpack.Decoder(Utterance)
    serve(lambda body: msgspec.msgpack.encode(decode(decoder.decode(body))))
