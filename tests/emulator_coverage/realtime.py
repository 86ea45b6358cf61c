"""Rows of the Realtime side."""

from __future__ import annotations

from tests.emulator_coverage.row import UNVERIFIED, Row, State


def _row(area: str, name: str, state: State, test: str, limits: str = "", switch: str = "") -> Row:
    return Row(area, name, state, (test,), limits, switches=(switch,) if switch else ())


def _in(area: str, folder: str, *entries: tuple[str, ...]) -> list[Row]:
    """Rows of an area. An entry is name, test ("file::test" without the common part), limits, switch."""
    return [_row(area, name, "served", f"{folder}/test_{test}", *rest) for name, test, *rest in entries]


def _partly(area: str, name: str, test: str, limits: str, switch: str = "") -> Row:
    return _row(area, name, "partly", test, limits, switch)


def _not(area: str, limits: str, *names: str) -> list[Row]:
    return [_row(area, name, "not served", UNVERIFIED, limits) for name in names]


_UNIT = "tests/emulator/realtime"
_CLIENT = "tests/contract"
_FAULTS = f"{_CLIENT}/test_realtime_faults.py::test"
_MESSAGES = f"{_CLIENT}/test_realtime_message_faults.py::test"
_NO_MCP = "MCP servers are not asked"
_CALLED = "personas.py::test_a_function_is_called_with_what_was_said_and_its_output_is_said"

TRANSPORT = [
    *_in(
        "transport",
        _UNIT,
        ("/v1/realtime, /openai/v1/realtime", "upgrade.py::test_a_conversation"),
        ("/v1/realtime/translations, /openai/v1/realtime/translations",
         "upgrade.py::test_a_translation_shows_the_model_behind_the_deployment"),
        ("?intent=transcription, or a transcription model",
         "upgrade.py::test_a_transcription_by_intent_or_by_its_model"),
        ("Authorization: Bearer, api-key; else 401", "upgrade.py::test_keys"),
        ("browsers: key in a subprotocol (OpenAI) or as ?api-key= (Azure)",
         "upgrade.py::test_a_browser_presents_its_key_where_the_service_of_the_path_takes_it",
         "recorded is only that translations on Azure refuse the subprotocol"),
        ("Bearer on translations", "upgrade.py::test_a_translation_may_take_its_key_in_its_own_header_alone",
         "verified on Azure is only api-key", "translation_bearer"),
        ("translate deployment on /realtime: 400 OpperationNotSupported",
         "upgrade.py::test_the_wrong_path_for_a_deployment_is_refused_as_the_service_spells_it",
         "the other way round is inferred", "deployments"),
        ("unknown deployment: 404 DeploymentNotFound", "upgrade.py::test_a_deployment_that_is_not_there",
         "seen on the REST side", "deployments"),
        ("api-version on a GA path: 401", "upgrade.py::test_what_else_is_refused"),
        ("preview API: 400", "upgrade.py::test_the_preview_is_refused_plainly", "withdrawn; status and code are ours"),
        ("binary frames, malformed JSON: an error, the session goes on",
         "garbage.py::test_whatever_comes_nothing_raises_and_errors_have_their_shape"),
        ("request target, headers and client events in the journal",
         "wire.py::test_the_journal_sees_lengths_instead_of_audio"),
        ("a client that does not read is dropped",
         "server.py::test_a_client_that_does_not_read_is_dropped_before_it_costs_memory", "beyond 32 MiB; ours"),
    ),
    *_in(
        "transport",
        _CLIENT,
        ("OpenAI-Beta: realtime=v1: an error, close 4000",
         "realtime_conversation.py::test_the_beta_is_refused_in_an_open_socket"),
        ("optional members that are null count as absent",
         "realtime_conversation.py::test_null_members_count_as_absent"),
        ("POST /v1/realtime/client_secrets",
         "realtime_client_secrets.py::test_a_secret_opens_any_number_of_sessions_of_its_configuration",
         "of conversations and transcriptions"),
        ("POST /v1/realtime/translations/client_secrets",
         "realtime_client_secrets.py::test_a_secret_of_a_translation_opens_translations_alone", "404 on Azure"),
        ("GET /v1/models",
         "realtime_client_secrets.py::test_models_are_the_deployments_where_these_are_listed"),
        ("pings answered", "realtime_message_faults.py::test_the_server_answers_pings_unless_it_reads_nothing"),
        ("server pings, close 1011 keepalive ping timeout",
         "realtime_message_faults.py::test_a_client_that_answers_no_ping_is_closed", "interval unknown",
         "ping_interval_s"),
        ("session length 60 minutes, close 1001", "realtime_real_time.py::test_an_hour_is_the_end",
         "30 minutes reported on Azure", "session_s"),
        ("synchronous client", "realtime_sync.py::test_a_conversation"),
    ),
    _row("transport", "error session_expired before the close", "served",
         f"{_UNIT}/test_translation.py::test_it_expires_like_any_session",
         "both are reported; unknown for translations", "error_at_expiry"),
    _row("transport", "wss", "served",
         "tests/emulator/test_app.py::test_the_realtime_side_is_reached_over_tls_with_the_same_certificate"),
    *_not("transport", "only WebSockets carry audio", "/v1/realtime/calls: WebRTC and SIP"),
    *_not("transport", "number of headers is not counted", "HTTP 431 for many headers"),
]  # fmt: skip

