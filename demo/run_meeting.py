"""The course of `make demo`: set-up, meeting, recordings, verdict; in the end there is a report, whatever happened."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from rich.console import Console

from demo import ledger_client, meeting, table, verdict
from demo.layouts import Mode, Seating
from demo.meeting import LostParticipant, Minutes, Said
from demo.processes import Parts, Ports, running
from demo.progress import Progress, StepHung, plural
from demo.recording_analysis import RATE, Samples
from demo.report import Report, TurnResult
from demo.rest_client import Invitation, Rest, RestFailed
from demo.script import Turn, primary
from demo.subprocesses import PartFailed
from emulator.client import JoinRefused, Participant, write_wav
from emulator.engine.base import EngineError, Heard
from emulator.engine.local import LocalEngine, Synthesiser, normalise
from emulator.engine.local.engine import NOT_TRANSLATED, NOT_UNDERSTOOD

ENGINE_S = 60.0
PARTS_S = 90.0
ROOM_S = 15.0
LISTENING_S = 20.0
"""From two people in a room to an interpreter that hears them."""
TURN_S = 18.0
"""What a turn may add to the meeting beyond its own length: being interpreted, or people's patience."""
JUDGE_S = 120.0
INTERPRETING = "interpreting"
"""The interpreter's status once it hears the room."""
LOOK_S = 0.05

APOLOGIES = frozenset(map(normalise, (*NOT_UNDERSTOOD.values(), *NOT_TRANSLATED.values())))

EXPECTED_ERRORS = (PartFailed, RestFailed, StepHung, JoinRefused, LostParticipant, EngineError)
"""What ends a demo early and is told in one sentence. Anything else is a fault of the demo itself."""


