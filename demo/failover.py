"""Stops or kills one of three replicas during an utterance and measures recovery times and lost utterances.

Everything is measured from outside: recordings of the participants, media sockets that ACS opens, the ledger. The
emulator uses the same monotonic clock.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import aiohttp

from demo.cluster import Cluster
from demo.layouts import MeetingPlan
from demo.rest_client import Rest, RestFailed
from demo.script import ANA, LUIS
from emulator.client import Participant
from emulator.engine.local import Synthesiser
from emulator.engine.scripted import read_markers

EVERY_S = 5.0
"""Seconds from one utterance to the next: speech of 1.3 s, the pause that ends it, its interpretation, silence."""
CALM_S = 1.5
"""Seconds without a new ledger entry after which complete ledgers count as final."""
ROOMS = 6
"""Maximum number of rooms created until two are interpreted by different replicas."""
INTO_THE_WORD_S = 0.7
UTTERANCES = 2
"""Number of complete utterances in the first room before the loss, and after it."""
NEVER = (float("inf"), float("inf"))
RECOVERY_S = 10.0
"""Maximum seconds from the end of a replica until its calls are interpreted again, as documented."""
PATIENCE_S = 25.0
LOOK_S = 0.05
WINDOW_BYTES = 2 * 24_000 * 40 // 1000
"""Window of 40 ms in which a marker tone is searched."""
SENTENCES = (("Good morning, everyone.", "en"), ("Buenos días a todos.", "es"))
LOST = ("abandoned", "replica_lost")
EARLY_S = 0.5
"""Seconds by which an utterance may start earlier in the ledger: it includes the audio kept before the onset."""
ENDED_S = 0.5
"""Pause in seconds that ends an utterance; before that, the utterance is incomplete for the interpreter."""


class ReplicaLoss(Enum):
    """How the replica with the first room's call ends."""

    KILLED = "SIGKILL, ACS reconnects"
    KILLED_UNDIALLED = "SIGKILL, ACS does not reconnect"
    STOPPED = "SIGTERM"


@dataclass(frozen=True, slots=True)
class SpokenUtterance:
    """An utterance with its start and end, `time.monotonic()`."""

    speaker: str
    began: float
    ended: float


@dataclass
class FailoverMeeting:
    """A room and its utterances."""

    name: str
    room_id: str
    acs_room_id: str
    people: Sequence[Participant]
    replica: str
    said: list[SpokenUtterance] = field(default_factory=list)

    async def talk(self, speeches: Sequence[bytes], over: asyncio.Event) -> None:
        """Let the people speak in turn, at a steady pace, until `over` is set."""
        due = time.monotonic()
        for person, speech in itertools.cycle(zip(self.people, speeches, strict=True)):
            if over.is_set():
                return
            began = time.monotonic()
            await person.speak(speech)
            self.said.append(SpokenUtterance(person.participant_id, began, time.monotonic()))
            due += EVERY_S
            await asyncio.sleep(due - time.monotonic())

    def heard_after(self, moment: float) -> float | None:
        """Return when the first interpretation after `moment` started, `time.monotonic()`; None if none did."""
        for person in self.people:
            start = person.heard_position(moment)
            heard = bytes(person.heard)
            for at in range(start, len(heard) - 2 * WINDOW_BYTES, WINDOW_BYTES):
                if read_markers(heard[at : at + 2 * WINDOW_BYTES]):
                    return moment + (at - start) / 48_000
        return None


@dataclass(frozen=True, slots=True)
class RoomOutcome:
    """The result for a room. A room is "covered" while a replica receives its audio."""

    name: str
    said: int
    heard: int
    """Utterances spoken entirely while the room was covered."""
    interpreted: int
    """Of those, utterances that are "spoken" in the ledger."""
    partly_covered: int
    """Utterances spoken partly while the room was not covered."""
    missed: int
    """Utterances spoken entirely while the room was not covered; they are in no ledger."""
    cut: int
    """Ledger entries closed by another replica because theirs was lost."""
    other: int
    """Ledger entries in any other state than "spoken"."""
    interpreters: int
    """Interpreters in the call at the end."""
    dials: int
    """Media sockets that ACS opened."""


@dataclass(frozen=True, slots=True)
class FailoverResult:
    """The result of a loss: recovery times, both rooms, and unmet promises."""

    loss: ReplicaLoss
    until_silent_s: float
    """Seconds from the signal until the replica left the first room."""
    streaming_s: float | None
    """Seconds from then until the next media socket of the first room; None if there was none."""
    heard_s: float | None
    """Seconds from then until the next interpretation in that room; None if there was none."""
    outcomes: tuple[RoomOutcome, RoomOutcome]
    failures: tuple[str, ...]


