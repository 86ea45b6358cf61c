"""Keys pressed in a call, told to the real client's bot as events, as answers and on its media socket."""

from __future__ import annotations

import pytest
from azure.communication.callautomation import (
    CommunicationUserIdentifier,
    DtmfTone,
    FileSource,
    PhoneNumberIdentifier,
    RecognitionChoice,
    RecognizeInputType,
)
from azure.core.exceptions import HttpResponseError

from tests.support.acs_emulator import constant, until
from tests.support.acs_meeting import CALLER_ID, files, media_options, meeting, wav
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def test_keys_are_told_as_they_are_pressed_until_nobody_wants_to_know() -> None:
    async with meeting() as m, m.joined(m.anna) as anna, m.joined(m.ben) as ben:
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        user = CommunicationUserIdentifier(m.anna.id)
        await connection.start_continuous_dtmf_recognition(user, operation_context="keys")
        await ben.press("one")
        await anna.press("five", "pound")
        told = (await m.bot.wait_for("ContinuousDtmfRecognitionToneReceived", 2))["data"]
        assert (told["sequenceId"], told["tone"], told["operationContext"]) == (2, "pound", "keys")
        await connection.stop_continuous_dtmf_recognition(user, operation_context="enough")
        stopped = (await m.bot.wait_for("ContinuousDtmfRecognitionStopped"))["data"]
        assert stopped["operationContext"] == "enough"
        await anna.press("six", "asterisk")
        await ben.mute()
        await m.bot.wait_for("ParticipantsUpdated", 2)
        assert m.bot.kinds.count("ContinuousDtmfRecognitionToneReceived") == 2


async def test_keys_come_on_the_media_socket_where_wanted() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        await m.connect(media_options(m.bot, enable_dtmf_tones=True))
        heard = await m.bot.wait_for_audio()
        await anna.press("three", "pound", "asterisk", "a")
        await until(lambda: sum(each["kind"] == "DtmfData" for each in heard.messages) == 4)
        keys = [each["dtmfData"]["data"] for each in heard.messages if each["kind"] == "DtmfData"]
        assert keys == ["3", "#", "*", "a"]
        await m.connect(media_options(m.bot))
        await until(lambda: len(m.bot.sockets) == 2 and len(m.bot.sockets[1].audio()) > 1)
        await anna.press("one")
        await until(lambda: sum(each["kind"] == "DtmfData" for each in heard.messages) == 5)
        assert all(each["kind"] != "DtmfData" for each in m.bot.sockets[1].messages)


async def test_a_participant_answers_with_keys() -> None:
    async with files(question=wav(60)) as urls, meeting() as m, m.joined(m.anna) as anna:
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        user = CommunicationUserIdentifier(m.anna.id)
        prompt = FileSource(url=urls["question"])
        await connection.start_recognizing_media(
            RecognizeInputType.DTMF,
            user,
            play_prompt=prompt,
            interrupt_prompt=True,
            dtmf_max_tones_to_collect=3,
            dtmf_stop_tones=[DtmfTone.POUND],
            operation_context="pin",
        )
        await until(lambda: any(anna.heard))
        await anna.press("one", "two", "three")
        completed = (await m.bot.wait_for("RecognizeCompleted"))["data"]
        assert completed["recognitionType"] == "dtmf"
        assert completed["dtmfResult"] == {"tones": ["one", "two", "three"]}
        assert completed["operationContext"] == "pin"
        assert completed["resultInformation"]["subCode"] == 8531
        await connection.start_recognizing_media(
            RecognizeInputType.DTMF, user, dtmf_max_tones_to_collect=3, dtmf_stop_tones=[DtmfTone.POUND]
        )
        await connection.start_recognizing_media(RecognizeInputType.DTMF, user, dtmf_max_tones_to_collect=1)
        await anna.press("four", "pound")
        completed = (await m.bot.wait_for("RecognizeCompleted", 2))["data"]
        assert completed["dtmfResult"] == {"tones": ["four"]}
        assert completed["resultInformation"]["subCode"] == 8514
        await connection.cancel_all_media_operations()
        assert (await m.bot.wait_for("RecognizeCanceled"))["data"]["resultInformation"]["subCode"] == 8508


