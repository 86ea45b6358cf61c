"""The rules of a conversation session, event by event."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule
from emulator.realtime.session import Abandon, Close
from emulator.realtime.wire import encode_audio
from tests.support.realtime_driver import AT_ONCE, Driver, kinds, last, pcm_of


def test_session_created_comes_first_with_an_expiry() -> None:
    driver = Driver(configured=False)
    (created,) = driver.events
    session = created["session"]
    assert created["type"] == "session.created"
    assert (session["model"], session["expires_at"]) == ("interpreter", 1_003_600)
    for identifier, prefix in ((created["event_id"], "event"), (session["id"], "sess")):
        assert identifier.startswith(f"{prefix}_")
        assert len(identifier) == len(prefix) + 22


def test_the_documented_conversation_created_can_be_had() -> None:
    driver = Driver(config=replace(AT_ONCE, send_conversation_created=True), configured=False)
    assert kinds(driver.events) == ["session.created", "conversation.created"]


def test_the_same_seed_gives_the_same_session() -> None:
    first, second = (Driver() for _ in range(2))
    assert first.events == second.events
    assert Driver(config=RealtimeConfig()).events != first.events


# -- session.update


def test_update_is_confirmed_in_full_without_an_echo() -> None:
    driver = Driver(configured=False)
    (updated,) = driver.send("session.update", event_id="cfg_1", session={"type": "realtime", "instructions": ""})
    assert updated["type"] == "session.updated"
    assert updated["session"] == {**driver.events[0]["session"], "instructions": ""}
    assert "cfg_1" not in json.dumps(updated)


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({}, "missing_required_parameter", "session"),
        ({"session": {}}, "missing_required_parameter", "session.type"),
        ({"session": {"type": "realtime", "oops": 1}}, "unknown_parameter", "session.oops"),
        ({"session": None}, "invalid_type", "session"),
        ({"session": {"type": "realtime"}, "oops": 1}, "unknown_parameter", "oops"),
    ],
)
def test_a_bad_update_is_refused_with_the_event_id(members: dict[str, Any], code: str, param: str) -> None:
    error = Driver().error("session.update", event_id="probe", **members)
    assert error["type"] == "invalid_request_error"
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "probe")


def test_errors_may_come_without_an_event_id_of_their_own() -> None:
    driver = Driver(config=replace(AT_ONCE, error_event_ids=False))
    (event,) = driver.send("session.update")
    assert event["event_id"] is None


def test_voice_is_locked_by_the_first_audio() -> None:
    driver = Driver()
    marin = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    assert kinds(driver.send("session.update", session=marin)) == ["session.updated"]
    driver.commit()
    driver.interpret(pcm=pcm_of(200), conversation="none")
    cedar = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
    assert driver.error("session.update", session=cedar)["code"] == "cannot_update_voice"
    assert kinds(driver.send("session.update", session=marin)) == ["session.updated"]


def test_update_can_be_confirmed_late_or_refused() -> None:
    driver = Driver(
        FaultRule("refuse_session_update", times=1, error_code="server_error"),
        FaultRule("delay_session_updated", seconds=5.0),
        configured=False,
    )
    update = {"type": "realtime", "instructions": "x"}
    assert driver.error("session.update", session=update)["code"] == "server_error"
    assert driver.send("session.update", session=update) == []
    assert driver.advance(4.9) == []
    assert kinds(driver.advance(0.2)) == ["session.updated"]


# -- the input buffer


def test_append_has_no_answer_and_commit_makes_an_item() -> None:
    driver = Driver()
    assert driver.append(pcm_of(1000)) == []
    committed, added, done = driver.send("input_audio_buffer.commit")
    assert committed["type"] == "input_audio_buffer.committed"
    assert committed["previous_item_id"] is None
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert (
        added["item"]
        == done["item"]
        == {
            "id": committed["item_id"],
            "type": "message",
            "role": "user",
            "status": "completed",
            "content": [{"type": "input_audio", "transcript": None}],
        }
    )
    driver.append(pcm_of(100))
    assert driver.send("input_audio_buffer.commit")[0]["previous_item_id"] == committed["item_id"]


def test_a_commit_alone_makes_no_response() -> None:
    driver = Driver()
    driver.commit()
    assert not driver.hears
    assert driver.advance(60) == []


def test_an_empty_commit_is_an_error_and_the_session_goes_on() -> None:
    driver = Driver()
    driver.append(pcm_of(60))
    error = driver.error("input_audio_buffer.commit", event_id="e9")
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "e9")
    assert error["message"].endswith("buffer only has 60.00ms of audio.")
    driver.append(pcm_of(40))
    assert kinds(driver.send("input_audio_buffer.commit"))[0] == "input_audio_buffer.committed"


def test_clear_empties_the_buffer() -> None:
    driver = Driver()
    driver.append(pcm_of(1000))
    assert kinds(driver.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert driver.error("input_audio_buffer.commit")["message"].endswith("buffer only has 0.00ms of audio.")


@pytest.mark.parametrize("audio", ["???", "AAA", encode_audio(b"odd"), 7])
def test_bad_audio_is_refused(audio: object) -> None:
    error = Driver().error("input_audio_buffer.append", audio=audio, event_id="a1")
    assert (error["param"], error["event_id"]) == ("audio", "a1")


def test_odd_audio_on_the_fast_way_is_refused_too() -> None:
    (event,) = Driver().append(b"odd")
    assert event["error"]["code"] == "invalid_value"


def test_every_append_is_shown_to_the_benchmark_hook() -> None:
    seen: list[tuple[str, bytes, float]] = []
    driver = Driver(config=replace(AT_ONCE, on_append=lambda *facts: seen.append(facts)))
    driver.append(pcm_of(20))
    driver.send("input_audio_buffer.append", event_id="x", audio=encode_audio(pcm_of(40)))
    assert seen == [("c1", pcm_of(20), 100.0), ("c1", pcm_of(40), 100.0)]


# -- items


def test_a_text_item_is_added_where_asked() -> None:
    driver = Driver()
    first = driver.commit()
    item = {"type": "message", "role": "user", "id": "mine", "content": [{"type": "input_text", "text": "Hi"}]}
    added, done = driver.send("conversation.item.create", previous_item_id="root", item=item)
    assert (added["type"], done["type"]) == ("conversation.item.added", "conversation.item.done")
    assert added["previous_item_id"] is None
    assert added["item"] == {"status": "completed", **item}
    second = driver.send("conversation.item.create", item={**item, "id": "mine2"})[0]
    assert second["previous_item_id"] == first


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "item_reference", "id": "x"}, "item.type"),
        ({"type": "message", "role": "assistant", "content": [{"type": "output_audio"}]}, "item.content[0].type"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "A"}]},
            "item.content[0].audio",
        ),
        ({"type": "message", "role": "user"}, "item.content"),
        ({}, "item.type"),
    ],
)
def test_items_that_cannot_be_created(item: object, param: str) -> None:
    assert Driver().error("conversation.item.create", item=item)["param"] == param


def test_retrieve_gives_the_audio_back_and_delete_takes_the_item_away() -> None:
    driver = Driver()
    item_id = driver.commit(200)
    (retrieved,) = driver.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["type"] == "conversation.item.retrieved"
    assert retrieved["item"]["content"][0]["audio"] == encode_audio(pcm_of(200))
    (deleted,) = driver.send("conversation.item.delete", item_id=item_id)
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", item_id)
    for kind in ("conversation.item.delete", "conversation.item.retrieve"):
        assert driver.error(kind, item_id=item_id)["code"] == "item_not_found"


def test_truncate_confirms_what_it_cut() -> None:
    driver = Driver()
    driver.commit()
    events = driver.interpret(pcm=pcm_of(2000))
    spoken = last(events, "response.done")["response"]["output"][0]["id"]
    place = {"item_id": spoken, "content_index": 0, "audio_end_ms": 1500}
    (truncated,) = driver.send("conversation.item.truncate", **place)
    assert truncated == {"type": "conversation.item.truncated", "event_id": truncated["event_id"], **place}
    error = driver.error("conversation.item.truncate", **{**place, "audio_end_ms": 1600})
    assert error["message"] == "Audio content of 1500ms is already shorter than 1600ms"


# -- what is no event at all


@pytest.mark.parametrize(
    ("frame", "code", "param"),
    [
        ("not json", "invalid_json", None),
        (b"\x00\x01", "invalid_json", None),
        ("[]", "invalid_json", None),
        ("{}", "missing_required_parameter", "type"),
        ('{"type":"output_audio_buffer.clear"}', "invalid_value", "type"),
        ('{"type":7}', "invalid_value", "type"),
    ],
)
def test_nonsense_is_answered_and_the_session_goes_on(frame: str | bytes, code: str, param: str | None) -> None:
    driver = Driver()
    (event,) = driver.raw(frame)
    assert (event["error"]["code"], event["error"]["param"]) == (code, param)
    assert driver.commit()


def test_an_unknown_event_is_told_what_is_known() -> None:
    message = Driver().error("response.pause")["message"]
    assert message.startswith("Invalid value: 'response.pause'. Supported values are: 'session.update', ")
    assert "'response.cancel'" in message


# -- server VAD


def vad_driver(**detection: Any) -> Driver:
    driver = Driver()
    turn_detection = {"type": "server_vad", "silence_duration_ms": 200, **detection}
    driver.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": turn_detection}}})
    return driver


def test_vad_announces_commits_and_responds() -> None:
    driver = vad_driver(prefix_padding_ms=100)
    started = driver.append(pcm_of(500, 0) + pcm_of(400, 3000))
    stopped = driver.append(pcm_of(400, 0))
    assert kinds(started) == ["input_audio_buffer.speech_started"]
    assert kinds(stopped) == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert (started[0]["audio_start_ms"], stopped[0]["audio_end_ms"]) == (400, 1100)
    assert started[0]["item_id"] == stopped[0]["item_id"] == stopped[1]["item_id"]
    assert driver.hears[0].pcm == pcm_of(100, 0) + pcm_of(400, 3000) + pcm_of(200, 0)


def test_vad_without_responses_only_commits() -> None:
    driver = vad_driver(create_response=False, interrupt_response=False)
    assert "response.created" not in kinds(driver.append(pcm_of(400, 3000) + pcm_of(400, 0)))


def test_new_speech_interrupts_a_default_response_but_none_out_of_band() -> None:
    driver = vad_driver(create_response=False)
    driver.append(pcm_of(400, 3000) + pcm_of(400, 0))
    beside, _ = driver.respond(conversation="none")
    in_conversation, _ = driver.respond()
    events = driver.append(pcm_of(400, 3000))
    done = last(events, "response.done")["response"]
    assert done["id"] == in_conversation
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert kinds(driver.send("response.cancel", response_id=beside))[-2] == "response.done"


def test_a_turn_that_ends_while_the_model_speaks_is_lost_without_interruption() -> None:
    driver = vad_driver(interrupt_response=False)
    driver.append(pcm_of(400, 3000) + pcm_of(400, 0))
    events = driver.append(pcm_of(400, 3000) + pcm_of(400, 0))
    assert "input_audio_buffer.committed" in kinds(events)
    assert "response.created" not in kinds(events)


# -- the end


def test_the_session_expires_with_an_error_and_1001() -> None:
    driver = Driver(FaultRule("expires_in", seconds=20.0), FaultRule("expires_skew", seconds=-5.0))
    assert driver.events[0]["session"]["expires_at"] == 1_000_015
    assert driver.advance(19.9) == []
    (event,) = driver.advance(0.2)
    text = "Your session hit the maximum duration of 60 minutes."
    assert (event["error"]["code"], event["error"]["message"]) == ("session_expired", text)
    assert driver.effects == [Close(1001, text)]
    assert driver.send("input_audio_buffer.clear") == []


def test_nothing_is_left_running_after_the_end() -> None:
    driver = Driver(FaultRule("close", at="committed", close_code=4000, reason="bye"))
    driver.commit()
    assert Close(4000, "bye") in driver.effects
    assert driver.session.next_deadline() is None
    assert driver.advance(4000) == []


@pytest.mark.parametrize(
    "point", ["connect", "created", "updated", "committed", "response", "mid_word", "first_delta", "done"]
)
def test_faults_happen_at_their_point(point: Any) -> None:
    driver = Driver(FaultRule("unknown_event", at=point))
    driver.commit()
    driver.interpret(pcm=pcm_of(1000), conversation="none")
    found = kinds(driver.events)
    place = found.index("response.output_hologram.delta")
    before = {
        "created": "session.created",
        "updated": "session.updated",
        "committed": "conversation.item.done",
        "response": "response.created",
        "mid_word": "response.output_audio_transcript.delta",
        "first_delta": "response.output_audio.delta",
        "done": "rate_limits.updated",
    }
    assert found.count("response.output_hologram.delta") == 1
    if point == "connect":
        assert place == 0
    else:
        assert found[place - 1] == before[point]


def test_abandoned_work_is_only_named_once() -> None:
    driver = Driver()
    driver.commit()
    response_id, _ = driver.respond(conversation="none")
    driver.send("response.cancel", response_id=response_id)
    assert [type(effect) for effect in driver.effects] == [Abandon]
