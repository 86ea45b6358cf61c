"""Whatever a client sends to whatever session: nothing raises, errors have their shape, audio is accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.engine.base import EngineError, Heard, Spoken
from emulator.realtime.faults.rules import ON_A_MESSAGE, FaultRule
from emulator.realtime.wire import encode_audio
from tests.support.realtime_driver import Driver, SessionDriver, TranscriptionDriver, TranslationDriver, kinds, pcm_of

EVENTS = st.sampled_from(
    [
        "session.update", "session.close", "session.input_audio_buffer.append", "input_audio_buffer.append",
        "input_audio_buffer.commit", "input_audio_buffer.clear", "conversation.item.create",
        "conversation.item.delete", "conversation.item.truncate", "conversation.item.retrieve", "response.create",
        "response.cancel",
    ]
)  # fmt: skip
WORDS = st.sampled_from(
    [
        "type", "session", "realtime", "transcription", "translation", "audio", "input", "output", "item", "message",
        "role", "user", "content", "input_text", "input_audio", "text", "response", "conversation", "none", "metadata",
        "instructions", "item_id", "turn_detection", "server_vad", "voice", "language", "fr", "model",
        "noise_reduction",
        "AAAA", "from English into Spanish", "strength",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
FRAMES = (
    st.text(max_size=20)
    | st.binary(max_size=20)
    | JSON.map(json.dumps)
    | st.builds(lambda kind, members: json.dumps({**members, "type": kind}), EVENTS, st.dictionaries(WORDS, JSON))
)
SESSIONS: list[Callable[..., SessionDriver]] = [Driver, TranscriptionDriver, TranslationDriver]
UPDATES = {"Driver": {"type": "realtime"}, "TranscriptionDriver": {"type": "transcription"}, "TranslationDriver": {}}


@pytest.mark.parametrize("session", SESSIONS)
@settings(max_examples=60)
@given(st.lists(FRAMES, max_size=6))
def test_whatever_comes_nothing_raises_and_errors_have_their_shape(
    session: Callable[..., SessionDriver], frames: list[str | bytes]
) -> None:
    driver = session()
    for frame in frames:
        for event in driver.raw(frame):
            assert set(event) >= {"type", "event_id"}
            if event["type"] == "error":
                assert set(event["error"]) == {"type", "code", "message", "param", "event_id"}
    if not any(b"session.close" in (frame.encode() if isinstance(frame, str) else frame) for frame in frames):
        update = UPDATES[type(driver).__name__]
        assert kinds(driver.send("session.update", session=update))[-1] == "session.updated"


ACTS = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 700), st.sampled_from([0, 3000])),
    st.tuples(st.sampled_from(["commit", "clear", "odd", "wait", "heard", "failed", "spoken"]), st.just(0), st.just(0)),
)


def act(driver: SessionDriver, what: str, milliseconds: int, level: int) -> int:
    """Do one thing; the bytes of audio that the session took."""
    match what:
        case "append":
            pcm = pcm_of(milliseconds, level)
            driver.append(pcm)
            return len(pcm)
        case "odd":
            assert driver.append(b"odd")[-1]["error"]["code"] == "invalid_value"
        case "commit" | "clear":
            driver.send(f"input_audio_buffer.{what}")
        case "wait":
            driver.advance(0.5)
        case "heard" if driver.hears:
            driver.heard("Hello")
        case "failed" if driver.hears:
            driver.complete(driver.hears.popleft().work, EngineError("busy"))
        case "spoken" if driver.interprets:
            driver.spoken("Hola", pcm_of(300, 5000))
    return 0


@pytest.mark.parametrize("session", SESSIONS)
@settings(max_examples=60)
@given(st.lists(ACTS, max_size=25), st.booleans())
def test_audio_in_is_audio_accounted_for(
    session: Callable[..., SessionDriver], acts: list[tuple[str, int, int]], detecting: bool
) -> None:
    driver = session()
    if detecting and not isinstance(driver, TranslationDriver):
        audio = {"input": {"turn_detection": {"type": "server_vad"}}}
        driver.send("session.update", session={**UPDATES[type(driver).__name__], "audio": audio})
    taken = 0
    for one in acts:
        taken += act(driver, *one)
        accounts = driver.session.accounts()
        parts = [size for name, size in accounts.items() if name.startswith("audio_in_")]
        assert accounts["audio_in"] == sum(parts) == taken
        assert min(parts) >= 0


@pytest.mark.parametrize("session", SESSIONS)
@settings(max_examples=60)
@given(
    st.lists(st.builds(FaultRule, do=st.sampled_from(sorted(ON_A_MESSAGE)), nth=st.integers(1, 9)), max_size=3),
    st.lists(ACTS, max_size=12),
)
def test_spoilt_messages_leave_the_session_alone(
    session: Callable[..., SessionDriver], rules: list[FaultRule], acts: list[tuple[str, int, int]]
) -> None:
    spoilt = session(*(rule for rule in rules if rule.do != "garble_message"))
    for what, milliseconds, level in acts:
        if what != "odd":  # its error may be the message that is spoilt
            act(spoilt, what, milliseconds, level)
    assert spoilt.session.accounts()["audio_in"] == sum(len(pcm_of(one[1])) for one in acts if one[0] == "append")


@pytest.mark.parametrize("session", SESSIONS)
def test_results_nobody_waits_for_change_nothing(session: Callable[..., SessionDriver]) -> None:
    driver = session()
    assert driver.complete(99, Heard("en", "Hello")) == []
    assert driver.complete(98, EngineError("busy")) == []
    if not isinstance(driver, TranscriptionDriver):
        assert driver.complete(97, Spoken("Hola", b"", True)) == []


@pytest.mark.parametrize("session", SESSIONS)
def test_many_small_appends_and_one_large_are_the_same_audio(session: Callable[..., SessionDriver]) -> None:
    small, large = session(), session()
    for _ in range(50):
        small.append(pcm_of(20))
    large.append(pcm_of(1_000))
    for driver in (small, large):
        driver.advance(10)
    assert small.session.accounts() == large.session.accounts()
    assert len(encode_audio(pcm_of(1_000))) == 64_000