async def test_a_participant_chooses_by_key() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        user = CommunicationUserIdentifier(m.anna.id)
        choices = [RecognitionChoice(label="yes", phrases=["yes"], tone=DtmfTone.ONE)]
        await connection.start_recognizing_media(RecognizeInputType.CHOICES, user, choices=choices)
        await anna.press("one")
        completed = (await m.bot.wait_for("RecognizeCompleted"))["data"]
        assert completed["choiceResult"] == {"label": "yes"}
        await connection.start_recognizing_media(RecognizeInputType.CHOICES, user, choices=choices)
        await anna.press("two")
        assert (await m.bot.wait_for("RecognizeFailed"))["data"]["resultInformation"]["subCode"] == 8534


@pytest.mark.parametrize(
    ("kind", "settings", "code"),
    [
        (RecognizeInputType.DTMF, {"initial_silence_timeout": 0, "dtmf_max_tones_to_collect": 1}, 8510),
        (RecognizeInputType.SPEECH, {"end_silence_timeout": 1}, 8565),
        (RecognizeInputType.DTMF, {"play_prompt": FileSource(url="http://127.0.0.1:1/none")}, 8511),
    ],
)
async def test_questions_without_an_answer_fail(kind: RecognizeInputType, settings: dict[str, int], code: int) -> None:
    async with meeting() as m, m.joined(m.anna):
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        user = CommunicationUserIdentifier(m.anna.id)
        await connection.start_recognizing_media(kind, user, **settings)  # type: ignore[arg-type] # by keyword
        assert (await m.bot.wait_for("RecognizeFailed"))["data"]["resultInformation"]["subCode"] == code


async def test_keys_are_sent_to_phones_only() -> None:
    async with meeting() as m, m.joined(m.anna):
        connection = m.connection(await m.connect())
        await m.bot.wait_for("CallConnected")
        number = PhoneNumberIdentifier("+15557654321")
        await connection.add_participant(number, source_caller_id_number=CALLER_ID)
        await m.bot.wait_for("AddParticipantSucceeded")
        sent = await connection.send_dtmf_tones([DtmfTone.ONE, DtmfTone.POUND], number, operation_context="send")
        assert sent.operation_context == "send"
        assert (await m.bot.wait_for("SendDtmfTonesCompleted"))["data"]["operationContext"] == "send"
        await connection.send_dtmf_tones([DtmfTone.ONE], PhoneNumberIdentifier("+15550000000"))
        await m.bot.wait_for("SendDtmfTonesFailed")
        with pytest.raises(HttpResponseError):
            await connection.send_dtmf_tones([DtmfTone.ONE] * 19, number)
        with pytest.raises(HttpResponseError):
            await connection.send_dtmf_tones([DtmfTone.ONE], CommunicationUserIdentifier(m.anna.id))


async def test_marks_come_back_when_reached_or_stopped_if_switched_on() -> None:
    async with meeting({"marks": True}) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        heard = await m.bot.wait_for_audio()

        def marks() -> list[dict[str, str]]:
            return [each["markData"] for each in heard.messages if each["kind"] == "MarkData"]

        await m.bot.say(constant(10, 100))
        await m.bot.send({"Kind": "MarkData", "Mark": {"Id": "m1"}})
        await until(lambda: marks() == [{"id": "m1", "status": "Completed"}])
        await m.bot.say(constant(10, 2000), chunk_ms=1000)
        await m.bot.send({"Kind": "MarkData", "Mark": {"Id": "m2"}})
        await m.bot.send({"Kind": "StopAudio", "AudioData": None, "StopAudio": {}})
        await until(lambda: marks()[1:] == [{"id": "m2", "status": "Cancelled"}])
