"""Holds an interpreted meeting and judges it. `run` starts the services for people, `replicas` tests failover."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import get_args

from demo import failover_report, free_speech, own_recordings, progress, run_meeting, script, serve
from demo.layouts import Layout, MeetingPlan, Mode
from demo.processes import Ports, PortTaken

STOPPED = 130
"""Exit code after Ctrl-C, as in shells."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 on success."""
    options = _parser().parse_args(arguments)
    screen = progress.console()
    try:
        if options.command == "run":
            ports = Ports(options.acs_port, options.realtime_port, options.bot_port)
            ports.check()
            run_meeting.prepare(options.out)
            return _until_done(serve.run_until_stopped(ports, options.out, screen), stopped_code=0)
        if options.command == "replicas":
            run_meeting.prepare(options.out)
            return _until_done(failover_report.show(options.out, screen), stopped_code=STOPPED)
        people: Sequence[script.Person] = script.PEOPLE
        turns: Sequence[script.Turn] = script.MEETING
        glossary: Mapping[str, Mapping[str, str]] = {}
        if options.speak is None and options.meeting == "free":
            if reason := free_speech.lacking():
                screen.print(f"The meeting keeps to the phrasebook: {reason}.", markup=False, soft_wrap=True)
            else:
                people, turns, glossary = free_speech.PEOPLE, free_speech.MEETING, free_speech.GLOSSARY
        if options.speak is not None:
            recordings = own_recordings.parse(options.speak)
            people = own_recordings.people(recordings)
            turns = own_recordings.turns(recordings, people)
        run_meeting.prepare(options.out)
        plan = MeetingPlan(people, options.layout)
        demo = run_meeting.Demo(plan, turns, options.out, screen, options.mode, glossary)
        return _until_done(demo.run(), stopped_code=STOPPED)
    except (own_recordings.WrongRequest, own_recordings.UnusableRecording, PortTaken) as error:
        print(error, file=sys.stderr)
        return 2


def _until_done(work: Coroutine[None, None, int], stopped_code: int) -> int:
    """Run to the end, or until SIGINT, SIGTERM or SIGHUP, which end all processes."""
    stopped = False

    async def until_done() -> int:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None

        def stop() -> None:
            nonlocal stopped
            stopped = True
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop)
        return await work

    try:
        return asyncio.run(until_done())
    except asyncio.CancelledError:
        if not stopped:
            raise
        print("\nStopped; all processes have ended.", file=sys.stderr)
        return stopped_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--speak",
        metavar='"en:a.wav es:b.wav"',
        help="play these recordings in this order, each by the person who speaks its language",
    )
    parser.add_argument(
        "--meeting",
        choices=("free", "phrasebook"),
        default="phrasebook",
        help="sentences that the local engine knows by heart, or free speech (default: %(default)s)",
    )
    parser.add_argument(
        "--layout",
        choices=get_args(Layout),
        default="shared",
        help="one ACS room for everybody, or one per language (default: %(default)s)",
    )
    parser.add_argument(
        "--mode", choices=get_args(Mode), default="consecutive", help="when to interpret (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="output folder (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", metavar="run | replicas")
    run = commands.add_parser("run", help="start the services and keep them running: join from a browser")
    run.add_argument("--acs-port", type=int, default=9100, help="emulator: ACS and the page (default: %(default)s)")
    run.add_argument("--realtime-port", type=int, default=9200, help="emulator: Realtime API (default: %(default)s)")
    run.add_argument("--bot-port", type=int, default=8080, help="the interpreter (default: %(default)s)")
    run.add_argument("--out", type=Path, default=Path("out/run"), help="folder for logs (default: %(default)s)")
    replicas = commands.add_parser("replicas", help="run three replicas and stop or kill one during an utterance")
    replicas.add_argument(
        "--out", type=Path, default=Path("out/replicas"), help="folder for logs (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
