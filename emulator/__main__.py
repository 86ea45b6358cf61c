"""The command line: starts the emulator, prints its addresses and keys, stops on SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from emulator import __version__
from emulator.acs.auth.signing import decode_key
from emulator.app import Emulator, ListenFailed
from emulator.config import (
    CALLBACK_ISSUER,
    LANGUAGES,
    RESOURCE_ID,
    WELL_KNOWN_ACCESS_KEY,
    WELL_KNOWN_REALTIME_KEY,
    Config,
    parse_switches,
    switch_help,
)
from emulator.realtime.personas import Persona, answers_of_lines, read_answers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM and return the exit status: 1 when a port could not be opened."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["join"]:
        from emulator.join_command import main as join

        return join(words[1:])
    parser = _parser()
    options = parser.parse_args(words)
    try:
        decode_key(options.access_key)
        switches = parse_switches(options.switch)
        answers = answers_of_lines(options.answers.read_text("utf-8").splitlines()) if options.answers else []
        read_answers(answers)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    config = Config(
        host=options.host,
        acs_port=options.acs_port,
        realtime_port=options.realtime_port,
        access_key=options.access_key,
        realtime_key=options.realtime_key,
        engine=options.engine,
        persona=options.persona or ("scripted" if answers else "auto"),
        answers=tuple(answers),
        deployments=tuple(options.deployment) or None,
        languages=tuple(options.language) or LANGUAGES,
        resource_id=options.resource_id,
        callback_issuer=options.callback_issuer,
        callback_audience=options.callback_audience,
        clock_skew_s=options.clock_skew,
        eventgrid_speed_up=options.eventgrid_speed_up,
        switches=switches,
        journal_path=options.journal,
        seed=options.seed,
        tls_port=options.tls_port,
        realtime_tls_port=options.realtime_tls_port,
        ca_file=options.ca_file,
    )
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        _run(config)
    except ListenFailed as error:
        print(f"acs-emulator: {error}; --acs-port, --realtime-port and --tls-port choose other ports", file=sys.stderr)
        return 1
    return 0


def _run(config: Config) -> None:
    try:
        import uvloop  # saves a quarter of the time spent on sockets; not available on every platform
    except ImportError:
        asyncio.run(_serve(config))
    else:
        uvloop.run(_serve(config))


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Emulator(config) as emulator:
        for line in _greeting(emulator):
            print(line)
        print(f"Realtime: {emulator.realtime_url}", flush=True)
        await stop.wait()


def _greeting(emulator: Emulator) -> list[str]:
    """Return the lines printed at the start. Keys given as options may be secrets and are left out."""
    config = emulator.config
    lines = [f"ACS: {emulator.acs_url}"]
    if emulator.acs_tls_url:
        lines.append(f"ACS over TLS: {emulator.acs_tls_url}")
    if emulator.realtime_tls_url:
        lines.append(f"Realtime over TLS: {emulator.realtime_tls_url}")
    if config.access_key == WELL_KNOWN_ACCESS_KEY:
        lines.append(f"Connection string: {emulator.connection_string}")
    lines.append(f"Page: {emulator.acs_url}/")
    if config.realtime_key == WELL_KNOWN_REALTIME_KEY:
        lines.append(f"Realtime key: {config.realtime_key}")
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="acs-emulator",
        description="Emulates Azure Communication Services and the OpenAI Realtime API on this machine.",
        epilog="acs-emulator join --help: take part in a call from the command line\n\n"
        "switches, set with --switch name=value or at run time with PUT /emulator/faults:\n" + switch_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"acs-emulator {__version__}")
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen on; requests under /emulator need no key (default: %(default)s)",
    )
    add("--acs-port", type=int, default=9100, help="port of the ACS side; 0 takes a free one (default: %(default)s)")
    add("--tls-port", type=int, metavar="PORT", help="serve the ACS side over https as well; 0 takes a free port")
    add("--ca-file", type=Path, metavar="FILE", help="write the certificate that https clients must trust here")
    add(
        "--realtime-port",
        type=int,
        default=9200,
        help="port of the Realtime side; 0 takes a free one (default: %(default)s)",
    )
    add(
        "--realtime-tls-port",
        type=int,
        metavar="PORT",
        help="serve the Realtime side over https and wss as well; 0 takes a free port",
    )
    add(
        "--access-key",
        default=WELL_KNOWN_ACCESS_KEY,
        metavar="BASE64",
        help="access key of the ACS resource (default: the well-known key, which is public)",
    )
    add(
        "--realtime-key",
        default=WELL_KNOWN_REALTIME_KEY,
        metavar="TEXT",
        help="API key of the Realtime side (default: the well-known key, which is public)",
    )
    add(
        "--engine",
        choices=("local", "scripted"),
        default="local",
        help="how speech is recognised, translated and spoken (default: %(default)s)",
    )
    add(
        "--persona",
        choices=get_args(Persona),
        help="who answers in Realtime conversations: an interpreter, an echo that says what it has understood, or "
        "prepared answers; auto is an interpreter if the instructions ask for one, else an echo (default: auto)",
    )
    add(
        "--answers",
        type=Path,
        metavar="FILE",
        help='prepared answers, one in a line: a text, or {"name", "arguments"} of a function to call',
    )
    add(
        "--deployment",
        action="append",
        default=[],
        metavar="NAME",
        help="name of a Realtime deployment; may be repeated (default: any name)",
    )
    add(
        "--language",
        action="append",
        default=[],
        metavar="CODE",
        help="language of the participants, loaded at start and distinguished by translation sessions; may be repeated "
        "(default: en, es)",
    )
    add(
        "--resource-id", metavar="GUID", default=RESOURCE_ID, help="immutable id of the resource (default: %(default)s)"
    )
    add("--callback-issuer", default=CALLBACK_ISSUER, help="iss of callback tokens (default: %(default)s)")
    add("--callback-audience", help="aud of callback tokens (default: the resource id)")
    add(
        "--clock-skew",
        type=float,
        default=900.0,
        metavar="SECONDS",
        help="greatest age of a signature (default: %(default)s)",
    )
    add(
        "--eventgrid-speed-up",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="divides the waits between Event Grid deliveries (default: %(default)s)",
    )
    add("--switch", action="append", default=[], metavar="NAME=VALUE", help="set a behaviour of the service, see below")
    add("--journal", type=Path, metavar="FILE", help="append the journal to this file, as JSON lines")
    add("--seed", type=int, metavar="N", help="make identifiers and every other random number repeatable")
    add(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="lowest level of log lines on standard error (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
