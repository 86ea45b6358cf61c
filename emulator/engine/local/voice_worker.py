"""Runs espeak-ng, through ctypes, and Pico in the voice's process, one request at a time.

`process.WorkerProcess` starts it. espeak-ng is under the GPL, and both keep their state in C globals: they are loaded
here and nowhere else. State left by one text or voice changes the sound of the next, even its length, so each request
is spoken in a fork of the process after loading: the same request always sounds the same.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from pathlib import Path

import espeakng_loader
import msgspec

from emulator.engine.base import SAMPLE_RATE
from emulator.engine.local.audio import read_pcm, resample, without_edges, write_pcm
from emulator.engine.local.messages import Speak
from emulator.engine.local.process import ALARM, serve

LEVEL = 0.6
"""Gain: espeak-ng peaks close to full scale; this leaves the headroom of people's recordings."""

PICO_LEVEL = 0.3
"""Gain: at 1 Pico clips."""

PICO_RATE = 16_000
USUAL_RATE, USUAL_PITCH = 150, 50
"""Rate and pitch of a request at which Pico speaks as it is."""

_SYNCHRONOUS, _BUFFER_MS, _DONT_EXIT = 2, 20, 0x8000
_UTF8 = 1
_RATE, _PITCH = 1, 3
_FOUND = 0
_SEED = 1
_NOT_FOUND = 2
"""Exit status of a fork without the requested voice."""


class _Espeak:
    def __init__(self) -> None:
        self._library = library = ctypes.CDLL(espeakng_loader.get_library_path())
        # Without these, size_t arguments would be truncated to 32 bits.
        library.espeak_Synth.argtypes = [
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int),
            *(ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p),
        ]
        data = str(Path(espeakng_loader.get_data_path()).parent).encode()
        self._rate: int = library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data, _DONT_EXIT)
        if self._rate <= 0:
            raise OSError("espeak-ng finds no voice data")
        self._chunks: list[bytes] = []
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = callback(self._take)  # kept alive here: the library holds no reference
        library.espeak_SetSynthCallback(self._callback)
        library.espeak_ng_SetRandSeed(_SEED)

    def say(self, request: Speak) -> list[bytes]:
        """Return PCM16 mono 24 kHz for each text. Raises LookupError without the voice."""
        self._choose(request.voice)
        self._library.espeak_SetParameter(_RATE, request.rate, 0)
        self._library.espeak_SetParameter(_PITCH, request.pitch, 0)
        spoken = (read_pcm(self._spoken(text.encode())) * LEVEL for text in request.texts)
        return [write_pcm(resample(one, self._rate, SAMPLE_RATE)) for one in spoken]

    def _spoken(self, text: bytes) -> bytes:
        self._library.espeak_Synth(text, len(text) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        spoken = b"".join(self._chunks)
        self._chunks.clear()
        return spoken

    def _choose(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != _FOUND:
            raise LookupError(f"espeak-ng has no voice {voice!r}")

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if samples and count > 0:
            self._chunks.append(ctypes.string_at(samples, count * 2))
        return 0


def _pico(request: Speak) -> list[bytes]:
    """Return PCM16 mono 24 kHz for each text. Raises LookupError if Pico is not there."""
    try:
        import py_nanotts  # only here: a machine may do without it
    except ImportError as error:
        raise LookupError(f"there is no voice {request.voice!r}: Pico is not installed") from error
    pico = py_nanotts.NanoTTS()
    options = {"speed": request.rate / USUAL_RATE, "pitch": request.pitch / USUAL_PITCH, "volume": PICO_LEVEL}
    # It would take what stands in angle brackets for a command.
    texts = (text.translate({ord(sign): " " for sign in "<>"}) for text in request.texts)
    spoken = (read_pcm(pico.speak(text, voice=request.voice, **options)) for text in texts)
    # It ends with up to a second of silence, in which others would wait.
    return [write_pcm(resample(without_edges(one), PICO_RATE, SAMPLE_RATE)) for one in spoken]


def _in_fork(work: Callable[[], bytes]) -> bytes:
    """Run `work` in a fork of this process and return its result.

    Raises LookupError as `work` does, OSError if the fork crashes.
    """
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(ALARM)  # forks do not inherit the alarm of `serve`
        status = 1
        try:
            with os.fdopen(into, "wb") as sink:
                try:
                    answer, status = work(), 0
                except LookupError as error:
                    answer, status = str(error).encode(), _NOT_FOUND
                sink.write(answer)
        finally:
            os._exit(status)  # skip the parent's exit handlers: buffers and pipes belong to the parent
    os.close(into)
    with os.fdopen(out, "rb") as source:
        answer = source.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == _NOT_FOUND:
        raise LookupError(answer.decode())
    if status != 0:
        raise OSError("the voice crashed")
    return answer


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    espeak = _Espeak()
    decoder = msgspec.msgpack.Decoder(Speak)

    def handle(body: bytes) -> bytes:
        request = decoder.decode(body)
        say = _pico if request.voice[-2:].isupper() else espeak.say
        return _in_fork(lambda: msgspec.msgpack.encode(say(request)))

    serve(handle)