@dataclass
class Demo:
    """One demo. `out` is its folder, made and emptied of what an earlier one left."""

    seating: Seating
    turns: Sequence[Turn]
    out: Path
    screen: Console
    mode: Mode = "consecutive"
    progress: Progress = field(init=False)
    setup_s: float = 0.0
    meeting_s: float = 0.0

    def __post_init__(self) -> None:
        self.progress = Progress(self.screen)

    async def run(self) -> int:
        """Hold the meeting, write `out`, print the report; the exit code. Ends what it started, also when cancelled."""
        try:
            results = await self._course()
            broken_off = None
        except EXPECTED_ERRORS as error:
            results, broken_off = [], str(error)
        report = Report(
            results,
            setup_s=self.setup_s,
            meeting_s=self.meeting_s,
            total_s=self.progress.seconds,
            conditions=conditions() | {"layout": self.seating.layout, "mode": self.mode},
            broken_off=broken_off,
        )
        self._write("report.json", json.dumps(report.document(), indent=2, ensure_ascii=False) + "\n")
        table.show(report, self.screen)
        self.screen.print(f"Recordings, transcript and figures are in {self.out}/.", style="dim")
        return report.exit_code

    async def _course(self) -> list[TurnResult]:
        step = self.progress.step
        async with AsyncExitStack() as stack:
            self.progress.heading("Set-up")
            async with step("speech", ENGINE_S) as doing:
                speeches = await self._speeches()
                seconds = sum(map(len, speeches)) / RATE
                doing.done = f"{plural(len(speeches), 'turn')} to take, {seconds:.0f} s of speech"
            async with step("emulator and bot", PARTS_S) as doing:
                parts = await stack.enter_async_context(running(Ports.free(), self.out / "logs", self.seating.spoken))
                doing.done = f"emulator at {parts.acs_url}, bot at {parts.bot_url}"
            async with parts.watched() as tasks:
                meeting_held = await self._meet(parts, speeches, tasks)
        self.progress.heading("What was heard")
        async with step("recognising the recordings", JUDGE_S) as doing:
            results = await self._judge(meeting_held)
            seconds = sum(map(len, meeting_held.recordings.values())) / RATE
            doing.done = f"{seconds:.0f} s of recordings recognised"
        return results

    async def _meet(self, parts: Parts, speeches: Sequence[Samples], tasks: asyncio.TaskGroup) -> Held:
        step = self.progress.step
        *others, last = (person.name for person in self.seating.people)
        names = f"{', '.join(others)} and {last}"
        async with aiohttp.ClientSession() as http:
            rest = Rest(http, parts)
            async with step("a room", ROOM_S) as doing:
                await rest.subscribe_to_events()
                room_id, invitations = await rest.create_room("Demo", self.seating, self.mode)
                rooms = plural(len({one.acs_room_id for one in invitations}), "ACS room")
                doing.done = f"a room for {names} ({rooms}), call events subscribed to"
            minutes = Minutes(rest, room_id, self.progress)
            async with self._joined(parts, invitations) as present:
                async with step("the interpreter joins", LISTENING_S) as doing:
                    await self._until_interpreting(rest, room_id)
                    doing.done = f"{names} are in the room, the interpreter listens"
                self.setup_s = self.progress.seconds
                self.progress.heading("Meeting")
                following = tasks.create_task(minutes.follow())
                said = await self._hold(speeches, present, minutes)
                following.cancel()
                document = await rest.transcript(room_id)
                captions = await rest.captions(room_id)
                ids = {name: one.participant_id for name, one in present.items()}
                recordings = meeting.recordings(present)
        self._write("transcript.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        self._write("transcript.vtt", captions)
        return Held(said, ids, recordings, document, minutes.closed_ms)

    # --- set-up -----------------------------------------------------------------------------------

    async def _speeches(self) -> list[Samples]:
        """What each turn sounds like."""
        async with Synthesiser() as synthesiser:
            return [
                turn.recording
                if turn.recording is not None
                else np.frombuffer(
                    await synthesiser.say(turn.says or "", turn.speaker.primary, turn.speaker.voice), "<i2"
                ).astype(np.int16)
                for turn in self.turns
            ]

    async def _until_interpreting(self, rest: Rest, room_id: str) -> None:
        while True:
            state = await rest.interpreter(room_id)
            if state["status"] == INTERPRETING:
                return
            if state["status"] == "failed":
                raise RestFailed(f"the interpreter did not come: {state['reason']}")
            await asyncio.sleep(LOOK_S)

    # --- meeting ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def _joined(self, parts: Parts, invitations: Sequence[Invitation]) -> AsyncIterator[dict[str, Participant]]:
        """Everybody in the room, by name; what they heard is written down however it ends."""
        present: dict[str, Participant] = {}
        async with AsyncExitStack() as stack:
            async with self.progress.step("joining", ROOM_S) as doing:
                for one in invitations:
                    present[one.person.name] = await stack.enter_async_context(
                        Participant.join(parts.acs_url, one.acs_room_id, one.token, one.person.name)
                    )
                doing.done = f"{', '.join(present)} joined"
            try:
                yield present
            finally:
                for name, samples in meeting.recordings(present).items():
                    write_wav(self.out / wav_name(name), samples.tobytes())

    async def _hold(
        self, speeches: Sequence[Samples], present: Mapping[str, Participant], minutes: Minutes
    ) -> list[Said]:
        began = time.monotonic()
        limit = sum(map(len, speeches)) / RATE + TURN_S * len(self.turns)
        try:
            async with asyncio.timeout(limit):
                return await meeting.hold(self.turns, speeches, present, minutes, self.progress, self.seating)
        except TimeoutError as error:
            raise StepHung(f"the meeting was not over after {limit:.0f} s") from error
        finally:
            self.meeting_s = time.monotonic() - began

    async def _judge(self, held: Held) -> list[TurnResult]:
        """Only now is a recogniser started: during the meeting the machine belongs to the interpreter.

        What recordings were translated into is in no phrasebook: the recogniser is told of it, so that it can tell
        whether that was heard, or another sentence, or none.
        """
        began = [(held.ids[one.name], one.began_ms) for one in held.said]
        booked = ledger_client.by_turn(ledger_client.entries(held.document), began, held.closed_ms)
        unwritten: dict[str, list[str]] = {}
        for one, entries in zip(held.said, booked, strict=True):
            for tag in self.seating.targets(one.turn.speaker):
                if primary(tag) not in one.turn.means and (text := verdict.expected(one, entries, tag)):
                    unwritten.setdefault(primary(tag), []).append(text)
        languages = [primary(tag) for tag in self.seating.languages]
        async with (
            LocalEngine(extra_phrases=unwritten, languages=languages) as engine,
            asyncio.TaskGroup() as tasks,
        ):
            known: dict[tuple[bytes, str], asyncio.Task[Heard]] = {}  # people in one room hear the same samples

            async def recognise(pcm: bytes, language: str) -> str | None:
                heard = known.get((pcm, language))
                if heard is None:
                    heard = known[pcm, language] = tasks.create_task(engine.hear(pcm, [language]), name="recognise")
                return (await heard).text

            return await verdict.judge(held.said, self.seating, held.recordings, booked, recognise, APOLOGIES)

    def _write(self, name: str, text: str) -> None:
        (self.out / name).write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Held:
    """What a meeting leaves behind."""

    said: Sequence[Said]
    ids: Mapping[str, str]
    """Everybody's ACS raw id, by name."""
    recordings: Mapping[str, Samples]
    """What everybody heard, by name."""
    document: Mapping[str, Any]
    """The transcript of the interpreter."""
    closed_ms: Mapping[str, float]
    """When each utterance was first seen closed, since the Unix epoch."""


def wav_name(person: str) -> str:
    """`Ana` heard what is in `ana.wav`."""
    return f"{person.lower()}.wav"


def prepare(out: Path) -> None:
    """Make the folder, and take away what an earlier demo wrote there; nothing else."""
    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.wav", "transcript.vtt", "transcript.json", "report.json", "logs/*.log"):
        for old in out.glob(pattern):
            old.unlink()


def conditions() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "engine": "local",
    }
