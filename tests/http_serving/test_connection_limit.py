"""Who keeps a connection when there are too many: who has proved something, and before all ACS and Event Grid."""

from __future__ import annotations

from typing import Any

import pytest

from http_serving.connection_limit import ConnectionLimit, Place, Proof, prove
from http_serving.errors import Overloaded


class Connections:
    """Connections by number, and which were made to give way."""

    def __init__(self, most: int) -> None:
        self.limit = ConnectionLimit(most)
        self.gone: list[int] = []

    def open(self, number: int) -> Place | None:
        return self.limit.open(lambda: self.gone.append(number))

    def opened(self, *numbers: int) -> list[Place]:
        places = [place for number in numbers if (place := self.open(number)) is not None]
        assert len(places) == len(numbers)
        return places


def proved(place: Place, proof: Proof) -> None:
    """As an application does it, which sees nothing but the scope of the request."""
    scope: dict[str, Any] = {"type": "http"}
    place.begin(scope)
    prove(scope, proof)


def test_the_oldest_without_proof_gives_way() -> None:
    connections = Connections(4)
    first, second, *_ = connections.opened(1, 2, 3, 4)
    proved(first, "caller")
    connections.opened(5, 6)
    assert connections.gone == [2, 3]
    second.close()  # once more, when its connection has ended
    connections.opened(7)
    assert connections.gone == [2, 3, 4]


def test_a_proof_lasts_as_long_as_its_request() -> None:
    connections = Connections(4)
    first, second, *_ = connections.opened(1, 2, 3, 4)
    proved(first, "platform")
    proved(second, "caller")
    first.served()
    second.served()
    second.served()  # of a request without proof
    connections.opened(5, 6)
    assert connections.gone == [3, 4], "those that have never proved anything go first"
    first.begin({})  # of somebody else perhaps
    connections.opened(7, 8, 9)
    assert connections.gone == [3, 4, 5, 6, 1]
    assert connections.limit.callers == 0


def test_idle_connections_give_way_when_there_are_no_others() -> None:
    connections = Connections(4)
    first, second, third, fourth = connections.opened(1, 2, 3, 4)
    for place in (second, first, third, fourth):
        proved(place, "platform")
    second.served()
    first.served()
    connections.opened(5)
    first.close()
    connections.opened(6, 7)
    assert connections.gone == [2, 5]
    assert len(connections.limit.idle) == 0


def test_there_is_no_place_when_all_are_served_with_proof() -> None:
    connections = Connections(4)
    for place in connections.opened(1, 2, 3, 4):
        proved(place, "platform")
    assert connections.open(5) is None
    assert connections.gone == []


def test_callers_leave_a_quarter_to_acs_and_event_grid() -> None:
    connections = Connections(8)
    places = connections.opened(*range(8))
    for place in places[:6]:
        proved(place, "caller")
        proved(place, "caller")  # is counted once
    with pytest.raises(Overloaded) as refused:
        proved(places[6], "caller")
    assert refused.value.retry_after_ms is not None
    proved(places[6], "platform")
    places[0].close()
    proved(places[7], "caller")
    assert connections.limit.callers == 6


def test_who_has_given_way_proves_nothing_any_more() -> None:
    connections = Connections(1)
    (first,) = connections.opened(1)
    connections.opened(2)
    proved(first, "platform")
    first.served()
    assert (len(connections.limit.proved), len(connections.limit.unproved)) == (0, 1)


def test_under_another_server_nothing_is_noted() -> None:
    prove({"type": "http"}, "caller")
