"""Holds the meetings in which golden sets are interpreted: the service as deployed, with the emulator for its ACS."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
from rich.console import Console
from rich.markup import escape

from benchmarks.interpretation.golden_set import GoldenSet, UnusableSet, Utterance, read_recording
from benchmarks.interpretation.scores import Direction, Interpreted, rate
from benchmarks.subjects import SubjectFailed
from bot.live_room import language_detection
from demo import ledger_client, meeting, recording_analysis, run_meeting
from demo.layouts import Layout, MeetingPlan, Mode
from demo.meeting import LostParticipant, SpokenTurn, TranscriptFollower
from demo.processes import Ports, Services, running
from demo.progress import Progress
from demo.recording_analysis import RATE, Samples, Span
from demo.report import SPOKEN, LedgerEntry
from demo.rest_client import Rest, RestFailed
from demo.run_meeting import INTERPRETING
from demo.script import Person, Turn, primary
from demo.subprocesses import ProcessFailed
from demo.verdict import with_margin
from emulator.client import JoinRefused, Participant
from emulator.engine.base import EngineError
from emulator.engine.local import LocalEngine, Synthesiser, Voice
from emulator.engine.local.engine import CLEAR_RATE
from emulator.engine.local.synthesis import PICO

_log = logging.getLogger(__name__)

VARIANTS, PITCHES = ("f2", "m3"), (57, 42)
"""Of the two speakers' voices, of espeak-ng and of Pico; the interpreter has another one."""
JOIN_S = 30.0
SEPARATE = RATE * 3 // 20
"""Samples of silence (150 ms) between two stretches of an interpretation."""
LOOK_S = 0.05

Report = Callable[[str], None]
"""Receives a line about what is being done."""
ReportAbout = Callable[[str], Report]
"""Makes one for a subject."""


async def measure(
    sets: Sequence[GoldenSet],
    model: Mapping[str, str] | None,
    mode: Mode,
    folder: Path,
    report: ReportAbout,
    found: list[Direction],
) -> None:
    """Hold a meeting for each set and put its scores into `found`, which also has those before a failure.

    `model`: the service's settings of its model; None for the emulator's local engine.

    Raises:
        SubjectFailed: a meeting could not be held to its end.
        EngineError: the local engine, which speaks the scripts and listens, does not work.
    """
    await asyncio.to_thread(run_meeting.prepare, folder)
    languages = list(dict.fromkeys(primary(tag) for one in sets for tag in one.languages))
    transcribes = model is None or bool(model["AZURE_AI_TRANSCRIBE_DEPLOYMENT"])
    begin = report("interpretation")
    try:
        identify = await asyncio.to_thread(language_detection.load)
        async with AsyncExitStack() as stack:
            begin("starting emulator and bot")
            services = await stack.enter_async_context(
                running(
                    Ports.free(),
                    folder / "logs",
                    languages,
                    engine="scripted" if model else "local",
                    settings=model,
                )
            )
            begin("loading the recogniser")
            ears = await stack.enter_async_context(LocalEngine(languages=languages))
            voice = await stack.enter_async_context(Synthesiser())
            async with services.watched() as tasks, aiohttp.ClientSession() as http:
                rest = Rest(http, services)
                await rest.subscribe_to_events()
                for one in sets:
                    speeches = [await _speech(voice, one, each) for each in one.utterances]
                    held = _Meeting(one, transcribes, mode, rest, ears, report(one.name))
                    found += rate(one, await held.hold(services, speeches, tasks), identify)
    except (ProcessFailed, RestFailed, JoinRefused, LostParticipant, UnusableSet) as error:
        raise SubjectFailed(str(error)) from error


async def _speech(voice: Synthesiser, golden: GoldenSet, utterance: Utterance) -> Samples:
    if utterance.recording is not None:
        pcm = await asyncio.to_thread(read_recording, utterance.recording)
    else:
        language = primary(utterance.source)
        pcm = await voice.say(
            utterance.transcript, language, speaker_voice(language, golden.languages.index(utterance.source))
        )
    return np.frombuffer(pcm, "<i2").astype(np.int16)


def speaker_voice(language: str, number: int) -> Voice:
    """Return the voice of the set's first (0) or second (1) speaker: Pico's, which is understood, where it can."""
    clear = PICO.get(language)
    if clear is None:
        return Voice(variant=VARIANTS[number])
    return Voice(name=clear, rate=CLEAR_RATE, pitch=PITCHES[number])


