"""Holds the meeting: people speak in turn and wait for interpretations; everything they hear is recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from demo import ledger_client, recording_analysis
from demo.browser_guest import BrowserGuest
from demo.layouts import MeetingPlan
from demo.progress import Progress
from demo.recording_analysis import RATE, Samples
from demo.rest_client import Rest
from demo.script import Turn
from emulator.client import Participant

PATIENCE_S = 15.0
"""Seconds that people wait for an interpretation; the interpreter's timeout for a model is 10 s."""
SETTLED = RATE * 7 // 10
"""Samples of silence (700 ms) after which an interpretation has ended and the next person may speak."""
SETTLED_AFTER_PAUSES = RATE * 4
"""The same after a turn with pauses (4 s): its parts may be interpreted separately, the last one later."""
STALLED_S = 5.0
"""Seconds without a frame after which the room counts as stopped; it sends a frame every 20 ms, silence included."""
POLL_S = 0.2

Attendee = Participant | BrowserGuest
"""Somebody in the meeting, by a calling client or by browser."""


class LostParticipant(Exception):
    """A participant is no longer in the room; the message says who and why."""


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """A turn as it was spoken."""

    number: int
    turn: Turn
    speech: Samples
    began_ms: float
    """Milliseconds since the Unix epoch."""
    group: int
    """Number shared by overlapping turns."""
    positions: Mapping[str, int]
    """Position in each person's recording, in samples, at the start of the group."""

    @property
    def name(self) -> str:
        return self.turn.speaker.name


class TranscriptFollower:
    """Follows the interpreter's transcript during the meeting and shows each new line."""

    def __init__(self, rest: Rest, room_id: str, progress: Progress) -> None:
        self._rest = rest
        self._room_id = room_id
        self._progress = progress
        self._shown: set[tuple[str, str]] = set()
        self._utterances: dict[str, str] = {}  # utterance id -> speaker id
        self._closed: dict[str, set[str]] = {}  # utterance id -> targets
        self._went_on: set[str] = set()
        self.closed_ms: dict[str, float] = {}
        """Utterances with a closed ledger entry -> when it was first seen, in milliseconds since the Unix epoch."""

    def pending(self, speaker_id: str, before: frozenset[str], targets: int) -> bool:
        """Return whether an utterance of this speaker still lacks an interpretation into one of `targets` languages.

        Utterances in `before`, and those that went on in another, are ignored. Without any other utterance the answer
        is True.
        """
        new = {one for one, speaker in self._utterances.items() if speaker == speaker_id} - before - self._went_on
        return not new or any(len(self._closed.get(one, ())) < targets for one in new)

    async def follow(self) -> None:
        """Poll the transcript until cancelled."""
        while True:
            self.take(await self._rest.transcript(self._room_id))
            await asyncio.sleep(POLL_S)

    def take(self, document: Mapping[str, Any]) -> None:
        """Process the current transcript."""
        for line in ledger_client.final_lines(document):
            self._utterances[line.utterance_id] = line.speaker_id
            if (line.utterance_id, line.language) in self._shown:
                continue
            self._shown.add((line.utterance_id, line.language))
            self._progress.followed("recognised" if line.is_original else f"into {line.language}", line.text)
        for entry in ledger_client.entries(document):
            self._utterances[entry.ledger.utterance_id] = entry.speaker_id
            self.closed_ms.setdefault(entry.ledger.utterance_id, time.time() * 1000)
            self._closed.setdefault(entry.ledger.utterance_id, set()).add(entry.ledger.target)
            if entry.ledger.reason == ledger_client.GOES_ON:
                self._went_on.add(entry.ledger.utterance_id)


