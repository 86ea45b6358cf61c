"""Joins and leaves the calls of rooms by ACS Call Automation; the only file that imports its SDK."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus

from azure.communication.callautomation import (
    AudioFormat,
    CommunicationIdentifier,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    StreamingTransportType,
)
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError, ServiceResponseError

from bot.errors import OK, CallError, RequestOutcomes

logger = logging.getLogger(__name__)

# The SDK retries 500, 503 and 504 on a POST by itself, but neither 408, 429, 502 nor a refused connection, and waits
# as long as any Retry-After says (ACS protocol sheet, 1.6). For connecting, its retries are off, and these are ours.
RETRY_STATUS = frozenset({408, 429, 500, 502, 503, 504})
CONNECT_ATTEMPTS = 4
ATTEMPT_TIMEOUT_S = 8.0
"""For one connect request, in seconds. ACS answers within two; four attempts last as long as media are waited for."""
BACKOFF_S = 0.5
BACKOFF_LIMIT_S = 8.0
"""Longest pause before a retry, in seconds. If ACS asks for a longer one, the join fails and the reconciler retries:
the people in the call have no interpreter meanwhile."""
ALREADY_ENDED = "8528"
"""ACS's code for an operation on a call that has been terminated (ACS protocol sheet, 1.5)."""
HANG_UP_TIMEOUT_S = 5.0
"""For hanging up, in seconds. After that the call or ACS is gone."""
ASK_TIMEOUT_S = 5.0
"""For asking about a call, and for restarting its media stream, in seconds."""
IN_CALL = frozenset({"connected", "connecting", "transferring", "transferAccepted"})
"""States of a call connection that is in the call, or about to be (ACS protocol sheet, 1.4)."""
STATES = IN_CALL | {"unknown", "disconnecting", "disconnected"}


def build_client(endpoint: str, credential: AzureKeyCredential | AsyncTokenCredential) -> CallAutomationClient:
    """Make a client of the resource at `endpoint` (no trailing slash; `http://` works with a key)."""
    return CallAutomationClient(endpoint, credential)


@dataclass(frozen=True, slots=True)
class CallLook:
    """What ACS says of a call."""

    state: str
    participants: frozenset[str]
    """raw ids, bots included"""


_CHANNELS = {False: MediaStreamingAudioChannelType.UNMIXED, True: MediaStreamingAudioChannelType.MIXED}


