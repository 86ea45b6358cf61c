"""Runs `make demo`: set-up, meeting, recordings, verdict. Every run ends with a report."""

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

from demo import free_speech, ledger_client, meeting, table, verdict
from demo.browser_guest import BrowserGuest
from demo.layouts import MeetingPlan, Mode
from demo.meeting import Attendee, LostParticipant, SpokenTurn, TranscriptFollower
from demo.processes import Ports, Services, running
from demo.progress import Progress, StepHung, plural
from demo.recording_analysis import RATE, Samples
from demo.report import Report, TurnResult
from demo.rest_client import Invitation, Rest, RestFailed
from demo.script import Turn, primary
from demo.subprocesses import ProcessFailed
from emulator.client import JoinRefused, Participant, write_wav
from emulator.engine.base import EngineError, Heard
from emulator.engine.local import LocalEngine, Synthesiser, normalise
from emulator.engine.local.engine import NOT_TRANSLATED, NOT_UNDERSTOOD

ENGINE_S = 60.0
START_S = 90.0
ROOM_S = 15.0
JOIN_S = 20.0
"""Seconds from the first participants to an interpreter that receives their audio."""
TURN_S = 18.0
"""Seconds that a turn may take beyond its speech: for its interpretation, or until people stop waiting."""
JUDGE_S = 120.0
INTERPRETING = "interpreting"
"""Status of an interpreter that receives the room's audio."""
LOOK_S = 0.05

APOLOGIES = frozenset(map(normalise, (*NOT_UNDERSTOOD.values(), *NOT_TRANSLATED.values())))

EXPECTED_ERRORS = (ProcessFailed, RestFailed, StepHung, JoinRefused, LostParticipant, EngineError)
"""Errors that abort a demo and are reported in a sentence. Any other exception is a bug of the demo."""