CONVERSATION = [
    *_in(
        "conversation: client events",
        _UNIT,
        ("session.update", "conversation.py::test_update_is_confirmed_in_full_without_an_echo",
         "strict keys, a refused one changes nothing"),
        ("input_audio_buffer.append", "conversation.py::test_append_has_no_answer_and_commit_makes_an_item"),
        ("input_audio_buffer.commit", "conversation.py::test_an_empty_commit_is_an_error_and_the_session_goes_on"),
        ("input_audio_buffer.clear", "conversation.py::test_clear_empties_the_buffer"),
        ("conversation.item.create", "conversation.py::test_a_text_item_is_added_where_asked"),
        ("conversation.item.retrieve",
         "conversation.py::test_retrieve_gives_the_audio_back_and_delete_takes_the_item_away"),
        ("conversation.item.delete", "recognitions.py::test_a_deleted_item_is_not_spoken_of_but_its_response_goes_on",
         "the code of a missing item is a guess: item_not_found"),
        ("conversation.item.truncate", "conversation.py::test_truncate_confirms_what_it_cut"),
        ("response.create", "responses.py::test_one_response_in_the_conversation_any_number_beside_it",
         "out of band in parallel, item_reference, input: []"),
        ("response.cancel", "responses.py::test_cancel_at_every_stage_leaves_nothing_behind"),
    ),
    *_not("conversation: client events", "for WebRTC and SIP", "output_audio_buffer.clear"),
    *_in(
        "conversation: server events",
        _UNIT,
        ("session.created", "conversation.py::test_session_created_comes_first_with_an_expiry"),
        ("session.updated", "conversation.py::test_update_is_confirmed_in_full_without_an_echo"),
        ("conversation.created", "conversation.py::test_the_documented_conversation_created_can_be_had",
         "documented, not in captures", "send_conversation_created"),
        ("conversation.item.added", "conversation.py::test_append_has_no_answer_and_commit_makes_an_item"),
        ("conversation.item.done", "conversation.py::test_append_has_no_answer_and_commit_makes_an_item"),
        ("conversation.item.retrieved",
         "conversation.py::test_retrieve_gives_the_audio_back_and_delete_takes_the_item_away"),
        ("conversation.item.deleted",
         "conversation.py::test_retrieve_gives_the_audio_back_and_delete_takes_the_item_away"),
        ("conversation.item.truncated", "conversation.py::test_truncate_confirms_what_it_cut"),
        ("conversation.item.input_audio_transcription.delta",
         "recognitions.py::test_whisper_sends_everything_at_once_and_bills_by_duration", "all behind the commit"),
        ("conversation.item.input_audio_transcription.completed",
         "recognitions.py::test_recognition_starts_at_commit_and_serves_the_response_too",
         "usage in tokens or by duration", "transcription_usage"),
        ("conversation.item.input_audio_transcription.failed", "recognitions.py::test_what_is_not_understood_fails"),
        ("input_audio_buffer.committed", "conversation.py::test_append_has_no_answer_and_commit_makes_an_item"),
        ("input_audio_buffer.cleared", "conversation.py::test_clear_empties_the_buffer"),
        ("input_audio_buffer.speech_started", "conversation.py::test_vad_announces_commits_and_responds"),
        ("input_audio_buffer.speech_stopped", "conversation.py::test_vad_announces_commits_and_responds"),
        ("input_audio_buffer.timeout_triggered",
         "idle_timeout.py::test_it_speaks_by_itself_once_its_answer_was_played_and_the_time_has_passed"),
        ("response.created", "responses.py::test_out_of_band_ladder"),
        ("response.output_item.added", "responses.py::test_out_of_band_ladder"),
        ("response.output_item.done", "responses.py::test_out_of_band_ladder"),
        ("response.content_part.added", "responses.py::test_out_of_band_ladder"),
        ("response.content_part.done", "responses.py::test_out_of_band_ladder"),
        ("response.output_audio.delta", "responses.py::test_audio_is_paced_from_when_the_engine_delivered_it",
         "100, 150, then 250 ms", "pace"),
        ("response.output_audio.done", "responses.py::test_out_of_band_ladder"),
        ("response.output_audio_transcript.delta",
         "responses.py::test_every_delta_is_placed_and_text_is_padded"),
        ("response.output_audio_transcript.done", "responses.py::test_out_of_band_ladder"),
        ("response.output_text.delta", "responses.py::test_text_only"),
        ("response.output_text.done", "responses.py::test_text_only"),
        ("response.function_call_arguments.delta", _CALLED),
        ("response.function_call_arguments.done", _CALLED),
        ("response.done", "responses.py::test_out_of_band_ladder", "with usage; failed, cancelled, incomplete as well"),
        ("rate_limits.updated", "responses.py::test_place_of_rate_limits", "at the start or at the end", "rate_limits"),
        ("error", "conversation.py::test_errors_may_come_without_an_event_id_of_their_own",
         "null event_id captured on Azure", "error_event_ids"),
    ),
    *_not("conversation: server events", "only from the diarizing model",
          "conversation.item.input_audio_transcription.segment"),
    *_not("conversation: server events", "replaced by .added and .done", "conversation.item.created"),
    *_not("conversation: server events", "for WebRTC and SIP", "input_audio_buffer.dtmf_event_received",
          "output_audio_buffer.started", "output_audio_buffer.stopped", "output_audio_buffer.cleared"),
    *_not("conversation: server events", _NO_MCP, "mcp_list_tools.in_progress", "mcp_list_tools.completed",
          "mcp_list_tools.failed", "response.mcp_call.in_progress", "response.mcp_call.completed",
          "response.mcp_call.failed", "response.mcp_call_arguments.delta", "response.mcp_call_arguments.done"),
    *_in(
        "conversation: behaviour",
        _UNIT,
        ("voice locked by the first audio", "conversation.py::test_voice_is_locked_by_the_first_audio"),
        ("server_vad", "vad.py::test_start_has_the_padding_and_the_stop_has_the_silence", "by energy"),
        ("turn lost while a response runs",
         "conversation.py::test_a_turn_that_ends_while_the_model_speaks_is_lost_without_interruption"),
        ("interruption by speech",
         "conversation.py::test_new_speech_interrupts_a_default_response_but_none_out_of_band"),
        ("session.update of another type refused",
         "transcription.py::test_each_session_type_refuses_updates_for_the_other"),
        ("16 kHz shows as wrong durations", "input_buffer.py::test_audio_at_16_khz_shows_as_two_thirds_of_its_length"),
        ("token arithmetic and cache", "usage.py::test_sums_agree"),
        ("direction read from the instructions", "languages.py::test_direction_is_read"),
        ("terms read from the instructions", "glossary.py::test_a_line_per_term_is_read", "one a line"),
        ("any prompt gets an answer",
         "personas.py::test_any_prompt_gets_an_answer_that_says_back_what_was_understood",
         "what was understood, or prepared answers", "persona"),
        ("prepared answers", "personas.py::test_prepared_answers_come_in_turn", "", "answers"),
        ("tools and tool_choice",
         "function_calls.py::test_the_function_is_chosen_by_tool_choice_and_by_what_was_said",
         "auto: by words of the function's name"),
        ("outputs of unknown calls are refused", "personas.py::test_an_output_belongs_to_a_call"),
        ("arguments of function calls", "function_calls.py::test_arguments_fit_their_schema",
         "the required ones; pattern and format are not observed"),
        ("a text read aloud when the instructions say so", "languages.py::test_a_recital_is_read"),
        ("speed of the voice", "speed.py::test_speech_gets_as_long_as_its_speed_says"),
        ("fewer words when the instructions ask for them", "speed.py::test_half_of_the_words_have_half_of_the_voice"),
        ("what is listened for without a hint",
         "recognitions.py::test_with_no_hint_at_all_the_default_is_listened_for", "",
         "default_languages"),
    ),
    _partly("conversation: behaviour", "semantic_vad",
            f"{_UNIT}/test_vad.py::test_semantic_detection_waits_as_its_eagerness_says",
            "approximated by its longest waits: 8, 4, 2 s"),
    _partly("conversation: behaviour", "noise_reduction, truncation, reasoning, tracing, include", UNVERIFIED,
            "checked, kept and echoed; without effect on sound"),
    _partly("conversation: behaviour", "input_image",
            f"{_UNIT}/test_personas.py::test_an_image_is_taken_and_not_looked_at",
            "kept and echoed; nobody looks at it"),
    _row("conversation: behaviour", "audio/pcmu, audio/pcma", "served",
         f"{_CLIENT}/test_realtime_any_bot.py::test_telephony_formats_both_ways"),
    _row("conversation: behaviour", "idle_timeout_ms", "served",
         f"{_UNIT}/test_idle_timeout.py::test_it_speaks_by_itself_once_its_answer_was_played_and_the_time_has_passed",
         "any positive number; the service's limits are not known"),
]  # fmt: skip