async def lose_replica(cluster: Cluster, loss: ReplicaLoss, utterances: int = UTTERANCES) -> FailoverResult:
    """Hold two meetings, end the first one's replica during an utterance, and measure both."""
    async with Synthesiser() as synthesiser:
        speeches = [await synthesiser.say(text, language) for text, language in SENTENCES]
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        observer = _Observer(cluster, http)
        rest = Rest(http, cluster.services)
        await rest.subscribe_to_events()
        first = await stack.enter_async_context(observer.meeting(rest, "first"))
        for _ in range(ROOMS):
            second = await stack.enter_async_context(observer.meeting(rest, "second"))
            if second.replica != first.replica:
                break
        else:
            raise RestFailed("the load balancer gave all rooms to one replica")
        over = asyncio.Event()
        if loss is ReplicaLoss.KILLED_UNDIALLED:
            await observer.emulator("PUT", "/emulator/faults", {"switches": {"redials": 0}})
        async with asyncio.TaskGroup() as group:
            for meeting in (first, second):
                group.create_task(meeting.talk(speeches, over))
            await observer.until(lambda: len(first.said) == utterances)
            await asyncio.sleep(max(0.0, first.said[-1].began + EVERY_S + INTO_THE_WORD_S - time.monotonic()))
            signalled = time.monotonic()
            process = cluster.replicas[first.replica].process
            os.kill(process.pid, signal.SIGTERM if loss is ReplicaLoss.STOPPED else signal.SIGKILL)
            streaming_at = await observer.dialled_after(signalled, first)
            after = streaming_at if streaming_at is not None else time.monotonic()
            await observer.until(lambda: sum(one.began > after for one in first.said) >= utterances)
            over.set()
        await observer.settled(rest, (first, second), after - signalled)
        silent_at = await observer.silent_since(signalled, loss, first)
        heard_at = first.heard_after(silent_at)
        # A replica that is asked to stop leaves in a pause: then nothing may be lost.
        gap = NEVER if loss is ReplicaLoss.STOPPED else (silent_at, after)
        outcomes = (await observer.outcome(rest, first, gap), await observer.outcome(rest, second, NEVER))
        streaming_s = None if streaming_at is None else streaming_at - silent_at
        heard_s = None if heard_at is None else heard_at - silent_at
        return FailoverResult(
            loss=loss,
            until_silent_s=silent_at - signalled,
            streaming_s=streaming_s,
            heard_s=heard_s,
            outcomes=outcomes,
            failures=tuple(_failures(loss, streaming_s, heard_s, outcomes)),
        )


def _failures(
    loss: ReplicaLoss, streaming_s: float | None, heard_s: float | None, outcomes: tuple[RoomOutcome, RoomOutcome]
) -> list[str]:
    """Return the unmet promises, one sentence each."""
    first, second = outcomes
    found = []
    if streaming_s is None:
        found.append("the first room was not interpreted again")
    elif streaming_s > RECOVERY_S:
        found.append(f"the first room was interpreted again only after {streaming_s:.1f} s")
    if heard_s is None:
        found.append("no interpretation was heard in the first room afterwards")
    if first.cut != (0 if loss is ReplicaLoss.STOPPED else 1):
        found.append(f"{first.cut} utterances were cut in the first room")
    if second.cut or second.dials != 1:
        found.append("the second room was interrupted")
    for one in outcomes:
        if one.interpreted != one.heard:
            found.append(f"{one.interpreted} of {one.heard} utterances were interpreted in the {one.name} room")
        if one.other:
            found.append(f"{one.other} utterances were abandoned in the {one.name} room")
        if one.interpreters != 1:
            found.append(f"{one.interpreters} interpreters are in the {one.name} room")
    return found


