"""The command line: reads options, starts the emulator, says where it listens, stops on SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import base64
import logging
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from emulator.acs.auth.signing import decode_key
from emulator.app import Emulator
from emulator.config import CALLBACK_ISSUER, LANGUAGES, RESOURCE_ID, Config, parse_switches, switch_help


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["join"]:
        from emulator.join_command import main as join  # a person needs nothing of what serves the others

        return join(words[1:])
    parser = _parser()
    options = parser.parse_args(words)
    access_key = options.access_key or base64.b64encode(secrets.token_bytes(32)).decode()
    realtime_key = options.realtime_key or secrets.token_urlsafe(24)
    try:
        decode_key(access_key)
        switches = parse_switches(options.switch)
    except ValueError as error:
        parser.error(str(error))
    if not options.access_key:
        print(f"access key: {access_key}")
    if not options.realtime_key:
        print(f"realtime key: {realtime_key}")
    config = Config(
        host=options.host,
        acs_port=options.acs_port,
        realtime_port=options.realtime_port,
        access_key=access_key,
        realtime_key=realtime_key,
        engine=options.engine,
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
        ca_file=options.ca_file,
    )
    logging.basicConfig(level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        import uvloop  # saves a quarter of the time spent on sockets; not there on every platform
    except ImportError:
        asyncio.run(_serve(config))
    else:
        uvloop.run(_serve(config))
    return 0


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Emulator(config) as emulator:
        print(f"ACS: {emulator.acs_url}")
        if emulator.acs_tls_url:
            print(f"ACS over TLS: {emulator.acs_tls_url}")
        print(f"Realtime: {emulator.realtime_url}", flush=True)
        await stop.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description="Stands in for Azure Communication Services and the Realtime API on this machine.",
        epilog="python -m emulator join --help: take part in a call from the command line\n\n"
        "switches, set with --switch name=value or at run time in PUT /emulator/faults:\n" + switch_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on; /emulator/* is unsigned (default: %(default)s)")
    add("--acs-port", type=int, default=9100, help="port of the ACS side; 0 takes a free one (default: %(default)s)")
    add("--tls-port", type=int, metavar="PORT", help="serve the ACS side over https as well; 0 takes a free port")
    add("--ca-file", type=Path, metavar="FILE", help="write the certificate of the authority behind https here")
    add("--realtime-port", type=int, default=9200, help="port of the Realtime side (default: %(default)s)")
    add("--access-key", metavar="BASE64", help="access key of the ACS resource (default: a new one, printed)")
    add("--realtime-key", metavar="TEXT", help="API key of the Realtime side (default: a new one, printed)")
    add(
        "--engine",
        choices=("local", "scripted"),
        default="local",
        help="how speech is understood and spoken (default: %(default)s)",
    )
    add("--deployment", action="append", default=[], metavar="NAME", help="a Realtime deployment (default: any name)")
    add(
        "--language",
        action="append",
        default=[],
        metavar="CODE",
        help="spoken by people: loaded at start, told apart by a translation session (default: en, es)",
    )
    add(
        "--resource-id", metavar="GUID", default=RESOURCE_ID, help="immutable id of the resource (default: %(default)s)"
    )
    add("--callback-issuer", default=CALLBACK_ISSUER, help="iss of callback tokens (default: %(default)s)")
    add("--callback-audience", help="aud of callback tokens (default: the resource id)")
    add("--clock-skew", type=float, default=900.0, metavar="SECONDS", help="age of a signature (default: %(default)s)")
    add(
        "--eventgrid-speed-up",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="divides the waits between Event Grid deliveries (default: %(default)s)",
    )
    add("--switch", action="append", default=[], metavar="NAME=VALUE", help="a behaviour of the service, see below")
    add("--journal", type=Path, metavar="FILE", help="append what happens to this file, as JSON lines")
    add("--seed", type=int, metavar="N", help="makes identifiers and every other random number repeatable")
    add(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="least level of log lines on standard error (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
