"""What listeners hear and read when the model misbehaves, on the whole line: service, emulator, SDKs and sockets.

Ana says the same thing twice to Luis, the first time to a model with the fault. Next door Mia says it to Noé at the
same time, and that must not change. All in virtual time, room after room, in one service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

from emulator.client import Participant
from emulator.config import Switches
from emulator.engine.scripted import ScriptedEngine, read_markers
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from emulator.virtual_time import VirtualTimeLoop
from tests.support.line import Line, Room, line, passages, room_of
from tests.support.speech import spoken

pytestmark = pytest.mark.timeout(400)  # the first test holds all meetings of the table: 25 s on a free core

ENGLISH = "The results are better than expected."
SPANISH = "Los resultados son mejores de lo esperado."
FRENCH = "Les résultats sont meilleurs que prévu."
RUSSIAN = "Результаты лучше, чем ожидалось."
ANSWER = "I'm an AI assistant, how can I help you with the results?"
SMOOTH_ANSWER = "Sure, how can I help you with the results?"
OFFER = "¡Hola! ¿En qué puedo ayudarte hoy?"
JAPANESE = "会議は二時に始まります。"
VOICE_MS = 2_040
"""The scripted voice is as long as what it interprets."""
LOUD = 50.0
FRAME_BYTES = 960


@dataclass(frozen=True)
class Seen:
    """What came of one utterance."""

    markers: list[int]
    """One for every beginning of an interpretation that Luis has heard."""
    voice_ms: int
    """How long he has heard one."""
    passage: dict[str, Any]
    """What the ledger says."""
    lines: dict[str, tuple[str, tuple[str, ...]]]
    """Final captions by language, with their flags."""

    @property
    def state(self) -> tuple[str, str]:
        return self.passage["state"], self.passage["reason"]

    @property
    def spanish(self) -> tuple[str, tuple[str, ...]] | None:
        return self.lines.get("es-ES")


@dataclass(frozen=True)
class Meeting:
    """One fault: the utterance it met, the next one, and the utterance next door."""

    met: Seen
    after: Seen
    next_door: dict[str, Any]


def rule(do: str, **members: Any) -> FaultRule:
    """For the first that comes: Ana is interpreted before Mia is."""
    return FaultRule(do, **{"times": 1, **members})  # type: ignore[arg-type]  # checked by the emulator, like a document


def always(do: str, **members: Any) -> FaultRule:
    return FaultRule(do, target="es", **members)  # type: ignore[arg-type]  # as above


BY_DEFAULT = {
    "good behaviour",
    "answers once",
    "silent always",
    "cut at mid_response",
}
"""Of the faults below, those of the default run."""
QUOTA = {"error_code": "rate_limit_exceeded", "error_type": "rate_limit_exceeded"}

FAULTS: dict[str, tuple[FaultRule, ...]] = {
    "good behaviour": (),
    "answers once": (rule("say", text=ANSWER),),
    "answers always": (always("say", text=ANSWER),),
    "answers smoothly": (rule("say", text=SMOOTH_ANSWER),),
    "another script once": (rule("wrong_language", language="ru"),),
    "another language": (rule("wrong_language", language="fr"),),
    "echo once": (rule("echo"),),
    "echo always": (always("echo"),),
    "silent once": (rule("silent"),),
    "silent always": (always("silent"),),
    "endless audio": (rule("endless_audio"),),
    "half audio": (rule("half_audio"),),
    "late transcription": (rule("delay_transcription", seconds=4.0),),
    "no transcription": (rule("fail_transcription"),),
    "answers noise": (rule("mishear", text=""), always("say", text=OFFER)),
    "misheard": (rule("mishear", text=JAPANESE),),
    "refusal": (rule("say"),),
    "failed once": (rule("fail_response"),),
    "failed always": (always("fail_response"),),
    "incomplete": (rule("incomplete_response", reason="max_output_tokens"),),
    "filtered": (rule("incomplete_response", reason="content_filter"),),
    "hangs": (rule("hang_response"),),
    "late": (rule("delay_response", seconds=6.0),),
    "cut at committed": (rule("close", at="committed"),),
    "cut at response": (rule("close", at="response"),),
    "cut at mid_word": (rule("close", at="mid_word"),),
    "cut at first_delta": (rule("close", at="first_delta"),),
    "cut at mid_response": (rule("close", at="mid_response"),),
    "cut at done": (rule("close", at="done"),),
    "quota of a response": (rule("fail_response", **QUOTA),),
}


def each(*faults: str) -> list[Any]:
    """Parameters of a test: these faults, or all."""
    return [pytest.param(fault, marks=soak_of(fault)) for fault in faults or FAULTS]


def soak_of(fault: str) -> list[pytest.MarkDecorator]:
    return [] if fault in BY_DEFAULT else [pytest.mark.soak]


def engine() -> ScriptedEngine:
    texts = {("en", "es"): [SPANISH], ("en", "fr"): [FRENCH], ("en", "ru"): [RUSSIAN]}
    return ScriptedEngine(0.3, transcripts={"en": [ENGLISH]}, translations=texts)


def speech() -> bytes:
    """Two seconds of it, and what ends a turn."""
    return spoken(ENGLISH, "en") + bytes(32_000)


@asynccontextmanager
async def two_rooms(**settings: Any) -> AsyncIterator[tuple[Line, Room]]:
    """The whole line, and the room next door."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    async with line(engine=engine(), switches=Switches(silent_frames="omitted"), **settings) as whole:
        yield whole, await room_of(whole, {"Mia": "en-US", "Noé": "fr-FR"})


