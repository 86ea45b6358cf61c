"""Sockets of Realtime sessions, through the vendor's client: opening, limits, pings, closing. Knows no messages."""

from __future__ import annotations

import asyncio
import socket as sockets
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import openai
import websockets.asyncio.client  # noqa: F401  (what the SDK would import in the middle of the first call)
from openai import AsyncOpenAI

from bot.errors import RequestOutcomes
from bot.realtime.errors import SessionError, session_error

if TYPE_CHECKING:
    from openai.types.websocket_connection_options import WebSocketConnectionOptions
    from websockets.asyncio.client import ClientConnection

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Audio deltas have 16 kB of JSON; the largest message repeats a whole response as text."""

UNSENT_BYTES = 16 * 1024
"""Unsent audio the transport may hold, and once more the kernel: a quarter of a second each. Audio that was not written
yet can still be dropped when it gets too old."""

TOKEN_TIMEOUT_S = 10.0
"""For the credential library to return an Entra token."""


def build_client(endpoint: str, credential: str | Callable[[], Awaitable[str]]) -> AsyncOpenAI:
    """Build the client that all booths share; the caller closes it.

    Args:
        endpoint: address of the Azure AI resource, `https://name.openai.azure.com`.
        credential: a key, or a function that returns an Entra token and is called for every connection.
    """
    base_url = endpoint.rstrip("/") + "/openai/v1/"
    if isinstance(credential, str):
        # The `api-key` header works for both kinds of sessions; a key as bearer token is known to work for one only.
        headers = cast("dict[str, str]", {"api-key": credential, "Authorization": openai.omit})  # as its docs say
        return _warm(AsyncOpenAI(base_url=base_url, api_key="unused", default_headers=headers, max_retries=0))
    provider = credential

    async def token() -> str:
        try:
            async with asyncio.timeout(TOKEN_TIMEOUT_S):
                return await provider()
        except Exception as error:  # whatever a credential library raises; the booth tries again
            raise SessionError("no_token", type(error).__name__) from error

    return _warm(AsyncOpenAI(base_url=base_url, api_key=token, max_retries=0))


def _warm(client: AsyncOpenAI) -> AsyncOpenAI:
    """Have the SDK identify the machine and do its late imports now: it starts a process and reads files for that."""
    client.platform_headers()
    _ = client.realtime.translations
    return client


class ModelSocket:
    """An open WebSocket, for one reader and one writer at a time; both may be cancelled."""

    def __init__(self, connection: Any) -> None:
        """`connection`: a Realtime connection of either kind, as opened by the SDK."""
        # The SDK gives no public access to pings and the transport; its own methods add nothing to these.
        self._connection: ClientConnection = connection._connection
        kernel = self._connection.transport.get_extra_info("socket")
        if kernel is not None and hasattr(sockets, "TCP_NOTSENT_LOWAT"):
            kernel.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    async def receive(self) -> bytes:
        return await self._connection.recv(decode=False)

    async def send(self, message: str) -> None:
        await self._connection.send(message)

    async def ping(self) -> Awaitable[float]:
        """Send a ping after all that was sent; the returned awaitable is done when the service has read up to it."""
        return await self._connection.ping()

    def abort(self) -> None:
        """Drop the connection and everything unsent."""
        self._connection.transport.abort()

    async def close(self, limit_s: float) -> None:
        """Close with a handshake; abort if that takes longer than `limit_s` seconds.

        The library limits the closing handshake, but not the wait for a full write buffer before it. Called again
        after its deadline, it aborts the connection.
        """
        try:
            async with asyncio.timeout(limit_s):
                await self._connection.close()
        except TimeoutError:
            await self._connection.close()


Connect = Callable[[], Awaitable[ModelSocket]]
"""Opens a socket, or raises whatever the SDK and the socket raise."""


class ModelSockets:
    """Opens sockets to the two kinds of sessions."""

    def __init__(self, client: AsyncOpenAI, *, open_s: float, close_s: float) -> None:
        """`open_s`, `close_s`: seconds to wait for the handshakes."""
        self._client = client
        self.outcomes = RequestOutcomes()
        """Of all attempts to open a session."""
        options: dict[str, Any] = {
            "open_timeout": open_s,
            "close_timeout": close_s,
            "max_size": MAX_MESSAGE_BYTES,
            "write_limit": UNSENT_BYTES,
            "compression": None,
            "proxy": None,
        }
        if client.base_url.scheme == "https":
            # Shared by all sessions: reading the certificate store takes milliseconds.
            options["ssl"] = ssl.create_default_context()
        self.options = cast("WebSocketConnectionOptions", options)  # the SDK declares a few, and passes on all

    async def conversation(self, deployment: str) -> ModelSocket:
        manager = self._client.realtime.connect(model=deployment, websocket_connection_options=self.options)
        return await self._open(manager.enter)

    async def translation(self, deployment: str) -> ModelSocket:
        translations = self._client.realtime.translations
        manager = translations.connect(model=deployment, websocket_connection_options=self.options)
        return await self._open(manager.enter)

    async def _open(self, enter: Callable[[], Awaitable[object]]) -> ModelSocket:
        try:
            connection = await enter()
        except Exception as error:  # whatever the SDK and the socket raise; the caller handles it
            self.outcomes.note(session_error(error).code)
            raise
        self.outcomes.note()
        return ModelSocket(connection)
