"""With the local engine, a text that one bot plays is heard by another, and written down."""

from __future__ import annotations

from azure.communication.callautomation import StreamingTransportType, TextSource, TranscriptionOptions

from emulator.engine.local import LocalEngine
from tests.support.acs_emulator import until
from tests.support.acs_meeting import listener, meeting


async def test_one_bot_writes_down_what_another_says() -> None:
    said = "I would like to introduce my colleague."  # of the phrasebook, so that each kind of recogniser knows it
    async with listener() as (url, came, _), meeting(engine=LocalEngine(languages=("en",))) as m, m.joined(m.anna):
        written = TranscriptionOptions(
            transport_url=url,
            transport_type=StreamingTransportType.WEBSOCKET,
            locale="en-US",
            start_transcription=True,
        )
        await m.connect(transcription=written)
        await m.bot.wait_for("TranscriptionStarted")
        speaking = m.connection(await m.connect(cognitive_services_endpoint="https://speech.example/"))
        await m.bot.wait_for("CallConnected", 2)
        await speaking.play_media(TextSource(text=said, voice_name="en-US-NancyNeural"))
        await until(lambda: len(came) == 2, 60)
        assert came[1]["transcriptionData"]["text"].strip(" .").lower() == said.strip(" .").lower()
