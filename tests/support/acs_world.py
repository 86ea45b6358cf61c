"""AcsWorld: ACS as far as calls go, with people, in virtual time: it loses answers, delays, repeats and shuffles.

It knows by itself who is in which call, and so can judge what an interpreter does.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.calls.acs_client import CallLook
from bot.calls.call import REMOVED_SUB_CODE
from bot.calls.dispatcher import Dispatcher
from bot.calls.service import CallService
from bot.errors import CallError
from tests.support.media_streams import FakeMediaStream
from webhooks.events import (
    CallConnected,
    CallDisconnected,
    CallEnded,
    CallEvent,
    CallReport,
    CallStarted,
    ConnectFailed,
    MediaStreamingFailed,
    ParticipantAdded,
    ParticipantRemoved,
    ParticipantsUpdated,
)

GRID_DELAYS_S = (0.0, 0.0, 0.05, 0.3, 2.0, 6.0)
CALLBACK_DELAYS_S = (0.0, 0.0, 0.02, 0.2, 1.5)


@dataclass(eq=False)
class Bot:
    """One connection of ours."""

    id: str
    secret: str
    call: Meeting | None
    """None once it is out."""
    stream: FakeMediaStream | None = None
    unanswered: bool = False
    """We could not know that it was in the call: an answer about it was lost, or ACS would not let it go."""
    rosters: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


@dataclass(eq=False)
class Meeting:
    """The call of a room: it lasts until the last has left, interpreter included."""

    room: str
    server_call_id: str
    people: set[str] = field(default_factory=set)
    bots: list[Bot] = field(default_factory=list)
    reported: bool = False


class Host(Protocol):
    """Runs the calls."""

    dispatcher: Dispatcher
    service: CallService

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]: ...


class AcsWorld:
    """A `CallControl`, and the events that come of it."""

    def __init__(self, chance: random.Random, *, ends_with_people: bool) -> None:
        """`ends_with_people`: a call that only the interpreter is left in is over; else it waits there for others."""
        self.host: Host
        self.troubled = True
        self.meetings: dict[str, Meeting] = {}
        self.bots: dict[str, Bot] = {}
        self.crowded: list[str] = []
        """Rooms that ever had two of ours, to the knowledge of anybody who could have known."""
        self._chance = chance
        self._ends_with_people = ends_with_people
        self._answers: dict[str, str] = {}
        self._calls = itertools.count(1)
        self._ids = itertools.count(1)

    # --- people ------------------------------------------------------------------------------------

    def join(self, room: str, person: str) -> None:
        meeting = self._meeting(room)
        if person in meeting.people:
            return
        meeting.people.add(person)
        if not meeting.reported:
            meeting.reported = True
            self._report(CallStarted(*self._about(meeting)))
        self._report(ParticipantAdded(*self._about(meeting)))
        self._tell_rosters(meeting)

    def leave(self, room: str, person: str) -> None:
        meeting = self.meetings.get(room)
        if meeting is None or person not in meeting.people:
            return
        meeting.people.discard(person)
        self._report(ParticipantRemoved(*self._about(meeting)))
        self._tell_rosters(meeting)
        if not meeting.people and self._ends_with_people:
            for bot in list(meeting.bots):
                self._out(bot, sub_code=7000)
        self._close_if_empty(meeting)

    def interpreters(self, room: str) -> list[Bot]:
        meeting = self.meetings.get(room)
        return [] if meeting is None else meeting.bots

    def people(self, room: str) -> set[str]:
        meeting = self.meetings.get(room)
        return set() if meeting is None else meeting.people

    # --- what ACS does to a connection ---------------------------------------------------------------

    def disconnect(self, room: str, sub_code: int = 0) -> None:
        for bot in list(self.interpreters(room)):
            self._out(bot, sub_code=sub_code)

    def put_out(self, room: str) -> None:
        self.disconnect(room, REMOVED_SUB_CODE)

    def vanish(self, room: str) -> None:
        """Out of the call, and no callback says so."""
        for bot in list(self.interpreters(room)):
            self._out(bot, sub_code=None)

    def drop_media(self, room: str) -> None:
        for bot in self.interpreters(room):
            if bot.stream is not None:
                self._hang_up_media(bot)
                self._dial_soon(bot)

    def refuse_media(self, room: str) -> None:
        for bot in self.interpreters(room):
            if bot.stream is None:
                self._callback(bot, MediaStreamingFailed(**self._says(bot, code=400)))

    # --- CallControl ---------------------------------------------------------------------------------

    async def connect(
        self, acs_room_id: str, callback_url: str, media_url: str, context: str, request_id: str, *, mixed: bool = False
    ) -> str:
        fate = self._fate("in", "in", "in", "slow", "refused", "lost", "fails later")
        await asyncio.sleep(self._chance.uniform(2.0, 9.0) if fate == "slow" else 0.1)
        if fate == "refused":
            raise CallError("acs_503", "", retryable=True)
        if request_id in self._answers:
            return self._answers[request_id]
        bot = Bot(f"connection-{next(self._ids)}", callback_url.rpartition("/")[2], None)
        self.bots[bot.id] = bot
        self._answers[request_id] = bot.id
        if fate == "fails later":
            self._callback(bot, ConnectFailed(**self._says(bot, code=500, sub_code=8500)))
            return bot.id
        meeting = self._meeting(acs_room_id)
        meeting.bots.append(bot)
        bot.call = meeting
        bot.unanswered = fate == "lost"
        if sum(not one.unanswered for one in meeting.bots) > 1:
            self.crowded.append(acs_room_id)
        self._callback(bot, CallConnected(**self._says(bot)))
        self._tell_roster(bot)
        self._dial_soon(bot)
        if fate == "lost":
            raise CallError("timeout", "", retryable=True)
        await asyncio.sleep(self._wait(0.0, 0.1, 1.0))
        return bot.id

    async def hang_up(self, call_connection_id: str) -> None:
        fate = self._fate("out", "out", "slow", "fails", "lost")
        await asyncio.sleep(3.0 if fate == "slow" else 0.05)
        if fate == "fails":
            self.bots[call_connection_id].unanswered = True
            raise CallError("timeout", "", retryable=True)
        self._out(self.bots[call_connection_id], sub_code=7000)
        await asyncio.sleep(self._wait(0.0, 0.2))
        if fate == "lost":
            raise CallError("timeout", "", retryable=True)

    async def restart_streaming(self, call_connection_id: str) -> None:
        bot = self.bots[call_connection_id]
        await asyncio.sleep(0.05)
        if bot.call is None or self._fate("restarts", "refused") == "refused":
            raise CallError("acs_8500", "", retryable=False)
        self._hang_up_media(bot)
        self._dial_soon(bot)

    async def look(self, call_connection_id: str) -> CallLook | None:
        await asyncio.sleep(0.05)
        bot = self.bots[call_connection_id]
        if self._fate("says", "says", "fails") == "fails":
            raise CallError("acs_500", "", retryable=True)
        return None if bot.call is None else CallLook("connected", frozenset({*bot.call.people, f"28:{bot.id}"}))

    # --- inside ----------------------------------------------------------------------------------------

    def _meeting(self, room: str) -> Meeting:
        if room not in self.meetings:
            self.meetings[room] = Meeting(room, f"server-call-{next(self._calls)}")
        return self.meetings[room]

    def _close_if_empty(self, meeting: Meeting) -> None:
        if meeting.people or meeting.bots or self.meetings.get(meeting.room) is not meeting:
            return
        del self.meetings[meeting.room]
        if meeting.reported:
            self._report(CallEnded(*self._about(meeting)))

    def _out(self, bot: Bot, *, sub_code: int | None) -> None:
        meeting, bot.call = bot.call, None
        self._hang_up_media(bot)
        if meeting is None:
            return
        meeting.bots.remove(bot)
        if sub_code is not None:
            self._callback(bot, CallDisconnected(**self._says(bot, sub_code=sub_code)))
        self._close_if_empty(meeting)

    def _about(self, meeting: Meeting) -> tuple[str, str, str]:
        return (f"event-{next(self._ids)}", meeting.room, meeting.server_call_id)

    def _says(self, bot: Bot, code: int = 200, sub_code: int = 0) -> dict[str, Any]:
        return {
            "event_id": f"event-{next(self._ids)}",
            "call_connection_id": bot.id,
            "code": code,
            "sub_code": sub_code,
        }

    def _tell_rosters(self, meeting: Meeting) -> None:
        for bot in meeting.bots:
            self._tell_roster(bot)

    def _tell_roster(self, bot: Bot) -> None:
        assert bot.call is not None
        people = tuple(sorted(bot.call.people))
        event = ParticipantsUpdated(**self._says(bot), sequence_number=next(bot.rosters), participants=people)
        self._callback(bot, event)

    def _report(self, event: CallReport) -> None:
        for _ in range(self._times()):
            self._later(self._wait(*GRID_DELAYS_S), lambda: self.host.dispatcher.deliver(event))

    def _callback(self, bot: Bot, event: CallEvent) -> None:
        for _ in range(self._times()):
            self._later(
                self._wait(*CALLBACK_DELAYS_S), lambda: self.host.dispatcher.deliver_call_event(bot.secret, event)
            )

    def _dial_soon(self, bot: Bot) -> None:
        fate = self._fate("dials", "dials", "late", "never", "refused")
        if fate == "refused":
            self._callback(bot, MediaStreamingFailed(**self._says(bot, code=400)))
        elif fate != "never":
            self._later(6.0 if fate == "late" else self._wait(0.0, 0.05, 0.5), lambda: self._dial(bot))

    async def _dial(self, bot: Bot) -> None:
        sockets = self.host.service.media_sockets
        if bot.call is None or bot.stream is not None or not await sockets.knows(bot.secret):
            return
        if any(one.stream is not None for one in bot.call.bots):
            self.crowded.append(bot.call.room)
        acs = bot.stream = FakeMediaStream(connection=bot.id)
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(acs.stream.write())
                await sockets.serve(acs.stream, bot.secret)
                writer.cancel()
            await acs.stream.close()
        finally:
            if bot.stream is acs:
                bot.stream = None

    def _hang_up_media(self, bot: Bot) -> None:
        stream, bot.stream = bot.stream, None
        if stream is not None:
            stream.hangs_up()

    def _later(self, delay_s: float, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def wait() -> None:
            await asyncio.sleep(delay_s)
            await do()

        self.host._start(wait())

    def _fate(self, good: str, *others: str) -> str:
        return self._chance.choice((good, *others)) if self.troubled else good

    def _wait(self, short: float, *others: float) -> float:
        return self._chance.choice((short, *others)) if self.troubled else short

    def _times(self) -> int:
        return self._chance.choice((1, 1, 2, 3)) if self.troubled else 1
