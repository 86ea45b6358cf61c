"""Decides when the rules of a fault document apply and counts their uses; other modules carry them out."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from emulator.realtime.faults.rules import AT_A_POINT, ON_A_MESSAGE, FaultAction, FaultRule, Point, RealtimeFaults
from emulator.realtime.personas import Answer, Persona


class RealtimeFaultPlan:
    """The fault rules in force on one server, with the remaining uses of each."""

    def __init__(self, faults: RealtimeFaults) -> None:
        self.faults = faults
        self._left: list[float] = []
        self._connections_before = 0
        self._random = Random(faults.seed)
        self.replace(faults, 0)

    def replace(self, faults: RealtimeFaults, connections_so_far: int) -> None:
        """Replace the document and count connections from 1 again; open connections match no `connection` rule."""
        self.faults = faults
        self._left = [float("inf") if rule.times is None else rule.times for rule in faults.rules]
        self._connections_before = connections_so_far
        self._random = Random(faults.seed)

    def take(
        self,
        do: str,
        connection: int,
        *,
        response: int | None = None,
        target: str | None = None,
        at: Point | None = None,
    ) -> FaultRule | None:
        """Return the first rule with this action that applies now, and count it as used."""
        for index, rule in enumerate(self.faults.rules):
            if (
                rule.do == do
                and rule.response in (None, response)
                and rule.target in (None, target)
                and (at is None or rule.at == at)
                and self._may(index, connection)
            ):
                return rule
        return None

    def take_message(self, connection: int, event: str, nth: int, nth_of_type: int) -> FaultRule | None:
        """Return the first rule for this server message, and count it as used."""
        for index, rule in enumerate(self.faults.rules):
            if (
                rule.do in ON_A_MESSAGE
                and rule.event in (None, event)
                and rule.nth in (None, nth if rule.event is None else nth_of_type)
                and self._may(index, connection)
            ):
                return rule
        return None

    def _may(self, index: int, connection: int) -> bool:
        rule = self.faults.rules[index]
        if self._left[index] <= 0 or rule.connection not in (None, connection - self._connections_before):
            return False
        if rule.probability < 1.0 and self._random.random() >= rule.probability:
            return False
        self._left[index] -= 1
        return True


class ConnectionFaults:
    """The fault plan of a server, limited to one connection."""

    def __init__(self, plan: RealtimeFaultPlan, connection: int) -> None:
        """Create the view of one connection. `connection` numbers the upgrade requests of the server from 1."""
        self._plan = plan
        self._connection = connection

    @property
    def any(self) -> bool:
        """Return whether there are rules at all; checked first because usually there are none."""
        return bool(self._plan.faults.rules)

    @property
    def persona(self) -> Persona | None:
        return self._plan.faults.persona

    @property
    def answers(self) -> Sequence[Answer]:
        return self._plan.faults.answers

    def take(self, do: FaultAction, *, response: int | None = None, target: str | None = None) -> FaultRule | None:
        return self._plan.take(do, self._connection, response=response, target=target) if self.any else None

    def take_at(self, point: Point, *, response: int | None = None, target: str | None = None) -> list[FaultRule]:
        """Return every rule for this point in document order, and count each as used."""
        if not self.any:
            return []
        wanted = dict.fromkeys(rule.do for rule in self._plan.faults.rules if rule.do in AT_A_POINT)
        found = (self._plan.take(do, self._connection, response=response, target=target, at=point) for do in wanted)
        return [rule for rule in found if rule is not None]

    def take_message(self, event: str, nth: int, nth_of_type: int) -> FaultRule | None:
        return self._plan.take_message(self._connection, event, nth, nth_of_type)