TRANSLATION = [
    *_in(
        "translation: client events",
        _UNIT,
        ("session.update", "translation.py::test_update_takes_no_type_and_is_confirmed_in_full"),
        ("session.input_audio_buffer.append",
         "translation.py::test_model_time_passes_as_audio_comes_and_not_otherwise"),
        ("session.close", "translation.py::test_closing_drains_at_four_times_real_time_then_closes"),
    ),
    *_in(
        "translation: server events",
        _UNIT,
        ("session.created", "translation.py::test_session_created_comes_first_and_translates_into_spanish"),
        ("session.updated", "translation.py::test_update_takes_no_type_and_is_confirmed_in_full"),
        ("session.closed", "translation.py::test_closing_an_idle_session_closes_it"),
        ("session.input_transcript.delta",
         "translation.py::test_the_source_is_written_only_if_that_is_configured_and_without_gaps"),
        ("session.output_transcript.delta",
         "translation.py::test_text_is_ahead_of_its_audio_and_split_inside_words_without_end_markers", "",
         "text_lead_ms"),
        ("session.output_audio.delta", "translation.py::test_audio_comes_in_frames_of_200_ms_with_its_format",
         "two captures contradict each other: real_time, double, irregular", "output"),
        ("error", "translation.py::test_there_are_exactly_three_client_events"),
    ),
    *_in(
        "translation: behaviour",
        _UNIT,
        ("any other client event is an error", "translation.py::test_there_are_exactly_three_client_events"),
        ("13 languages and more, others refused with the list",
         "translation_config.py::test_a_wrong_language_is_told_the_accepted_ones"),
        ("language changed on the way", "translation.py::test_the_language_can_be_changed_on_the_way",
         "from the next interpretation on"),
        ("short appends wait, long ones are split",
         "engine_frames.py::test_short_appends_wait_and_long_ones_are_split"),
        ("faster than real time",
         "translation.py::test_a_long_append_is_worked_off_faster_than_real_time_but_not_at_once", "undocumented",
         "catch_up"),
        ("noise outside speech", "output_timeline.py::test_noise_is_faint_and_not_silent", "peak 63 on Azure",
         "noise_peak"),
        ("deltas of 400 ms in bursts", "translation.py::test_double_mode_sends_400_ms_for_200_in_bursts", "",
         "burst_steps"),
        ("optional members missing", "translation.py::test_irregular_mode_sends_any_size_and_leaves_members_out", "",
         "omitted"),
        ("lag", "translation.py::test_the_lag_is_drawn_between_its_limits_and_repeats_with_the_seed",
         "median of 5.4 s reported", "lag_ms"),
        ("speech in the target language stays silent",
         "translation.py::test_speech_in_the_target_language_stays_silent"),
        ("sound without language", "translation.py::test_noise_that_is_no_language_stays_silent_unless_told_otherwise",
         "silent", "says_not_understood"),
        ("where speech is cut", "segments.py::test_a_long_segment_is_cut_where_it_is_quietest",
         "the real model has no segments", "pause_ms"),
        ("every byte accounted for", "garbage.py::test_audio_in_is_audio_accounted_for"),
        ("input behind session.close is refused",
         "translation.py::test_closing_waits_for_the_engine_and_takes_nothing_more", "code null is a guess"),
    ),
    *_in(
        "translation: behaviour",
        _CLIENT,
        ("the first sentence is heard before the second has ended",
         "realtime_local_engine.py::test_the_first_sentence_is_interpreted_before_the_second_has_ended"),
        ("words of the source while the speaker goes on",
         "realtime_translation.py::test_words_of_the_source_come_while_the_speaker_goes_on",
         "those that two recognitions, a second apart, agree on"),
        ("an early socket close loses the rest",
         "realtime_translation.py::test_closing_the_socket_early_loses_the_rest"),
    ),
    _partly("translation: behaviour", "language detection",
            f"{_CLIENT}/test_realtime_local_engine.py::test_the_language_is_detected_and_the_target_language_left_alone",
            "among a few languages, of whole segments", "listens_for"),
    *_not("translation: behaviour", "one voice per language", "voice follows the speaker"),
]  # fmt: skip

