"""The rows of what is no operation of a client: events, media, signatures, faults."""

from __future__ import annotations

from tests.emulator_coverage.row import UNVERIFIED, Row

_CALLS = "tests/contract/test_acs_calls.py::"
_PLAY = "tests/contract/test_acs_play.py::"
_TONES = "tests/contract/test_acs_tones.py::"
_PEOPLE = "tests/contract/test_acs_participants.py::"
_IDENTITY = "tests/contract/test_acs_identity.py::"
_HTTPS = "tests/contract/test_acs_https.py::"
_MEDIA = "tests/contract/test_acs_media.py::"
_SWITCHES = "tests/contract/test_acs_switches.py::"
_GRID = "tests/contract/test_acs_event_grid.py::"
_GRID_FAULTS = "tests/contract/test_acs_event_grid_faults.py::"
_FAULTS = "tests/contract/test_acs_faults.py::"
_SIGNING = "tests/contract/test_acs_signing.py::"
_JOIN = "tests/contract/test_acs_join.py::"
_LOCAL = "tests/contract/test_acs_local.py::"
_OWN = "tests/emulator/acs/api/test_emulator_api.py::"
_FUZZ = "tests/contract/test_acs_robustness.py::"

BEHAVIOURS: tuple[Row, ...] = (
    Row(
        "REST",
        "signature with the access key",
        "served",
        (
            _SIGNING + "test_another_key_is_refused_by_every_service",
            _SIGNING + "test_old_and_altered_requests_are_refused",
            _SIGNING + "test_the_clients_differ_in_spelling_and_only_strictness_minds",
        ),
        unknown="accepted clock skew (--clock-skew)",
        switches=("strict_signing",),
    ),
    Row(
        "REST",
        "bearer token",
        "served",
        (
            _HTTPS + "test_a_bearer_token_of_the_local_issuer_opens_every_service",
            _HTTPS + "test_other_tokens_open_nothing",
        ),
        limits="tokens of the local issuer (POST /emulator/tokens); roles are not looked at",
        unknown="which role is enough",
    ),
    Row(
        "REST",
        "api-versions, headers, error bodies, repeated requests",
        "served",
        (
            _SIGNING + "test_an_api_version_is_asked_for",
            _SIGNING + "test_answers_carry_the_headers_of_the_service",
            _SIGNING + "test_unknown_paths_and_methods_have_error_bodies",
            _SIGNING + "test_a_repeated_request_gets_its_first_answer_again",
            _FUZZ + "test_whatever_is_sent_is_answered_in_the_services_form",
        ),
        unknown="whether the service tells repeated requests by their id",
    ),
    Row(
        "REST",
        "faults: status, Retry-After, reset, delay, a gateway's answer, a success that makes no sense",
        "served",
        (
            _FAULTS + "test_a_success_may_make_no_sense",
            _FAULTS + "test_the_client_tries_a_post_again_as_it_was_measured",
            _FAULTS + "test_connections_are_reset_and_answers_late",
            _LOCAL + "test_the_clients_meet_faults_as_they_were_ordered",
        ),
    ),
    Row(
        "REST",
        "users with a customId, GET of a user (api-versions from 2025-03-02-preview)",
        "served",
        (_IDENTITY + "test_a_user_has_an_id_of_the_callers_own_and_is_shown",),
        limits="not in the Python client; served whatever the api-version",
    ),
    Row(
        "Callbacks",
        "order of the first events",
        "served",
        (
            _CALLS + "test_the_socket_comes_first_then_connected_then_started",
            _SWITCHES + "test_first_events_come_in_two_posts",
            _SWITCHES + "test_events_do_not_wait_for_a_socket_that_does_not_open",
        ),
        unknown="how steady the recorded order is",
        switches=("connected_order", "first_events"),
    ),
    Row(
        "Callbacks",
        "ParticipantsUpdated and its sequence numbers",
        "served",
        (
            _CALLS + "test_people_come_and_go_under_the_bots_eyes",
            _SWITCHES + "test_sequence_numbers_can_jump",
            _FAULTS + "test_an_older_list_of_participants_comes_after_a_newer_one",
        ),
        unknown="when numbers jump",
        switches=("sequence_step", "bot_in_participants"),
    ),
    Row(
        "Callbacks",
        "tries until taken",
        "served",
        (
            _CALLS + "test_an_event_is_posted_again_until_it_is_taken",
            _LOCAL + "test_callbacks_are_lost_doubled_and_delayed",
        ),
        unknown="the service's own tries and waits",
        switches=("callback_tries", "callback_backoff_s"),
    ),
    Row(
        "Callbacks",
        "tokens, key set, rotation",
        "served",
        (
            _CALLS + "test_callbacks_and_media_are_signed_with_the_published_key",
            _FAULTS + "test_no_flawed_token_passes_a_careful_bot",
            _FAULTS + "test_keys_rotate_with_the_old_one_published_or_not",
        ),
        unknown="claims beyond iss, aud, exp, nbf, iat; how often keys change",
    ),
    Row(
        "Callbacks",
        "operationCallbackUri",
        "served",
        (_PLAY + "test_an_action_may_have_its_own_callback",),
    ),
    Row(
        "Calls",
        "a bot that is alone",
        "served",
        (_CALLS + "test_a_bot_is_not_left_alone_for_ever",),
        unknown="whether a room's call outlives its people while a bot stays",
        switches=("last_human_leaves", "alone_limit_s"),
    ),
    Row(
        "Calls",
        "https callbacks and wss media only",
        "served",
        (_CALLS + "test_bad_requests_are_refused",),
        switches=("strict_urls",),
    ),
    Row(
        "Media streaming",
        "metadata, a frame per speaker each 20 ms",
        "served",
        (
            _MEDIA + "test_metadata_then_a_frame_per_speaker_every_20_ms",
            _MEDIA + "test_an_address_is_dialled_as_it_was_given",
            _MEDIA + "test_16_khz_both_ways",
        ),
        unknown="whether frames go on in silence",
        switches=("silent_frames", "silence_rms"),
    ),
    Row(
        "Media streaming",
        "mixed and unmixed audio",
        "served",
        (
            _SWITCHES + "test_mixed_audio_may_say_null_and_come_at_16_khz",
            _SWITCHES + "test_only_the_dominant_speakers_are_carried",
            _SWITCHES + "test_a_bot_can_hear_itself",
            _MEDIA + "test_silent_and_muted_frames_can_be_left_out",
        ),
        unknown="participantRawID in mixed audio; a bot's own audio; muted people; how dominance is judged",
        switches=("mixed_participant_id", "echo_bot", "muted_participants", "dominant_speakers"),
    ),
    Row(
        "Media streaming",
        "playing what the bot sends",
        "served",
        (
            _MEDIA + "test_audio_of_any_length_is_played_whole",
            _MEDIA + "test_stop_audio_empties_what_is_waiting",
            _MEDIA + "test_a_full_playing_queue_drops_its_oldest",
            _SWITCHES + "test_a_bot_that_floods_can_be_cut_off",
        ),
        unknown="size of the queue and what happens beyond it",
        switches=("play_limit_ms", "play_overflow"),
    ),
    Row(
        "Media streaming",
        "marks",
        "served",
        (_TONES + "test_marks_come_back_when_reached_or_stopped_if_switched_on",),
        unknown="whether this api-version has them, and where in a message they stand",
        switches=("marks",),
    ),
    Row(
        "Media streaming",
        "DtmfData",
        "served",
        (_TONES + "test_keys_come_on_the_media_socket_where_wanted",),
        unknown="whether timestamp and participantRawID are there",
    ),
    Row(
        "Media streaming",
        "a socket that breaks",
        "served",
        (
            _MEDIA + "test_a_dropped_socket_is_dialled_again",
            _MEDIA + "test_a_socket_that_stays_away_is_given_up",
            _CALLS + "test_a_socket_nobody_answers_is_told",
        ),
        unknown="tries and waits; whether a socket the bot closes is dialled again",
        switches=("redials", "redial_gap_s"),
    ),
    Row(
        "Media streaming",
        "a bot that reads too slowly",
        "served",
        (_FAULTS + "test_a_bot_that_does_not_read_is_cut_off_where_switched_so",),
        unknown="what the service does about it",
        switches=("slow_reader", "slow_reader_ms"),
    ),
    Row(
        "Media streaming",
        "jitter, stalls with a burst after them",
        "served",
        (
            _LOCAL + "test_jitter_bunches_frames_and_loses_none",
            _FAULTS + "test_media_stalls_and_comes_all_at_once",
        ),
    ),
    Row(
        "Media streaming",
        "frames that stop with the socket open",
        "served",
        (_FAULTS + "test_frames_stop_with_the_socket_open_until_streaming_is_started_again",),
        unknown="whether the service ever does it",
    ),
    Row(
        "Media streaming",
        "messages of another length, spelling, or from a second device",
        "served",
        (
            _FAULTS + "test_messages_may_hold_more_audio",
            _FAULTS + "test_keys_of_media_messages_may_be_spelt_otherwise",
            _FAULTS + "test_a_raw_id_may_have_a_second_stream",
        ),
        unknown="whether a user on two devices is one stream or two",
        switches=("media_frame_ms", "streams_per_participant"),
    ),
    Row(
        "Media streaming",
        "reverse WebSocket",
        "not served",
        (UNVERIFIED,),
        limits="preview, and hidden by the Python client",
    ),
    Row(
        "Event Grid",
        "call events in both schemas",
        "served",
        (
            _GRID + "test_a_call_is_reported_in_event_grids_own_schema",
            _GRID + "test_a_call_is_reported_in_cloud_events",
            _GRID + "test_bots_are_never_reported",
        ),
        unknown="whether users are nested in communicationIdentifier; whether a room's call also shows a group",
    ),
    Row(
        "Event Grid",
        "handshakes, and the event of a deleted subscription (Event Grid's own schema)",
        "served",
        (
            _GRID + "test_without_handshake_no_subscription",
            _GRID + "test_the_validation_address_can_be_visited_instead",
            _GRID + "test_subscriptions_are_shown_without_secrets_and_deleted",
        ),
    ),
    Row(
        "Event Grid",
        "delivery: retry table, batches, dead letters, delayed delivery",
        "served",
        (
            _GRID + "test_a_failed_delivery_is_tried_again_with_its_count",
            _GRID_FAULTS + "test_events_come_in_batches_where_asked_for",
            _GRID_FAULTS + "test_what_cannot_be_delivered_is_kept_where_asked_for",
            _GRID_FAULTS + "test_a_dead_letter_keeps_its_schema",
            _GRID_FAULTS + "test_a_dead_endpoint_is_put_off_and_its_events_arrive_when_it_lives",
        ),
        limits="batches are bounded by count, not by size; dead letters are read from the emulator",
        unknown="after how many failures delivery is delayed, and by how much; most words of a dead letter's reason",
        switches=("eventgrid_speed_up",),
    ),
    Row(
        "Event Grid",
        "some event types only",
        "served",
        (_GRID_FAULTS + "test_a_subscription_may_want_some_types_only",),
        limits="no filter by subject or by values of an event",
    ),
    Row(
        "Event Grid",
        "doubles, wrong order, delays",
        "served",
        (_GRID_FAULTS + "test_events_come_twice_late_and_the_wrong_way_round",),
    ),
    Row(
        "Event Grid",
        "bearer token with deliveries",
        "served",
        (_GRID_FAULTS + "test_deliveries_show_a_token_of_the_local_issuer",),
    ),
    Row(
        "Participants",
        "joining a room: token, scope, roster, time, role",
        "served",
        (
            _JOIN + "test_who_is_not_let_in",
            _JOIN + "test_a_revoked_token_opens_nothing",
            _JOIN + "test_a_room_that_is_gone_or_not_open_yet",
            _JOIN + "test_a_listener_is_not_heard",
            _OWN + "test_an_unknown_key_is_refused_and_the_participant_stays",
        ),
        limits="over the emulator's own socket; the Calling SDK's media path is closed and cannot be served",
    ),
    Row(
        "Participants",
        "phones: calling a bot, a user, or a number of the resource; ringing, declining, giving up",
        "served",
        (
            _PEOPLE + "test_a_bot_answers_whoever_calls_it",
            _PEOPLE + "test_somebody_calls_somebody_else",
            _PEOPLE + "test_a_number_of_the_resource_is_answered_by_a_bot",
            _PEOPLE + "test_who_gives_up_no_longer_rings",
            _PEOPLE + "test_a_phone_wants_a_token_for_calls",
        ),
        limits="over the emulator's own socket",
    ),
)
