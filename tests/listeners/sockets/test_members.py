"""Members without sockets."""

from __future__ import annotations

from listeners.sockets.members import Members


def test_nobody_is_in_a_room_nobody_has_joined() -> None:
    members = Members(lambda room_id: {})
    assert members.of("room-1") == []
    assert members.find("room-1", "x") is None
    members.listeners_changed("room-1")  # without a loop: nobody has to be told
    assert members.count("room-1") == {"count": 0, "by_language": {}}
