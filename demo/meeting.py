"""Holds the meeting: people speak in turn, wait for each other's interpretation, and everything heard is recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from demo import ledger_client, recording_analysis
from demo.layouts import Seating
from demo.progress import Progress
from demo.recording_analysis import RATE, Samples
from demo.rest_client import Rest
from demo.script import Turn
from emulator.client import Participant

PATIENCE_S = 15.0
"""How long people wait to be interpreted; the interpreter itself gives a model 10 s."""
SETTLED = RATE * 7 // 10
"""700 ms of silence after an interpretation: it is over, and the next may speak."""
SETTLED_AFTER_PAUSES = RATE * 4
"""4 s when the speaker paused inside the turn: each part may be interpreted by itself, the last one a while later."""
STALLED_S = 5.0
"""A room sends a frame every 20 ms, silence as well. None for so long, and it has stopped."""
POLL_S = 0.2


class LostParticipant(Exception):
    """Somebody is no longer in the room; the message says who and why."""


@dataclass(frozen=True, slots=True)
class Said:
    """A turn, as it was really taken."""

    number: int
    turn: Turn
    speech: Samples
    began_ms: float
    """Since the Unix epoch."""
    group: int
    """Turns with the same number overlapped."""
    positions: Mapping[str, int]
    """Where in each person's recording it was, in samples, when this turn's group began."""

    @property
    def name(self) -> str:
        return self.turn.speaker.name


class Minutes:
    """Follows the interpreter's transcript while the meeting goes on, and tells of each new line."""

    def __init__(self, rest: Rest, room_id: str, progress: Progress) -> None:
        self._rest = rest
        self._room_id = room_id
        self._progress = progress
        self._told: set[tuple[str, str]] = set()
        self._utterances: dict[str, str] = {}  # utterance id -> speaker id
        self._closed: dict[str, set[str]] = {}  # utterance id -> targets
        self.closed_ms: dict[str, float] = {}
        """The utterances with a closed entry in the ledger, and when the first was seen, since the Unix epoch."""

    def pending(self, speaker_id: str, before: frozenset[str], targets: int) -> bool:
        """Whether an utterance of this speaker, other than those closed before, is still to be interpreted into one of
        so many languages.

        That is so, too, while there is none at all.
        """
        new = {one for one, speaker in self._utterances.items() if speaker == speaker_id} - before
        return not new or any(len(self._closed.get(one, ())) < targets for one in new)

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            self.take(await self._rest.transcript(self._room_id))
            await asyncio.sleep(POLL_S)

    def take(self, document: Mapping[str, Any]) -> None:
        """The transcript, as it is now."""
        for line in ledger_client.final_lines(document):
            self._utterances[line.utterance_id] = line.speaker_id
            if (line.utterance_id, line.language) in self._told:
                continue
            self._told.add((line.utterance_id, line.language))
            self._progress.followed("recognised" if line.is_original else f"into {line.language}", line.text)
        for entry in ledger_client.entries(document):
            self._utterances[entry.booked.utterance_id] = entry.speaker_id
            self.closed_ms.setdefault(entry.booked.utterance_id, time.time() * 1000)
            self._closed.setdefault(entry.booked.utterance_id, set()).add(entry.booked.target)


async def hold(
    turns: Sequence[Turn],
    speeches: Sequence[Samples],
    present: Mapping[str, Participant],
    minutes: Minutes,
    progress: Progress,
    seating: Seating,
) -> list[Said]:
    """Take every turn; what was really said and when. `present` holds everybody by name.

    Raises:
        LostParticipant: somebody dropped out of the room.
    """
    said: list[Said] = []
    for group, members in enumerate(groups(turns)):
        positions = {name: len(one.heard) // 2 for name, one in present.items()}
        closed = frozenset(minutes.closed_ms)
        begun: list[Said] = []

        async def take(number: int, after_ms: int, group: int = group) -> None:
            await asyncio.sleep(after_ms / 1000)
            turn, speech = turns[number], speeches[number]
            now = time.time() * 1000
            begun.append(Said(number + 1, turn, speech, now, group, positions))  # noqa: B023 - ends with the loop
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
        await _until_interpreted(said[-len(members) :], present, minutes, closed, seating)
    return said


def groups(turns: Sequence[Turn]) -> list[list[int]]:
    """The turns' places, those together that overlap."""
    found: list[list[int]] = []
    for number, turn in enumerate(turns):
        if turn.cuts_in_ms is None or not found:
            found.append([number])
        else:
            found[-1].append(number)
    return found


async def _until_interpreted(
    just_said: Sequence[Said],
    present: Mapping[str, Participant],
    minutes: Minutes,
    closed: frozenset[str],
    seating: Seating,
) -> None:
    """Wait as polite people do: until each has been interpreted and the room is quiet; not for ever."""
    targets = {one.name: len(seating.targets(one.turn.speaker)) for one in just_said}
    audience = {one.name for said in just_said for one in seating.audience(said.turn.speaker)}
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
        waiting = any(minutes.pending(present[name].participant_id, closed, targets[name]) for name in targets)
        heard = all(_is_over(one, ended[name], quiet, name in audience) for name, one in present.items())
        if heard and not waiting:
            return


def check_connected(present: Mapping[str, Participant]) -> None:
    """Raises LostParticipant."""
    for name, one in present.items():
        if one.closed:
            raise LostParticipant(f"{name} is no longer in the room: {one.close_reason}")
        if one.heard_at and time.monotonic() - one.heard_at[-1] > STALLED_S:
            raise LostParticipant(
                f"{name} has heard nothing for {STALLED_S:.0f} s, not even silence: the room stands still"
            )


def _is_over(participant: Participant, since: int, quiet: int, waits: bool) -> bool:
    """Whether something was heard since then, if they wait for it, and has been followed by that much silence."""
    samples = np.frombuffer(bytes(participant.heard[since * 2 :]), "<i2")
    sounds = recording_analysis.spans(samples)
    return len(samples) - sounds[-1].end >= quiet if sounds else not waits and len(samples) >= quiet


def recordings(present: Mapping[str, Participant]) -> dict[str, Samples]:
    """What each person heard, from joining on."""
    return {name: np.frombuffer(bytes(one.heard), "<i2").astype(np.int16) for name, one in present.items()}