@dataclass
class Demo:
    """A demo. `out` is its folder, prepared with `prepare`."""

    plan: MeetingPlan
    turns: Sequence[Turn]
    out: Path
    screen: Console
    mode: Mode = "consecutive"
    glossary: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    progress: Progress = field(init=False)
    setup_s: float = 0.0
    meeting_s: float = 0.0

    def __post_init__(self) -> None:
        self.progress = Progress(self.screen)

    async def run(self) -> int:
        """Hold the meeting, write `out`, print the report and return the exit code. Always ends all processes."""
        try:
            results = await self._hold_and_judge()
            broken_off = None
        except EXPECTED_ERRORS as error:
            results, broken_off = [], str(error)
        report = Report(
            results,
            setup_s=self.setup_s,
            meeting_s=self.meeting_s,
            total_s=self.progress.seconds,
            conditions=conditions() | {"layout": self.plan.layout, "mode": self.mode},
            broken_off=broken_off,
        )
        self._write("report.json", json.dumps(report.document(), indent=2, ensure_ascii=False) + "\n")
        table.show(report, self.screen)
        self.screen.print(f"Recordings, transcript and report are in {self.out}/.", style="dim")
        return report.exit_code

    async def _hold_and_judge(self) -> list[TurnResult]:
        step = self.progress.step
        async with AsyncExitStack() as stack:
            self.progress.heading("Set-up")
            async with step("speech", ENGINE_S) as doing:
                speeches = await self._speeches()
                seconds = sum(map(len, speeches)) / RATE
                doing.done = f"{plural(len(speeches), 'turn')}, {seconds:.0f} s of speech"
            async with step("emulator and bot", START_S) as doing:
                services = await stack.enter_async_context(running(Ports.free(), self.out / "logs", self.plan.spoken))
                doing.done = f"emulator at {services.acs_url}, bot at {services.bot_url}"
            async with services.watched() as tasks:
                record = await self._meet(services, speeches, tasks)
        self.progress.heading("Results")
        async with step("recognising the recordings", JUDGE_S) as doing:
            results = await self._judge(record)
            seconds = sum(map(len, record.recordings.values())) / RATE
            doing.done = f"{seconds:.0f} s of recordings recognised"
        return results

    async def _meet(self, services: Services, speeches: Sequence[Samples], tasks: asyncio.TaskGroup) -> MeetingRecord:
        step = self.progress.step
        *others, last = (person.name for person in self.plan.people)
        names = f"{', '.join(others)} and {last}"
        async with aiohttp.ClientSession() as http:
            rest = Rest(http, services)
            async with step("creating a room", ROOM_S) as doing:
                await rest.subscribe_to_events()
                room_id, invitations = await rest.create_room("Demo", self.plan, self.mode)
                if self.glossary:
                    await rest.set_glossary(room_id, self.glossary)
                rooms = plural(len({one.acs_room_id for one in invitations}), "ACS room")
                doing.done = f"room created for {names} ({rooms}), bot subscribed to call events"
            follower = TranscriptFollower(rest, room_id, self.progress)
            join_code = await rest.join_code(room_id)
            async with self._joined(services, invitations, join_code) as present:
                async with step("waiting for the interpreter", JOIN_S) as doing:
                    await self._until_interpreting(rest, room_id)
                    doing.done = "the interpreter has joined"
                self.setup_s = self.progress.seconds
                self.progress.heading("Meeting")
                following = tasks.create_task(follower.follow())
                said = await self._hold(speeches, present, follower)
                following.cancel()
                document = await rest.transcript(room_id)
                captions = await rest.captions(room_id)
                ids = {name: one.participant_id for name, one in present.items()}
                recordings = meeting.recordings(present)
        self._write("transcript.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        self._write("transcript.vtt", captions)
        return MeetingRecord(said, ids, recordings, document, follower.closed_ms)

    # --- set-up -----------------------------------------------------------------------------------

    async def _speeches(self) -> list[Samples]:
        """Return the audio of each turn."""
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
                raise RestFailed(f"the interpreter failed to join: {state['reason']}")
            await asyncio.sleep(LOOK_S)

    # --- meeting ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def _joined(
        self, services: Services, invitations: Sequence[Invitation], join_code: str
    ) -> AsyncIterator[dict[str, Attendee]]:
        """Join everybody and yield them by name; their recordings are written in any case."""
        present: dict[str, Attendee] = {}
        async with AsyncExitStack() as stack:
            async with self.progress.step("joining", ROOM_S) as doing:
                for one in invitations:
                    present[one.person.name] = await stack.enter_async_context(
                        Participant.join(services.acs_url, one.acs_room_id, one.token, one.person.name)
                    )
                for person in self.plan.people:
                    if person.by_browser:
                        present[person.name] = await stack.enter_async_context(
                            BrowserGuest.join(services.bot_url, join_code, person)
                        )
                doing.done = f"{', '.join(present)} joined"
            try:
                yield present
            finally:
                for name, samples in meeting.recordings(present).items():
                    write_wav(self.out / wav_name(name), samples.tobytes())

    async def _hold(
        self, speeches: Sequence[Samples], present: Mapping[str, Attendee], follower: TranscriptFollower
    ) -> list[SpokenTurn]:
        began = time.monotonic()
        limit = sum(map(len, speeches)) / RATE + TURN_S * len(self.turns)
        try:
            async with asyncio.timeout(limit):
                return await meeting.hold(self.turns, speeches, present, follower, self.progress, self.plan)
        except TimeoutError as error:
            raise StepHung(f"the meeting was not over after {limit:.0f} s") from error
        finally:
            self.meeting_s = time.monotonic() - began

    async def _judge(self, record: MeetingRecord) -> list[TurnResult]:
        """Judge the recordings with a recogniser that starts after the meeting, to leave the CPU to the interpreter.

        Where it understands synthetic voices only in sentences that it knows, it gets those captions of the interpreter
        that are in no phrasebook as extra phrases, so that it can distinguish them from other sentences.
        """
        began = [(record.ids[one.name], one.began_ms) for one in record.said]
        ledger = ledger_client.by_turn(ledger_client.entries(record.document), began, record.closed_ms)
        unwritten: dict[str, list[str]] = {}
        understood = await asyncio.to_thread(free_speech.understood)
        for one, entries in zip(record.said, ledger, strict=True):
            for tag in self.plan.targets(one.turn.speaker):
                known_only = primary(tag) not in understood and primary(tag) not in one.turn.means
                if known_only and (text := verdict.expected(one, entries, tag)):
                    unwritten.setdefault(primary(tag), []).append(text)
        heard_languages = {primary(tag) for one in record.said for tag in self.plan.targets(one.turn.speaker)}
        async with (
            LocalEngine(extra_phrases=unwritten, languages=sorted(heard_languages)) as engine,
            asyncio.TaskGroup() as tasks,
        ):
            known: dict[tuple[bytes, str], asyncio.Task[Heard]] = {}  # people in one room hear the same samples

            async def recognise(pcm: bytes, language: str) -> str | None:
                heard = known.get((pcm, language))
                if heard is None:
                    heard = known[pcm, language] = tasks.create_task(engine.hear(pcm, [language]), name="recognise")
                return (await heard).text

            return await verdict.judge(record.said, self.plan, record.recordings, ledger, recognise, APOLOGIES)

    def _write(self, name: str, text: str) -> None:
        (self.out / name).write_text(text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class MeetingRecord:
    """The outcome of a meeting before it is judged."""

    said: Sequence[SpokenTurn]
    ids: Mapping[str, str]
    """ACS raw ids by name."""
    recordings: Mapping[str, Samples]
    """Recordings of what each person heard, by name."""
    document: Mapping[str, Any]
    """The interpreter's transcript."""
    closed_ms: Mapping[str, float]
    """When each utterance was first seen closed, in milliseconds since the Unix epoch."""


def wav_name(person: str) -> str:
    """Return the file name of a person's recording: `ana.wav` for Ana."""
    return f"{person.lower()}.wav"


def prepare(out: Path) -> None:
    """Create the folder and delete the files of an earlier demo, no others."""
    logs = out / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.wav", "transcript.vtt", "transcript.json", "report.json", "logs/*.log"):
        for old in out.glob(pattern):
            old.unlink()


def conditions() -> dict[str, object]:
    """Return the conditions of the measurement."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "engine": "local",
    }
