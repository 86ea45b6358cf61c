"""The rows of Call Automation: every operation of its two clients."""

from __future__ import annotations

from tests.emulator_coverage.row import Row

_CALLS = "tests/contract/test_acs_calls.py::"
_BOTS = "tests/contract/test_acs_bot_calls_bot.py::"
_GROUPS = "tests/contract/test_acs_groups.py::"
_SPEECH = "tests/contract/test_acs_speech.py::"
_LOCAL_SPEECH = "tests/contract/test_acs_local_speech.py::"
_PLAY = "tests/contract/test_acs_play.py::"
_PEOPLE = "tests/contract/test_acs_participants.py::"
_TONES = "tests/contract/test_acs_tones.py::"
_RECORDING = "tests/contract/test_acs_recording.py::"
_HTTPS = "tests/contract/test_acs_https.py::"
_SYNC = "tests/contract/test_acs_sync.py::"
_SWITCHES = "tests/contract/test_acs_switches.py::"
_C = "CallAutomationClient"
_N = "CallConnectionClient"

CALL_AUTOMATION: tuple[Row, ...] = (
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
        "served",
        (
            _CALLS + "test_connecting_answers_as_recorded",
            _CALLS + "test_nobody_in_the_room_means_no_call",
            _SWITCHES + "test_a_call_is_found_by_its_own_id_too",
            _GROUPS + "test_a_bot_is_in_a_group_call",
            _SYNC + "test_people_in_a_call",
        ),
        unknown="connecting to an empty room or group; whether the answer has serverCallId; whether the media "
        "socket is dialled before the answer; the bot's own raw id and whether it is listed",
        switches=("connect_to_empty_room", "connect_answer", "media_before_answer", "bot_in_participants"),
    ),
    Row(
        _C,
        "create_call",
        "served",
        (
            _PEOPLE + "test_a_bot_calls_somebody",
            _PEOPLE + "test_a_call_nobody_takes_fails",
            _BOTS + "test_the_bodies_are_those_of_the_vendors_live_tests",
            _BOTS + "test_a_rejected_call_fails",
            _SYNC + "test_calls_without_a_room",
        ),
        limits="raises IncomingCall for users, not for phone numbers",
        unknown="codes of CreateCallFailed when nobody answers or somebody rejects; how long it rings; source in the "
        "answer to a client without one",
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
        (
            _PEOPLE + "test_a_bot_answers_whoever_calls_it",
            _BOTS + "test_the_bodies_are_those_of_the_vendors_live_tests",
            _BOTS + "test_an_incoming_call_context_is_as_long_as_the_services",
            _BOTS + "test_they_hear_each_other_and_what_is_played",
            _SYNC + "test_calls_that_come_in",
        ),
        unknown="lifetime of incomingCallContext; the error for one that is spent; subject of IncomingCall; who "
        "answers when the client has no source (here who was called)",
        switches=("ring_s",),
    ),
    Row(
        _C,
        "redirect_call",
        "served",
        (
            _PEOPLE + "test_a_bot_rejects_and_redirects",
            _BOTS + "test_a_redirected_call_is_offered_to_the_next",
            _SYNC + "test_calls_that_come_in",
        ),
    ),
    Row(
        _C,
        "reject_call",
        "served",
        (
            _PEOPLE + "test_a_bot_rejects_and_redirects",
            _BOTS + "test_a_rejected_call_fails",
            _SYNC + "test_calls_that_come_in",
        ),
    ),
    # --- recordings ---------------------------------------------------------------------------------
    *(
        Row(
            _C,
            operation,
            "partly",
            (_RECORDING + "test_a_recording_goes_through_its_states", _SYNC + "test_media_of_a_call"),
            limits="states and events only; no sound is kept",
            unknown="the error for a recording that has ended",
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
            "not served",
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
        (
            _CALLS + "test_people_come_and_go_under_the_bots_eyes",
            _BOTS + "test_both_are_listed_and_told_of_each_other",
            _SYNC + "test_people_in_a_call",
        ),
        unknown="whether a bot is listed that has joined by connect; size of a page",
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
            _BOTS + "test_somebody_who_is_added_is_called_too",
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
        (
            _CALLS + "test_mute_and_remove",
            _BOTS + "test_the_called_bot_is_muted_held_and_removed",
            _SYNC + "test_people_in_a_call",
        ),
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
        "served",
        (
            _PLAY + "test_everybody_hears_a_file_for_as_long_as_it_is",
            _PLAY + "test_a_target_alone_hears_what_is_played_to_it",
            _PLAY + "test_files_that_cannot_be_played_are_told",
            _PLAY + "test_beside_a_file_for_some_only_files_for_all_may_start",
            _SPEECH + "test_text_is_spoken_to_everybody",
            _SPEECH + "test_what_cannot_be_spoken_is_told",
            _SPEECH + "test_text_needs_a_speech_service",
            _LOCAL_SPEECH + "test_one_bot_writes_down_what_another_says",
            _SYNC + "test_media_of_a_call",
        ),
        limits="text is spoken in the one voice that the engine has for its language; of SSML, text and language",
        unknown="whether a second file for all waits or is refused; whether the bot's own media stream carries it",
        switches=("echo_bot",),
    ),
    Row(
        _N,
        "play_media_to_all",
        "served",
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
        "served",
        (
            _TONES + "test_a_participant_answers_with_keys",
            _TONES + "test_a_participant_chooses_by_key",
            _TONES + "test_questions_without_an_answer_fail",
            _SPEECH + "test_a_spoken_answer_is_recognised",
            _SPEECH + "test_a_choice_is_spoken",
            _SPEECH + "test_keys_answer_as_well_where_both_are_taken",
            _SPEECH + "test_no_answer_and_one_that_is_not_understood",
            _SYNC + "test_media_of_a_call",
        ),
        limits="speech needs a Cognitive Services endpoint in the call, and is as good as the engine; no confidence",
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
            "served",
            (
                _RECORDING + "test_transcription_starts_changes_language_and_stops",
                _RECORDING + "test_transcription_can_start_with_the_call_and_fail",
                _SPEECH + "test_what_people_say_is_written_down",
                _SPEECH + "test_intermediate_results_come_while_somebody_speaks",
                _LOCAL_SPEECH + "test_one_bot_writes_down_what_another_says",
                _SYNC + "test_media_of_a_call",
            ),
            limits="as good as the engine; confidence is always 1, times of words are spread over the utterance",
            unknown="which of 8578 to 8580 goes with which failure",
        )
        for operation in ("start_transcription", "stop_transcription", "update_transcription")
    ),
)
