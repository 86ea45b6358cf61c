"""State machine of a room's interpreter, as a table: for every state and trigger, the next state and an action.

The table is the rule; `call.py` and `dispatcher.py` perform what it says and decide nothing of the kind themselves.
docs/lifecycle.md is generated from it.

    scheduled ─► connecting ─► connected ─► streaming ◄─► interrupted
                     │             │            │              │
                     └─────────────┴─────┬──────┴──────────────┘
                                      draining ─► ended, or live: people are there without us

While somebody speaks by browser, the loss of the call leads from each of these to `by_browser`: people who are there in
that way are interpreted, and the call is entered as soon as it lets us in. A room that is `live` is joined again by the
reconciler, after growing pauses and a limited number of times.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from bot.log_format import log_context

logger = logging.getLogger(__name__)


class CallState(StrEnum):
    """State of a room's interpreter."""

    SCHEDULED = "scheduled"
    """No call is known."""
    LIVE = "live"
    """People are in the call, or an admin wants the interpreter there; it is not, and will try again."""
    CONNECTING = "connecting"
    CONNECTED = "connected"
    """ACS has accepted the join and has not opened the media socket yet."""
    STREAMING = "streaming"
    INTERRUPTED = "interrupted"
    """The media socket is lost and being recovered step by step (`media_recovery.py`)."""
    BY_BROWSER = "by_browser"
    """People who are there by browser are interpreted; there is no call, or we are not let in, and will try again."""
    DRAINING = "draining"
    """Leaving: the ledger is closed, the connection hung up."""
    ENDED = "ended"
    """The interpreter was in the call and is not wanted there any more."""


class CallTrigger(StrEnum):
    """What can happen to a room's interpreter."""

    CALL_STARTED = "call started"
    """Event Grid repeats the report of a known or past call."""
    OTHER_CALL_STARTED = "another call started"
    """Event Grid reports an unknown call."""
    PERSON_JOINED = "person joined"
    """Event Grid reports a participant: there is a call, whether its start was reported or not."""
    START_REQUESTED = "start requested"
    STOP_REQUESTED = "stop requested"
    RETRY_DUE = "retry due"
    TAKEN_OVER = "taken over"
    """This replica succeeds one that is gone or has handed over the call."""
    JOIN_TAKEN_OVER = "join taken over"
    """The same while joining: the connect request is repeated under its first id, as its answer is not known."""
    CONNECT_ANSWERED = "connect answered"
    CONNECT_FAILED = "connect failed"
    """The answer or a later callback refused the join, or the limit of calls is reached."""
    CALL_CONNECTED = "call connected"
    MEDIA_OPENED = "media opened"
    MEDIA_CLOSED = "media closed"
    MEDIA_REFUSED = "media refused"
    """ACS reports that it has given up streaming."""
    MEDIA_STOPPED = "media stopped"
    """ACS reports that it has stopped streaming: by itself, or because it was asked to stream anew."""
    NO_FRAMES = "no frames"
    """No frame comes through the open media socket."""
    TIMED_OUT = "timed out"
    """What this state waits for did not come in time."""
    GIVEN_UP = "given up"
    """All recovery steps were in vain."""
    EVERYBODY_LEFT = "everybody left"
    CALL_ENDED = "call ended"
    DISCONNECTED = "disconnected"
    """ACS has ended our connection."""
    OUT_OF_CALL = "out of call"
    """The call has ended, or we were not let in or put out, while somebody is there by browser."""
    ROOM_DELETED = "room deleted"
    SERVICE_STOPPING = "service stopping"
    FAILED = "failed"
    """The room or the call failed because of a bug."""
    MOVED = "moved"
    """Another replica is in the call now."""
    LEFT = "left"
    """Out of the call, and not wanted there any more."""
    LEFT_TO_RETURN = "left, to return"
    """Out of the call, while people are still in it."""


