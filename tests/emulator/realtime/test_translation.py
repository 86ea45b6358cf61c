"""The rules of a translation session, event by event."""

from __future__ import annotations

import base64
import json
from math import inf
from typing import Any

import numpy as np
import pytest

from emulator.engine.base import BYTES_PER_MS, EngineError
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.session import Close
from emulator.realtime.translation_model import DOUBLE, IRREGULAR, OutputMode, TranslationModel
from emulator.realtime.wire import encode_audio
from tests.support.realtime_driver import Event, TranslationDriver, kinds, pcm_of
from tests.support.translation_events import AUDIO, SENTENCE, SOURCE, WRITTEN, audio, text, transcribing, voiced_ms

# -- the session


def test_session_created_comes_first_and_translates_into_spanish() -> None:
    driver = TranslationDriver()
    (created,) = driver.events
    assert created["type"] == "session.created"
    assert created["session"] == {
        "id": driver.session.id,
        "type": "translation",
        "model": "translate",
        "expires_at": 1_003_600,
        "audio": {"input": {"transcription": None, "noise_reduction": None}, "output": {"language": "es"}},
    }


def test_update_takes_no_type_and_is_confirmed_in_full() -> None:
    driver = TranslationDriver()
    (updated,) = driver.send("session.update", event_id="u1", session={"audio": {"output": {"language": "de"}}})
    assert updated["type"] == "session.updated"
    assert updated["session"]["audio"]["output"] == {"language": "de"}
    assert "u1" not in json.dumps(updated)
    error = driver.error("session.update", event_id="u2")
    assert (error["code"], error["message"], error["event_id"]) == (
        "missing_required_parameter",
        "Missing required parameter: 'session'.",
        "u2",
    )
    assert driver.error("session.update", session={"type": "translation"})["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    "kind", ["response.create", "input_audio_buffer.append", "input_audio_buffer.commit", "conversation.item.create"]
)
def test_there_are_exactly_three_client_events(kind: str) -> None:
    driver = TranslationDriver()
    error = driver.error(kind, audio="AAAA")
    assert (error["code"], error["param"]) == ("invalid_value", "type")
    assert error["message"] == (
        f"Invalid value: '{kind}'. Supported values are: 'session.update', "
        "'session.input_audio_buffer.append', and 'session.close'."
    )
    assert kinds(driver.send("session.update", session={})) == ["session.updated"]


def test_it_expires_like_any_session() -> None:
    driver = TranslationDriver(config=RealtimeConfig(session_s=10, error_at_expiry=False))
    assert driver.advance(11) == []
    assert driver.effects == [Close(1001, "Your session hit the maximum duration of 60 minutes.")]


def test_a_frame_that_comes_when_the_session_has_just_expired_is_not_looked_at() -> None:
    driver = TranslationDriver(config=RealtimeConfig(session_s=10))
    driver.now += 11
    assert kinds(driver.append(pcm_of(200))) == ["error"]
    assert driver.effects == [Close(1001, "Your session hit the maximum duration of 60 minutes.")]
    assert driver.session.accounts()["audio_in"] == 0


# -- model time


def test_model_time_passes_as_audio_comes_and_not_otherwise() -> None:
    driver = TranslationDriver()
    for _ in range(9):
        assert driver.append(pcm_of(20, 0)) == []
    (delta,) = driver.append(pcm_of(20, 0))
    assert (delta["type"], delta["elapsed_ms"]) == (AUDIO, 200)
    assert driver.advance(30) == []
    (delta,) = driver.append(pcm_of(200, 0))
    assert delta["elapsed_ms"] == 400


def test_a_long_append_is_worked_off_faster_than_real_time_but_not_at_once() -> None:
    driver = TranslationDriver()
    first = driver.append(pcm_of(2_000, 0))
    assert [event["elapsed_ms"] for event in first] == [200]
    rest = driver.advance(9 * 0.2 / 4.7 + 0.001)
    assert [event["elapsed_ms"] for event in rest] == list(range(400, 2_001, 200))


def test_odd_audio_is_refused_and_counts_for_nothing() -> None:
    driver = TranslationDriver()
    (event,) = driver.append(b"odd")
    assert event["error"]["code"] == "invalid_value"
    assert driver.session.accounts()["audio_in"] == 0


