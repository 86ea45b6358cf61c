"""A guest key proves one guest of one room."""

import pytest

from rooms_admin.auth.guest_keys import GuestKeys


def test_a_key_proves_its_guest_in_its_room_and_nobody_else() -> None:
    keys = GuestKeys("secret")
    key = keys.key("room-1", "participant-1")
    assert keys.proves("room-1", "participant-1", key)
    assert not keys.proves("room-2", "participant-1", key)
    assert not keys.proves("room-1", "participant-2", key)
    assert not GuestKeys("another").proves("room-1", "participant-1", key)
    assert GuestKeys("secret").proves("room-1", "participant-1", key), "whichever replica is asked"


@pytest.mark.parametrize("key", ["", "x", "é" * 43, "\u202e"])
def test_what_is_no_key_proves_nothing(key: str) -> None:
    assert not GuestKeys("secret").proves("room-1", "participant-1", key)


def test_no_key_is_made_without_a_secret() -> None:
    with pytest.raises(ValueError, match="empty"):
        GuestKeys("")
