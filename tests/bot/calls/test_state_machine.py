"""The table of the lifecycle: every pair by hand, and what holds for any sequence of triggers."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.calls.state_machine import (
    IN_CALL,
    TABLE,
    CallAction,
    CallState,
    CallTrigger,
    Transition,
    diagram,
    matrix,
    step,
)

CODES = dict(zip("SCH LIV CNG CND STR INT BRO DRA END".split(), CallState, strict=True))

# The state that follows, if it is another, and what is done; a dot where nothing changes. Written by hand: whoever
# changes the table decides, and says so here.
EXPECTED = """
                    |SCH      |LIV         |CNG      |CND      |STR      |INT      |BRO      |DRA      |END
call started        |CNG join |.           |.        |.        |.        |.        |enter    |.        |.
another call started|CNG join |CNG join    |note next|note next|note next|note next|enter    |note next|CNG join
person joined       |CNG join |.           |.        |.        |.        |.        |enter    |note next|CNG join
start requested     |CNG join |CNG join    |.        |.        |.        |.        |enter    |note next|CNG join
stop requested      |.        |END forget  |DRA quit |DRA quit |DRA quit |DRA quit |DRA quit |forget   |forget
retry due           |.        |CNG join    |.        |.        |.        |.        |.        |.        |.
taken over          |INT recov|INT recov   |.        |.        |.        |.        |.        |.        |INT recov
join taken over     |CNG join |CNG join    |.        |.        |.        |.        |.        |.        |CNG join
connect answered    |.        |.           |CND      |.        |.        |.        |.        |.        |.
connect failed      |LIV      |.           |DRA close|DRA close|DRA close|DRA close|DRA close|.        |LIV
call connected      |.        |.           |CND      |.        |.        |.        |.        |.        |.
media opened        |.        |.           |STR      |STR      |.        |STR      |STR      |.        |.
media closed        |.        |.           |.        |.        |INT recov|.        |.        |.        |.
media refused       |.        |.           |INT recov|INT recov|check    |recov    |.        |.        |.
media stopped       |.        |.           |.        |.        |check    |.        |.        |.        |.
no frames           |.        |.           |.        |.        |restart  |.        |.        |.        |.
timed out           |.        |.           |INT recov|INT recov|.        |recov    |enter    |.        |.
given up            |.        |END no retry|DRA leave|DRA leave|DRA leave|DRA leave|DRA leave|.        |.
everybody left      |.        |.           |DRA leave|DRA leave|DRA leave|DRA leave|DRA leave|.        |.
call ended          |.        |END no retry|DRA leave|DRA leave|DRA leave|DRA leave|DRA leave|.        |.
disconnected        |.        |.           |DRA close|DRA close|DRA close|DRA close|DRA close|.        |.
out of call         |.        |.           |BRO go on|BRO go on|BRO go on|BRO go on|go on    |.        |.
room deleted        |.        |END forget  |DRA quit |DRA quit |DRA quit |DRA quit |DRA quit |forget   |forget
service stopping    |.        |.           |DRA leave|DRA leave|DRA leave|DRA leave|DRA leave|.        |.
failed              |.        |.           |DRA leave|DRA leave|DRA leave|DRA leave|DRA leave|.        |.
moved               |.        |.           |END yield|END yield|END yield|END yield|END yield|END yield|.
left                |.        |.           |.        |.        |.        |.        |.        |END      |.
left, to return     |.        |.           |.        |.        |.        |.        |.        |LIV      |.
"""
SHORT = {
    "": "nothing",
    "recov": "recover",
    "restart": "restart streaming",
    "check": "check frames",
    "no retry": "forget retry",
    "yield": "withdraw",
}
PAIRS = list(TABLE)
triggers = st.sampled_from(CallTrigger)
states = st.sampled_from(CallState)
INTO_A_CALL = {
    CallTrigger.CALL_STARTED,
    CallTrigger.OTHER_CALL_STARTED,
    CallTrigger.PERSON_JOINED,
    CallTrigger.START_REQUESTED,
    CallTrigger.RETRY_DUE,
    CallTrigger.TAKEN_OVER,
    CallTrigger.JOIN_TAKEN_OVER,
}
INTERPRETERS = {
    CallAction.JOIN: 1,
    CallAction.LEAVE: -1,
    CallAction.QUIT: -1,
    CallAction.CLOSE: -1,
    CallAction.WITHDRAW: -1,
}
"""By how much the number of ours in the room changes; a take-over takes the place of one that is gone."""


def expected() -> dict[tuple[CallState, CallTrigger], Transition]:
    head, *rows = EXPECTED.strip("\n").splitlines()
    columns = [CODES[code.strip()] for code in head.split("|")[1:]]
    found = {}
    for row in rows:
        name, *cells = (cell.strip() for cell in row.split("|"))
        for state, cell in zip(columns, cells, strict=True):
            first, _, rest = cell.partition(" ")
            following = CODES.get(first, state)
            action = rest if first in CODES else "" if cell == "." else cell
            action = SHORT.get(action, action)
            found[state, CallTrigger(name)] = Transition(following, CallAction(action))
    return found


def test_every_pair_is_decided_and_as_it_was_decided() -> None:
    assert len(TABLE) == len(CallState) * len(CallTrigger)
    assert expected() == TABLE


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_only_reports_orders_the_retry_and_a_takeover_lead_into_a_call(state: CallState, trigger: CallTrigger) -> None:
    following, action = step(state, trigger)
    if state not in IN_CALL and following in IN_CALL:
        assert trigger in INTO_A_CALL
        assert action is (CallAction.RECOVER if trigger is CallTrigger.TAKEN_OVER else CallAction.JOIN)
    if action is CallAction.JOIN:
        assert state not in IN_CALL | {CallState.DRAINING}, "never on top of a call"


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_a_call_is_only_left_by_closing_its_ledger(state: CallState, trigger: CallTrigger) -> None:
    following, action = step(state, trigger)
    if state in IN_CALL and following not in IN_CALL:
        assert action in (CallAction.LEAVE, CallAction.QUIT, CallAction.CLOSE, CallAction.WITHDRAW)
        assert following is (CallState.ENDED if action is CallAction.WITHDRAW else CallState.DRAINING)
    if action in (CallAction.LEAVE, CallAction.QUIT, CallAction.CLOSE):
        assert state in IN_CALL, "the ledger is closed once"


@pytest.mark.parametrize("trigger", CallTrigger)
def test_draining_ends_by_being_out_and_by_nothing_else(trigger: CallTrigger) -> None:
    left = {
        CallTrigger.LEFT: CallState.ENDED,
        CallTrigger.LEFT_TO_RETURN: CallState.LIVE,
        CallTrigger.MOVED: CallState.ENDED,
    }
    assert step(CallState.DRAINING, trigger).state is left.get(trigger, CallState.DRAINING)


@pytest.mark.parametrize("state", sorted(IN_CALL - {CallState.BY_BROWSER}))
@pytest.mark.parametrize("trigger", [CallTrigger.CALL_STARTED, CallTrigger.START_REQUESTED, CallTrigger.PERSON_JOINED])
def test_who_is_in_the_call_does_not_mind_being_told_again(state: CallState, trigger: CallTrigger) -> None:
    assert step(state, trigger) == Transition(state, CallAction.NOTHING)


@pytest.mark.parametrize("state", [CallState.LIVE, CallState.ENDED])
def test_a_repeated_report_neither_shortens_the_pause_nor_undoes_an_order_to_leave(state: CallState) -> None:
    assert step(state, CallTrigger.CALL_STARTED) == Transition(state, CallAction.NOTHING)


@pytest.mark.parametrize(("state", "trigger"), PAIRS)
def test_happenings_that_may_be_told_twice_do_nothing_new_the_second_time(
    state: CallState, trigger: CallTrigger
) -> None:
    """Except for triggers of one more step or attempt, and for notes of what is to come, which are the same."""
    following, _ = step(state, trigger)
    again = step(following, trigger)
    assert again.state is following
    same = (CallAction.NOTHING, CallAction.NOTE_NEXT, CallAction.FORGET, CallAction.GO_ON, CallAction.ENTER)
    assert again.action in same or (
        trigger in (CallTrigger.MEDIA_REFUSED, CallTrigger.MEDIA_STOPPED, CallTrigger.TIMED_OUT, CallTrigger.NO_FRAMES)
        or (state, trigger) == (CallState.SCHEDULED, CallTrigger.OTHER_CALL_STARTED)
    )


@given(states, st.lists(triggers, max_size=60))
def test_no_sequence_joins_twice_without_leaving_in_between(state: CallState, sequence: list[CallTrigger]) -> None:
    ours = 1 if state in IN_CALL else 0
    for trigger in sequence:
        before = state
        state, action = step(state, trigger)
        if trigger is CallTrigger.TAKEN_OVER and before not in IN_CALL and state in IN_CALL:
            ours += 1
        ours += INTERPRETERS.get(action, 0) if before is not CallState.DRAINING else 0
        assert ours == (1 if state in IN_CALL else 0)


@given(states, st.lists(triggers, max_size=60))
def test_whatever_has_happened_a_stop_ends_it(state: CallState, sequence: list[CallTrigger]) -> None:
    for trigger in sequence:
        state, _ = step(state, trigger)
    state, _ = step(state, CallTrigger.STOP_REQUESTED)
    state, _ = step(state, CallTrigger.LEFT)
    assert state in (CallState.ENDED, CallState.SCHEDULED)


@pytest.mark.parametrize("start", CallState)
def test_every_state_is_reached_from_every_other_but_the_first(start: CallState) -> None:
    seen, todo = {start}, deque([start])
    while todo:
        state = todo.popleft()
        for trigger in CallTrigger:
            following = step(state, trigger).state
            if following not in seen:
                seen.add(following)
                todo.append(following)
    assert seen | {CallState.SCHEDULED} == set(CallState)


def test_the_matrix_shows_every_pair() -> None:
    head, rule, *rows = matrix().splitlines()
    assert head.split("|")[2:-1] == [f" {state} " for state in CallState]
    assert rule.count("---") == len(CallState) + 1
    for row, trigger in zip(rows, CallTrigger, strict=True):
        _, name, *cells, _ = (cell.strip() for cell in row.split("|"))
        assert name == trigger
        for state, cell in zip(CallState, cells, strict=True):
            following, action = TABLE[state, trigger]
            assert (
                cell
                == {
                    (True, True): "·",
                    (True, False): str(action),
                    (False, True): f"**{following}**",
                    (False, False): f"**{following}**, {action}",
                }[following is state, action is CallAction.NOTHING]
            )


def test_the_picture_shows_every_change_of_state_and_nothing_else() -> None:
    head, direction, start, *lines = diagram().splitlines()
    assert (head, direction.strip(), start.strip()) == ("stateDiagram-v2", "direction LR", "[*] --> scheduled")
    groups: dict[str, list[CallState]] = {}
    drawn: dict[tuple[CallState, CallTrigger], CallState] = {}
    for line in lines:
        if " as " in line:
            names, name = line.strip().removeprefix('state "from ').split('" as ')
            groups[name] = [CallState(one) for one in names.split(", ")]
            continue
        way, labels = line.strip().split(": ", 1)
        origin, _, following = way.partition(" --> ")
        for state in groups.get(origin) or [CallState(origin)]:
            for label in labels.split("<br>"):
                assert (state, CallTrigger(label)) not in drawn
                drawn[state, CallTrigger(label)] = CallState(following)
    assert drawn == {pair: after.state for pair, after in TABLE.items() if after.state is not pair[0]}
    assert len(lines) < 28, "not a hairball"
