"""The transcription subscription of one connection: its state, events and socket, and what is written on it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from emulator.acs.calls.actions.host import DONE, Host, Operation
from emulator.acs.calls.actions.speech import primary
from emulator.acs.calls.actions.utterances import Utterances
from emulator.acs.events.callbacks import MEDIA_TOKEN_S
from emulator.acs.wire.callback_events import MEDIA_UNREACHABLE, Result
from emulator.acs.wire.errors import AcsError
from emulator.acs.wire.resampling import FRAME_S
from emulator.acs.wire.urls import as_given
from emulator.engine.base import EngineError
from emulator.randomness import uuid4

_DIAL_S = 5.0
# Recognised at the latest after so many seconds of an utterance where intermediate results are wanted, and again.
_INTERMEDIATE_S = 1.0
# Utterances that wait for the recogniser; beyond it the oldest is dropped, with a journal entry.
_WAITING = 20
_TICKS_PER_FRAME = 200_000  # a tick is 100 ns
_CLOSE_S = 1.0
_SEND_S = 5.0
# 8578 to 8580 are documented for transcription without saying which is which.
_NOT_DIALLED = Result(400, 8580, MEDIA_UNREACHABLE)


@dataclass(frozen=True, slots=True)
class _Said:
    """Something to recognise: of one participant, `frames` long from frame `began` of the transcription on."""

    raw_id: str
    began: int
    frames: int
    pcm: bytes
    final: bool


class Transcription:
    """A transcription socket: `TranscriptionMetadata`, then `TranscriptionData` for each utterance of a participant.

    Attributes:
        state: `disabled`, `inactive` or `active`.
    """

    def __init__(self, host: Host) -> None:
        options = host.options.transcription
        self.state = "disabled" if options is None else "inactive"
        self._host = host
        self._id = uuid4()
        self._locale = options.locale if options is not None else ""
        self._socket: aiohttp.ClientWebSocketResponse[bool] | None = None
        self._changing = asyncio.Lock()
        self._speakers: dict[str, Utterances] = {}
        self._frames = 0
        self._said: deque[_Said] = deque(maxlen=_WAITING)
        self._more = asyncio.Event()

    def body(self) -> dict[str, Any]:
        """Return `transcriptionSubscription` of the call's properties."""
        options = self._host.options.transcription
        if options is None:
            return {"state": self.state, "subscribedResultTypes": []}
        kinds = ["intermediate", "final"] if options.intermediate else ["final"]
        return {"id": self._id, "state": self.state, "subscribedResultTypes": kinds, "locale": self._locale}

    def start(self, locale: str | None, operation: Operation) -> None:
        """Dial the socket.

        Raises:
            AcsError: 400, the call has no transcription options, or transcription is active.
        """
        self._check()
        if self.state == "active":
            raise AcsError(400, "8585", "Transcription is already active.")
        self.state = "active"
        self._locale = locale or self._locale
        self._host.spawn(self._start(operation), "transcription")

    def stop(self, operation: Operation) -> None:
        """Close the socket.

        Raises:
            AcsError: 400, transcription is not active.
        """
        self._check(running=True)
        self.state = "inactive"
        self._host.spawn(self._stop(operation), "transcription")

    def update(self, locale: str, operation: Operation) -> None:
        """Continue in another language.

        Raises:
            AcsError: 400, transcription is not active.
        """
        self._check(running=True)
        self._locale = locale
        self._say("Updated", "transcriptionLocaleUpdated", operation)

    @property
    def listening(self) -> bool:
        """Whether what people say is written down now."""
        return self._socket is not None and self.state == "active"

    def overheard(self, raw_id: str, frame: bytes | None, level: float) -> None:
        """Take what a participant says in this tick, with its loudness."""
        speaker = self._speakers.get(raw_id)
        if speaker is None:
            speaker = self._speakers[raw_id] = Utterances(from_frame=self._frames)
        said = speaker.push(frame, level)
        self._frames = max(self._frames, speaker.frames)
        if said is not None:
            self._put(_Said(raw_id, speaker.began_at, speaker.sounding, said, final=True))
        elif speaker.speaking and self._wants_intermediate and not self._said:
            so_far = speaker.frames - speaker.began_at
            if so_far % round(_INTERMEDIATE_S / FRAME_S) == 0:
                self._put(_Said(raw_id, speaker.began_at, so_far, speaker.said, final=False))

    def departed(self, raw_id: str) -> None:
        """End the utterance of a participant who has left."""
        speaker = self._speakers.pop(raw_id, None)
        said = speaker.end() if speaker is not None else None
        if speaker is not None and said is not None:
            self._put(_Said(raw_id, speaker.began_at, speaker.sounding, said, final=True))

    async def close(self) -> None:
        """Close the socket if it is open. Bounded in time."""
        if self._socket is not None:
            await self._socket.close()

    async def _start(self, operation: Operation) -> None:
        async with self._changing:
            opened = await self._dial()
        if opened:
            self._say("Started", "subscriptionStarted", operation)
        else:
            self.state = "inactive"
            self._say("Failed", "initialWebSocketConnectionFailed", operation, _NOT_DIALLED)

    async def _stop(self, operation: Operation) -> None:
        async with self._changing:
            await self.close()
        self._say("Stopped", "subscriptionStopped", operation)

    async def _dial(self) -> bool:
        options, services, ids = self._host.options.transcription, self._host.services, self._host.ids
        assert options is not None
        headers = {
            "Authorization": "Bearer " + services.issuer.token(MEDIA_TOKEN_S),
            "x-ms-call-connection-id": ids.call_connection_id,
            "x-ms-call-correlation-id": ids.correlation_id,
        }
        try:
            async with asyncio.timeout(_DIAL_S):
                self._socket = await services.session.ws_connect(
                    as_given(options.url), headers=headers, timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S)
                )
                metadata = {
                    "subscriptionId": self._id,
                    "locale": self._locale,
                    "callConnectionId": ids.call_connection_id,
                    "correlationId": ids.correlation_id,
                }
                said = orjson.dumps({"kind": "TranscriptionMetadata", "transcriptionMetadata": metadata})
                await self._socket.send_str(said.decode())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False
        self._speakers.clear()
        self._said.clear()
        self._frames = 0
        self._host.spawn(self._serve(self._socket), "transcription socket")
        return True

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Write what is said until the socket closes."""
        writing = self._host.spawn(self._write(socket), "transcription")
        try:
            await self._read(socket)
        finally:
            writing.cancel()

    async def _write(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Recognise what has been said, one after the other, and send it."""
        while True:
            while not self._said:
                self._more.clear()
                await self._more.wait()
            said = self._said.popleft()
            try:
                heard = await self._host.services.engine.hear(said.pcm, [primary(self._locale)])
            except EngineError as error:
                self._note("transcription.failed", id=said.raw_id, reason=str(error))
                continue
            if heard.text:
                document = {"kind": "TranscriptionData", "transcriptionData": _data(said, heard.text)}
                try:
                    async with asyncio.timeout(_SEND_S):
                        await socket.send_str(orjson.dumps(document).decode())
                except (aiohttp.ClientError, OSError, TimeoutError):
                    await socket.close()
                    return
            elif said.final:
                self._note("transcription.not_understood", id=said.raw_id)

    @property
    def _wants_intermediate(self) -> bool:
        options = self._host.options.transcription
        return options is not None and options.intermediate

    def _put(self, said: _Said) -> None:
        if len(self._said) == _WAITING:
            self._note("transcription.dropped", id=self._said[0].raw_id)
        self._said.append(said)
        self._more.set()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Read the socket until the other side closes; its messages are ignored."""
        async for _ in socket:
            pass
        await socket.close()
        if self._socket is socket:
            self._socket = None
            if self.state == "active":
                self.state = "inactive"
                self._say("Stopped", "streamConnectionInterrupted", Operation())

    def _check(self, *, running: bool = False) -> None:
        if self._host.options.transcription is None:
            raise AcsError(400, "8500", "The call was made without transcription options.")
        if running and self.state != "active":
            raise AcsError(400, "8585", "Transcription is not active.")

    def _note(self, kind: str, **fields: Any) -> None:
        self._host.services.journal.note(kind, call_connection_id=self._host.ids.call_connection_id, **fields)

    def _say(self, status: str, details: str, operation: Operation, result: Result = DONE) -> None:
        update = {"transcriptionStatus": f"transcription{status}", "transcriptionStatusDetails": details}
        context = operation.context or self._host.options.operation_context
        self._host.say(f"Transcription{status}", result, context, operation.callback_uri, transcriptionUpdate=update)


def _data(said: _Said, text: str) -> dict[str, Any]:
    """Return `transcriptionData`. No engine reports confidence (1 here) or times of words (spread by their letters)."""
    offset, duration = said.began * _TICKS_PER_FRAME, said.frames * _TICKS_PER_FRAME
    words, place = [], 0
    letters = sum(map(len, text.split()))
    for word in text.split():
        starts, place = place, place + len(word)
        begins = offset + duration * starts // letters
        words.append({"text": word, "offset": begins, "duration": offset + duration * place // letters - begins})
    return {
        "text": text,
        "format": "display",
        "confidence": 1.0,
        "offset": offset,
        "duration": duration,
        "words": words,
        "participantRawID": said.raw_id,
        "resultStatus": "Final" if said.final else "Intermediate",
    }