TRANSCRIPTION = [
    *_in(
        "transcription: client events",
        _UNIT,
        ("session.update", "transcription.py::test_a_bad_update_changes_nothing"),
        ("input_audio_buffer.append", "transcription.py::test_server_vad_commits_by_itself"),
        ("input_audio_buffer.commit", "transcription.py::test_a_manual_commit_is_transcribed_and_never_answered"),
        ("input_audio_buffer.clear", "transcription.py::test_the_accounts_add_up"),
        ("conversation.item.retrieve", "transcription.py::test_items_can_be_looked_at_and_deleted",
         "whether the service takes it is unknown"),
        ("conversation.item.delete", "transcription.py::test_items_can_be_looked_at_and_deleted",
         "whether the service takes it is unknown"),
    ),
    *_in(
        "transcription: behaviour",
        _UNIT,
        ("session.object", "transcription.py::test_the_guide_calls_the_object_otherwise", "SDK and guide differ",
         "transcription_object"),
        ("never a response", "transcription.py::test_nothing_else_can_be_asked_for", "the code is a guess"),
        ("what each model takes", "audio_settings.py::test_what_a_model_does_not_take", "the code is a guess"),
        ("model is a deployment", "audio_settings.py::test_where_deployments_are_listed_the_model_is_one_of_them",
         "how Azure refuses is unknown", "deployments"),
        ("gpt-realtime-whisper without turn detection", "transcription.py::test_a_bad_update_changes_nothing"),
    ),
    *_in(
        "transcription: behaviour",
        _CLIENT,
        ("languages from gpt-transcribe",
         "realtime_transcription.py::test_a_committed_turn_is_written_down_with_its_language"),
    ),
    _partly("transcription: behaviour", "delay", UNVERIFIED, "taken and echoed; text always follows the commit"),
]  # fmt: skip

