"""Responses: their ladder, their context, their ways to end."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pybase64
import pytest

from emulator.engine.base import EngineError, Heard
from emulator.realtime.faults.rules import FaultRule
from emulator.realtime.session import Abandon
from tests.support.realtime_driver import AT_ONCE, INSTRUCTIONS, Driver, kinds, last, pcm_of

BEGIN = ["response.output_item.added", "response.content_part.added"]
END = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]
TEXT, AUDIO = "response.output_audio_transcript.delta", "response.output_audio.delta"


def audio_of(events: list[dict[str, Any]]) -> bytes:
    return b"".join(pybase64.b64decode(event["delta"]) for event in events if event["type"] == AUDIO)


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == TEXT)


# -- the ladder


def test_out_of_band_ladder() -> None:
    driver = Driver()
    item_id = driver.commit()
    metadata = {"turn": "17"}
    response_id, (created,) = driver.respond(
        conversation="none", metadata=metadata, input=[{"type": "item_reference", "id": item_id}]
    )
    assert created["response"] == {
        "object": "realtime.response",
        "id": response_id,
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "conversation_id": None,
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
        "metadata": metadata,
        "usage": None,
    }
    assert driver.heard("Hello there") == []
    events = driver.spoken("Hola a todos", pcm_of(600))
    assert kinds(events) == [*BEGIN, TEXT, AUDIO, TEXT, AUDIO, TEXT, AUDIO, AUDIO, *END]
    assert text_of(events) == "Hola a todos"
    assert audio_of(events) == pcm_of(600)
    done = last(events, "response.done")["response"]
    assert done["status"] == "completed"
    assert (done["conversation_id"], done["metadata"]) == (None, metadata)
    assert done["output"] == [last(events, "response.output_item.done")["item"]]
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hola a todos"}]
    assert last(events, "response.content_part.done")["part"] == {"type": "audio", "transcript": "Hola a todos"}


def test_default_conversation_mirrors_the_output_item() -> None:
    driver = Driver()
    item_id = driver.commit()
    events = driver.interpret(pcm=pcm_of(100))
    found = kinds(events)
    assert found[found.index("response.output_item.added") + 1] == "conversation.item.added"
    assert found[found.index("response.output_item.done") + 1] == "conversation.item.done"
    added = last(events, "conversation.item.added")
    assert added["previous_item_id"] == item_id
    assert added["item"]["id"] == last(events, "response.output_item.added")["item"]["id"]
    assert last(events, "response.done")["response"]["conversation_id"].startswith("conv_")
    assert kinds(driver.send("conversation.item.retrieve", item_id=added["item"]["id"])) == [
        "conversation.item.retrieved"
    ]


def test_every_delta_is_placed_and_text_is_padded() -> None:
    driver = Driver()
    driver.commit()
    events = driver.interpret("uno dos", pcm_of(300), conversation="none")
    for event in events:
        if event["type"] in (TEXT, AUDIO):
            assert (event["output_index"], event["content_index"]) == (0, 0)
            assert event["item_id"].startswith("item_")
            assert event["response_id"].startswith("resp_")
            assert (len(event.get("obfuscation", "")) > 0) == (event["type"] == TEXT)
    ids = [event["event_id"] for event in driver.events]
    assert len(set(ids)) == len(ids)


def test_text_only() -> None:
    driver = Driver()
    driver.commit()
    events = driver.interpret("Hola", pcm_of(500), conversation="none", output_modalities=["text"])
    assert kinds(events)[3:-3] == [
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
    ]
    done = last(events, "response.done")["response"]
    assert done["output"][0]["content"] == [{"type": "output_text", "text": "Hola"}]
    assert done["usage"]["output_token_details"] == {"text_tokens": 1, "audio_tokens": 0}


@pytest.mark.parametrize(("place", "expected"), [("start", 1), ("end", -1), ("never", None)])
def test_place_of_rate_limits(place: Any, expected: int | None) -> None:
    driver = Driver(config=replace(AT_ONCE, rate_limits=place))
    driver.commit()
    found = kinds(driver.interpret(pcm=pcm_of(100), conversation="none"))
    if expected is None:
        assert "rate_limits.updated" not in found
    else:
        assert found[expected] == "rate_limits.updated"
        assert found.count("rate_limits.updated") == 1


def test_rate_limits_go_down_with_use_and_come_back_with_time() -> None:
    driver = Driver()

    def remaining() -> int:
        reference = {"type": "item_reference", "id": driver.commit()}
        events = driver.interpret(pcm=pcm_of(10_000), conversation="none", input=[reference])
        found: int = last(events, "rate_limits.updated")["rate_limits"][0]["remaining"]
        return found

    first, second = remaining(), remaining()
    driver.advance(60)
    assert second < first < 40_000
    assert remaining() == first


# -- pace


def test_audio_is_paced_from_when_the_engine_delivered_it() -> None:
    driver = Driver(config=replace(AT_ONCE, pace=4.0))
    driver.commit()
    driver.respond(conversation="none")
    driver.advance(3.0)
    driver.heard("Hello")
    events = driver.spoken("Hola", pcm_of(1000))
    assert kinds(events).count(AUDIO) == 1
    while "response.done" not in kinds(driver.events):
        due = driver.session.next_deadline()
        assert due is not None
        driver.advance(due - driver.now)
    assert driver.now == 103.0 + 0.75 / 4  # the last delta starts after 100 + 150 + 2 x 250 ms of audio
    assert audio_of(driver.events) == pcm_of(1000)


def test_first_audio_can_be_held_back() -> None:
    driver = Driver(FaultRule("delay_response", seconds=1.0), config=replace(AT_ONCE, first_audio_delay_s=0.5))
    driver.commit()
    driver.interpret(pcm=pcm_of(100), conversation="none")
    assert AUDIO not in kinds(driver.advance(1.4))
    assert AUDIO in kinds(driver.advance(0.2))


def test_first_delta_hook() -> None:
    seen: list[tuple[str, float]] = []
    driver = Driver(config=replace(AT_ONCE, pace=1.0, on_first_delta=lambda *facts: seen.append(facts)))
    driver.commit()
    response_id, _ = driver.respond(conversation="none")
    driver.heard("Hello")
    driver.advance(1.0)
    driver.spoken("Hola", pcm_of(2000))
    driver.advance(5.0)
    assert seen == [(response_id, 101.0)]


# -- context


def test_an_item_reference_chooses_the_audio() -> None:
    driver = Driver()
    first = driver.commit(300)
    driver.commit(700)
    driver.respond(conversation="none", input=[{"type": "item_reference", "id": first}])
    assert driver.hears[0].pcm == pcm_of(300)


def test_without_input_the_last_thing_said_is_interpreted() -> None:
    driver = Driver()
    driver.commit(300)
    driver.commit(700)
    driver.respond(conversation="none")
    assert driver.hears[0].pcm == pcm_of(700)


def test_an_unknown_reference_is_an_error_and_makes_no_response() -> None:
    driver = Driver()
    reference = [{"type": "item_reference", "id": "item_gone"}]
    error = driver.error("response.create", event_id="rc", response={"conversation": "none", "input": reference})
    assert (error["code"], error["param"], error["event_id"]) == ("item_not_found", "response.input[0].id", "rc")


def test_empty_input_says_nothing() -> None:
    driver = Driver()
    driver.commit()
    _, events = driver.respond(conversation="none", input=[])
    assert kinds(events) == ["response.created", *BEGIN, *END]
    assert last(events, "response.done")["response"]["output"][0]["content"][0]["transcript"] == ""


def test_text_is_interpreted_without_hearing() -> None:
    driver = Driver()
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Good morning"}]}
    driver.respond(conversation="none", input=[message])
    assert not driver.hears
    assert driver.interprets[0].heard == Heard("en", "Good morning")
    assert driver.interprets[0].target == "es"


def test_usage_counts_what_the_response_was_given() -> None:
    driver = Driver()
    first, second = driver.commit(2000), driver.commit(4000)
    events = driver.interpret(
        "Hola", pcm_of(3000), conversation="none", input=[{"type": "item_reference", "id": first}]
    )
    usage = last(events, "response.done")["response"]["usage"]
    assert usage["input_token_details"]["audio_tokens"] == 20
    assert usage["output_token_details"] == {"text_tokens": 1, "audio_tokens": 60}
    assert usage["total_tokens"] == usage["input_tokens"] + 61
    both = [{"type": "item_reference", "id": item_id} for item_id in (first, second)]
    usage = last(driver.interpret(conversation="none", input=both), "response.done")["response"]["usage"]
    assert usage["input_token_details"]["audio_tokens"] == 60
    assert usage["input_token_details"]["cached_tokens_details"]["audio_tokens"] == 20


# -- languages


def test_instructions_of_the_response_win() -> None:
    driver = Driver()
    driver.commit()
    driver.respond(conversation="none", instructions="Interpret from German or French into English.")
    assert driver.hears[0].languages == ("de", "fr")
    driver.heard("Bonjour", "fr")
    assert driver.interprets[0].target == "en"


def test_an_interpreter_without_a_target_fails_and_says_so() -> None:
    driver = Driver(config=replace(AT_ONCE, persona="interpreter"))
    driver.commit()
    _, events = driver.respond(conversation="none", instructions="You are a helpful assistant.")
    done = last(events, "response.done")["response"]
    assert (done["status"], done["output"], done["usage"]) == ("failed", [], None)
    error = done["status_details"]["error"]
    assert error["code"] == "server_error"
    assert "No target language was found in the instructions" in error["message"]
    assert not driver.hears


def test_source_is_hinted_by_the_transcription_when_instructions_do_not_name_it() -> None:
    driver = Driver()
    transcription = {"model": "gpt-transcribe", "language": "pt-BR", "languages": ["es", "pt"]}
    driver.send("session.update", session={"type": "realtime", "audio": {"input": {"transcription": transcription}}})
    driver.commit()
    driver.respond(conversation="none", instructions="Translate everything into French.")
    assert driver.hears[-1].languages == ("pt", "es")


def test_speech_in_the_target_language_is_not_repeated() -> None:
    driver = Driver()
    driver.commit()
    driver.respond(conversation="none", instructions="from English or Spanish into Spanish")
    driver.heard("Hola", "es")
    events = driver.spoken("", b"")
    assert kinds(events) == [*BEGIN, *END]
    assert last(events, "response.done")["response"]["status"] == "completed"


def test_not_understood_is_said_and_noted() -> None:
    driver = Driver()
    driver.commit()
    driver.respond(conversation="none")
    driver.heard(None)
    events = driver.spoken("No he entendido.", pcm_of(200), understood=False)
    assert text_of(events) == "No he entendido."
    (note,) = driver.noted("realtime.response")
    assert (note["understood"], note["heard"], note["said"]) == (False, None, "No he entendido.")


def test_the_journal_tells_a_response_from_end_to_end() -> None:
    driver = Driver(config=replace(AT_ONCE, pace=2.0))
    item_id = driver.commit()
    driver.advance(1.0)
    response_id, _ = driver.respond(conversation="none", metadata={"turn": "3"})
    driver.advance(1.0)
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(1000))
    driver.advance(5.0)
    (note,) = driver.noted("realtime.response")
    assert note == {
        "response_id": response_id,
        "number": 1,
        "item_id": item_id,
        "in_conversation": False,
        "metadata": {"turn": "3"},
        "status": "completed",
        "source": "en",
        "target": "es",
        "heard": "Hello",
        "said": "Hola",
        "called": None,
        "understood": True,
        "audio_ms": 1000,
        "committed_at": 100.0,
        "created_at": 101.0,
        "first_delta_at": 102.0,
        "done_at": 102.375,
    }


# -- several at once


def test_one_response_in_the_conversation_any_number_beside_it() -> None:
    driver = Driver()
    driver.commit()
    active, _ = driver.respond()
    error = driver.error("response.create", event_id="again")
    assert (error["code"], error["event_id"]) == ("conversation_already_has_active_response", "again")
    assert active in error["message"]
    first, _ = driver.respond(conversation="none")
    second, _ = driver.respond(conversation="none")
    assert len(driver.hears) == 1  # recognised once for all three
    driver.heard("Hello")
    assert len(driver.interprets) == 3
    done = [last(driver.spoken("Hola"), "response.done")["response"]["id"] for _ in range(3)]
    assert done == [active, first, second]
    assert driver.respond()


# -- cancel


def test_cancel_without_an_id_means_the_conversation() -> None:
    driver = Driver(config=replace(AT_ONCE, pace=1.0))
    driver.commit()
    beside, _ = driver.respond(conversation="none")
    driver.respond()
    driver.heard("Hello")
    driver.interprets.rotate()
    driver.spoken("Hola a todos", pcm_of(2000))
    driver.advance(0.3)
    events = driver.send("response.cancel")
    done = last(events, "response.done")["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    (item,) = done["output"]
    assert item["status"] == "incomplete"
    assert kinds(events)[:4] == END[:4]
    assert done["usage"]["output_token_details"]["audio_tokens"] == 10  # 500 ms had gone out
    assert driver.advance(10) == []
    assert driver.error("response.cancel")["code"] == "response_cancel_not_active"
    assert kinds(driver.send("response.cancel", response_id=beside)) == ["response.done", "rate_limits.updated"]


@pytest.mark.parametrize("stage", ["hearing", "interpreting", "waiting"])
def test_cancel_at_every_stage_leaves_nothing_behind(stage: str) -> None:
    driver = Driver(config=replace(AT_ONCE, first_audio_delay_s=1.0))
    driver.commit()
    response_id, _ = driver.respond(conversation="none")
    late = None
    if stage != "hearing":
        driver.heard("Hello")
        late = driver.interprets[0].work
    if stage == "waiting":
        driver.spoken("Hola", pcm_of(100))
    events = driver.send("response.cancel", response_id=response_id)
    done = last(events, "response.done")["response"]
    assert (done["status"], done["output"]) == ("cancelled", [])
    abandoned = [effect for effect in driver.effects if isinstance(effect, Abandon)]
    assert len(abandoned) == (0 if stage == "waiting" else 1)
    if late is not None:
        assert driver.complete(late, EngineError("too late")) == []
    assert driver.advance(10) == []


def test_cancelling_one_listener_keeps_the_hearing_for_the_other() -> None:
    driver = Driver()
    driver.commit()
    first, _ = driver.respond(conversation="none")
    driver.respond(conversation="none")
    driver.send("response.cancel", response_id=first)
    assert driver.effects == []
    driver.heard("Hello")
    assert len(driver.interprets) == 1


# -- ends other than well


def test_what_the_engine_cannot_do_fails_the_response() -> None:
    driver = Driver()
    driver.commit()
    driver.respond(conversation="none")
    driver.heard("Hello")
    events = driver.complete(driver.interprets.popleft().work, EngineError("no voice for 'es'"))
    details = last(events, "response.done")["response"]["status_details"]
    assert details["error"] == {"type": "server_error", "code": "server_error", "message": "no voice for 'es'"}


@pytest.mark.parametrize(("limit", "text", "audio_ms"), [(100, "eight ch", 4900), (2, "eight ch", 0), (1, "eigh", 0)])
def test_output_is_cut_at_the_token_limit(limit: int, text: str, audio_ms: int) -> None:
    driver = Driver()
    driver.commit()
    events = driver.interpret("eight ch", pcm_of(6000), conversation="none", max_output_tokens=limit)
    done = last(events, "response.done")["response"]
    assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert done["usage"]["output_tokens"] == limit
    assert text_of(events) == text
    assert audio_of(events) == pcm_of(audio_ms)


@pytest.mark.parametrize(
    ("response", "param"),
    [
        ({"conversation": "other"}, "response.conversation"),
        ({"temperature": 0.6}, "response.temperature"),
        ({"metadata": {"k": 1}}, "response.metadata.k"),
        ({"metadata": {str(n): "" for n in range(17)}}, "response.metadata"),
        ({"metadata": {"k": "v" * 513}}, "response.metadata.k"),
        ({"input": [{"type": "item_reference"}]}, "response.input[0].id"),
        ({"input": [{"type": "message", "role": "nobody"}]}, "response.input[0].role"),
        ({"max_output_tokens": 0}, "response.max_output_tokens"),
        ({"audio": {"input": {}}}, "response.audio.input"),
    ],
)
def test_bad_requests(response: dict[str, Any], param: str) -> None:
    driver = Driver()
    driver.commit()
    assert driver.error("response.create", response=response)["param"] == param
    assert not driver.hears


# -- faults


def faulty(*rules: FaultRule, pace: float = inf, text: str = "Hola", pcm: bytes = b"") -> Driver:
    driver = Driver(*rules, config=replace(AT_ONCE, pace=pace))
    driver.commit()
    driver.interpret(text, pcm or pcm_of(1000), conversation="none")
    driver.advance(60)
    return driver


def test_fault_hang() -> None:
    driver = faulty(FaultRule("hang_response"), pace=1.0)
    assert kinds(driver.events).count(AUDIO) == 1
    assert "response.done" not in kinds(driver.events)


def test_fault_omit_done() -> None:
    driver = faulty(FaultRule("omit_done"))
    assert audio_of(driver.events) == pcm_of(1000)
    assert "response.done" not in kinds(driver.events)


def test_fault_fail() -> None:
    rule = FaultRule("fail_response", error_type="tokens", error_code="rate_limit_exceeded", message="Slow down.")
    driver = Driver(rule)
    driver.commit()
    _, events = driver.respond(conversation="none")
    assert last(events, "response.done")["response"]["status_details"] == {
        "type": "failed",
        "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Slow down."},
    }


def test_fault_incomplete() -> None:
    driver = faulty(FaultRule("incomplete_response", reason="content_filter"))
    done = last(driver.events, "response.done")["response"]
    assert done["status_details"] == {"type": "incomplete", "reason": "content_filter"}
    assert 0 < len(audio_of(driver.events)) < len(pcm_of(1000))


def test_fault_say_and_echo_and_double() -> None:
    assert text_of(faulty(FaultRule("say", text="I can help with that.")).events) == "I can help with that."
    echoed = faulty(FaultRule("echo"))
    assert text_of(echoed.events) == "Hello"
    assert audio_of(echoed.events) == pcm_of(1000)
    assert audio_of(faulty(FaultRule("double_audio")).events) == pcm_of(2000)


def test_faults_choose_their_response() -> None:
    driver = Driver(FaultRule("say", response=2, text="wrong"), FaultRule("say", target="fr", text="French"))
    driver.commit()
    said = []
    for instructions in ("from English into Spanish", "from English into Spanish", "from English into French"):
        events = driver.interpret("right", conversation="none", instructions=instructions)
        said.append(text_of(events))
    assert said == ["right", "wrong", "French"]


def test_mid_response_is_half_way() -> None:
    driver = faulty(FaultRule("unknown_event", at="mid_response"), pace=1.0)
    found = kinds(driver.events)
    place = found.index("response.output_hologram.delta")
    assert found[:place].count(AUDIO) == found[place:].count(AUDIO) + 1 == 3


def test_the_terms_of_the_instructions_go_to_the_engine() -> None:
    driver = Driver()
    for instructions, terms in (
        (INSTRUCTIONS, {}),
        (f'{INSTRUCTIONS}\n- "pier" is "muelle"\n- keep "Contoso"', {"pier": "muelle", "Contoso": "Contoso"}),
    ):
        driver.commit()
        driver.respond(conversation="none", instructions=instructions)
        driver.heard("Hello")
        assert driver.interprets[-1].terms == terms
        driver.spoken("Hola")