async def hold(
    turns: Sequence[Turn],
    speeches: Sequence[Samples],
    present: Mapping[str, Attendee],
    follower: TranscriptFollower,
    progress: Progress,
    plan: MeetingPlan,
) -> list[SpokenTurn]:
    """Speak all turns and return them as spoken. `present` has the participants by name.

    Raises:
        LostParticipant: somebody left the room.
    """
    said: list[SpokenTurn] = []
    for group, members in enumerate(groups(turns)):
        positions = {name: len(one.heard) // 2 for name, one in present.items()}
        closed = frozenset(follower.closed_ms)
        begun: list[SpokenTurn] = []

        async def take(number: int, after_ms: int, group: int = group) -> None:
            await asyncio.sleep(after_ms / 1000)
            turn, speech = turns[number], speeches[number]
            now = time.time() * 1000
            begun.append(SpokenTurn(number + 1, turn, speech, now, group, positions))  # noqa: B023 - ends with the loop
            progress.spoken(
                number + 1, turn.speaker.name, turn.says or turn.why, turn.why if turn.says else "recording"
            )
            try:
                await present[turn.speaker.name].speak(speech.tobytes())
            except ConnectionError as error:
                raise LostParticipant(f"{turn.speaker.name} is no longer in the room: {error}") from error

        starts = np.cumsum([turns[number].cuts_in_ms or 0 for number in members])
        async with asyncio.TaskGroup() as speaking:
            for number, start in zip(members, starts.tolist(), strict=True):
                speaking.create_task(take(number, start))
        said += sorted(begun, key=lambda one: one.number)
        await _until_interpreted(said[-len(members) :], present, follower, closed, plan)
    return said


def groups(turns: Sequence[Turn]) -> list[list[int]]:
    """Group the indices of turns that overlap."""
    found: list[list[int]] = []
    for number, turn in enumerate(turns):
        if turn.cuts_in_ms is None or not found:
            found.append([number])
        else:
            found[-1].append(number)
    return found


async def _until_interpreted(
    just_said: Sequence[SpokenTurn],
    present: Mapping[str, Attendee],
    follower: TranscriptFollower,
    closed: frozenset[str],
    plan: MeetingPlan,
) -> None:
    """Wait until all turns have been interpreted and the room is quiet, at most PATIENCE_S."""
    targets = {one.name: len(plan.targets(one.turn.speaker)) for one in just_said}
    audience = {one.name for said in just_said for one in plan.audience(said.turn.speaker)}
    paused = any(
        len(recording_analysis.spans(one.speech, level=recording_analysis.threshold(one.speech))) > 1
        for one in just_said
    )
    quiet = SETTLED_AFTER_PAUSES if paused else SETTLED
    ended = {name: len(one.heard) // 2 for name, one in present.items()}
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        await asyncio.sleep(POLL_S / 4)
        check_connected(present)
        waiting = any(follower.pending(present[name].participant_id, closed, targets[name]) for name in targets)
        heard = all(_is_over(one, ended[name], quiet, name in audience) for name, one in present.items())
        if heard and not waiting:
            return


def check_connected(present: Mapping[str, Attendee]) -> None:
    """Raise LostParticipant if somebody's connection has closed or stalled."""
    for name, one in present.items():
        if one.closed:
            raise LostParticipant(f"{name} is no longer in the room: {one.close_reason}")
        if one.heard_at and time.monotonic() - one.heard_at[-1] > STALLED_S:
            raise LostParticipant(
                f"{name} has received no audio for {STALLED_S:.0f} s, not even silence: the room has stopped"
            )


def _is_over(participant: Attendee, since: int, quiet: int, waits: bool) -> bool:
    """Return whether `quiet` samples of silence followed the last sound after `since`, or any audio if not `waits`."""
    samples = np.frombuffer(bytes(participant.heard[since * 2 :]), "<i2")
    sounds = recording_analysis.spans(samples)
    return len(samples) - sounds[-1].end >= quiet if sounds else not waits and len(samples) >= quiet


def recordings(present: Mapping[str, Attendee]) -> dict[str, Samples]:
    """Return what each person has heard since joining."""
    return {name: np.frombuffer(bytes(one.heard), "<i2").astype(np.int16) for name, one in present.items()}