def test_every_append_is_shown_to_the_benchmark_hook() -> None:
    seen: list[tuple[str, bytes, float]] = []
    first: list[tuple[str, float]] = []
    config = RealtimeConfig(
        on_append=lambda *facts: seen.append(facts),
        on_first_delta=lambda *facts: first.append(facts),
        translation=TranslationModel(lag_ms=(0, 0)),
    )
    driver = TranslationDriver(config=config)
    driver.append(pcm_of(20))
    assert seen == [("c1", pcm_of(20), 100.0)]
    driver.speak(*SENTENCE)
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(500, 5000))
    driver.speak((400, 0))
    assert [name for name, _ in first] == [f"{driver.session.id}/1"]


# -- interpreting while the speaker goes on


def test_a_sentence_is_interpreted_while_the_next_is_spoken() -> None:
    driver = TranslationDriver()
    driver.speak((2_000, 3000), (400, 0))
    driver.heard("Good morning")
    driver.spoken("Buenos días", pcm_of(1_000, 5000))
    during = driver.speak((2_000, 3000))
    assert voiced_ms(during) == 1_000
    assert text(during) == "Buenos días"
    assert not driver.hears  # the second is not even over


def test_audio_comes_in_frames_of_200_ms_with_its_format() -> None:
    driver = TranslationDriver()
    events = driver.speak((1_000, 0))
    assert kinds(events) == [AUDIO] * 5
    for event in events:
        assert len(base64.b64decode(event["delta"])) == 9_600
        assert (event["sample_rate"], event["channels"], event["format"]) == (24_000, 1, "pcm16")
    samples = np.frombuffer(audio(events), dtype="<i2")
    assert 0 < np.abs(samples).max() <= 63


def test_text_is_ahead_of_its_audio_and_split_inside_words_without_end_markers() -> None:
    driver = TranslationDriver()
    driver.speak(*SENTENCE)
    driver.heard("Hello")
    driver.spoken("Internacionalmente reconocidas", pcm_of(2_000, 5000))
    events = driver.speak((2_400, 0))
    assert set(kinds(events)) == {AUDIO, WRITTEN}
    assert text(events) == "Internacionalmente reconocidas"
    fragments = [event["delta"] for event in events if event["type"] == WRITTEN]
    assert sum(one[-1].isalpha() and two[0].isalpha() for one, two in zip(fragments, fragments[1:], strict=False)) > 2
    assert kinds(events)[0] == WRITTEN
    first, last = (
        next(index for index, event in order if voiced_ms([event]))
        for order in (list(enumerate(events)), list(enumerate(events))[::-1])
    )
    assert kinds(events).index(WRITTEN) < first
    assert len(events) - 1 - kinds(events)[::-1].index(WRITTEN) < last


def test_interpretations_keep_the_order_of_the_speaker_however_long_each_takes() -> None:
    driver = TranslationDriver()
    driver.speak(*SENTENCE, *SENTENCE)
    first, second = driver.hears
    driver.hears.reverse()
    driver.heard("Second")
    driver.spoken("Segundo", pcm_of(200, 5000))
    assert voiced_ms(driver.speak((400, 0))) == 0
    driver.heard("First")
    driver.spoken("Primero", pcm_of(200, 5000))
    assert text(driver.speak((1_000, 0))) == "Primero Segundo"
    assert first.pcm != b"" != second.pcm


def test_the_lag_counts_from_where_the_speech_began() -> None:
    driver = TranslationDriver(lag_ms=(3_000, 3_000))
    driver.speak((600, 0), *SENTENCE)  # speech is kept from 300 ms on
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(400, 5000))
    assert voiced_ms(driver.speak((1_200, 0))) == 0  # model time: 3200
    assert voiced_ms(driver.speak((400, 0))) == 400


def test_the_lag_is_drawn_between_its_limits_and_repeats_with_the_seed() -> None:
    lags = []
    for _ in range(2):
        driver = TranslationDriver(lag_ms=(3_000, 5_000))
        for _ in range(6):
            driver.speak(*SENTENCE)
            driver.heard(None)
        notes = driver.noted("realtime.interpretation")
        lags.append([float(str(note["due_ms"])) - float(str(note["start_ms"])) for note in notes])
    assert lags[0] == lags[1]
    assert len(set(lags[0])) == 6
    assert all(3_000 <= lag <= 5_000 for lag in lags[0])


