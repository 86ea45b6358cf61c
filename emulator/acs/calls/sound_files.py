"""Sound files that bots play into calls: fetched, checked, resampled to the rate of calls, cached."""

from __future__ import annotations

import asyncio
import io
import wave
from collections import OrderedDict

import aiohttp
import numpy as np
import soxr

from emulator.acs.wire.callback_events import Result
from emulator.acs.wire.resampling import FRAME_BYTES, RATE
from emulator.acs.wire.urls import as_given

# Documented for the play action: WAV, one channel, 16 bits, 16 kHz.
FILE_RATE = 16_000
_TIMEOUT_S = 10.0
# Half an hour of such a file; the service's own limit is not published.
_LARGEST = FILE_RATE * 2 * 1800
_REMEMBERED = 50

BAD_FORMAT = Result(400, 8535, "Action failed, file format is invalid.")
NOT_FETCHED = Result(400, 8536, "Action failed, file could not be downloaded.")


class Unplayable(Exception):
    """A file that cannot be played.

    Attributes:
        result: the result that the event carries.
        index: position of the file among several, from 0.
    """

    def __init__(self, result: Result, index: int = 0) -> None:
        super().__init__(result.message)
        self.result = result
        self.index = index


class SoundFiles:
    """Fetches files and caches those that come with a cache id."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._remembered: OrderedDict[str, list[bytes]] = OrderedDict()

    async def frames(self, url: str, cache_id: str | None = None) -> list[bytes]:
        """Return a file's audio as frames of a call, the last one padded with silence.

        Raises:
            Unplayable: 8536 it could not be downloaded, 8535 it is no WAV of 16 kHz, 16 bits, mono.
        """
        known = self._remembered.get(cache_id) if cache_id else None
        if known is not None:
            return known
        data = await self._fetch(url)
        frames = await asyncio.to_thread(frames_of, data)
        if cache_id:
            self._remembered[cache_id] = frames
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        return frames

    def clear(self) -> None:
        """Forget every cached file."""
        self._remembered.clear()

    async def _fetch(self, url: str) -> bytes:
        try:
            async with asyncio.timeout(_TIMEOUT_S), self._session.get(as_given(url)) as answer:
                if answer.status != 200:
                    raise Unplayable(NOT_FETCHED)
                data = await answer.content.read(_LARGEST + 1)
                while not answer.content.at_eof() and len(data) <= _LARGEST:
                    data += await answer.content.read(_LARGEST + 1 - len(data))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unplayable(NOT_FETCHED) from error
        if len(data) > _LARGEST:
            raise Unplayable(NOT_FETCHED)
        return data


def frames_of(data: bytes) -> list[bytes]:
    """Return the frames of a WAV file. Takes some milliseconds per minute of audio.

    Raises:
        Unplayable: 8535.
    """
    try:
        with wave.open(io.BytesIO(data)) as sound:
            form = (sound.getnchannels(), sound.getsampwidth(), sound.getframerate())
            pcm = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError, RuntimeError, ValueError, ZeroDivisionError) as error:
        raise Unplayable(BAD_FORMAT) from error
    if form != (1, 2, FILE_RATE) or len(pcm) < 2:
        raise Unplayable(BAD_FORMAT)
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
    return in_frames(soxr.resample(samples, FILE_RATE, RATE, quality="HQ").tobytes())


def in_frames(pcm: bytes) -> list[bytes]:
    """Return PCM16 mono 24 kHz as frames of a call, the last one padded with silence."""
    pcm += bytes(-len(pcm) % FRAME_BYTES)
    return [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES)]
