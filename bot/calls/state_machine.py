"""The way of a room's interpreter through a call, as a table: every state, everything that can happen, what follows.

The table is the rule; `call.py` and `dispatcher.py` carry out what it says and decide nothing of the kind themselves.
docs/lifecycle.md is drawn from it.

    scheduled ─► connecting ─► connected ─► streaming ◄─► interrupted
                     │             │            │              │
                     └─────────────┴─────┬──────┴──────────────┘
                                      draining ─► ended, or live: people are there, and we are not

A room that is `live` without us is tried again (`reconciliation.py`), with growing pauses and not for ever.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class CallState(StrEnum):
    """Where a room's interpreter stands."""

    SCHEDULED = "scheduled"
    """No call is known."""
    LIVE = "live"
    """People are there, or an admin wants us in; we are not, and will try again."""
    CONNECTING = "connecting"
    CONNECTED = "connected"
    """ACS has let us in; it has not opened the media socket yet."""
    STREAMING = "streaming"
    INTERRUPTED = "interrupted"
    """The media socket is lost, and being won back step by step (`recovery.py`)."""
    DRAINING = "draining"
    """Leaving: hanging up, books being closed."""
    ENDED = "ended"
    """We have been there, and are not wanted any more."""


class CallTrigger(StrEnum):
    CALL_STARTED = "call started"
    """Event Grid reports the call we know, or have known, again."""
    OTHER_CALL_STARTED = "another call started"
    """Event Grid reports a call we know nothing of."""
    PERSON_JOINED = "person joined"
    """Event Grid reports somebody: there is a call, whether its start was reported or not."""
    START_REQUESTED = "start requested"
    STOP_REQUESTED = "stop requested"
    RETRY_DUE = "retry due"
    TAKEN_OVER = "taken over"
    """The replica that was in the call is gone, or has handed it over; we are its successor."""
    JOIN_TAKEN_OVER = "join taken over"
    """The same, and nobody knows whether ACS has let it in: it is asked again, by the id of the first request."""
    CONNECT_ANSWERED = "connect answered"
    CONNECT_FAILED = "connect failed"
    """By the answer, or by a callback after it; or one call more is too many."""
    CALL_CONNECTED = "call connected"
    MEDIA_OPENED = "media opened"
    MEDIA_CLOSED = "media closed"
    MEDIA_REFUSED = "media refused"
    """ACS says that it could not stream, and has given up."""
    NO_FRAMES = "no frames"
    """The media socket is open, and nothing has come through it for too long."""
    TIMED_OUT = "timed out"
    """What was waited for in this state has not come in time."""
    GIVEN_UP = "given up"
    """Nothing is left to try."""
    EVERYBODY_LEFT = "everybody left"
    CALL_ENDED = "call ended"
    DISCONNECTED = "disconnected"
    """ACS has put us out of the call."""
    ROOM_DELETED = "room deleted"
    SERVICE_STOPPING = "service stopping"
    FAILED = "failed"
    """A fault of our own."""
    MOVED = "moved"
    """Another replica is in the call now."""
    LEFT = "left"
    """Hung up, and not wanted any more."""
    LEFT_TO_RETURN = "left, to return"
    """Out of the call, while people are still in it."""


class CallAction(StrEnum):
    NOTHING = "nothing"
    JOIN = "join"
    RECOVER = "recover"
    """Take the next step to win the media stream back."""
    RESTART_STREAMING = "restart streaming"
    LEAVE = "leave"
    """Close the books and hang up."""
    QUIT = "quit"
    """Leave, and join no call afterwards."""
    CLOSE = "close"
    """Close the books; there is nothing to hang up."""
    WITHDRAW = "withdraw"
    """Close the books; the call goes on with somebody else in it."""
    NOTE_NEXT = "note next"
    """When we are out, join again."""
    FORGET = "forget"
    """When this call has been left, join none."""
    FORGET_RETRY = "forget retry"
    """Do not try this call again."""