def test_speech_in_the_target_language_stays_silent() -> None:
    driver = transcribing(TranslationDriver())
    driver.speak(*SENTENCE)
    assert driver.hears[0].languages == ("en", "es")
    driver.heard("Hola", "es")
    driver.spoken("", b"")
    events = driver.speak((1_000, 0))
    assert (text(events), voiced_ms(events)) == ("", 0)
    assert text(events, SOURCE) == " Hola"


@pytest.mark.parametrize("says", [False, True])
def test_noise_that_is_no_language_stays_silent_unless_told_otherwise(says: bool) -> None:
    driver = TranslationDriver(says_not_understood=says)
    driver.speak(*SENTENCE)
    driver.heard(None)
    assert len(driver.interprets) == says
    if says:
        driver.spoken("No he entendido.", pcm_of(200, 5000), understood=False)
        assert text(driver.speak((400, 0))) == "No he entendido."
    (note,) = driver.noted("realtime.interpretation")
    assert (note["understood"], note["status"]) == (False, "spoken" if says else "silent")


def test_the_source_is_written_only_if_that_is_configured_and_without_gaps() -> None:
    driver = TranslationDriver()
    driver.speak(*SENTENCE)
    driver.heard("Good morning everybody")
    assert text(driver.speak((400, 0)), SOURCE) == ""
    transcribing(driver)
    driver.speak(*SENTENCE, *SENTENCE)
    driver.heard("How are you")
    driver.heard("I am fine")
    events = driver.speak((400, 0))
    assert text(events, SOURCE) == " How are you I am fine"
    assert {event["elapsed_ms"] % 200 for event in events} == {0}


def test_the_language_can_be_changed_on_the_way() -> None:
    driver = TranslationDriver()
    driver.speak(*SENTENCE)
    driver.heard("One")
    driver.send("session.update", session={"audio": {"output": {"language": "fra"}}})
    driver.speak(*SENTENCE)
    driver.heard("Two")
    assert [job.target for job in driver.interprets] == ["es", "fr"]


def test_an_engine_that_cannot_is_an_error_and_the_next_sentence_is_heard() -> None:
    driver = TranslationDriver()
    driver.speak(*SENTENCE, *SENTENCE)
    (event,) = driver.complete(driver.hears.popleft().work, EngineError("busy"))
    assert (event["type"], event["error"]["type"], event["error"]["message"]) == ("error", "server_error", "busy")
    driver.heard("Two")
    driver.spoken("Dos", pcm_of(200, 5000))
    assert text(driver.speak((400, 0))) == "Dos"
    assert [note["status"] for note in driver.noted("realtime.interpretation")] == ["failed", "spoken"]


def test_the_journal_says_what_became_of_each_segment() -> None:
    driver = TranslationDriver()
    driver.speak(*SENTENCE)
    driver.advance(0.5)
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(400, 5000))
    driver.speak((1_000, 0))
    (note,) = driver.noted("realtime.interpretation")
    assert {name: note[name] for name in ("number", "status", "source", "target", "heard", "said", "audio_ms")} == {
        "number": 1,
        "status": "spoken",
        "source": "en",
        "target": "es",
        "heard": "Hello",
        "said": "Hola",
        "audio_ms": 400,
    }
    times = [float(str(note[name])) for name in ("cut_at", "ready_at", "first_delta_at", "done_at")]
    assert times == sorted(times)


# -- output modes


def spoken_in(mode: OutputMode, seconds: int = 8) -> list[Event]:
    driver = TranslationDriver(output=mode)
    events = driver.speak(*SENTENCE)
    driver.heard("Hello")
    driver.spoken("Internacionalmente reconocidas", pcm_of(3_000, 5000))
    return events + driver.speak((seconds * 1000, 0))


def test_double_mode_sends_400_ms_for_200_in_bursts() -> None:
    driver = TranslationDriver(output=DOUBLE)
    bursts = [len(driver.speak((200, 0))) for _ in range(200)]
    assert set(bursts) >= {0, 1, 6}
    assert max(bursts) <= 6
    events = [event for event in driver.events if event["type"] == AUDIO]
    assert {len(base64.b64decode(event["delta"])) for event in events} == {19_200}
    assert [event["elapsed_ms"] for event in events] == [200 * (index + 1) for index in range(len(events))]
    assert voiced_ms(spoken_in(DOUBLE)) == 3_000


