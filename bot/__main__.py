"""`python -m bot`: read the settings, serve, and on SIGTERM or SIGINT finish what is being said before leaving."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
import uvloop

from bot.app import Interpreter
from bot.config import Settings, load_settings
from bot.errors import SettingsError
from bot.telemetry import configure_logging
from bot.websockets_server import QuickWebSocketProtocol

LARGEST_MESSAGE = 256 * 1024
"""Bytes of one WebSocket message; a frame of ACS has 1.4 kB."""


PING_S = 3.0
"""Seconds between pings, and for their answer. A call's second media socket is refused as long as its first seems to
live; ACS's re-dial, which comes within `REDIAL_S` or not at all, must not be refused for a connection that is dead."""


class Server(uvicorn.Server):
    """Leaves signals to us: uvicorn would close the media sockets first and ask afterwards."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays: 160,000 objects of modules and routes. Whenever the collector goes through them all,
        # every call stands still for 0.1 to 0.2 s; frozen, they are not looked at again.
        gc.collect()
        gc.freeze()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings) -> None:
    """Serve until a signal; a second one does not wait."""
    interpreter = Interpreter(settings)
    server = Server(
        uvicorn.Config(
            interpreter.app,
            host=settings.host,
            port=settings.port,
            ws=QuickWebSocketProtocol,
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
            server_header=False,
        )
    )
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            server.force_exit = True
            server.should_exit = True
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(), name="server")
        stopping = group.create_task(stop.wait(), name="signal")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not serving.done():
            await interpreter.drain()
            server.should_exit = True


def main() -> int:
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"The interpreter cannot start: {error.message}\n")
        return 2
    configure_logging(settings.log_level)
    try:
        uvloop.run(serve(settings))
    except SystemExit as error:  # uvicorn's way to say that the port is taken; it has logged it
        return error.code if isinstance(error.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