class Transition(NamedTuple):
    state: CallState
    action: CallAction


S, H, A = CallState, CallTrigger, CallAction

_LEAVING: dict[CallTrigger, Transition] = {
    H.STOP_REQUESTED: Transition(S.DRAINING, A.QUIT),
    H.EVERYBODY_LEFT: Transition(S.DRAINING, A.LEAVE),
    H.CALL_ENDED: Transition(S.DRAINING, A.LEAVE),
    H.ROOM_DELETED: Transition(S.DRAINING, A.QUIT),
    H.SERVICE_STOPPING: Transition(S.DRAINING, A.LEAVE),
    H.FAILED: Transition(S.DRAINING, A.LEAVE),
    H.GIVEN_UP: Transition(S.DRAINING, A.LEAVE),
    H.DISCONNECTED: Transition(S.DRAINING, A.CLOSE),
    H.CONNECT_FAILED: Transition(S.DRAINING, A.CLOSE),
    H.MOVED: Transition(S.ENDED, A.WITHDRAW),
}
"""What ends our stay, from wherever we are in the call."""

_DECIDED: dict[CallState, dict[CallTrigger, Transition]] = {
    S.SCHEDULED: {
        H.CALL_STARTED: Transition(S.CONNECTING, A.JOIN),
        H.OTHER_CALL_STARTED: Transition(S.CONNECTING, A.JOIN),
        H.PERSON_JOINED: Transition(S.CONNECTING, A.JOIN),
        H.START_REQUESTED: Transition(S.CONNECTING, A.JOIN),
        H.TAKEN_OVER: Transition(S.INTERRUPTED, A.RECOVER),
        H.JOIN_TAKEN_OVER: Transition(S.CONNECTING, A.JOIN),
        H.CONNECT_FAILED: Transition(S.LIVE, A.NOTHING),
    },
    S.LIVE: {
        # A repeated report must not cut the pause short.
        H.OTHER_CALL_STARTED: Transition(S.CONNECTING, A.JOIN),
        H.START_REQUESTED: Transition(S.CONNECTING, A.JOIN),
        H.RETRY_DUE: Transition(S.CONNECTING, A.JOIN),
        H.TAKEN_OVER: Transition(S.INTERRUPTED, A.RECOVER),
        H.JOIN_TAKEN_OVER: Transition(S.CONNECTING, A.JOIN),
        H.STOP_REQUESTED: Transition(S.ENDED, A.FORGET),
        H.CALL_ENDED: Transition(S.ENDED, A.FORGET_RETRY),
        H.ROOM_DELETED: Transition(S.ENDED, A.FORGET),
        H.GIVEN_UP: Transition(S.ENDED, A.FORGET_RETRY),
    },
    S.CONNECTING: _LEAVING
    | {
        H.OTHER_CALL_STARTED: Transition(S.CONNECTING, A.NOTE_NEXT),
        H.CONNECT_ANSWERED: Transition(S.CONNECTED, A.NOTHING),
        H.CALL_CONNECTED: Transition(S.CONNECTED, A.NOTHING),
        H.MEDIA_OPENED: Transition(S.STREAMING, A.NOTHING),
        H.MEDIA_REFUSED: Transition(S.INTERRUPTED, A.RECOVER),
        H.TIMED_OUT: Transition(S.INTERRUPTED, A.RECOVER),
    },
    S.CONNECTED: _LEAVING
    | {
        H.OTHER_CALL_STARTED: Transition(S.CONNECTED, A.NOTE_NEXT),
        H.MEDIA_OPENED: Transition(S.STREAMING, A.NOTHING),
        H.MEDIA_REFUSED: Transition(S.INTERRUPTED, A.RECOVER),
        H.TIMED_OUT: Transition(S.INTERRUPTED, A.RECOVER),
    },
    S.STREAMING: _LEAVING
    | {
        H.OTHER_CALL_STARTED: Transition(S.STREAMING, A.NOTE_NEXT),
        H.MEDIA_CLOSED: Transition(S.INTERRUPTED, A.RECOVER),
        H.NO_FRAMES: Transition(S.STREAMING, A.RESTART_STREAMING),
    },
    S.INTERRUPTED: _LEAVING
    | {
        H.OTHER_CALL_STARTED: Transition(S.INTERRUPTED, A.NOTE_NEXT),
        H.MEDIA_OPENED: Transition(S.STREAMING, A.NOTHING),
        H.MEDIA_REFUSED: Transition(S.INTERRUPTED, A.RECOVER),
        H.TIMED_OUT: Transition(S.INTERRUPTED, A.RECOVER),
    },
    S.DRAINING: {
        H.OTHER_CALL_STARTED: Transition(S.DRAINING, A.NOTE_NEXT),
        # The last has left, and before we are out the next has come: no call will be reported, for none has ended.
        H.PERSON_JOINED: Transition(S.DRAINING, A.NOTE_NEXT),
        H.START_REQUESTED: Transition(S.DRAINING, A.NOTE_NEXT),
        H.STOP_REQUESTED: Transition(S.DRAINING, A.FORGET),
        H.ROOM_DELETED: Transition(S.DRAINING, A.FORGET),
        H.MOVED: Transition(S.ENDED, A.WITHDRAW),
        H.LEFT: Transition(S.ENDED, A.NOTHING),
        H.LEFT_TO_RETURN: Transition(S.LIVE, A.NOTHING),
    },
    S.ENDED: {
        # The report of a call that has ended, or that we were told to leave, comes late, or twice.
        H.OTHER_CALL_STARTED: Transition(S.CONNECTING, A.JOIN),
        H.PERSON_JOINED: Transition(S.CONNECTING, A.JOIN),
        H.START_REQUESTED: Transition(S.CONNECTING, A.JOIN),
        H.TAKEN_OVER: Transition(S.INTERRUPTED, A.RECOVER),
        H.JOIN_TAKEN_OVER: Transition(S.CONNECTING, A.JOIN),
        H.CONNECT_FAILED: Transition(S.LIVE, A.NOTHING),
        H.STOP_REQUESTED: Transition(S.ENDED, A.FORGET),
        H.ROOM_DELETED: Transition(S.ENDED, A.FORGET),
    },
}