FAULTS = [
    _row("faults", name, "served", test)
    for test, names in {
        f"{_FAULTS}_refused_upgrade": ["refuse"],
        f"{_MESSAGES}_hanging_up_answers_nothing": ["hang_up"],
        f"{_CLIENT}/test_realtime_real_time.py::test_a_handshake_of_more_than_ten_seconds_is_too_slow_for_the_client": [
            "slow_handshake"
        ],
        f"{_MESSAGES}_every_close_code": ["close"],
        f"{_FAULTS}_abort_leaves_no_close_frame": ["abort"],
        f"{_MESSAGES}_a_server_that_reads_nothing_presses_back": ["stall"],
        f"{_MESSAGES}_error_events_leave_the_connection_open": ["error_event"],
        f"{_FAULTS}_odd_frames_come_between_good_ones": [
            "garbage_text", "malformed_json", "binary_frame", "unknown_event", "extra_fields", "missing_event_id",
            "huge_frame",
        ],
        f"{_MESSAGES}_a_message_comes_late_and_the_others_do_not_wait": ["delay_message"],
        f"{_MESSAGES}_a_message_is_dropped": ["drop_message"],
        f"{_MESSAGES}_a_message_comes_twice": ["repeat_message"],
        f"{_MESSAGES}_two_messages_change_places": ["reorder_message"],
        f"{_MESSAGES}_a_message_is_garbled": ["garble_message"],
        f"{_MESSAGES}_every_message_has_members_nobody_knows": ["extend_message"],
        f"{_MESSAGES}_messages_without_an_id": ["anonymise_message"],
        f"{_MESSAGES}_messages_that_do_not_say_what_they_answer": ["unlink_message"],
        f"{_FAULTS}_refused_and_delayed_update": ["delay_session_updated", "refuse_session_update"],
        f"{_MESSAGES}_expiry_is_told_by_a_wrong_clock": ["expires_in", "expires_skew"],
        f"{_CLIENT}/test_realtime_transcription.py::test_transcriptions_late_out_of_order_and_failed": [
            "delay_transcription", "fail_transcription",
        ],
        f"{_FAULTS}_a_transcript_comes_word_by_word": ["spread_transcription"],
        f"{_FAULTS}_other_words_are_written_down": ["mishear"],
        f"{_FAULTS}_a_response_is_refused": ["refuse_response"],
        f"{_FAULTS}_tokens_are_miscounted": ["miscount"],
        f"{_FAULTS}_delayed_response_and_doubled_audio": ["delay_response", "double_audio"],
        f"{_FAULTS}_bad_ends": ["fail_response", "incomplete_response"],
        f"{_FAULTS}_responses_that_never_finish_can_be_cancelled": ["hang_response", "omit_done"],
        f"{_FAULTS}_misbehaving_models": [
            "say", "wrong_language", "echo", "silent", "half_audio", "endless_audio", "mute",
        ],
    }.items()
    for name in names
]  # fmt: skip

