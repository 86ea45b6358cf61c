"""Converts between the engine's audio, PCM16 mono 24 kHz, and the formats of clients: the same, or G.711 at 8 kHz."""

from __future__ import annotations

from functools import cache

import numpy as np
import soxr
from numpy.typing import NDArray

from emulator.engine.base import SAMPLE_RATE
from emulator.realtime.schema import Json
from emulator.realtime.wire import check_length, check_samples

PCM_24K: Json = {"type": "audio/pcm", "rate": SAMPLE_RATE}
G711 = ("audio/pcmu", "audio/pcma")
G711_RATE = 8_000
TIMES = SAMPLE_RATE // G711_RATE
PCM_BYTES = 2 * TIMES
"""Bytes of the engine's audio for a byte of G.711."""
TAPS = 16
"""Input samples that an output sample of the interpolation is made of: 2 ms, so that its delay is 1 ms."""
PASSBAND = 0.9
"""Share of the band up to 4 kHz that the interpolation keeps."""


def complete_format(found: Json) -> Json:
    """Return a format as sessions show it: with a rate, if it is PCM."""
    return {**PCM_24K, **found} if found["type"] == PCM_24K["type"] else {"type": found["type"]}


class AudioDecoder:
    """Decodes a stream of audio to the engine's. A sample of G.711 becomes three, without a gap between parts."""

    def __init__(self) -> None:
        self._format = ""
        self._before: NDArray[np.float32]

    def decode(self, raw: bytes, audio_format: str, param: str) -> bytes:
        """Decode the next part of the stream; a change of the format begins another. Raises ApiError."""
        if audio_format != self._format:
            self._format = audio_format
            self._before = np.zeros(TAPS - 1, np.float32)
        if audio_format not in G711:
            check_samples(raw, param)
            return raw
        check_length(raw, param)
        if not raw:
            return raw
        codes = np.frombuffer(raw, np.uint8)
        samples = np.concatenate([self._before, _levels(audio_format)[codes].astype(np.float32)])
        self._before = samples[len(codes) :]
        phases = [np.convolve(samples, weights, "valid") for weights in _interpolation()]
        pcm: bytes = np.clip(np.stack(phases, axis=1), -32_768, 32_767).astype("<i2").tobytes()
        return pcm


def encoded(pcm: bytes, audio_format: str) -> bytes:
    """Return a whole utterance in this format."""
    if audio_format not in G711 or not pcm:
        return pcm
    samples = soxr.resample(np.frombuffer(pcm, "<i2"), SAMPLE_RATE, G711_RATE)
    levels = _levels(audio_format)
    order = np.argsort(levels, kind="stable")
    borders = (levels[order][:-1].astype(np.int32) + levels[order][1:]) // 2
    codes: bytes = order[np.searchsorted(borders, samples)].astype(np.uint8).tobytes()
    return codes


@cache
def _levels(audio_format: str) -> NDArray[np.int16]:
    """Return the sample of each code, by ITU-T G.711."""
    code = np.arange(256, dtype=np.int32)
    if audio_format == "audio/pcmu":
        code = ~code & 0xFF
        size = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 0x07)) - 0x84
        return np.where(code & 0x80, -size, size).astype(np.int16)
    code = code ^ 0x55
    segment = code >> 4 & 0x07
    step = ((code & 0x0F) << 4) + 8
    size = np.where(segment == 0, step, step + 0x100 << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


@cache
def _interpolation() -> tuple[NDArray[np.float32], ...]:
    """Return the weights of each of the three output samples for an input sample: a windowed sinc."""
    count = TAPS * TIMES
    place = (np.arange(count) - (count - 1) / 2) / TIMES
    weights = PASSBAND * np.sinc(PASSBAND * place) * np.kaiser(count, 6.0)
    return tuple((phase / phase.sum()).astype(np.float32) for phase in (weights[at::TIMES] for at in range(TIMES)))
