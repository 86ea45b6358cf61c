"""Who answers, and what: an interpreter, an echo, prepared answers, function calls."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from emulator.engine.base import EngineError, Heard
from emulator.realtime.faults.rules import FaultRule
from emulator.realtime.personas import (
    PreparedCall,
    answers_as_json,
    answers_of_lines,
    listening,
    read_answers,
    said_back,
)
from tests.support.realtime_driver import AT_ONCE, MANUAL, Driver, Event, kinds, last, pcm_of

ASSISTANT = {**MANUAL, "instructions": "You are a friendly assistant."}
PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
TOOLS = [{"type": "function", "name": "get_weather", "description": "…", "parameters": PLACE}]


def assistant(*rules: FaultRule, **config: Any) -> Driver:
    driver = Driver(*rules, config=replace(AT_ONCE, **config), configured=False)
    driver.send("session.update", session=ASSISTANT)
    return driver


def transcript(events: list[Event]) -> str:
    said: str = last(events, "response.done")["response"]["output"][0]["content"][0]["transcript"]
    return said


# -- the echo


def test_any_prompt_gets_an_answer_that_says_back_what_was_understood() -> None:
    driver = assistant(default_languages=("en", "es"))
    driver.commit()
    driver.respond()
    assert driver.hears[0].languages == ("en", "es")
    driver.heard("¿Dónde está la estación?", "es")
    (say,) = driver.says
    assert (say.text, say.language) == ("Ha dicho: ¿Dónde está la estación?", "es")
    assert transcript(driver.said(pcm_of(300))) == "Ha dicho: ¿Dónde está la estación?"
    (note,) = driver.noted("realtime.response")
    assert (note["status"], note["source"], note["target"]) == ("completed", "es", "es")


def test_what_was_not_understood_is_answered_by_the_engine_in_that_language() -> None:
    driver = assistant()
    driver.commit()
    driver.respond()
    driver.heard(None, "de")
    (job,) = driver.interprets
    assert (job.heard.text, job.target) == (None, "de")
    assert transcript(driver.spoken("Ich habe das nicht verstanden.", understood=False)).startswith("Ich habe")


def test_when_nothing_was_said_it_listens_even_under_the_prompt_of_the_service() -> None:
    driver = Driver(configured=False)
    driver.respond()
    assert driver.says[0].text == "I am listening."


def test_a_typed_text_is_said_back_in_the_language_last_spoken() -> None:
    driver = assistant()
    text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "42"}]}
    driver.send("conversation.item.create", item=text)
    driver.respond()
    assert (driver.says[0].text, driver.says[0].language) == ("You said: 42", "en")
    driver.said()
    driver.commit()
    driver.respond()
    driver.heard("Bonjour", "fr")
    driver.said()
    driver.send("conversation.item.create", item=text)
    driver.respond()
    assert (driver.says[0].text, driver.says[0].language) == ("Vous avez dit : 42", "fr")


def test_an_image_is_taken_and_not_looked_at() -> None:
    driver = assistant()
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"}
    content = [image, {"type": "input_text", "text": "What is this?"}]
    events = driver.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    assert last(events, "conversation.item.done")["item"]["content"] == content
    driver.respond()
    assert driver.says[0].text == "You said: What is this?"


def test_an_engine_that_fails_fails_the_response() -> None:
    driver = assistant()
    driver.commit()
    driver.respond()
    events = driver.complete(driver.hears.popleft().work, EngineError("no such language"))
    assert last(events, "response.done")["response"]["status_details"]["error"]["message"] == "no such language"


def test_an_answer_can_be_cancelled_while_it_is_made() -> None:
    driver = assistant()
    driver.commit()
    driver.respond()
    driver.heard("Hello")
    driver.send("response.cancel")
    job = driver.says[0]
    assert driver.complete(job.work, Heard("en", "late")) == []


def test_an_echo_says_back_even_what_is_to_be_interpreted() -> None:
    driver = Driver(config=replace(AT_ONCE, persona="echo"))
    driver.commit()
    driver.respond()
    driver.heard("Hello")
    assert driver.says[0].text == "You said: Hello"


def test_a_language_without_a_sentence_of_its_own_gets_the_words_alone() -> None:
    assert said_back("Hei", "fi") == "Hei"
    assert said_back("{}", "en") == "You said: {}"
    assert listening("fi") == listening("en")


def test_a_fault_rule_replaces_the_words_or_the_language_of_an_answer() -> None:
    driver = assistant(
        FaultRule("say", text="I cannot help.", response=1), FaultRule("wrong_language", language="fr", response=2)
    )
    driver.commit()
    driver.respond()
    driver.heard("Hello")
    assert transcript(driver.said()) == "I cannot help."
    driver.respond()
    assert (driver.says[0].text, driver.says[0].language) == ("Vous avez dit : Hello", "fr")


# -- prepared answers


def test_prepared_answers_come_in_turn() -> None:
    driver = assistant(persona="scripted", answers=("One.", "Two."))
    said = []
    for _ in range(3):
        driver.commit()
        driver.respond()
        assert not driver.hears
        said.append(transcript(driver.said()))
    assert said == ["One.", "Two.", "One."]


def test_without_answers_the_scripted_persona_fails_and_says_so() -> None:
    driver = assistant(persona="scripted")
    _, events = driver.respond()
    assert "no answers" in last(events, "response.done")["response"]["status_details"]["error"]["message"]


def test_a_prepared_call_needs_no_tools() -> None:
    driver = assistant(persona="scripted", answers=(PreparedCall("hang_up", {"reason": "bye"}),))
    _, events = driver.respond()
    (call,) = last(events, "response.done")["response"]["output"]
    assert (call["name"], json.loads(call["arguments"])) == ("hang_up", {"reason": "bye"})


def test_answers_are_read_from_lines_and_come_back_as_json() -> None:
    lines = ["Hello.", "", '  {"name": "hang_up", "arguments": {"reason": "bye"}}', '{"name": "wait"}']
    answers = read_answers(answers_of_lines(lines))
    assert answers == ("Hello.", PreparedCall("hang_up", {"reason": "bye"}), PreparedCall("wait"))
    assert read_answers(answers_as_json(answers)) == answers


@pytest.mark.parametrize("entries", [[1], ["a", {"arguments": {}}], [{"name": "x", "arguments": 1}], "text"])
def test_what_is_no_answer_is_refused(entries: object) -> None:
    with pytest.raises(ValueError, match=r"^answers: "):
        read_answers(entries)


def test_a_line_that_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^answers: "):
        answers_of_lines(['{"name": '])


# -- function calls


def test_a_function_is_called_with_what_was_said_and_its_output_is_said() -> None:
    driver = assistant()
    driver.send("session.update", session={"type": "realtime", "tools": TOOLS})
    driver.commit()
    response_id, _ = driver.respond()
    events = driver.heard("What is the weather in Bern?")
    assert [kind for kind in kinds(events) if "delta" not in kind] == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "rate_limits.updated",
    ]
    done = last(events, "response.function_call_arguments.done")
    deltas = [event for event in events if event["type"] == "response.function_call_arguments.delta"]
    assert len(deltas) > 1
    assert "".join(event["delta"] for event in deltas) == done["arguments"]
    assert json.loads(done["arguments"]) == {"place": "What is the weather in Bern?"}
    assert done["name"] == "get_weather"
    for event in (*deltas, done):
        assert (event["response_id"], event["output_index"]) == (response_id, 0)
        assert (event["item_id"], event["call_id"]) == (done["item_id"], done["call_id"])
    added = last(events, "response.output_item.added")["item"]
    assert (added["type"], added["status"], added["arguments"]) == ("function_call", "in_progress", "")
    response = last(events, "response.done")["response"]
    assert response["output"] == [{**added, "status": "completed", "arguments": done["arguments"]}]
    assert response["usage"]["output_token_details"]["text_tokens"] > 0
    output = {"type": "function_call_output", "call_id": done["call_id"], "output": "Weather: sunny, 21 degrees."}
    driver.send("conversation.item.create", item=output)
    driver.respond()
    assert driver.says[0].text == "Weather: sunny, 21 degrees."
    driver.said()
    assert [note["called"] for note in driver.noted("realtime.response")] == ["get_weather", None]


def test_a_response_may_bring_its_own_tools_and_must_call_when_told() -> None:
    driver = assistant()
    driver.commit()
    driver.respond(tools=TOOLS, tool_choice="required")
    assert last(driver.heard("Good morning."), "response.done")["response"]["output"][0]["name"] == "get_weather"
    driver.respond(tools=TOOLS, tool_choice="none")
    assert driver.says[0].text == "You said: Good morning."


def test_an_output_belongs_to_a_call() -> None:
    """Captured: any other is refused."""
    driver = assistant()
    output = {"type": "function_call_output", "call_id": "call_1", "output": "x"}
    error = driver.error("conversation.item.create", item=output)
    assert (error["code"], error["param"]) == ("invalid_tool_call_id", None)
    assert error["message"] == "Tool call ID 'call_1' not found in conversation."
    call = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}
    driver.send("conversation.item.create", item=call)
    assert kinds(driver.send("conversation.item.create", item=output))[0] == "conversation.item.added"


def test_an_interpreter_calls_a_function_only_if_it_must() -> None:
    driver = Driver()
    driver.commit()
    driver.respond(tools=TOOLS)
    driver.heard("What is the weather?")
    assert driver.interprets[0].target == "es"
    driver.spoken("¿Qué tiempo hace?")
    _, events = driver.respond(tools=TOOLS, tool_choice={"type": "function", "name": "get_weather"})
    assert last(events, "response.done")["response"]["output"][0]["type"] == "function_call"


def test_a_function_call_can_be_delayed_and_cancelled_meanwhile() -> None:
    driver = assistant(FaultRule("delay_response", seconds=1.0))
    driver.commit()
    driver.respond(tools=TOOLS, tool_choice="required")
    assert driver.heard("Hello") == []
    driver.send("response.cancel")
    assert kinds(driver.advance(2.0)) == []


def test_a_function_has_a_name_and_no_members_of_its_own() -> None:
    driver = assistant()
    for tools, code, param in (
        ([{"type": "function"}], "missing_required_parameter", "session.tools[0].name"),
        ([{**TOOLS[0], "meta": None}], "unknown_parameter", "session.tools[0].meta"),
        ([*TOOLS, {"type": "function", "name": 1}], "invalid_type", "session.tools[1].name"),
        ([1], "invalid_type", "session.tools[0]"),
    ):
        error = driver.error("session.update", session={"type": "realtime", "tools": tools})
        assert (error["code"], error["param"]) == (code, param)