def test_irregular_mode_sends_any_size_and_leaves_members_out() -> None:
    events = [event for event in spoken_in(IRREGULAR) if event["type"] == AUDIO]
    sizes = [len(base64.b64decode(event["delta"])) for event in events]
    assert len(set(sizes)) > 5
    assert all(480 <= size <= 28_800 and size % 2 == 0 for size in sizes)
    assert sum(sizes) <= 47 * 9_600
    for member in ("sample_rate", "channels", "format", "elapsed_ms"):
        assert 0 < sum(member in event for event in events) < len(events)
    assert voiced_ms(events) == 3_000


def test_the_same_seed_gives_the_same_session() -> None:
    assert spoken_in(IRREGULAR) == spoken_in(IRREGULAR)


# -- the end


@pytest.mark.parametrize("mode", [OutputMode(9_600, (9_600, 9_600)), DOUBLE, IRREGULAR])
def test_closing_drains_at_four_times_real_time_then_closes(mode: OutputMode) -> None:
    driver = transcribing(TranslationDriver(output=mode, lag_ms=(3_000, 3_000)))
    driver.speak(*SENTENCE, (900, 3000))
    before = len(driver.events)
    driver.append(pcm_of(100, 3000))
    driver.send("session.close")
    driver.heard("One")
    driver.spoken("Uno", pcm_of(3_000, 5000))
    started = driver.now
    driver.advance(0.1)
    driver.heard("Two")
    driver.spoken("dos", pcm_of(1_000, 5000))
    driver.advance(10)
    events = driver.events[before:]
    assert text(events) == "Uno dos"
    assert text(events, SOURCE) == " One Two"
    assert voiced_ms(events) == 4_000
    assert kinds(events)[-1] == "session.closed"
    assert driver.effects == [Close(1000, "")]
    over = [float(str(note["done_at"])) for note in driver.noted("realtime.interpretation")][-1]
    assert len(audio(events)) / BYTES_PER_MS / 1000 / (over - started) >= 4


def test_closing_waits_for_the_engine_and_takes_nothing_more() -> None:
    driver = TranslationDriver()
    driver.speak(*SENTENCE)
    driver.send("session.close")
    driver.advance(1)
    (event,) = driver.append(pcm_of(200))
    assert (event["error"]["code"], event["error"]["type"]) == (None, "invalid_request_error")
    assert driver.error("session.update", session={})["code"] is None
    assert driver.send("session.close") == []
    assert driver.advance(10) == []
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(1_000, 5000))
    assert kinds(driver.advance(2))[-1] == "session.closed"


def test_closing_an_idle_session_closes_it() -> None:
    driver = TranslationDriver()
    assert kinds(driver.send("session.close"))[-1] == "session.closed"
    assert driver.effects == [Close(1000, "")]
    assert driver.append(pcm_of(200)) == []


def test_what_the_speaker_was_saying_at_the_close_is_interpreted() -> None:
    config = RealtimeConfig(
        seed=1, translation=TranslationModel(lag_ms=(0, 0), output=OutputMode(9_600, (9_600, 9_600), catch_up=inf))
    )
    driver = TranslationDriver(config=config)
    driver.append(pcm_of(1_500, 3000))
    driver.send("session.close")
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(600, 5000))
    assert voiced_ms(driver.events) == 600
    assert driver.events[-1]["type"] == "session.closed"
    accounts = driver.session.accounts()
    assert accounts["audio_in"] == accounts["audio_in_heard"] == len(pcm_of(1_500))


def test_whatever_was_not_sent_at_an_early_end_is_told_in_the_accounts() -> None:
    driver = TranslationDriver()
    driver.speak(*SENTENCE)
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(2_000, 5000))
    driver.speak((600, 0))
    assert driver.session.accounts()["speech_waiting"] == len(pcm_of(1_400))


def test_an_append_with_an_event_id_is_taken_the_long_way() -> None:
    driver = TranslationDriver()
    members: dict[str, Any] = {"event_id": "a1", "audio": encode_audio(pcm_of(200, 0))}
    assert kinds(driver.send("session.input_audio_buffer.append", **members)) == [AUDIO]
    assert driver.error("session.input_audio_buffer.append", event_id="a2", audio="?")["event_id"] == "a2"