TABLE: dict[tuple[CallState, CallTrigger], Transition] = {
    (state, trigger): _DECIDED[state].get(trigger, Transition(state, CallAction.NOTHING))
    for state in CallState
    for trigger in CallTrigger
}
"""All pairs. What is not written above changes nothing, and that is meant: docs/lifecycle.md shows the whole of it."""

IN_CALL = frozenset({S.CONNECTING, S.CONNECTED, S.STREAMING, S.INTERRUPTED})
"""We are in the call, or on the way in."""
_OUTSIDE = frozenset({S.SCHEDULED, S.LIVE, S.ENDED})


def step(state: CallState, trigger: CallTrigger) -> Transition:
    """What follows; defined for every pair."""
    return TABLE[state, trigger]


def diagram() -> str:
    """The changes of state, as a Mermaid state diagram; acts and what changes nothing are `matrix`'s to show.

    What leads alike out of all states in the call, or out of all of `_OUTSIDE`, is drawn once.
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
    """All pairs, as a Markdown table; `·` where nothing changes and nothing is done."""

    def cell(state: CallState, trigger: CallTrigger) -> str:
        following, action = TABLE[state, trigger]
        moved = "" if following is state else f"**{following}**"
        done = "" if action is A.NOTHING else str(action)
        return ", ".join(filter(None, (moved, done))) or "·"

    head = ["| |" + "".join(f" {state} |" for state in CallState), "|---" * (len(CallState) + 1) + "|"]
    rows = [f"| {one} |" + "".join(f" {cell(state, one)} |" for state in CallState) for one in CallTrigger]
    return "\n".join(head + rows)
