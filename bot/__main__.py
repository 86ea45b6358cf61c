"""`python -m bot`: reads the settings and serves. SIGTERM and SIGINT drain first; SIGHUP reads the API key file."""

from __future__ import annotations

import asyncio
import signal
import sys

import uvloop

from bot.app import Interpreter, opened_storage
from bot.config import Settings, load_settings
from bot.errors import SettingsError
from bot.log_format import configure_logging
from http_serving.server import Server, server_config
from storage.errors import UnusableStore


async def serve(settings: Settings) -> None:
    """Serve until a signal; a second signal stops without draining.

    Raises:
        UnusableStore: the store cannot be opened; nothing has been started.
    """
    async with opened_storage(settings):
        pass  # a failure is reported as a message here; inside the application it would be a traceback
    interpreter = Interpreter(settings)
    server = Server(
        server_config(
            interpreter.app,
            host=settings.host,
            port=settings.port,
            most_connections=settings.max_connections,
            refusals=interpreter.refusals,
            forwarded_allow_ips=[one.strip() for one in settings.trusted_proxies.split(",")],
            timeout_graceful_shutdown=5,
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
    loop.add_signal_handler(signal.SIGHUP, interpreter.read_keys_again)
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
    except UnusableStore as error:
        sys.stderr.write(f"The interpreter cannot start: {error}\n")
        return 2
    except SystemExit as error:  # raised by uvicorn when the port is taken, after logging it
        return error.code if isinstance(error.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