def run(meeting: Any) -> Any:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(meeting)


def audible_ms(pcm: bytes) -> int:
    frames = np.frombuffer(pcm[: len(pcm) // FRAME_BYTES * FRAME_BYTES], dtype="<i2").reshape(-1, FRAME_BYTES // 2)
    return int((np.sqrt(np.square(frames.astype(np.float32)).mean(axis=1)) > LOUD).sum()) * 20


async def utter(
    room: Room, ana: Participant, luis: Participant, speech: bytes, count: int, rest_s: float = 1.0
) -> Seen:
    """Ana says it, as the nth of the room: what Luis hears and reads of it, up to `rest_s` after its final state."""
    begins = len(luis.heard)
    await ana.speak(speech)
    heard_before = audible_ms(speech)  # Luis hears Ana herself
    passage = (await passages(room, count))[-1]
    await asyncio.sleep(rest_s)
    transcript = await room.transcript()
    assert len(transcript["passages"]) == count, "one final state each"
    own = [item for item in transcript["items"] if item["utterance_id"] == passage["utterance_id"]]
    assert all(item["is_final"] for item in own)
    heard = bytes(luis.heard[begins:])
    return Seen(
        read_markers(heard),
        audible_ms(heard) - heard_before,
        passage,
        {item["language"]: (item["text"], tuple(item["flags"])) for item in own},
    )


async def hold_all(faults: list[str], speech: bytes) -> dict[str, Meeting]:
    held: dict[str, Meeting] = {}
    async with two_rooms() as (whole, next_door):
        async with next_door.joined("Mia") as mia, next_door.joined("Noé"):
            await next_door.until_status("interpreting")
            for number, name in enumerate(faults, 1):
                held[name] = await hold(whole, FAULTS[name], speech, partial(mia.speak, speech))
                beside = (await passages(next_door, number))[-1]
                held[name] = Meeting(held[name].met, held[name].after, beside)
    return held


async def hold(whole: Line, rules: tuple[FaultRule, ...], speech: bytes, speak_next_door: Any) -> Meeting:
    room = await whole.room()
    async with room.joined("Ana") as ana, room.joined("Luis") as luis:
        await room.until_status("interpreting")
        await asyncio.sleep(1)  # for its sessions to be there
        whole.emulator.realtime.faults = RealtimeFaults(rules)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(utter(room, ana, luis, speech, 1, rest_s=3.0))
            await asyncio.sleep(0.2)  # or it would not be Ana whom the rule meets
            group.create_task(speak_next_door())
        whole.emulator.realtime.faults = RealtimeFaults()
        second = await utter(room, ana, luis, speech, 2)
    return Meeting(first.result(), second, {})


@pytest.fixture(scope="module")
def meetings(request: pytest.FixtureRequest) -> dict[str, Meeting]:
    """One for each fault that a test of this run is about."""
    tested = [
        item.callspec
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    ]
    wanted = {"good behaviour"} | {str(one.params["fault"]) for one in tested if "fault" in one.params}
    held: dict[str, Meeting] = run(hold_all([fault for fault in FAULTS if fault in wanted], speech()))
    return held


GOOD = (SPANISH, ())


TABLE: list[Any] = [
    ("good behaviour", ("spoken", ""), VOICE_MS, GOOD, []),
    # A second, stricter request comes in time: nobody hears or reads anything of the first.
    ("answers once", ("spoken", ""), VOICE_MS, GOOD, []),
    ("another script once", ("spoken", ""), VOICE_MS, GOOD, []),
    ("silent once", ("spoken", ""), VOICE_MS, GOOD, []),
    ("refusal", ("spoken", ""), VOICE_MS, GOOD, []),
    ("failed once", ("spoken", ""), VOICE_MS, GOOD, []),
    # In vain: what is known before its first sound is read and flagged, not heard.
    (
        "answers always",
        ("caption_only", "faulty"),
        0,
        (ANSWER, ("language", "assistant", "question")),
        ["language", "assistant", "question"],
    ),
    # An echo begins like any rendition, text and voice together: it is stopped as soon as its words are known for it.
    ("echo once", ("caption_only", "faulty"), 400, (ENGLISH, ("echo", "language")), ["echo", "language"]),
    ("echo always", ("caption_only", "faulty"), 400, (ENGLISH, ("echo", "language")), ["echo", "language"]),
    ("silent always", ("abandoned", "empty"), 0, None, ["empty"]),
    ("failed always", ("abandoned", "server_error"), 0, None, []),
    (
        "answers smoothly",  # "Sure," could be anything: it is stopped as soon as it is known for an answer
        ("caption_only", "faulty"),
        340,
        (SMOOTH_ANSWER, ("language", "assistant", "question")),
        ["language", "assistant", "question"],
    ),
    ("answers noise", ("caption_only", "faulty"), 0, (OFFER, ("invented",)), ["invented"]),
    # Its first words could be Spanish: it is stopped as soon as it is known for French.
    ("another language", ("caption_only", "faulty"), 220, (FRENCH, ("language",)), ["language"]),
    # Cut off.
    ("endless audio", ("spoken", "endless"), 11_120, ("Los resultados", ("incomplete",)), []),
    ("half audio", ("spoken", ""), VOICE_MS // 2, GOOD, []),
    ("incomplete", ("spoken", "max_output_tokens"), 1_000, ("Los resultados son mejores", ("incomplete",)), []),
    ("filtered", ("spoken", "content_filter"), 1_000, ("Los resultados son mejores", ("incomplete",)), []),
    ("hangs", ("abandoned", "model_timeout"), 100, ("Los", ("abandoned",)), []),
    ("cut at committed", ("abandoned", "closed_1011"), 0, None, []),
    ("cut at response", ("abandoned", "closed_1011"), 0, None, []),
    ("cut at mid_word", ("abandoned", "closed_1011"), 0, ("Los", ("abandoned",)), []),
    ("cut at first_delta", ("abandoned", "closed_1011"), 20, ("Los", ("abandoned",)), []),
    ("cut at mid_response", ("abandoned", "closed_1011"), 200, ("Los resultados son mejores", ("abandoned",)), []),
    ("cut at done", ("spoken", ""), VOICE_MS, GOOD, []),
    # Too late to be heard.
    ("late", ("caption_only", "stale"), 0, GOOD, []),
    # Only readers of the original notice.
    ("late transcription", ("spoken", ""), VOICE_MS, GOOD, []),
    ("no transcription", ("spoken", ""), VOICE_MS, GOOD, []),
    ("misheard", ("spoken", ""), VOICE_MS, GOOD, []),
    ("quota of a response", ("abandoned", "rate_limit_exceeded"), 0, None, []),
]


@pytest.mark.parametrize(
    ("fault", "state", "voice_ms", "spanish", "faults"),
    [pytest.param(*row, marks=soak_of(row[0]), id=row[0]) for row in TABLE],
)
def test_what_is_heard_and_read(
    meetings: dict[str, Meeting],
    fault: str,
    state: tuple[str, str],
    voice_ms: int,
    spanish: tuple[str, tuple[str, ...]] | None,
    faults: list[str],
) -> None:
    seen = meetings[fault].met
    assert seen.state == state
    assert seen.voice_ms == pytest.approx(voice_ms, abs=60)
    assert seen.spanish == spanish
    assert seen.passage["faults"] == faults


@pytest.mark.parametrize("fault", each())
def test_the_next_utterance_is_interpreted_as_ever(meetings: dict[str, Meeting], fault: str) -> None:
    after, usual = meetings[fault].after, meetings["good behaviour"].after
    assert (after.state, after.spanish, after.passage["faults"]) == (("spoken", ""), GOOD, [])
    assert after.voice_ms == pytest.approx(VOICE_MS, abs=40)
    assert len(after.markers) == 1
    assert after.passage["ear_voice_span_ms"] == pytest.approx(usual.passage["ear_voice_span_ms"], abs=100)


@pytest.mark.parametrize("fault", each())
def test_next_door_nobody_notices(meetings: dict[str, Meeting], fault: str) -> None:
    beside, usual = meetings[fault].next_door, meetings["good behaviour"].next_door
    assert (beside["state"], beside["faults"], beside["strict"]) == ("spoken", [], False)
    assert beside["played_ms"] == pytest.approx(VOICE_MS, abs=40)
    assert beside["ear_voice_span_ms"] == pytest.approx(usual["ear_voice_span_ms"], abs=100)


@pytest.mark.parametrize("fault", each())
def test_nothing_is_heard_twice_or_from_its_middle(meetings: dict[str, Meeting], fault: str) -> None:
    """Of the voice that does not end, more than one beginning is heard: it says the same again and again."""
    seen = meetings[fault].met
    if fault not in ("endless audio", "echo once", "echo always"):  # an echo is Ana's voice, and carries no marker
        assert len(seen.markers) == (1 if seen.voice_ms > 80 else 0)


WITHOUT_ORIGINAL = {"no transcription", "answers noise", "misheard", "cut at committed"}


@pytest.mark.soak
def test_an_original_in_a_language_nobody_speaks_is_flagged(meetings: dict[str, Meeting]) -> None:
    assert meetings["misheard"].met.lines["en-US"] == (JAPANESE, ("language",))


@pytest.mark.parametrize("fault", each(*sorted(FAULTS.keys() - WITHOUT_ORIGINAL)))
def test_the_original_is_read_in_any_case(meetings: dict[str, Meeting], fault: str) -> None:
    """Who reads along in English loses nothing through the interpreter's failure."""
    assert meetings[fault].met.lines["en-US"] == (ENGLISH, ())


@pytest.mark.parametrize("fault", each("answers once", "silent always"))
def test_a_wrong_interpretation_is_asked_for_more_strictly(meetings: dict[str, Meeting], fault: str) -> None:
    assert meetings[fault].met.passage["strict"]


@pytest.mark.soak
def test_what_comes_in_time_is_asked_for_once_more(meetings: dict[str, Meeting]) -> None:
    strict = {fault for fault, meeting in meetings.items() if meeting.met.passage["strict"]}
    once = {"answers once", "another script once", "silent once", "refusal", "failed once"}
    always = {"answers always", "silent always", "failed always"}
    assert strict == (once | always) & meetings.keys()
    for fault in once & meetings.keys():
        assert meetings[fault].met.passage["ear_voice_span_ms"] <= 3_000


# --- the whole service, for a while

STALL_S = 30.0
OLDEST_S = 3.0
"""No older than this is what is heard after a stall (product page, section 6)."""


async def hold_through(
    speech: bytes, rules: tuple[FaultRule, ...], bad_s: float, *, stop_reading: bool
) -> tuple[list[Any], int, int]:
    """Ana says it every 4 s while the model is bad, and twice when it is good again: the ledger, what of the model's
    voice Luis has heard until then, and in all (beginnings of interpretations)."""
    async with two_rooms() as (whole, _):
        room = await whole.room()
        async with room.joined("Ana") as ana, room.joined("Luis") as luis:
            await room.until_status("interpreting")
            await asyncio.sleep(1)
            whole.emulator.realtime.faults = RealtimeFaults(rules)
            if stop_reading:
                whole.emulator.realtime.stop_reading(bad_s)
            count = 0
            loop = asyncio.get_running_loop()
            good_at = loop.time() + bad_s
            while loop.time() < good_at:
                await ana.speak(speech + bytes(64_000))
                count += 1
            heard_until_then = len(read_markers(bytes(luis.heard)))
            whole.emulator.realtime.faults = RealtimeFaults()
            await asyncio.sleep(10)  # pauses between attempts have grown to 8 s
            for _ in range(2):
                await ana.speak(speech + bytes(96_000))
                count += 1
            found = await passages(room, count)
            await asyncio.sleep(3)
            assert len((await room.transcript())["passages"]) == count
            assert (await room.status())["status"] == "interpreting"
    return found, heard_until_then, len(read_markers(bytes(luis.heard)))


def test_after_a_stall_of_the_model_nothing_old_is_heard_and_all_is_accounted_for() -> None:
    stall = FaultRule("stall", at="connect", seconds=STALL_S)  # who connects anew fares no better
    found, heard_until_then, heard = run(hold_through(speech(), (stall,), STALL_S, stop_reading=True))
    during, after = found[:-2], found[-2:]
    assert len(during) >= 6
    assert {passage["state"] for passage in during} == {"abandoned"}
    assert {passage["reason"] for passage in during} <= {"unread", "model_backlog", "unconfigured", "stalled"}
    assert [passage["state"] for passage in after] == ["spoken"] * 2
    assert (heard_until_then, heard) == (0, 2)
    assert max(passage["ear_voice_span_ms"] for passage in after) <= OLDEST_S * 1000


def test_sessions_refused_for_quota_are_asked_for_again_when_the_service_wants_it() -> None:
    refusals = (
        FaultRule("close", at="done", times=1),
        FaultRule("refuse", status=429, retry_after_s=5.0, error_code="429", times=2),
    )
    found, _, heard = run(hold_through(speech(), refusals, 12.0, stop_reading=False))
    states = [(passage["state"], passage["reason"]) for passage in found]
    assert states[0] == ("spoken", "")
    assert ("abandoned", "model_backlog") in states[1:3]
    assert set(states) == {("spoken", ""), ("abandoned", "model_backlog")}
    assert states[-2:] == [("spoken", "")] * 2
    assert heard == states.count(("spoken", ""))
    assert all(passage["ear_voice_span_ms"] <= OLDEST_S * 1000 for passage in found if passage["state"] == "spoken")