class CallAction(StrEnum):
    """What a transition asks for."""

    NOTHING = "nothing"
    JOIN = "join"
    RECOVER = "recover"
    """Take the next step of the media recovery."""
    RESTART_STREAMING = "restart streaming"
    CHECK_FRAMES = "check frames"
    """Look whether frames still come."""
    GO_ON = "go on"
    """Interpret people who are there by browser; nobody is in the call."""
    ENTER = "enter"
    """Ask ACS once more to be let in."""
    LEAVE = "leave"
    """Close the ledger and hang up."""
    QUIT = "quit"
    """Leave, and join no call afterwards."""
    CLOSE = "close"
    """Close the ledger; there is nothing to hang up."""
    WITHDRAW = "withdraw"
    """Close the ledger; another replica goes on with the call."""
    NOTE_NEXT = "note next"
    """When this call has been left, join the next one."""
    FORGET = "forget"
    """When this call has been left, join none."""
    FORGET_RETRY = "forget retry"
    """Do not try this call again."""


class Transition(NamedTuple):
    """Next state and action."""

    state: CallState
    action: CallAction


S, T, A = CallState, CallTrigger, CallAction

_LEAVING: dict[CallTrigger, Transition] = {
    T.STOP_REQUESTED: Transition(S.DRAINING, A.QUIT),
    T.EVERYBODY_LEFT: Transition(S.DRAINING, A.LEAVE),
    T.CALL_ENDED: Transition(S.DRAINING, A.LEAVE),
    T.ROOM_DELETED: Transition(S.DRAINING, A.QUIT),
    T.SERVICE_STOPPING: Transition(S.DRAINING, A.LEAVE),
    T.FAILED: Transition(S.DRAINING, A.LEAVE),
    T.GIVEN_UP: Transition(S.DRAINING, A.LEAVE),
    T.DISCONNECTED: Transition(S.DRAINING, A.CLOSE),
    T.CONNECT_FAILED: Transition(S.DRAINING, A.CLOSE),
    T.OUT_OF_CALL: Transition(S.BY_BROWSER, A.GO_ON),
    T.MOVED: Transition(S.ENDED, A.WITHDRAW),
}
"""Triggers that end the call, from every state in it."""