class AcsCalls:
    """Joins and leaves calls of one ACS resource."""

    def __init__(self, client: CallAutomationClient, *, jitter: Callable[[], float] = random.random) -> None:
        self._client = client
        self._jitter = jitter
        self.outcomes = RequestOutcomes()
        """Of all requests; one about a call that is gone was answered all the same."""

    async def connect(
        self,
        acs_room_id: str,
        callback_url: str,
        media_url: str,
        context: str,
        request_id: str,
        *,
        mixed: bool = False,
    ) -> str:
        """Join the call of a room with bidirectional 24 kHz media streaming; returns the call connection id.

        Each speaker is a stream of its own, or all are one if `mixed`.

        Every attempt carries the same repeatability id, `request_id`, so that ACS does not act twice on it, even if
        another replica repeats the request.

        Raises:
            CallError: refused, a longer pause than `BACKOFF_LIMIT_S` asked for, or every attempt failed.
        """
        streaming = MediaStreamingOptions(
            transport_url=media_url,
            transport_type=StreamingTransportType.WEBSOCKET,
            content_type=MediaStreamingContentType.AUDIO,
            audio_channel_type=_CHANNELS[mixed],
            start_media_streaming=True,
            enable_bidirectional=True,
            audio_format=AudioFormat.PCM24_K_MONO,
        )
        headers = {
            "Repeatability-Request-ID": request_id,
            "Repeatability-First-Sent": format_datetime(datetime.now(UTC), usegmt=True),
        }
        attempt = 0
        while True:
            try:
                async with self._asking(ATTEMPT_TIMEOUT_S):
                    properties = await self._client.connect_call(
                        callback_url,
                        room_id=acs_room_id,
                        media_streaming=streaming,
                        operation_context=context,
                        headers=dict(headers),
                        retry_total=0,
                    )
                    return _text(properties.call_connection_id)
            except CallError as error:
                failure = error
                pause_s = self._pause(attempt, failure.retry_after_s)
                attempt += 1
                if not failure.retryable or attempt == CONNECT_ATTEMPTS or pause_s > BACKOFF_LIMIT_S:
                    raise
            logger.warning("connect attempt failed", extra={"attempt": attempt, "reason": failure.code})
            await asyncio.sleep(pause_s)

    async def hang_up(self, call_connection_id: str) -> None:
        """Leave the call, which goes on. A call that is gone counts as left.

        Raises:
            CallError: ACS did not confirm it in time.
        """
        try:
            async with self._asking(HANG_UP_TIMEOUT_S):
                await self._client.get_call_connection(call_connection_id).hang_up(is_for_everyone=False)
        except CallError as error:
            if not _is_gone(error):
                raise

    async def restart_streaming(self, call_connection_id: str) -> None:
        """Have ACS dial the media socket of a connection again.

        Raises:
            CallError: refused, or the connection is gone.
        """
        connection = self._client.get_call_connection(call_connection_id)
        async with self._asking(ASK_TIMEOUT_S):
            try:
                await connection.stop_media_streaming(retry_total=0)
            except HttpResponseError as error:  # perhaps stopped already; then it can be started
                logger.info("media streaming not stopped", extra={"reason": _call_error(error).code})
            await connection.start_media_streaming(retry_total=0)

    async def look(self, call_connection_id: str) -> CallLook | None:
        """Ask ACS about a connection; None if it is gone.

        Raises:
            CallError: ACS did not answer.
        """
        connection = self._client.get_call_connection(call_connection_id)
        try:
            async with self._asking(ASK_TIMEOUT_S):
                properties = await connection.get_call_properties()
                state = _text(getattr(properties.call_connection_state, "value", properties.call_connection_state))
                if state not in STATES:
                    raise ValueError("not a state of a call")
                if state not in IN_CALL:
                    return None
                people = [_raw_id(one.identifier) async for one in connection.list_participants()]
        except CallError as error:
            if _is_gone(error):
                return None
            raise
        return CallLook(state, frozenset(raw_id for raw_id in people if raw_id))

    async def close(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def _asking(self, timeout_s: float) -> AsyncIterator[None]:
        """Limit the time of a request, translate errors, and count the outcome.

        Raises:
            CallError: refused, unreachable, too slow, or an answer that makes no sense: on those the SDK, or what
                reads its models, fails with whatever error.
        """
        try:
            async with asyncio.timeout(timeout_s):
                yield
            self.outcomes.note()
        except (HttpResponseError, ServiceRequestError, ServiceResponseError, TimeoutError) as error:
            failure = _call_error(error)
            refuses_all = getattr(error, "status_code", None) in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            self.outcomes.note(failure.code if failure.retryable or refuses_all else OK)
            raise failure from error
        except Exception as error:  # what an answer that makes no sense leads to is not documented
            logger.warning("answer of ACS not understood", extra={"reason": type(error).__name__})
            self.outcomes.note("bad_answer")
            raise CallError("bad_answer", "the answer of ACS makes no sense", retryable=True) from error

    def _pause(self, attempt: int, retry_after_s: float | None) -> float:
        """Return the pause in seconds: what ACS asks for, else full jitter, so that calls do not retry all at once."""
        if retry_after_s is not None:
            return retry_after_s
        return min(BACKOFF_S * 2.0**attempt, BACKOFF_LIMIT_S) * self._jitter()


def _raw_id(identifier: CommunicationIdentifier | None) -> str | None:
    raw_id = getattr(identifier, "raw_id", None)
    return raw_id if isinstance(raw_id, str) else None


def _is_gone(error: CallError) -> bool:
    """Say whether an error means that the connection is no more."""
    return error.code == f"acs_{ALREADY_ENDED}" or isinstance(error.__cause__, ResourceNotFoundError)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("not a text")
    return value


def _call_error(error: HttpResponseError | ServiceRequestError | ServiceResponseError | TimeoutError) -> CallError:
    """Translate an SDK error; decides what is retryable."""
    if isinstance(error, TimeoutError):
        return CallError("timeout", "ACS did not answer in time", retryable=True)
    if not isinstance(error, HttpResponseError):
        return CallError("unreachable", "ACS cannot be reached", retryable=True)
    status = error.status_code or 0
    if 200 <= status < 300:  # a body that the SDK cannot read, or another success than it expects
        return CallError("bad_answer", "the answer of ACS makes no sense", retryable=True)
    service_code = getattr(error.error, "code", None) or status
    retry_after = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
    return CallError(
        f"acs_{service_code}",
        error.reason or f"HTTP {status}",
        retryable=status in RETRY_STATUS,
        retry_after_s=float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None,
    )