FAULTS += _not("faults", "nothing listens where the emulator is stopped; see hang_up", "refused TCP connection")

POINTS = [
    _row("faults at a point", name, "served", f"{_CLIENT}/test_realtime_translation_faults.py::test_a_cut_anywhere")
    for name in ("connect", "committed", "response", "mid_word", "first_delta", "mid_response", "done")
] + [
    _row("faults at a point", "created", "served", f"{_MESSAGES}_every_close_code"),
    _row("faults at a point", "heard", "served", f"{_FAULTS}_a_session_dies_at_the_first_audio"),
    _row("faults at a point", "updated", "served", f"{_MESSAGES}_a_server_that_reads_nothing_presses_back"),
]

DETERMINISM = [
    *_in(
        "determinism",
        f"{_UNIT}/faults",
        ("chance of a fault from its document's seed",
         "plan.py::test_chance_is_drawn_from_the_seed_and_a_miss_uses_nothing_up"),
    ),
    *_in(
        "determinism",
        _UNIT,
        ("seeded identifiers", "conversation.py::test_the_same_seed_gives_the_same_session", "", "seed"),
        ("seeded sizes, bursts and lags", "translation.py::test_the_same_seed_gives_the_same_session", "", "seed"),
    ),
    *_in(
        "determinism",
        _CLIENT,
        ("virtual time",
         "realtime_real_time.py::test_an_interpreter_is_three_to_five_seconds_behind_and_never_further"),
        ("marker tones tell which utterance arrived, once and in order",
         "realtime_translation.py::test_what_is_said_arrives_once_and_in_order"),
    ),
]  # fmt: skip

ROWS: tuple[Row, ...] = (*TRANSPORT, *CONVERSATION, *TRANSLATION, *TRANSCRIPTION, *FAULTS, *POINTS, *DETERMINISM)