_DECIDED: dict[CallState, dict[CallTrigger, Transition]] = {
    S.SCHEDULED: {
        T.CALL_STARTED: Transition(S.CONNECTING, A.JOIN),
        T.OTHER_CALL_STARTED: Transition(S.CONNECTING, A.JOIN),
        T.PERSON_JOINED: Transition(S.CONNECTING, A.JOIN),
        T.START_REQUESTED: Transition(S.CONNECTING, A.JOIN),
        T.TAKEN_OVER: Transition(S.INTERRUPTED, A.RECOVER),
        T.JOIN_TAKEN_OVER: Transition(S.CONNECTING, A.JOIN),
        T.CONNECT_FAILED: Transition(S.LIVE, A.NOTHING),
    },
    S.LIVE: {
        # A repeated report must not cut the pause short.
        T.OTHER_CALL_STARTED: Transition(S.CONNECTING, A.JOIN),
        T.START_REQUESTED: Transition(S.CONNECTING, A.JOIN),
        T.RETRY_DUE: Transition(S.CONNECTING, A.JOIN),
        T.TAKEN_OVER: Transition(S.INTERRUPTED, A.RECOVER),
        T.JOIN_TAKEN_OVER: Transition(S.CONNECTING, A.JOIN),
        T.STOP_REQUESTED: Transition(S.ENDED, A.FORGET),
        T.CALL_ENDED: Transition(S.ENDED, A.FORGET_RETRY),
        T.ROOM_DELETED: Transition(S.ENDED, A.FORGET),
        T.GIVEN_UP: Transition(S.ENDED, A.FORGET_RETRY),
    },
    S.CONNECTING: _LEAVING
    | {
        T.OTHER_CALL_STARTED: Transition(S.CONNECTING, A.NOTE_NEXT),
        T.CONNECT_ANSWERED: Transition(S.CONNECTED, A.NOTHING),
        T.CALL_CONNECTED: Transition(S.CONNECTED, A.NOTHING),
        T.MEDIA_OPENED: Transition(S.STREAMING, A.NOTHING),
        T.MEDIA_REFUSED: Transition(S.INTERRUPTED, A.RECOVER),
        T.TIMED_OUT: Transition(S.INTERRUPTED, A.RECOVER),
    },
    S.CONNECTED: _LEAVING
    | {
        T.OTHER_CALL_STARTED: Transition(S.CONNECTED, A.NOTE_NEXT),
        T.MEDIA_OPENED: Transition(S.STREAMING, A.NOTHING),
        T.MEDIA_REFUSED: Transition(S.INTERRUPTED, A.RECOVER),
        T.TIMED_OUT: Transition(S.INTERRUPTED, A.RECOVER),
    },
    S.STREAMING: _LEAVING
    | {
        T.OTHER_CALL_STARTED: Transition(S.STREAMING, A.NOTE_NEXT),
        T.MEDIA_CLOSED: Transition(S.INTERRUPTED, A.RECOVER),
        T.MEDIA_REFUSED: Transition(S.STREAMING, A.CHECK_FRAMES),
        T.MEDIA_STOPPED: Transition(S.STREAMING, A.CHECK_FRAMES),
        T.NO_FRAMES: Transition(S.STREAMING, A.RESTART_STREAMING),
    },
    S.INTERRUPTED: _LEAVING
    | {
        T.OTHER_CALL_STARTED: Transition(S.INTERRUPTED, A.NOTE_NEXT),
        T.MEDIA_OPENED: Transition(S.STREAMING, A.NOTHING),
        T.MEDIA_REFUSED: Transition(S.INTERRUPTED, A.RECOVER),
        T.TIMED_OUT: Transition(S.INTERRUPTED, A.RECOVER),
    },
    S.BY_BROWSER: _LEAVING
    | {
        T.CALL_STARTED: Transition(S.BY_BROWSER, A.ENTER),
        T.OTHER_CALL_STARTED: Transition(S.BY_BROWSER, A.ENTER),
        T.PERSON_JOINED: Transition(S.BY_BROWSER, A.ENTER),
        T.START_REQUESTED: Transition(S.BY_BROWSER, A.ENTER),
        T.TIMED_OUT: Transition(S.BY_BROWSER, A.ENTER),
        T.MEDIA_OPENED: Transition(S.STREAMING, A.NOTHING),
    },
    S.DRAINING: {
        T.OTHER_CALL_STARTED: Transition(S.DRAINING, A.NOTE_NEXT),
        # Somebody joins while we leave an empty call: no call will be reported, as none has ended.
        T.PERSON_JOINED: Transition(S.DRAINING, A.NOTE_NEXT),
        T.START_REQUESTED: Transition(S.DRAINING, A.NOTE_NEXT),
        T.STOP_REQUESTED: Transition(S.DRAINING, A.FORGET),
        T.ROOM_DELETED: Transition(S.DRAINING, A.FORGET),
        T.MOVED: Transition(S.ENDED, A.WITHDRAW),
        T.LEFT: Transition(S.ENDED, A.NOTHING),
        T.LEFT_TO_RETURN: Transition(S.LIVE, A.NOTHING),
    },
    S.ENDED: {
        # A report of a call that has ended or that an admin had us leave may come late, or twice.
        T.OTHER_CALL_STARTED: Transition(S.CONNECTING, A.JOIN),
        T.PERSON_JOINED: Transition(S.CONNECTING, A.JOIN),
        T.START_REQUESTED: Transition(S.CONNECTING, A.JOIN),
        T.TAKEN_OVER: Transition(S.INTERRUPTED, A.RECOVER),
        T.JOIN_TAKEN_OVER: Transition(S.CONNECTING, A.JOIN),
        T.CONNECT_FAILED: Transition(S.LIVE, A.NOTHING),
        T.STOP_REQUESTED: Transition(S.ENDED, A.FORGET),
        T.ROOM_DELETED: Transition(S.ENDED, A.FORGET),
    },
}

TABLE: dict[tuple[CallState, CallTrigger], Transition] = {
    (state, trigger): _DECIDED[state].get(trigger, Transition(state, CallAction.NOTHING))
    for state in CallState
    for trigger in CallTrigger
}
"""All pairs. A pair that is not listed above changes nothing, on purpose; docs/lifecycle.md shows all of them."""

