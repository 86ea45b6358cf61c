"""Two meetings on three replicas, one of which is taken away amid a word: what is heard again when, what is lost.

Everything is measured from outside: by what people hear, by what ACS dials, by the ledger. The emulator's clock and
ours are the machine's monotonic one.
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
from demo.layouts import Seating
from demo.rest_client import Rest, RestFailed
from demo.script import ANA, LUIS
from emulator.client import Participant
from emulator.engine.local import Synthesiser
from emulator.engine.scripted import read_markers

EVERY_S = 5.0
"""From one utterance to the next: one that lasts 1.3 s, the pause that ends it, its interpretation, silence."""
CALM_S = 1.5
"""Ledgers that have not grown for so long, with all in them that should be, are taken as they are."""
ROOMS = 6
"""Tried until two are interpreted by two replicas: the balancer deals as it comes."""
INTO_THE_WORD_S = 0.7
UTTERANCES = 2
"""In the first room, wholly before and wholly after."""
NEVER = (float("inf"), float("inf"))
AGAIN_S = 10.0
"""What is promised: from the end of a replica until its calls are heard again."""
PATIENCE_S = 25.0
LOOK_S = 0.05
WINDOW_BYTES = 2 * 24_000 * 40 // 1000
"""40 ms: what a marker tone is looked for in."""
SENTENCES = (("Good morning, everyone.", "en"), ("Buenos días a todos.", "es"))
LOST = ("abandoned", "replica_lost")
EARLY_S = 0.5
"""What the ledger's beginning of an utterance may be before ours: it counts the audio kept from before."""
ENDED_S = 0.5
"""The pause that ends an utterance; before that it is not all said, for the interpreter."""


class How(Enum):
    """What becomes of the replica in the first room's call."""

    KILLED = "SIGKILL, ACS dials again"
    KILLED_UNDIALLED = "SIGKILL, ACS does not dial again"
    STOPPED = "SIGTERM"


@dataclass(frozen=True, slots=True)
class Said:
    speaker: str
    began: float
    ended: float


@dataclass
class Meeting:
    """One room, and what is said in it."""

    name: str
    room_id: str
    acs_room_id: str
    people: Sequence[Participant]
    replica: str
    said: list[Said] = field(default_factory=list)

    async def talk(self, speeches: Sequence[bytes], over: asyncio.Event) -> None:
        """One after the other, at a steady pace, until told that it is over."""
        due = time.monotonic()
        for person, speech in itertools.cycle(zip(self.people, speeches, strict=True)):
            if over.is_set():
                return
            began = time.monotonic()
            await person.speak(speech)
            self.said.append(Said(person.participant_id, began, time.monotonic()))
            due += EVERY_S
            await asyncio.sleep(due - time.monotonic())

    def heard_after(self, moment: float) -> float | None:
        """When an interpretation was first heard to begin after that; `time.monotonic()`."""
        for person in self.people:
            start = person.heard_position(moment)
            heard = bytes(person.heard)
            for at in range(start, len(heard) - 2 * WINDOW_BYTES, WINDOW_BYTES):
                if read_markers(heard[at : at + 2 * WINDOW_BYTES]):
                    return moment + (at - start) / 48_000
        return None


@dataclass(frozen=True, slots=True)
class Account:
    """One room's. Utterances are said wholly while the room is heard, or partly, or not."""

    name: str
    said: int
    heard: int
    """Wholly."""
    interpreted: int
    """Of those: in the ledger as spoken."""
    amid: int
    """Said partly while nobody listened."""
    unheard: int
    """Said wholly while nobody listened: in no ledger."""
    cut: int
    """Ledger entries closed by a successor, for their replica was lost amid them."""
    other: int
    """Ledger entries in any other state than spoken."""
    interpreters: int
    """In the call, at the end."""
    dials: int
    """Media sockets that were opened."""


