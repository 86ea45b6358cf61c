from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import psutil
import pytest

from emulator.engine.base import SAMPLE_RATE, Engine, EngineError, Heard
from emulator.engine.local import LocalEngine, RecogniserBusy, Synthesiser, Voice
from emulator.engine.local.audio import write_pcm
from emulator.engine.local.engine import NOT_TRANSLATED, NOT_UNDERSTOOD, primary
from emulator.engine.local.recognition import MAX_SECONDS, Recogniser
from emulator.engine.local.synthesis import VOICES

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

ANA = Voice(name="en-us", variant="f5")
QUESTION = "What is the capital of France?"
PREGUNTA = "¿Cuál es la capital de Francia?"


async def test_english_becomes_spanish_speech_that_is_heard_as_such(engine: LocalEngine, voice: Synthesiser) -> None:
    heard = await engine.hear(await voice.say(QUESTION, "en", ANA), ["en"])
    assert heard == Heard("en", QUESTION)
    spoken = await engine.interpret(heard, "es")
    assert (spoken.text, spoken.understood) == (PREGUNTA, True)
    assert await engine.hear(spoken.pcm, ["es"]) == Heard("es", PREGUNTA)


async def test_spanish_becomes_english_speech_that_is_heard_as_such(engine: LocalEngine, voice: Synthesiser) -> None:
    heard = await engine.hear(await voice.say(PREGUNTA, "es"), ["es-MX"])
    spoken = await engine.interpret(heard, "en-GB")
    assert (spoken.text, spoken.understood) == (QUESTION, True)
    assert await engine.hear(spoken.pcm, ["en"]) == Heard("en", QUESTION)


@pytest.mark.parametrize(("language", "said"), [("en", QUESTION), ("es", PREGUNTA)])
@pytest.mark.parametrize("candidates", [["en", "es"], ["es", "en"]])
async def test_it_finds_out_which_language_it_was(
    engine: LocalEngine, voice: Synthesiser, language: str, said: str, candidates: list[str]
) -> None:
    assert await engine.hear(await voice.say(said, language), candidates) == Heard(language, said)


async def test_the_same_bytes_give_the_same_text(engine: LocalEngine, voice: Synthesiser) -> None:
    pcm = await voice.say("I wonder whether the sun is going to shine.", "en", ANA)
    first = await engine.hear(pcm, ["en"])
    await engine.hear(await voice.say(QUESTION, "en"), ["en"])
    assert await engine.hear(pcm, ["en"]) == first


@pytest.mark.parametrize("sigma", [0.0, 1.0, 30.0])
async def test_silence_is_not_understood(engine: LocalEngine, sigma: float) -> None:
    noise = np.random.default_rng(3).normal(0, sigma, SAMPLE_RATE).astype(np.float32)
    for languages in (["en"], ["es"], ["es", "en"]):
        assert await engine.hear(write_pcm(noise), languages) == Heard(languages[0], None)
    assert await engine.hear(b"", ["en"]) == Heard("en", None)


async def test_what_was_not_understood_is_said_plainly(engine: LocalEngine) -> None:
    spoken = await engine.interpret(Heard("en", None), "es")
    assert (spoken.text, spoken.understood) == ("No he entendido.", False)
    assert len(spoken.pcm) > SAMPLE_RATE


async def test_a_meeting_has_words_of_its_own(engine: LocalEngine) -> None:
    terms = {"tickets": "incidencias", "Contoso": "Contoso"}
    plain = await engine.interpret(Heard("en", "We sold three tickets to Contoso."), "es")
    spoken = await engine.interpret(Heard("en", "We sold three tickets to Contoso."), "es", terms)
    assert "incidencias" not in plain.text
    assert {"incidencias", "Contoso"} <= set(spoken.text.strip(".").split())
    assert len(spoken.pcm) > SAMPLE_RATE


async def test_without_a_route_the_source_is_never_echoed(engine: LocalEngine) -> None:
    spoken = await engine.interpret(Heard("en", "we have a blue table", pcm=bytes(48_000)), "de")
    assert (spoken.text, spoken.understood) == ("Das kann ich nicht übersetzen.", False)


async def test_nothing_to_say_in_the_language_it_was_said_in(engine: LocalEngine) -> None:
    for heard in (Heard("en", "hello"), Heard("en", None)):
        spoken = await engine.interpret(heard, "en")
        assert (spoken.text, spoken.pcm, spoken.understood) == ("", b"", True)


async def test_what_it_cannot_do_is_an_error(engine: LocalEngine) -> None:
    with pytest.raises(EngineError, match="cannot speak 'xx'"):
        await engine.interpret(Heard("en", "hello"), "xx")
    with pytest.raises(EngineError, match="cannot recognise 'xx'"):
        await engine.hear(bytes(48_000), ["xx"])
    with pytest.raises(EngineError, match="no language to recognise"):
        await engine.hear(bytes(48_000), [])
    with pytest.raises(EngineError, match="longer than 60 s"):
        await engine.hear(bytes(48_000 * MAX_SECONDS + 2), ["en"])