IN_CALL = frozenset({S.CONNECTING, S.CONNECTED, S.STREAMING, S.INTERRUPTED, S.BY_BROWSER})
"""States in which the room is interpreted: in a call, on the way into it, or without it."""
_OUTSIDE = frozenset({S.SCHEDULED, S.LIVE, S.ENDED})


def step(state: CallState, trigger: CallTrigger) -> Transition:
    """Return what follows; defined for every pair."""
    return TABLE[state, trigger]


class Lifecycle:
    """Holds where one call stands, and has done what the table says."""

    def __init__(
        self,
        room_id: str,
        state: CallState,
        perform: Callable[[CallAction, CallTrigger, str, str | None], None],
        by_browser: Callable[[], bool],
    ) -> None:
        """Args:
        perform: gets the action, the trigger, and what else `happen` was told.
        by_browser: whether somebody is there by browser, with whom the room goes on without a call.
        """
        self.state = state
        self._room_id = room_id
        self._perform = perform
        self._by_browser = by_browser

    def happen(self, trigger: CallTrigger, reason: str = "", *, following: str | None = None) -> CallAction:
        """Go to the state that the table names, and perform its action.

        Args:
            reason: why the call ends, if it does.
            following: server call id of the call that a report is about, to be joined after this one.
        """
        before, (self.state, action) = self.state, step(self.state, trigger)
        self._perform(action, trigger, reason, following)
        if self.state is not before:
            with log_context(room_id=self._room_id):
                change = {"from": before.value, "to": self.state.value, "reason": trigger.value}
                logger.info("call state changed", extra=change)
        return action

    def lose_call(self, trigger: CallTrigger, reason: str) -> None:
        """Have happen what ends the call, and the room as well unless somebody is there by browser."""
        self.happen(CallTrigger.OUT_OF_CALL if self._by_browser() else trigger, reason)


def diagram() -> str:
    """Return the changes of state as a Mermaid state diagram; `matrix` shows the actions.

    A change that all states of `IN_CALL`, or all of `_OUTSIDE`, have in common is drawn once.
    """
    groups = {"outside": _OUTSIDE, "inside": IN_CALL}
    ways: dict[tuple[str, str], list[str]] = {}
    for trigger in CallTrigger:
        following = {state: TABLE[state, trigger].state for state in CallState}
        for name, group in groups.items():
            after = {following[state] for state in group}
            alike = len(after) == 1 and not after & group
            for state in sorted(after) if alike else group:
                way = (name, state) if alike else (state, following[state])
                ways.setdefault(way, []).append(trigger)
        ways.setdefault((S.DRAINING, following[S.DRAINING]), []).append(trigger)
    order = [*CallState, *groups]
    arrows = {
        way: f"{way[0]} --> {way[1]}: {'<br>'.join(labels)}"
        for way, labels in sorted(ways.items(), key=lambda item: [order.index(end) for end in item[0]])
        if way[0] != way[1]
    }
    names = [
        f'    state "from {", ".join(sorted(group, key=order.index))}" as {name}' for name, group in groups.items()
    ]
    lines = [f"    [*] --> {S.SCHEDULED}", *names, *(f"    {arrow}" for arrow in arrows.values())]
    return "\n".join(["stateDiagram-v2", "    direction LR", *lines])


def matrix() -> str:
    """Return all pairs as a Markdown table; `·` where nothing changes and nothing is done."""

    def cell(state: CallState, trigger: CallTrigger) -> str:
        following, action = TABLE[state, trigger]
        moved = "" if following is state else f"**{following}**"
        done = "" if action is A.NOTHING else str(action)
        return ", ".join(filter(None, (moved, done))) or "·"

    head = ["| |" + "".join(f" {state} |" for state in CallState), "|---" * (len(CallState) + 1) + "|"]
    rows = [f"| {one} |" + "".join(f" {cell(state, one)} |" for state in CallState) for one in CallTrigger]
    return "\n".join(head + rows)