@dataclass(frozen=True, slots=True)
class Result:
    how: How
    until_silent_s: float
    """From the signal until the replica had left the first room: what it finished."""
    streaming_s: float | None
    """From then until the next media socket of the first room ..."""
    heard_s: float | None
    """... and until an interpretation was heard there: of what was left of the utterance, or of the next."""
    accounts: tuple[Account, Account]
    failures: tuple[str, ...]


async def take_away(cluster: Cluster, how: How, utterances: int = UTTERANCES) -> Result:
    """Hold both meetings, take the first one's replica away amid an utterance, and see what becomes of them."""
    async with Synthesiser() as synthesiser:
        speeches = [await synthesiser.say(text, language) for text, language in SENTENCES]
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        course = _Course(cluster, http)
        rest = Rest(http, cluster.parts)
        await rest.subscribe_to_events()
        first = await stack.enter_async_context(course.meeting(rest, "first"))
        for _ in range(ROOMS):
            second = await stack.enter_async_context(course.meeting(rest, "second"))
            if second.replica != first.replica:
                break
        else:
            raise RestFailed("the balancer gave all rooms to one replica")
        over = asyncio.Event()
        if how is How.KILLED_UNDIALLED:
            await course.emulator("PUT", "/emulator/faults", {"switches": {"redials": 0}})
        async with asyncio.TaskGroup() as group:
            for meeting in (first, second):
                group.create_task(meeting.talk(speeches, over))
            await course.until(lambda: len(first.said) == utterances)
            await asyncio.sleep(max(0.0, first.said[-1].began + EVERY_S + INTO_THE_WORD_S - time.monotonic()))
            signalled = time.monotonic()
            process = cluster.replicas[first.replica].process
            os.kill(process.pid, signal.SIGTERM if how is How.STOPPED else signal.SIGKILL)
            streaming_at = await course.dialled_after(signalled, first)
            after = streaming_at if streaming_at is not None else time.monotonic()
            await course.until(lambda: sum(one.began > after for one in first.said) >= utterances)
            over.set()
        await course.settled(rest, (first, second), after - signalled)
        silent_at = await course.silent_since(signalled, how, first)
        heard_at = first.heard_after(silent_at)
        # Who is told to go chooses a pause for it: then nothing at all may be lost.
        gap = NEVER if how is How.STOPPED else (silent_at, after)
        accounts = (await course.account(rest, first, gap), await course.account(rest, second, NEVER))
        streaming_s = None if streaming_at is None else streaming_at - silent_at
        heard_s = None if heard_at is None else heard_at - silent_at
        return Result(
            how=how,
            until_silent_s=silent_at - signalled,
            streaming_s=streaming_s,
            heard_s=heard_s,
            accounts=accounts,
            failures=tuple(_failures(how, streaming_s, heard_s, accounts)),
        )


def _failures(
    how: How, streaming_s: float | None, heard_s: float | None, accounts: tuple[Account, Account]
) -> list[str]:
    """What was promised and is not so."""
    first, second = accounts
    found = []
    if streaming_s is None:
        found.append("the first room is not interpreted any more")
    elif streaming_s > AGAIN_S:
        found.append(f"the first room was interpreted again after {streaming_s:.1f} s only")
    if heard_s is None:
        found.append("nothing was heard afterwards in the first room")
    if first.cut != (0 if how is How.STOPPED else 1):
        found.append(f"{first.cut} utterances were cut in the first room")
    if second.cut or second.dials != 1:
        found.append("the second room was disturbed")
    for one in accounts:
        if one.interpreted != one.heard:
            found.append(f"{one.interpreted} of {one.heard} utterances were interpreted in the {one.name} room")
        if one.other:
            found.append(f"{one.other} utterances were given up in the {one.name} room")
        if one.interpreters != 1:
            found.append(f"{one.interpreters} interpreters are in the {one.name} room")
    return found


