"""Decodes utterances in the recogniser's process, one at a time, with one decoder per settings.

`process.WorkerProcess` starts it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from pocketsphinx import Decoder, get_model_path

from emulator.engine.local.audio import Samples, for_recogniser, loudness, read_pcm
from emulator.engine.local.messages import DecoderSettings, Hypothesis, Utterance
from emulator.engine.local.process import serve

AUDIBLE = 100.0
"""Loudness in 16-bit steps (-50 dB) that an utterance must reach, or it counts as silence; digital silence after
`for_recogniser` reaches 50."""

LOUD = 0.1
"""Frames above this share of the 95th percentile count as speech that words must cover."""

MIN_PHONES = 3
"""Minimum phones of a word whose duration is checked: shorter words may be drawn out ("sí", "a")."""

_FRAMES_PER_SECOND = 100

_FILLERS = ("<", "[", "+", "(")

_decoders: dict[DecoderSettings, Any] = {}  # Any: pocketsphinx has no types


def _decoder(settings: DecoderSettings) -> Any:
    decoder = _decoders.get(settings)
    if decoder is None:
        given = {name: value for name, value in msgspec.structs.asdict(settings).items() if value is not None}
        if given.pop("allphone"):
            given |= {"allphone": get_model_path("en-us/en-us-phone.lm.bin"), "lm": None, "dict": None}
        if "fsg" in given:
            given["lm"] = None  # otherwise the general model is loaded too
        decoder = _decoders[settings] = Decoder(samprate=16000, loglevel="FATAL", **given)
    return decoder


def decode(request: Utterance) -> Hypothesis:
    """Decode an utterance with one decoder. The same bytes give the same answer."""
    decoder = _decoder(request.decoder)
    pcm = for_recogniser(request.pcm)
    levels = loudness(read_pcm(pcm))
    if not len(levels) or levels.max() < AUDIBLE:
        return Hypothesis(None, None)
    decoder.reinit_feat()  # otherwise noise removal depends on the previous utterance
    decoder.start_utt()
    decoder.process_raw(pcm, False, True)
    decoder.end_utt()
    best, frames = decoder.hyp(), decoder.n_frames()
    if best is None or best.best_score <= 0 or frames < 1:
        return Hypothesis(None, None)
    # best_score is a linear value in log base 1.0001, so this is the log score per frame.
    score = math.log(best.best_score) * 1e4 / frames
    words = [segment for segment in decoder.seg() if not segment.word.startswith(_FILLERS)]
    return Hypothesis(best.hypstr, score, _covered(words, levels), _slowest(words, decoder))


def _covered(words: Sequence[Any], levels: Samples) -> float:
    loud = levels > LOUD * np.percentile(levels, 95)
    in_words = np.zeros(len(levels), dtype=bool)
    for word in words:
        in_words[word.start_frame : word.end_frame + 1] = True
    return int(np.count_nonzero(loud & in_words)) / max(1, int(np.count_nonzero(loud)))


def _slowest(words: Sequence[Any], decoder: Any) -> float:
    slowest = 0.0
    for word in words:
        phones = len((decoder.lookup_word(word.word) or "").split())
        if phones >= MIN_PHONES:
            slowest = max(slowest, (word.end_frame - word.start_frame + 1) / _FRAMES_PER_SECOND / phones)
    return slowest


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    decoder = msgspec.msgpack.Decoder(Utterance)
    serve(lambda body: msgspec.msgpack.encode(decode(decoder.decode(body))))
