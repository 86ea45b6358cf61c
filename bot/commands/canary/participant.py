"""A synthetic participant: speaks over the sockets of listeners like a person, and listens and reads like another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import numpy as np

from bot.commands.canary.sentences import Sentence
from listeners.audio_frames import FRAME_MS, ROOM_RATE, Flag, PayloadFormat, decode_frame, encode_frame, pcm_bytes

NAME = "Canary"
LOUD = 300.0
"""Root mean square of a frame, of 32,768, above which somebody is heard: -41 dB, well below speech."""
FRAME_S = FRAME_MS / 1000
REQUEST_S = 20.0


class CanaryRefused(Exception):
    """The service did not let the canary in; the message is for whoever started it."""


@dataclass(slots=True)
class CanaryObservation:
    """What came of a sentence. Times are seconds after the sentence's last sound; negative while it was being said."""

    original: str | None = None
    """What the service understood; None if it did not say."""
    interpretation: str | None = None
    read_s: float | None = None
    """When the interpretation was complete to read."""
    heard_s: float | None = None
    """When the interpretation began to be heard."""


@dataclass(slots=True)
class Canary:
    """A participant in a room. `say` one sentence after the other."""

    participant_id: str
    hears: str
    microphone: aiohttp.ClientWebSocketResponse[bool]
    rate: int
    _sequence: int = 0
    _captions: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    _voices: list[float] = field(default_factory=list)
    """When an interpretation was heard, in seconds of the loop."""

    async def say(self, sentence: Sentence, patience_s: float) -> CanaryObservation:
        """Say a sentence in real time, then be silent until its interpretation was read and heard, or for too long."""
        loop = asyncio.get_running_loop()
        size = pcm_bytes(self.rate)
        pcm = sentence.pcm + bytes(-len(sentence.pcm) % size)
        frames = [pcm[start : start + size] for start in range(0, len(pcm), size)]
        last = max((place for place, frame in enumerate(frames) if is_loud(frame)), default=len(frames) - 1)
        began = loop.time()
        self._captions.clear()
        self._voices.clear()
        ended = began + (last + 1) * FRAME_S
        place = 0
        while True:
            await asyncio.sleep(max(0.0, began + place * FRAME_S - loop.time()))
            self._sequence += 1
            frame = frames[place] if place < len(frames) else bytes(size)
            stamp = round(time.time() * 1e6)
            try:
                await self.microphone.send_bytes(encode_frame(PayloadFormat.PCM16, self._sequence, stamp, frame))
            except (aiohttp.ClientError, OSError) as error:
                raise CanaryRefused(f"the microphone was closed with {self.microphone.close_code}") from error
            place += 1
            seen = self._observed(ended)
            if place >= len(frames) and (seen.read_s is not None and seen.heard_s is not None):
                return seen
            if loop.time() > ended + patience_s:
                return seen

    def _observed(self, ended: float) -> CanaryObservation:
        """Return what has come so far; the parts of a sentence that was cut into several are put together."""
        final = [(at, one) for at, one in self._captions if one["is_final"]]
        translated = [(at, one["text"]) for at, one in final if not one["original"] and one["language"] == self.hears]
        originals = [one["text"] for _, one in final if one["original"]]
        return CanaryObservation(
            original=" ".join(originals) or None,
            interpretation=" ".join(text for _, text in translated) or None,
            read_s=translated[-1][0] - ended if translated else None,
            heard_s=self._voices[0] - ended if self._voices else None,
        )

    async def listen(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Note when interpretations are heard."""
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                frame = decode_frame(message.data, ROOM_RATE)
                if not frame.flags & Flag.ORIGINAL and is_loud(frame.payload):
                    self._voices.append(asyncio.get_running_loop().time())

    async def read(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Note captions of what the canary says."""
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                told = message.json()
                if told.get("event") == "caption" and told.get("speaker_name") == NAME and "history" not in told:
                    self._captions.append((asyncio.get_running_loop().time(), told))


async def answer_pings(socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
    """Receive what a socket has to say, which answers its pings; the service would close it."""
    async for _ in socket:
        pass


def is_loud(pcm: bytes) -> bool:
    """Say whether something is heard in a frame."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    return bool(samples.size) and float(np.sqrt(np.mean(samples * samples))) > LOUD


@asynccontextmanager
async def in_room(url: str, key: str, room_id: str, speaks: str, hears: str | None, rate: int) -> AsyncIterator[Canary]:
    """Put a participant on the roster of a room and open its sockets; take it off afterwards.

    Args:
        url: address of the service.
        key: of an admin.
        hears: language to be interpreted into; None for the first of the room that is not spoken.

    Raises:
        CanaryRefused: the service or the room cannot be used.
    """
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    api, sockets = f"{url.rstrip('/')}/api/rooms/{room_id}", f"{url.rstrip('/')}/ws"
    async with aiohttp.ClientSession(headers={"X-API-Key": key}, timeout=timeout) as http:
        room = await _asked(http, "GET", api)
        others = [tag for tag in room["languages"] if tag != speaks]
        target = hears or next(iter(others), "")
        if target not in others:
            raise CanaryRefused(f"the room has {', '.join(room['languages'])}: name another language with --hears")
        person = {"display_name": NAME, "role": "Attendee", "speaks": speaks, "hears": target}
        added = await _asked(http, "POST", f"{api}/participants", person)
        person_id = added["participant_id"]
        try:
            asked = {
                "audio?microphone=1": {"purpose": "speak", "participant_id": person_id},
                "audio": {"purpose": "audio", "language": target},
                "captions": {"purpose": "captions"},
            }
            tickets = {
                what: (await _asked(http, "POST", f"{api}/tickets", body))["ticket"] for what, body in asked.items()
            }
            async with (
                http.ws_connect(f"{sockets}/captions/{room_id}?ticket={tickets['captions']}") as captions,
                http.ws_connect(f"{sockets}/audio/{room_id}?ticket={tickets['audio']}&language={target}") as audio,
                http.ws_connect(
                    f"{sockets}/audio/{room_id}?ticket={tickets['audio?microphone=1']}&rate={rate}"
                ) as microphone,
                asyncio.TaskGroup() as group,
            ):
                canary = Canary(person_id, target, microphone, rate)
                hello = await microphone.receive_json(timeout=REQUEST_S)
                if not hello.get("microphone"):
                    raise CanaryRefused(f"the microphone was not opened: {hello.get('error', hello)}")
                receive = canary.listen(audio), canary.read(captions), answer_pings(microphone)
                beside = [group.create_task(one, name="canary") for one in receive]
                try:
                    yield canary
                finally:
                    for task in beside:
                        task.cancel()
        except ExceptionGroup as errors:  # the caller knows what a canary is refused for, and no groups
            first = errors.exceptions[0]
            if isinstance(first, CanaryRefused):
                raise first from errors
            raise
        except (aiohttp.ClientError, OSError) as error:  # without its text, which has the ticket
            status = getattr(error, "status", type(error).__name__)
            raise CanaryRefused(f"a socket of the room was not opened: {status}") from error
        finally:
            await _asked(http, "DELETE", f"{api}/participants/{person_id}")


async def _asked(http: aiohttp.ClientSession, method: str, url: str, body: object = None) -> dict[str, Any]:
    """Send a request of an admin, and return its answer.

    Raises:
        CanaryRefused: it was refused, or nobody answered.
    """
    try:
        async with http.request(method, url, json=body, allow_redirects=False) as response:
            text = await response.text()
            if response.status >= 300:
                raise CanaryRefused(f"{method} {url} was answered with {response.status}: {text[:300]}")
            answer: dict[str, Any] = await response.json() if text else {}
            return answer
    except (aiohttp.ClientError, OSError) as error:
        raise CanaryRefused(f"{method} {url} has got no answer: {type(error).__name__}") from error
