"""When the rules of a fault document apply."""

from __future__ import annotations

from emulator.realtime.faults.plan import ConnectionFaults, RealtimeFaultPlan
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults


def plan(*rules: FaultRule) -> RealtimeFaultPlan:
    return RealtimeFaultPlan(RealtimeFaults(rules))


def test_a_rule_applies_to_the_connection_it_names() -> None:
    faults = plan(FaultRule("refuse", connection=2))
    assert [ConnectionFaults(faults, number).take("refuse") is not None for number in (1, 2, 3)] == [False, True, False]


def test_connections_are_counted_from_when_the_document_was_set() -> None:
    faults = plan()
    faults.replace(RealtimeFaults((FaultRule("refuse", connection=1),)), 7)
    assert ConnectionFaults(faults, 1).take("refuse") is None
    assert ConnectionFaults(faults, 8).take("refuse") is not None


def test_a_rule_is_spent_after_its_times() -> None:
    faults = ConnectionFaults(plan(FaultRule("say", times=2)), 1)
    assert [faults.take("say") is not None for _ in range(3)] == [True, True, False]


def test_response_and_target_narrow_a_rule() -> None:
    faults = ConnectionFaults(plan(FaultRule("say", response=2, target="es")), 1)
    assert faults.take("say", response=1, target="es") is None
    assert faults.take("say", response=2, target="fr") is None
    assert faults.take("say", response=2, target="es") is not None


def test_points_get_their_own_rules_in_order() -> None:
    faults = ConnectionFaults(
        plan(FaultRule("unknown_event"), FaultRule("close", at="done"), FaultRule("garbage_text")), 1
    )
    assert [rule.do for rule in faults.take_at("created")] == ["unknown_event", "garbage_text"]
    assert [rule.do for rule in faults.take_at("done")] == ["close"]
    assert faults.take_at("connect") == []


def test_a_message_is_chosen_by_its_number_its_type_or_both() -> None:
    def taken(*rules: FaultRule) -> list[bool]:
        faults = ConnectionFaults(plan(*rules), 1)
        events = [("a", 1, 1), ("b", 2, 1), ("b", 3, 2), ("a", 4, 2)]
        return [faults.take_message(*event) is not None for event in events]

    assert taken(FaultRule("drop_message")) == [True] * 4
    assert taken(FaultRule("drop_message", nth=3)) == [False, False, True, False]
    assert taken(FaultRule("drop_message", event="a")) == [True, False, False, True]
    assert taken(FaultRule("drop_message", event="b", nth=2)) == [False, False, True, False]
    assert taken(FaultRule("drop_message", times=2)) == [True, True, False, False]
    assert taken(FaultRule("drop_message", connection=2)) == [False] * 4


def test_chance_is_drawn_from_the_seed_and_a_miss_uses_nothing_up() -> None:
    def draws(seed: int) -> list[bool]:
        faults = RealtimeFaultPlan(RealtimeFaults((FaultRule("say", probability=0.3, times=20),), seed))
        return [ConnectionFaults(faults, 1).take("say") is not None for _ in range(200)]

    assert draws(1) == draws(1) != draws(2)
    assert sum(draws(1)) == 20


def test_setting_a_document_starts_its_chance_anew() -> None:
    document = RealtimeFaults((FaultRule("say", probability=0.5),), 4)
    faults = RealtimeFaultPlan(document)
    first = [faults.take("say", 1) is not None for _ in range(20)]
    faults.replace(document, 0)
    assert [faults.take("say", 1) is not None for _ in range(20)] == first