async def test_a_cancelled_utterance_leaves_the_engine_usable(engine: LocalEngine, voice: Synthesiser) -> None:
    pcm = await voice.say(QUESTION, "en", ANA)
    task = asyncio.create_task(engine.hear(pcm, ["en"]))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await engine.hear(pcm, ["en"]) == Heard("en", QUESTION)


async def test_many_utterances_at_once_keep_their_answers(engine: LocalEngine, voice: Synthesiser) -> None:
    english, spanish = await voice.say(QUESTION, "en", ANA), await voice.say(PREGUNTA, "es")
    heard = await asyncio.gather(*(engine.hear(*one) for one in [(english, ["en"]), (spanish, ["es"])] * 2))
    assert heard == [Heard("en", QUESTION), Heard("es", PREGUNTA)] * 2


async def test_a_recogniser_that_dies_is_replaced(engine: LocalEngine, voice: Synthesiser) -> None:
    pcm = await voice.say(QUESTION, "en", ANA)
    workers = [
        child for child in psutil.Process().children(recursive=True) if "recogniser_worker" in " ".join(child.cmdline())
    ]
    assert len(workers) >= 2
    for worker in workers:
        worker.kill()
    assert await engine.hear(pcm, ["en"]) == Heard("en", QUESTION)


async def test_too_many_waiting_utterances_are_refused(voice: Synthesiser) -> None:
    pcm = await voice.say("Hasta mañana.", "es")
    async with Recogniser({"es": ["Hasta mañana."]}, voice, lambda: None, workers=1, waiting=1) as recogniser:
        await recogniser.prepare(["es"])
        first, second, third = await asyncio.gather(
            *(recogniser.recognise(pcm, ["es"]) for _ in range(3)), return_exceptions=True
        )
        assert isinstance(third, RecogniserBusy)
        assert first == second
        assert (await recogniser.recognise(pcm, ["es"])).text == "Hasta mañana."


async def test_without_a_model_the_phrasebook_is_recognised_and_it_says_what_is_not(
    voice: Synthesiser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EMULATOR_MODELS", str(tmp_path))
    async with LocalEngine(workers=1, languages=("en",)) as engine:
        assert await engine.hear(await voice.say(QUESTION, "en", ANA), ["en"]) == Heard("en", QUESTION)
        unknown = await voice.say("The neighbour's dog barks all night.", "en")
        assert await engine.hear(unknown, ["en"]) == Heard("en", None)
        assert not (await engine.interpret(Heard("de", "Der Zug fährt ab.", pcm=unknown), "en")).understood
    assert [record.getMessage() for record in caplog.records if record.name.startswith("emulator")] == [
        "no free speech is recognised, only sentences of the phrasebook in a synthetic voice: "
        f"EMULATOR_MODELS: {tmp_path} has no model.bin"
    ]


async def test_a_phrasebook_of_ones_own(voice: Synthesiser, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[phrase]]\nen = "The dragon sleeps in Zzyzx."\nes = "El dragón duerme."', encoding="utf-8")
    async with LocalEngine(own, {"es": ["El unicornio vive en la montaña."]}, workers=1, languages=()) as engine:
        heard = await engine.hear(await voice.say("The dragon sleeps in Zzyzx.", "en", ANA), ["en"])
        assert heard == Heard("en", "The dragon sleeps in Zzyzx.")
        assert (await engine.interpret(heard, "es")).text == "El dragón duerme."
        heard = await engine.hear(await voice.say("El unicornio vive en la montaña.", "es"), ["es"])
        assert heard.text == "El unicornio vive en la montaña."


async def test_leaving_ends_every_process(voice: Synthesiser) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    async with LocalEngine(workers=1, languages=("es",)) as engine:
        await engine.hear(await voice.say(PREGUNTA, "es"), ["es"])
        await engine.interpret(Heard("en", "we have a blue table"), "es")
        started = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
        assert started
    _, alive = psutil.wait_procs(started, timeout=30)
    assert not alive


async def test_it_is_an_engine(engine: LocalEngine) -> None:
    implemented: Engine = engine
    assert (await implemented.interpret(Heard("en", "See you tomorrow."), "fr")).text == "À demain, tout le monde."


async def test_apologies_exist_for_every_voice() -> None:
    assert NOT_UNDERSTOOD.keys() == NOT_TRANSLATED.keys() == VOICES.keys()


@pytest.mark.parametrize(("tag", "expected"), [("es-MX", "es"), ("EN", "en"), ("pt-BR", "pt")])
async def test_regions_do_not_matter(tag: str, expected: str) -> None:
    assert primary(tag) == expected


async def test_a_text_is_read_aloud_untranslated(engine: LocalEngine) -> None:
    spoken = await engine.say("Bitte warten.", "de-DE")
    assert (spoken.text, spoken.understood) == ("Bitte warten.", True)
    assert len(spoken.pcm) > 24_000
    with pytest.raises(EngineError, match="cannot speak"):
        await engine.say("…", "xx")
