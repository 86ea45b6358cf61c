"""FakeMediaStream: a real MediaStream whose socket is a script, with ACS's end of it in the test's hands."""

from __future__ import annotations

import asyncio
import base64
import json

from media_streaming.messages import STOP_AUDIO
from media_streaming.stream import MediaStream
from tests.support.audio import numbered, numbers

METADATA = json.dumps(
    {
        "kind": "AudioMetadata",
        "audioMetadata": {"subscriptionId": "s", "encoding": "PCM", "sampleRate": 24000, "channels": 1, "length": 960},
    }
)


def audio_json(speaker: str | None, pcm: bytes, silent: bool = False) -> str:
    data = {"participantRawID": speaker, "data": base64.b64encode(pcm).decode(), "silent": silent}
    return json.dumps({"kind": "AudioData", "audioData": data})


class FakeSocket:
    """The web server's side of a socket; what ACS reads is kept with the time it was written."""

    def __init__(self) -> None:
        self.written: list[tuple[float, str]] = []
        self.close_code: int | None = None
        self._incoming: asyncio.Queue[str | Exception | None] = asyncio.Queue()

    def put(self, message: str | Exception | None) -> None:
        self._incoming.put_nowait(message)

    async def receive(self) -> str | None:
        message = await self._incoming.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def send(self, text: str) -> None:
        self.written.append((asyncio.get_running_loop().time(), text))

    async def close(self, code: int, reason: str) -> None:
        self.close_code = code
        self.put(None)


class FakeMediaStream:
    """ACS's end of one media socket."""

    def __init__(self, *, metadata: bool = True, connection: str = "connection-1") -> None:
        self._socket = FakeSocket()
        self.stream = MediaStream(self._socket, call_connection_id=connection)
        if metadata:
            self.sends(METADATA)

    # --- what ACS does

    def sends(self, message: str) -> None:
        self._socket.put(message)

    async def says(self, speaker: str, seconds: float, pause: float = 0.6) -> None:
        """Frames as a microphone yields them, in time: speech, then silence."""
        speech, silence = round(seconds * 50), round(pause * 50)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(1, speech + silence + 1):
            await asyncio.sleep(began + number * 0.02 - loop.time())
            self.sends(audio_json(speaker, numbered(number if number <= speech else 0)))

    def hangs_up(self) -> None:
        self._socket.put(None)

    def breaks(self, error: Exception) -> None:
        self._socket.put(error)

    # --- what ACS sees

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code

    @property
    def stops(self) -> list[float]:
        """When it was told to throw away what it has."""
        return [at for at, text in self._socket.written if text == STOP_AUDIO]

    @property
    def played(self) -> list[tuple[float, int]]:
        """Each frame into the call: when it was written, and the number it carries."""
        frames = [(at, json.loads(text)) for at, text in self._socket.written if text != STOP_AUDIO]
        return [(at, numbers(base64.b64decode(frame["AudioData"]["Data"]))[0]) for at, frame in frames]


class NumberedSpeech:
    """A detector pool for numbered frames: silence has the number 0, and everything else is speech."""

    def __init__(self) -> None:
        self.open = 0

    def detector(self) -> _Detector:
        self.open += 1
        return _Detector(self)


class _Detector:
    def __init__(self, pool: NumberedSpeech) -> None:
        self._pool = pool

    def voiced(self, pcm: bytes, silent: bool) -> bool:
        return not silent and numbers(pcm)[0] != 0

    def close(self) -> None:
        self._pool.open -= 1
