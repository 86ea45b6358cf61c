"""The transcription subscription of one connection: its state, events and socket. Nothing is transcribed."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import orjson

from emulator.acs.calls.actions.host import DONE, Host, Operation
from emulator.acs.events.callbacks import MEDIA_TOKEN_S
from emulator.acs.wire.callback_events import MEDIA_UNREACHABLE, Result
from emulator.acs.wire.errors import AcsError
from emulator.acs.wire.urls import as_given
from emulator.randomness import uuid4

_DIAL_S = 5.0
_CLOSE_S = 1.0
# 8578 to 8580 are documented for transcription without saying which is which.
_NOT_DIALLED = Result(400, 8580, MEDIA_UNREACHABLE)


class Transcription:
    """A transcription socket: it sends `TranscriptionMetadata` and then nothing.

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
        self._reading: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

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
        self._reading = self._host.spawn(self._read(self._socket), "transcription socket")
        return True

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

    def _say(self, status: str, details: str, operation: Operation, result: Result = DONE) -> None:
        update = {"transcriptionStatus": f"transcription{status}", "transcriptionStatusDetails": details}
        context = operation.context or self._host.options.operation_context
        self._host.say(f"Transcription{status}", result, context, operation.callback_uri, transcriptionUpdate=update)
