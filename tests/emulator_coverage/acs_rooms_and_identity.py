"""The rows of rooms and identity: every operation of their clients."""

from __future__ import annotations

from tests.emulator_coverage.row import Row

_HTTPS = "tests/contract/test_acs_https.py::"
_SYNC = "tests/contract/test_acs_sync.py::"
_ROOMS = "tests/contract/test_acs_rooms.py::"
_IDENTITY = "tests/contract/test_acs_identity.py::"
_R = "RoomsClient"
_I = "CommunicationIdentityClient"

ROOMS_AND_IDENTITY: tuple[Row, ...] = (
    # --- rooms --------------------------------------------------------------------------------------
    Row(
        _R, "from_connection_string", "served", (_HTTPS + "test_connection_strings_work_over_https_with_the_authority",)
    ),
    Row(_R, "close", "served", (_SYNC + "test_rooms",), limits="happens in the client alone"),
    Row(
        _R,
        "create_room",
        "served",
        (_ROOMS + "test_a_room_lives", _ROOMS + "test_impossible_times_are_refused", _SYNC + "test_rooms"),
        unknown="most rooms and participants; request rate",
    ),
    Row(
        _R,
        "get_room",
        "served",
        (_ROOMS + "test_a_room_lives", _ROOMS + "test_a_malformed_id_is_refused_without_details", _SYNC + "test_rooms"),
    ),
    Row(_R, "update_room", "served", (_ROOMS + "test_a_room_lives", _SYNC + "test_rooms")),
    Row(
        _R,
        "delete_room",
        "served",
        (_ROOMS + "test_a_room_lives", _SYNC + "test_rooms"),
        unknown="what becomes of a call that is on in a deleted room (here it goes on)",
    ),
    Row(
        _R, "list_rooms", "served", (_ROOMS + "test_lists_come_in_pages", _SYNC + "test_rooms"), switches=("page_size",)
    ),
    Row(
        _R,
        "list_participants",
        "served",
        (_ROOMS + "test_the_roster_takes_changes", _SYNC + "test_rooms"),
        switches=("page_size",),
    ),
    *(
        Row(
            _R,
            operation,
            "served",
            (
                _ROOMS + "test_the_roster_takes_changes",
                _ROOMS + "test_participants_that_cannot_be_are_refused_as_recorded",
                _SYNC + "test_rooms",
            ),
        )
        for operation in ("add_or_update_participants", "remove_participants")
    ),
    # --- identity -----------------------------------------------------------------------------------
    Row(
        _I, "from_connection_string", "served", (_HTTPS + "test_connection_strings_work_over_https_with_the_authority",)
    ),
    Row(
        _I,
        "create_user",
        "served",
        (_IDENTITY + "test_users_come_with_ids_of_the_resource_and_can_go", _SYNC + "test_identity"),
    ),
    Row(
        _I,
        "create_user_and_token",
        "served",
        (_IDENTITY + "test_a_token_carries_the_recorded_claims", _SYNC + "test_identity"),
    ),
    Row(
        _I,
        "get_token",
        "served",
        (
            _IDENTITY + "test_tokens_are_issued_again_and_revoked",
            _IDENTITY + "test_lifetimes_have_bounds",
            _IDENTITY + "test_a_token_is_for_something",
            _SYNC + "test_identity",
        ),
        unknown="message of an unknown scope",
    ),
    Row(
        _I, "revoke_tokens", "served", (_IDENTITY + "test_tokens_are_issued_again_and_revoked", _SYNC + "test_identity")
    ),
    Row(
        _I,
        "delete_user",
        "served",
        (_IDENTITY + "test_users_come_with_ids_of_the_resource_and_can_go", _SYNC + "test_identity"),
    ),
    Row(
        _I,
        "get_token_for_teams_user",
        "not served",
        (_SYNC + "test_identity",),
        limits="answered with 400/8567: there are no Teams users here",
    ),
)