class _Course:
    def __init__(self, cluster: Cluster, http: aiohttp.ClientSession) -> None:
        self._cluster = cluster
        self._http = http
        self._base = cluster.parts.acs_url

    async def emulator(self, method: str, path: str, document: object = None) -> Any:
        async with self._http.request(method, self._base + path, json=document) as answer:
            answer.raise_for_status()
            return await answer.json()

    @asynccontextmanager
    async def meeting(self, rest: Rest, name: str) -> AsyncIterator[Meeting]:
        """A room with two people, being interpreted."""
        room_id, invitations = await rest.create_room(name, Seating([ANA, LUIS]), "consecutive")
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
            yield Meeting(name, room_id, invitations[0].acs_room_id, people, replica)

    async def until(self, good: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not good():  # noqa: ASYNC110  what people say sets no event
                await asyncio.sleep(LOOK_S)

    async def connections(self, meeting: Meeting) -> list[dict[str, Any]]:
        calls = await self.emulator("GET", "/emulator/calls")
        return [one for call in calls["items"] if call["room_id"] == meeting.acs_room_id for one in call["connections"]]

    async def dials(self, meeting: Meeting) -> list[float]:
        """When ACS opened a media socket of this room."""
        ids = {one["call_connection_id"] for one in await self.connections(meeting)}
        entries = (await self.emulator("GET", "/emulator/journal?kind=media.dialled"))["items"]
        return [one["at"] for one in entries if one["failure"] is None and one["call_connection_id"] in ids]

    async def dialled_after(self, moment: float, meeting: Meeting) -> float | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for at in await self.dials(meeting):
                        if at > moment:
                            return at
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            return None

    async def settled(self, rest: Rest, meetings: Sequence[Meeting], gap_s: float) -> None:
        """Wait until the ledgers have what they should, as far as that ever comes, and do not grow any more."""
        wanted = sum(len(one.said) for one in meetings) - int(gap_s / EVERY_S) - 1
        seen, since = -1, time.monotonic()
        while (calm_s := time.monotonic() - since) < CALM_S or (seen < wanted and calm_s < PATIENCE_S):
            count = sum([len((await rest.transcript(one.room_id))["passages"]) for one in meetings])
            if count != seen:
                seen, since = count, time.monotonic()
            await asyncio.sleep(5 * LOOK_S)

    async def silent_since(self, signalled: float, how: How, meeting: Meeting) -> float:
        """When the first replica was gone; one that was asked to go closes its media socket when it likes."""
        if how is not How.STOPPED:
            return signalled
        ids = {one["call_connection_id"] for one in await self.connections(meeting)}
        entries = (await self.emulator("GET", "/emulator/journal?kind=media.closed"))["items"]
        closed = [one["at"] for one in entries if one["call_connection_id"] in ids and one["at"] > signalled]
        return min(closed, default=signalled)

    async def account(self, rest: Rest, meeting: Meeting, gap: tuple[float, float]) -> Account:
        document = await rest.transcript(meeting.room_id)
        ends = {one["utterance_id"]: (one["state"], one["reason"]) for one in document["passages"]}
        to_monotonic = time.monotonic() - time.time()
        spoken = {
            (line["speaker_id"], line["timestamp_ms"] / 1000 + to_monotonic)
            for line in document["items"]
            if ends.get(line["utterance_id"], ("", ""))[0] == "spoken"
        }

        def is_spoken(one: Said) -> bool:
            return any(who == one.speaker and one.began - EARLY_S <= began <= one.ended for who, began in spoken)

        heard = [one for one in meeting.said if one.ended + ENDED_S <= gap[0] or one.began >= gap[1]]
        unheard = sum(one.began > gap[0] and one.ended < gap[1] for one in meeting.said)
        return Account(
            name=meeting.name,
            said=len(meeting.said),
            heard=len(heard),
            interpreted=sum(map(is_spoken, heard)),
            amid=len(meeting.said) - len(heard) - unheard,
            unheard=unheard,
            cut=sum(end == LOST for end in ends.values()),
            other=sum(end != LOST and end[0] != "spoken" for end in ends.values()),
            interpreters=sum(one["state"] == "connected" for one in await self.connections(meeting)),
            dials=len(await self.dials(meeting)),
        )
