"""What of the service is served here, what shows it, and what nobody outside the service knows; rows only, no logic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["served", "partly", "not"]

UNVERIFIED = "unverified"

_CALLS = "tests/contract/test_acs_calls.py::"
_PLAY = "tests/contract/test_acs_play.py::"
_PEOPLE = "tests/contract/test_acs_participants.py::"
_TONES = "tests/contract/test_acs_tones.py::"
_RECORDING = "tests/contract/test_acs_recording.py::"
_HTTPS = "tests/contract/test_acs_https.py::"
_SYNC = "tests/contract/test_acs_sync.py::"
_ROOMS = "tests/contract/test_acs_rooms.py::"
_IDENTITY = "tests/contract/test_acs_identity.py::"
_MEDIA = "tests/contract/test_acs_media.py::"
_SWITCHES = "tests/contract/test_acs_switches.py::"
_GRID = "tests/contract/test_acs_event_grid.py::"
_GRID_FAULTS = "tests/contract/test_acs_event_grid_faults.py::"
_FAULTS = "tests/contract/test_acs_faults.py::"
_SIGNING = "tests/contract/test_acs_signing.py::"
_JOIN = "tests/contract/test_acs_join.py::"
_LOCAL = "tests/contract/test_acs_local.py::"
_FUZZ = "tests/contract/test_acs_robustness.py::"


@dataclass(frozen=True, slots=True)
class Row:
    """One operation of a client, or one behaviour.

    Attributes:
        subject: the SDK's client class, or what the behaviour belongs to.
        operation: the method of that class, or the behaviour in a few words.
        state: `partly` and `not` say in `limits` what is missing.
        verified_by: test nodes, or `unverified`.
        limits: where the emulator does less than the service.
        unknown: what is not known of the real service.
        switches: of `emulator.config.Switches`, which choose between readings of the unknown.
    """

    subject: str
    operation: str
    state: State
    verified_by: tuple[str, ...]
    limits: str = ""
    unknown: str = ""
    switches: tuple[str, ...] = ()


_C = "CallAutomationClient"
_N = "CallConnectionClient"
_R = "RoomsClient"
_I = "CommunicationIdentityClient"

OPERATIONS: tuple[Row, ...] = (
    # --- a client as such ---------------------------------------------------------------------------
    Row(
        _C,
        "from_connection_string",
        "served",
        (
            _HTTPS + "test_connection_strings_work_over_https_with_the_authority",
            _HTTPS + "test_connection_strings_work_over_https_without_a_loop_too",
        ),
        limits="https only: the clients throw the scheme of a connection string away",
    ),
    Row(_C, "close", "served", (_SYNC + "test_calls_without_a_room",), limits="happens in the client alone"),
    Row(_C, "get_call_connection", "served", (_CALLS + "test_connecting_answers_as_recorded",)),
    # --- calls --------------------------------------------------------------------------------------
    Row(
        _C,
        "connect_call",
        "partly",
        (
            _CALLS + "test_connecting_answers_as_recorded",
            _CALLS + "test_nobody_in_the_room_means_no_call",
            _SWITCHES + "test_a_call_is_found_by_its_own_id_too",
            _SYNC + "test_people_in_a_call",
        ),
        limits="rooms and calls by server call id; no group calls (400/8567)",
        unknown="connecting to an empty room; whether the answer has serverCallId; whether the media socket is dialled "
        "before the answer; the bot's own raw id and whether it is listed",
        switches=("connect_to_empty_room", "connect_answer", "media_before_answer", "bot_in_participants"),
    ),
    Row(
        _C,
        "create_call",
        "served",
        (
            _PEOPLE + "test_a_bot_calls_somebody",
            _PEOPLE + "test_a_call_nobody_takes_fails",
            _SYNC + "test_calls_without_a_room",
        ),
        unknown="codes of CreateCallFailed when nobody answers; how long it rings",
        switches=("ring_s", "phone_numbers"),
    ),
    Row(
        _C,
        "create_group_call",
        "served",
        (_PEOPLE + "test_a_call_nobody_takes_fails",),
        limits="deprecated in the client, which sends what create_call sends with several targets",
    ),
    Row(
        _C,
        "answer_call",
        "served",
        (_PEOPLE + "test_a_bot_answers_whoever_calls_it", _SYNC + "test_calls_that_come_in"),
        unknown="form and lifetime of incomingCallContext; the error for one that is spent; subject of IncomingCall",
        switches=("ring_s",),
    ),
    Row(
        _C,
        "redirect_call",
        "served",
        (_PEOPLE + "test_a_bot_rejects_and_redirects", _SYNC + "test_calls_that_come_in"),
    ),
    Row(
        _C,
        "reject_call",
        "served",
        (_PEOPLE + "test_a_bot_rejects_and_redirects", _SYNC + "test_calls_that_come_in"),
    ),
    # --- recordings ---------------------------------------------------------------------------------
    *(
        Row(
            _C,
            operation,
            "partly",
            (_RECORDING + "test_a_recording_goes_through_its_states", _SYNC + "test_media_of_a_call"),
            limits="states and events only; no sound is kept",
            unknown="source and subject of RecordingStateChanged; the error for a recording that has ended",
        )
        for operation in (
            "start_recording",
            "get_recording_properties",
            "pause_recording",
            "resume_recording",
            "stop_recording",
        )
    ),
    *(
        Row(
            _C,
            operation,
            "not",
            (_RECORDING + "test_a_recording_goes_through_its_states",),
            limits="the client speaks to the service's own storage hosts and to no other",
        )
        for operation in ("download_recording", "delete_recording")
    ),
    # --- one call -----------------------------------------------------------------------------------
    Row(
        _N,
        "from_connection_string",
        "served",
        (_HTTPS + "test_connection_strings_work_over_https_with_the_authority",),
        limits="https only, as for the other clients",
    ),
    Row(
        _N,
        "get_call_properties",
        "served",
        (_CALLS + "test_connecting_answers_as_recorded", _SYNC + "test_calls_without_a_room"),
    ),
    Row(
        _N,
        "hang_up",
        "served",
        (
            _CALLS + "test_hanging_up_leaves_the_others_talking",
            _CALLS + "test_terminating_sends_everybody_home",
            _SYNC + "test_people_in_a_call",
        ),
        unknown="order of the closing socket and CallDisconnected",
    ),
    Row(
        _N,
        "transfer_call_to_participant",
        "served",
        (_PEOPLE + "test_a_call_of_two_is_transferred_and_no_other", _SYNC + "test_people_in_a_call"),
        unknown="codes of CallTransferFailed; sub-code of the CallDisconnected that follows a transfer",
        switches=("ring_s",),
    ),
    # --- people -------------------------------------------------------------------------------------
    Row(
        _N,
        "list_participants",
        "served",
        (_CALLS + "test_people_come_and_go_under_the_bots_eyes", _SYNC + "test_people_in_a_call"),
        unknown="whether a bot is listed; size of a page",
        switches=("bot_in_participants", "page_size"),
    ),
    Row(
        _N,
        "get_participant",
        "served",
        (_CALLS + "test_mute_and_remove", _SYNC + "test_people_in_a_call"),
        limits="the asynchronous client signs another path than it sends; believed unless strict_signing is on",
        switches=("strict_signing",),
    ),
    Row(
        _N,
        "add_participant",
        "served",
        (
            _PEOPLE + "test_who_accepts_an_invitation_is_in_the_call",
            _PEOPLE + "test_invitations_are_declined_and_run_out",
            _PEOPLE + "test_a_phone_number_answers_as_the_switch_says",
            _SYNC + "test_people_in_a_call",
        ),
        limits="custom calling context is not passed on",
        unknown="sub-codes of AddParticipantFailed; time to answer when none is given",
        switches=("ring_s", "phone_numbers"),
    ),
    Row(
        _N,
        "cancel_add_participant_operation",
        "served",
        (_PEOPLE + "test_an_invitation_can_be_taken_back_in_time", _SYNC + "test_people_in_a_call"),
        unknown="codes of CancelAddParticipantFailed",
    ),
    Row(
        _N,
        "remove_participant",
        "served",
        (_CALLS + "test_mute_and_remove", _SYNC + "test_people_in_a_call"),
        unknown="codes of RemoveParticipantFailed",
    ),
    Row(
        _N,
        "mute_participant",
        "served",
        (_CALLS + "test_mute_and_remove", _SYNC + "test_people_in_a_call"),
        unknown="what a muted participant sounds like in unmixed streaming",
        switches=("muted_participants",),
    ),
    Row(
        _N,
        "move_participants",
        "served",
        (
            _PEOPLE + "test_somebody_is_moved_from_one_call_to_another",
            _SYNC + "test_people_in_a_call",
        ),
        unknown="whether it works between rooms",
    ),
    Row(
        _N,
        "hold",
        "served",
        (_PLAY + "test_on_hold_one_hears_music_and_is_not_heard", _SYNC + "test_people_in_a_call"),
        unknown="what is heard on hold when nothing is played",
    ),
    Row(
        _N,
        "unhold",
        "served",
        (_PLAY + "test_on_hold_one_hears_music_and_is_not_heard", _SYNC + "test_people_in_a_call"),
    ),
    # --- media --------------------------------------------------------------------------------------
    Row(
        _N,
        "play_media",
        "partly",
        (
            _PLAY + "test_everybody_hears_a_file_for_as_long_as_it_is",
            _PLAY + "test_a_target_alone_hears_what_is_played_to_it",
            _PLAY + "test_files_that_cannot_be_played_are_told",
            _PLAY + "test_beside_a_file_for_some_only_files_for_all_may_start",
            _PLAY + "test_text_needs_a_speech_service_and_even_then_nobody_speaks",
            _SYNC + "test_media_of_a_call",
        ),
        limits="files are played, text and SSML fail with 8565",
        unknown="whether a second file for all waits or is refused; whether the bot's own media stream carries it",
        switches=("echo_bot",),
    ),
    Row(
        _N,
        "play_media_to_all",
        "partly",
        (_PLAY + "test_everybody_hears_a_file_for_as_long_as_it_is",),
        limits="deprecated in the client; as play_media",
    ),
    Row(
        _N,
        "cancel_all_media_operations",
        "served",
        (_PLAY + "test_what_is_played_in_a_loop_ends_when_cancelled", _SYNC + "test_media_of_a_call"),
        unknown="whether it also ends continuous recognition of keys (here it does not)",
    ),
    Row(
        _N,
        "start_recognizing_media",
        "partly",
        (
            _TONES + "test_a_participant_answers_with_keys",
            _TONES + "test_a_participant_chooses_by_key",
            _TONES + "test_questions_without_an_answer_fail",
            _SYNC + "test_media_of_a_call",
        ),
        limits="keys are understood, speech is not (RecognizeFailed 8565)",
        unknown="the sub-codes are those of the published enumeration; which HTTP-like code goes with each",
    ),
    Row(
        _N,
        "start_continuous_dtmf_recognition",
        "served",
        (
            _TONES + "test_keys_are_told_as_they_are_pressed_until_nobody_wants_to_know",
            _SYNC + "test_media_of_a_call",
        ),
    ),
    Row(
        _N,
        "stop_continuous_dtmf_recognition",
        "served",
        (
            _TONES + "test_keys_are_told_as_they_are_pressed_until_nobody_wants_to_know",
            _SYNC + "test_media_of_a_call",
        ),
    ),
    Row(
        _N,
        "send_dtmf_tones",
        "served",
        (_TONES + "test_keys_are_sent_to_phones_only", _SYNC + "test_people_in_a_call"),
        limits="the phone at the other end is silent: keys are journaled",
        unknown="how long a key takes; the error for a target that is no phone",
    ),
    Row(
        _N,
        "start_media_streaming",
        "served",
        (_CALLS + "test_streaming_stops_and_starts_again", _SYNC + "test_media_of_a_call"),
    ),
    Row(
        _N,
        "stop_media_streaming",
        "served",
        (_CALLS + "test_streaming_stops_and_starts_again", _SYNC + "test_media_of_a_call"),
    ),
    *(
        Row(
            _N,
            operation,
            "partly",
            (
                _RECORDING + "test_transcription_starts_changes_language_and_stops",
                _RECORDING + "test_transcription_can_start_with_the_call_and_fail",
                _SYNC + "test_media_of_a_call",
            ),
            limits="states, events and a socket that brings TranscriptionMetadata; never a word of text",
            unknown="which of 8578 to 8580 goes with which failure; details word of TranscriptionUpdated",
        )
        for operation in ("start_transcription", "stop_transcription", "update_transcription")
    ),
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
    Row(_R, "get_room", "served", (_ROOMS + "test_a_room_lives", _SYNC + "test_rooms")),
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
    Row(_R, "add_or_update_participants", "served", (_ROOMS + "test_the_roster_takes_changes", _SYNC + "test_rooms")),
    Row(_R, "remove_participants", "served", (_ROOMS + "test_the_roster_takes_changes", _SYNC + "test_rooms")),
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
            _SYNC + "test_identity",
        ),
        unknown="message of a bad lifetime",
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
        "not",
        (_SYNC + "test_identity",),
        limits="answered with 400/8567: there are no Teams users here",
    ),
)

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
        "faults: status, Retry-After, reset, delay, a gateway's answer",
        "served",
        (
            _FAULTS + "test_the_client_tries_a_post_again_as_it_was_measured",
            _FAULTS + "test_connections_are_reset_and_answers_late",
            _LOCAL + "test_the_clients_meet_faults_as_they_were_ordered",
        ),
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
        (_MEDIA + "test_metadata_then_a_frame_per_speaker_every_20_ms", _MEDIA + "test_16_khz_both_ways"),
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
        "reverse WebSocket",
        "not",
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
        "handshakes",
        "served",
        (
            _GRID + "test_without_handshake_no_subscription",
            _GRID + "test_the_validation_address_can_be_visited_instead",
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
            _GRID_FAULTS + "test_a_dead_endpoint_is_put_off_and_its_events_arrive_when_it_lives",
        ),
        limits="batches are bounded by count, not by size; dead letters are read from the emulator",
        unknown="after how many failures delivery is delayed, and by how much",
        switches=("eventgrid_speed_up",),
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
        ),
        limits="over the emulator's own socket; the Calling SDK's media path is closed and cannot be served",
    ),
)

ROWS: tuple[Row, ...] = OPERATIONS + BEHAVIOURS