class _Observer:
    """Creates meetings and reads the emulator's state and journal."""

    def __init__(self, cluster: Cluster, http: aiohttp.ClientSession) -> None:
        self._cluster = cluster
        self._http = http
        self._base = cluster.services.acs_url

    async def emulator(self, method: str, path: str, document: object = None) -> Any:
        async with self._http.request(method, self._base + path, json=document) as answer:
            answer.raise_for_status()
            return await answer.json()

    @asynccontextmanager
    async def meeting(self, rest: Rest, name: str) -> AsyncIterator[FailoverMeeting]:
        """Create a room with two people and wait until it is interpreted."""
        room_id, invitations = await rest.create_room(name, MeetingPlan([ANA, LUIS]), "consecutive")
        async with AsyncExitStack() as stack:
            people = [
                await stack.enter_async_context(
                    Participant.join(self._base, one.acs_room_id, one.token, one.person.name)
                )
                for one in invitations
            ]
            async with asyncio.timeout(PATIENCE_S):
                while (await rest.interpreter(room_id))["status"] != "interpreting":  # noqa: ASYNC110  another process
                    await asyncio.sleep(LOOK_S)
                while (replica := await asyncio.to_thread(self._cluster.interprets, room_id)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_S)
            yield FailoverMeeting(name, room_id, invitations[0].acs_room_id, people, replica)

    async def until(self, good: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not good():  # noqa: ASYNC110  what people say sets no event
                await asyncio.sleep(LOOK_S)

    async def connections(self, meeting: FailoverMeeting) -> list[dict[str, Any]]:
        calls = await self.emulator("GET", "/emulator/calls")
        return [one for call in calls["items"] if call["room_id"] == meeting.acs_room_id for one in call["connections"]]

    async def dials(self, meeting: FailoverMeeting) -> list[float]:
        """Return when ACS opened media sockets of this room."""
        ids = {one["call_connection_id"] for one in await self.connections(meeting)}
        entries = (await self.emulator("GET", "/emulator/journal?kind=media.dialled"))["items"]
        return [one["at"] for one in entries if one["failure"] is None and one["call_connection_id"] in ids]

    async def dialled_after(self, moment: float, meeting: FailoverMeeting) -> float | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for at in await self.dials(meeting):
                        if at > moment:
                            return at
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return None

    async def settled(self, rest: Rest, meetings: Sequence[FailoverMeeting], gap_s: float) -> None:
        """Wait until the ledgers have the expected number of entries, or time out, and no longer grow."""
        wanted = sum(len(one.said) for one in meetings) - int(gap_s / EVERY_S) - 1
        seen, since = -1, time.monotonic()
        while (calm_s := time.monotonic() - since) < CALM_S or (seen < wanted and calm_s < PATIENCE_S):
            count = sum([len((await rest.transcript(one.room_id))["passages"]) for one in meetings])
            if count != seen:
                seen, since = count, time.monotonic()
            await asyncio.sleep(5 * LOOK_S)

    async def silent_since(self, signalled: float, loss: ReplicaLoss, meeting: FailoverMeeting) -> float:
        """Return when the replica left the room; a stopped one closes its media socket in a pause."""
        if loss is not ReplicaLoss.STOPPED:
            return signalled
        ids = {one["call_connection_id"] for one in await self.connections(meeting)}
        entries = (await self.emulator("GET", "/emulator/journal?kind=media.closed"))["items"]
        closed = [one["at"] for one in entries if one["call_connection_id"] in ids and one["at"] > signalled]
        return min(closed, default=signalled)

    async def outcome(self, rest: Rest, meeting: FailoverMeeting, gap: tuple[float, float]) -> RoomOutcome:
        document = await rest.transcript(meeting.room_id)
        ends = {one["utterance_id"]: (one["state"], one["reason"]) for one in document["passages"]}
        to_monotonic = time.monotonic() - time.time()
        spoken = {
            (line["speaker_id"], line["timestamp_ms"] / 1000 + to_monotonic)
            for line in document["items"]
            if ends.get(line["utterance_id"], ("", ""))[0] == "spoken"
        }

        def is_spoken(one: SpokenUtterance) -> bool:
            return any(who == one.speaker and one.began - EARLY_S <= began <= one.ended for who, began in spoken)

        heard = [one for one in meeting.said if one.ended + ENDED_S <= gap[0] or one.began >= gap[1]]
        missed = sum(one.began > gap[0] and one.ended < gap[1] for one in meeting.said)
        return RoomOutcome(
            name=meeting.name,
            said=len(meeting.said),
            heard=len(heard),
            interpreted=sum(map(is_spoken, heard)),
            partly_covered=len(meeting.said) - len(heard) - missed,
            missed=missed,
            cut=sum(end == LOST for end in ends.values()),
            other=sum(end != LOST and end[0] != "spoken" for end in ends.values()),
            interpreters=sum(one["state"] == "connected" for one in await self.connections(meeting)),
            dials=len(await self.dials(meeting)),
        )