class _Meeting:
    """Two people, one of each language, who say everything in the set, one after the other."""

    def __init__(
        self, golden: GoldenSet, transcribes: bool, mode: Mode, rest: Rest, ears: LocalEngine, report: Report
    ) -> None:
        self._golden = golden
        self._transcribes = transcribes
        self._mode = mode
        self._rest = rest
        self._ears = ears
        self._report = report
        self._people = [Person(f"Speaker of {tag}", tag) for tag in golden.languages]
        # Simultaneous interpretations would be heard over the speakers: there, each language has a room of its own.
        self._plan = MeetingPlan(self._people, "shared" if mode == "consecutive" else "sister")

    async def hold(
        self, services: Services, speeches: Sequence[Samples], tasks: asyncio.TaskGroup
    ) -> list[Interpreted]:
        """Hold the meeting; return what became of every utterance. `tasks` watches the services."""
        self._report("creating the room")
        room_id, invitations = await self._rest.create_room(self._golden.name, self._plan, self._mode)
        await self._rest.set_glossary(room_id, self._golden.glossary)
        async with AsyncExitStack() as stack:
            present = {
                one.person.name: await stack.enter_async_context(
                    Participant.join(services.acs_url, one.acs_room_id, one.token, one.person.name)
                )
                for one in invitations
            }
            await self._until_interpreting(room_id)
            follower = TranscriptFollower(self._rest, room_id, Progress(Console(quiet=True)))
            following = tasks.create_task(follower.follow())
            said: list[SpokenTurn] = []
            played: list[_Played] = []
            for number, (utterance, speech) in enumerate(zip(self._golden.utterances, speeches, strict=True), 1):
                speaker = self._people[self._golden.languages.index(utterance.source)]
                turn = Turn(speaker, utterance.transcript)
                said += await meeting.hold(
                    [turn], [speech], present, follower, Progress(Console(quiet=True)), self._plan
                )
                played.append(await self._played(utterance, said[-1], present))
                self._show(number, utterance, played[-1])
            following.cancel()
            document = await self._rest.transcript(room_id)
            ids = {name: one.participant_id for name, one in present.items()}
        began = [(ids[one.name], one.began_ms) for one in said]
        ledger = ledger_client.by_turn(ledger_client.entries(document), began, follower.closed_ms)
        return [
            _interpreted(utterance, entries, one, self._transcribes)
            for utterance, entries, one in zip(self._golden.utterances, ledger, played, strict=True)
        ]

    async def _until_interpreting(self, room_id: str) -> None:
        try:
            async with asyncio.timeout(JOIN_S):
                while (state := await self._rest.interpreter(room_id))["status"] != INTERPRETING:
                    if state["status"] == "failed":
                        raise SubjectFailed(f"the interpreter failed to join: {state['reason']}")
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            raise SubjectFailed(f"the interpreter did not join within {JOIN_S:.0f} s") from error

    async def _played(self, utterance: Utterance, one: SpokenTurn, present: Mapping[str, Participant]) -> _Played:
        """Take the interpretation out of what the listener heard, and recognise it."""
        listener = next(person.name for person in self._people if person.name != one.name)
        since = one.positions[listener] * 2
        recording = np.frombuffer(bytes(present[listener].heard[since:]), "<i2").astype(np.int16)
        found = await asyncio.to_thread(locate, recording, one.speech, self._plan.layout)
        if found is None or not found.sounds:
            return _Played(found, None)
        whole = Span(found.sounds[0].start, found.sounds[-1].end)
        pcm = found.rest[with_margin(whole, found.sounds)].tobytes()
        try:
            heard = await self._ears.hear(pcm, [primary(utterance.target)])
        except EngineError as error:  # a language that the recogniser does not know, for example
            _log.error("the interpretation was not recognised: %s", error)
            return _Played(found, None)
        return _Played(found, heard.text or "")

    def _show(self, number: int, utterance: Utterance, played: _Played) -> None:
        span_s = None if played.found is None else played.found.span_s
        if played.found is None or not played.found.sounds:
            what = "nothing heard"
        else:
            late = "while they spoke" if span_s is None else f"after {span_s:.1f} s"
            what = f"heard {late}: {escape(played.text or 'not recognised')}"
        way = f"{utterance.source} into {utterance.target}"
        self._report(f"{number} of {len(self._golden.utterances)}, {way}, {what}")


@dataclass(frozen=True, slots=True)
class Located:
    """An interpretation in the recording of its listener."""

    spoken: Sequence[Span]
    """The stretches of the speaker's voice."""
    sounds: Sequence[Span]
    """Those of the interpretation."""
    rest: Samples
    """The recording without the voice of the speaker."""

    @property
    def span_s(self) -> float | None:
        """Return the ear-voice span in seconds; see `Interpreted`."""
        if not self.sounds:
            return None
        ended = [one.end for one in self.spoken if one.end <= self.sounds[0].start]
        return round((self.sounds[0].start - ended[-1]) / RATE, 3) if ended else None


def locate(recording: Samples, speech: Samples, layout: Layout) -> Located | None:
    """Find speech and its interpretation in the listener's recording, which begins when the speaker does.

    In a shared room the voice of the speaker is found and taken out; None if it is not there. What is heard before the
    speaker's first pause is no interpretation there. With a room per language, the voice is not in the recording.
    """
    if layout == "shared":
        trace = recording_analysis.trace(recording, speech, 0, len(recording))
        if trace is None:
            return None
        spoken, rest, earliest = trace.spans, trace.rest, trace.spans[0].end
    else:
        stretches = recording_analysis.spans(speech, level=recording_analysis.threshold(speech))
        spoken, rest, earliest = tuple(stretches), recording, stretches[0].start
    sounds = recording_analysis.spans(rest, pause=SEPARATE)
    return Located(spoken, [one for one in sounds if one.start >= earliest], rest)


@dataclass(frozen=True, slots=True)
class _Played:
    """What was heard of an utterance: its interpretation, and the words recognised in it, if they can be."""

    found: Located | None
    text: str | None


def _interpreted(
    utterance: Utterance, entries: Sequence[LedgerEntry], played: _Played, transcribes: bool
) -> Interpreted:
    found = played.found
    recognised = _joined(one.recognised for one in entries)
    first = 0 if found is None else found.spoken[0].start
    return Interpreted(
        utterance=utterance,
        recognised=recognised or ("" if transcribes else None),
        rendition=_joined(one.translated for one in entries) or "",
        heard=played.text,
        spoken=bool(entries) and all(one.state == SPOKEN for one in entries),
        reasons=tuple(one.reason or one.state for one in entries if one.state != SPOKEN),
        source_s=0.0 if found is None else (found.spoken[-1].end - first) / RATE,
        stretches_s=()
        if found is None
        else tuple(((one.start - first) / RATE, (one.end - first) / RATE) for one in found.sounds),
        span_s=None if found is None else found.span_s,
    )


def _joined(texts: Iterable[str | None]) -> str | None:
    return " ".join(text.strip() for text in texts if text and text.strip()) or None
