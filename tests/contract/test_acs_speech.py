"""Text prompts are spoken, spoken answers and what people say are recognised, by the engine of the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from azure.communication.callautomation import (
    CommunicationUserIdentifier,
    DtmfTone,
    FileSource,
    RecognitionChoice,
    RecognizeInputType,
    SsmlSource,
    StreamingTransportType,
    TextSource,
    TranscriptionOptions,
)
from azure.communication.callautomation.aio import CallConnectionClient
from azure.core.exceptions import HttpResponseError

from emulator.client import Participant
from emulator.engine.base import EngineError, Spoken
from emulator.engine.scripted import ScriptedEngine, ScriptedHeard, read_markers
from tests.support.acs_emulator import samples, tone, until
from tests.support.acs_meeting import Meeting, files, listener, meeting, wav
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

SERVICE = "https://speech.example/"


class Engine(ScriptedEngine):
    """Notes what it is asked, and has no voice for Basque."""

    def __init__(self, *transcripts: str, **more: Any) -> None:
        super().__init__(0.0, transcripts=transcripts, **more)
        self.said: list[tuple[str, str]] = []
        self.listened_for: list[Sequence[str]] = []

    async def say(self, text: str, language: str) -> Spoken:
        if language == "eu":
            raise EngineError("no voice for eu")
        self.said.append((text, language))
        return await super().say(text, language)

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> ScriptedHeard:
        self.listened_for.append(languages)
        return await super().hear(pcm, languages)


@asynccontextmanager
async def established(engine: Engine, **more: Any) -> AsyncIterator[tuple[Meeting, CallConnectionClient, Participant]]:
    """Anna in a call with a bot that has a speech service."""
    async with meeting(engine=engine) as m, m.joined(m.anna) as anna:
        connection = m.connection(await m.connect(cognitive_services_endpoint=SERVICE, **more))
        await m.bot.wait_for("CallConnected")
        yield m, connection, anna


# --- prompts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        (TextSource(text="Good morning.", voice_name="en-US-NancyNeural"), ("Good morning.", "en")),
        (TextSource(text="Buenos días.", source_locale="es-MX"), ("Buenos días.", "es")),
        (TextSource(text="Hello."), ("Hello.", "en")),
        (
            SsmlSource(
                ssml_text='<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
                '<voice name="de-DE-KatjaNeural">Guten <emphasis>Tag</emphasis>.\n</voice></speak>'
            ),
            ("Guten Tag.", "de"),
        ),
        (SsmlSource(ssml_text='<speak xml:lang="fr-FR">Bonjour.</speak>'), ("Bonjour.", "fr")),
    ],
)
async def test_text_is_spoken_to_everybody(source: TextSource | SsmlSource, asked: tuple[str, str]) -> None:
    engine = Engine()
    async with established(engine) as (m, connection, anna):
        await connection.play_media(source, operation_context="greeting")
        started = await m.bot.wait_for("PlayStarted")
        completed = await m.bot.wait_for("PlayCompleted")
        assert started["data"]["operationContext"] == completed["data"]["operationContext"] == "greeting"
        assert engine.said == [asked]
        await until(lambda: read_markers(bytes(anna.heard)) == [0])


async def test_texts_and_files_are_played_one_after_the_other() -> None:
    async with files(hello=wav(100, hertz=180)) as urls, established(Engine()) as (m, connection, anna):
        sources = (TextSource(text="One."), FileSource(url=urls["hello"]), TextSource(text="Two."))
        await connection.play_media(sources, [CommunicationUserIdentifier(m.anna.id)])
        await m.bot.wait_for("PlayCompleted")
        await until(lambda: read_markers(bytes(anna.heard)) == [0, 1])


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (SsmlSource(ssml_text="<speak>not closed"), 8565),
        (SsmlSource(ssml_text='<!DOCTYPE s [<!ENTITY a "b">]><speak>&a;</speak>'), 8565),
        (SsmlSource(ssml_text="<speak/>"), 8582),
        (TextSource(text="  "), 8582),
        (TextSource(text="Egun on.", source_locale="eu-ES"), 8565),
    ],
)
async def test_what_cannot_be_spoken_is_told(source: TextSource | SsmlSource, code: int) -> None:
    async with established(Engine()) as (m, connection, _):
        await connection.play_media([TextSource(text="Hello."), source])
        failed = (await m.bot.wait_for("PlayFailed"))["data"]
        assert (failed["resultInformation"]["subCode"], failed["failedPlaySourceIndex"]) == (code, 1)


async def test_text_needs_a_speech_service() -> None:
    async with meeting() as m, m.joined(m.anna):
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        with pytest.raises(HttpResponseError) as refused:
            await connection.play_media(TextSource(text="hello", voice_name="en-US-NancyNeural"))
        assert refused.value.status_code == 405
        user = CommunicationUserIdentifier(m.anna.id)
        await connection.start_recognizing_media(
            RecognizeInputType.DTMF, user, play_prompt=TextSource(text="Your number?"), dtmf_max_tones_to_collect=1
        )
        failed = (await m.bot.wait_for("RecognizeFailed"))["data"]["resultInformation"]
        assert failed["subCode"] == 8511


# --- answers ----------------------------------------------------------------------------------------


async def test_a_spoken_answer_is_recognised() -> None:
    engine = Engine("I would like to cancel.")
    async with established(engine) as (m, connection, anna):
        await connection.start_recognizing_media(
            RecognizeInputType.SPEECH,
            CommunicationUserIdentifier(m.anna.id),
            play_prompt=TextSource(text="What can I do for you?"),
            speech_language="en-GB",
            end_silence_timeout=1,
            operation_context="wish",
        )
        await until(lambda: read_markers(bytes(anna.heard)) == [0])
        await asyncio.sleep(2)
        await anna.press("one")  # no answer to a question that is to be spoken to
        await anna.speak(tone(400, hertz=200))
        completed = (await m.bot.wait_for("RecognizeCompleted"))["data"]
        assert completed["recognitionType"] == "speech"
        assert completed["speechResult"] == {"speech": "I would like to cancel."}
        assert completed["operationContext"] == "wish"
        assert completed["resultInformation"]["code"] == 200
        assert engine.listened_for == [["en"]]


CHOICES = [
    RecognitionChoice(label="Confirm", phrases=["yes", "sure"], tone=DtmfTone.ONE),
    RecognitionChoice(label="Cancel", phrases=["cancel", "never mind"], tone=DtmfTone.TWO),
]


@pytest.mark.parametrize(
    ("text", "label", "phrase"),
    [("Never mind, thanks.", "Cancel", "never mind"), ("Yes!", "Confirm", "yes"), ("Yesterday.", None, None)],
)
async def test_a_choice_is_spoken(text: str, label: str | None, phrase: str | None) -> None:
    async with established(Engine(text)) as (m, connection, anna):
        await connection.start_recognizing_media(
            RecognizeInputType.CHOICES, CommunicationUserIdentifier(m.anna.id), choices=CHOICES
        )
        await anna.speak(tone(400, hertz=200))
        if label is None:
            failed = await m.bot.wait_for("RecognizeFailed")
            assert failed["data"]["resultInformation"]["subCode"] == 8547
            return
        completed = (await m.bot.wait_for("RecognizeCompleted"))["data"]
        assert completed["recognitionType"] == "choices"
        assert completed["choiceResult"] == {"label": label, "recognizedPhrase": phrase}
        assert completed["resultInformation"]["subCode"] == 8545


async def test_keys_answer_as_well_where_both_are_taken() -> None:
    async with established(Engine("Hello.")) as (m, connection, anna):
        user = CommunicationUserIdentifier(m.anna.id)
        await connection.start_recognizing_media(RecognizeInputType.CHOICES, user, choices=CHOICES)
        await anna.press("two")
        completed = (await m.bot.wait_for("RecognizeCompleted"))["data"]
        assert completed["choiceResult"] == {"label": "Cancel"}
        for number, answer in enumerate(("keys", "words"), start=2):
            await connection.start_recognizing_media(
                RecognizeInputType.SPEECH_OR_DTMF, user, dtmf_max_tones_to_collect=2, end_silence_timeout=1
            )
            if answer == "keys":
                await anna.press("four", "five")
            else:
                await anna.speak(tone(400, hertz=200))
            completed = (await m.bot.wait_for("RecognizeCompleted", number))["data"]
            assert completed["recognitionType"] == ("dtmf" if answer == "keys" else "speech")


async def test_words_interrupt_a_prompt_where_they_may() -> None:
    async with established(Engine("Stop.")) as (m, connection, anna):
        await connection.start_recognizing_media(
            RecognizeInputType.SPEECH,
            CommunicationUserIdentifier(m.anna.id),
            play_prompt=TextSource(text="A very long list of things that can be chosen from. " * 3),
            interrupt_prompt=True,
            end_silence_timeout=1,
        )
        await until(lambda: read_markers(bytes(anna.heard)) == [0])
        await anna.speak(tone(400, hertz=200))
        heard = len(anna.heard)
        await m.bot.wait_for("RecognizeCompleted")
        assert not any(samples(anna.heard[heard + 48_000 // 5 :]))


@pytest.mark.parametrize(("said", "code"), [(b"", 8510), (tone(400, hertz=200), 8563)])
async def test_no_answer_and_one_that_is_not_understood(said: bytes, code: int) -> None:
    async with established(Engine(not_understood=(0,))) as (m, connection, anna):
        await connection.start_recognizing_media(
            RecognizeInputType.SPEECH, CommunicationUserIdentifier(m.anna.id), initial_silence_timeout=1
        )
        await anna.speak(said)
        failed = (await m.bot.wait_for("RecognizeFailed"))["data"]["resultInformation"]
        assert (failed["code"], failed["subCode"]) == (400, code)


# --- transcription ----------------------------------------------------------------------------------


def transcription(url: str, *, intermediate: bool = False) -> TranscriptionOptions:
    return TranscriptionOptions(
        transport_url=url,
        transport_type=StreamingTransportType.WEBSOCKET,
        locale="es-ES",
        start_transcription=True,
        enable_intermediate_results=intermediate,
    )


async def test_what_people_say_is_written_down() -> None:
    engine = Engine("good morning all", "and to you")
    async with (
        listener() as (url, came, _),
        established(engine, transcription=transcription(url)) as (m, connection, anna),
        m.joined(m.ben) as ben,
    ):
        await m.bot.wait_for("TranscriptionStarted")
        await anna.speak(tone(1000, hertz=200))
        await until(lambda: len(came) == 2)
        await connection.update_transcription(locale="en-US")
        await m.bot.wait_for("TranscriptionUpdated")
        await ben.speak(tone(600, hertz=220))
        await until(lambda: len(came) == 3)
        assert [each["kind"] for each in came] == ["TranscriptionMetadata", *["TranscriptionData"] * 2]
        first, second = (each["transcriptionData"] for each in came[1:])
        assert (first["text"], first["participantRawID"]) == ("good morning all", m.anna.id)
        assert (second["text"], second["participantRawID"]) == ("and to you", m.ben.id)
        assert (first["format"], first["resultStatus"]) == ("display", "Final")
        assert [word["text"] for word in first["words"]] == ["good", "morning", "all"]
        assert 1.0 <= first["duration"] / 10_000_000 < 1.5
        assert second["offset"] >= first["offset"] + first["duration"]
        times = [(word["offset"], word["duration"]) for word in first["words"]]
        assert times[0][0] == first["offset"]
        assert sum(duration for _, duration in times) == first["duration"]
        assert engine.listened_for == [["es"], ["en"]]


async def test_intermediate_results_come_while_somebody_speaks() -> None:
    async with (
        listener() as (url, came, _),
        established(Engine(), transcription=transcription(url, intermediate=True)) as (m, _, anna),
    ):
        await m.bot.wait_for("TranscriptionStarted")
        await anna.speak(tone(2500, hertz=200))
        await until(lambda: came[-1].get("transcriptionData", {}).get("resultStatus") == "Final")
        statuses = [each["transcriptionData"]["resultStatus"] for each in came[1:]]
        assert statuses == ["Intermediate"] * (len(statuses) - 1) + ["Final"]
        assert len(statuses) >= 3
        assert len({each["transcriptionData"]["offset"] for each in came[1:]}) == 1


async def test_who_leaves_in_mid_sentence_is_written_down_too() -> None:
    async with (
        listener() as (url, came, _),
        established(Engine("I have to go"), transcription=transcription(url)) as (m, _, _anna),
    ):
        await m.bot.wait_for("TranscriptionStarted")
        async with m.joined(m.ben) as ben:
            await ben.speak(tone(600, hertz=200))
        await until(lambda: len(came) == 2)
        assert came[1]["transcriptionData"]["participantRawID"] == m.ben.id


async def test_silence_and_what_nobody_understands_are_not_written_down() -> None:
    async with (
        listener() as (url, came, _),
        established(Engine(not_understood=(0,)), transcription=transcription(url)) as (m, connection, anna),
    ):
        await m.bot.wait_for("TranscriptionStarted")
        await anna.speak(tone(20, hertz=200))  # a click
        await asyncio.sleep(1)
        await anna.speak(tone(600, hertz=200))
        await until(lambda: m.acs.journal.entries("transcription.not_understood"))
        await connection.stop_transcription()
        await m.bot.wait_for("TranscriptionStopped")
        await anna.speak(tone(600, hertz=300))
        await asyncio.sleep(2)
        assert [each["kind"] for each in came] == ["TranscriptionMetadata"]
