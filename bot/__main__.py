"""`python -m bot`: reads the settings and serves, or runs a command. SIGTERM and SIGINT drain; SIGHUP reads API keys.

Exit codes of serving: 0 after a signal, 1 if the service has failed or its port is taken, 2 if it cannot start with
these arguments, settings or store, 3 if it cannot start for another reason.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

import uvloop

from bot.app import Interpreter
from bot.commands import cost
from bot.commands.canary import command as canary
from bot.commands.doctor import command as doctor
from bot.config import Settings, load_settings, settings_help
from bot.errors import SettingsError
from bot.log_format import configure_logging
from bot.resources import opened_storage
from bot.tasks import BackgroundFailed
from http_serving.server import Server, allow_open_files, server_config
from storage.errors import UnusableStore


async def serve(settings: Settings) -> None:
    """Serve until a signal; a second signal stops without draining.

    Raises:
        UnusableStore: the store cannot be opened; nothing has been started.
        BackgroundFailed: a part that the service needs has failed; the calls have been left or handed over.
    """
    allow_open_files(settings.max_connections)
    async with opened_storage(settings):
        pass  # a failure is reported as a message here; inside the application it would be a traceback
    interpreter = Interpreter(settings)
    server = Server(
        server_config(
            interpreter.app,
            host=settings.host,
            port=settings.port,
            connections=interpreter.connections,
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
        failing = group.create_task(interpreter.background.failed.wait(), name="failure")
        await asyncio.wait({serving, stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        failing.cancel()
        if not serving.done():
            try:
                await interpreter.drain()
            finally:
                server.should_exit = True
    if interpreter.background.failure is not None:
        raise interpreter.background.failure


COMMANDS = {
    "canary": (canary.add_options, canary.run, "say known sentences in a room, and judge their interpretation"),
    "cost": (cost.add_options, cost.run, "forecast what a meeting costs"),
    "doctor": (doctor.add_options, doctor.run, "check everything a meeting needs, and say what is wrong"),
}
"""Commands by name: their options, what runs them, and what they do."""


def main(arguments: Sequence[str] = ()) -> int:
    options = parser().parse_args(arguments)
    if options.command is None:
        return _serve()
    _, run, _ = COMMANDS[options.command]
    return run(options)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        prog="python -m bot",
        description="Serves the interpreter until SIGTERM or SIGINT, unless there is a command.",
        epilog=f"Settings, as environment variables or in a file .env:\n\n{settings_help()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    for name, (add_options, _, does) in COMMANDS.items():
        add_options(commands.add_parser(name, help=does, description=f"{does.capitalize()}."))
    return whole


def _serve() -> int:
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(
            f"The interpreter cannot start: {error.message}\npython -m bot --help explains all settings.\n"
        )
        return 2
    configure_logging(settings.log_level)
    try:
        uvloop.run(serve(settings))
    except UnusableStore as error:
        sys.stderr.write(f"The interpreter cannot start: {error}\n")
        return 2
    except BackgroundFailed:  # logged already
        return 1
    except SystemExit as error:  # raised by uvicorn when the server cannot start, after logging why
        return error.code if isinstance(error.code, int) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
