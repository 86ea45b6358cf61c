"""Audio between people, bots and the media socket, over sockets."""

from __future__ import annotations

import asyncio
import base64
from itertools import pairwise

import pytest
from azure.communication.callautomation import AudioFormat, MediaStreamingAudioChannelType

from emulator.acs.wire.resampling import SILENCE
from tests.support.acs_emulator import constant, running_bot, samples, tone, until
from tests.support.acs_meeting import media_options, meeting
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


async def test_metadata_then_a_frame_per_speaker_every_20_ms() -> None:
    async with meeting() as m, m.joined(m.anna), m.joined(m.ben):
        await m.connect(media_options(m.bot))
        heard = await m.bot.wait_for_audio(100)
        metadata = heard.messages[0]
        assert metadata["kind"] == "AudioMetadata"
        assert metadata["audioMetadata"].keys() == {"subscriptionId", "encoding", "sampleRate", "channels", "length"}
        assert (metadata["audioMetadata"]["sampleRate"], metadata["audioMetadata"]["length"]) == (24_000, 960)
        for guest in (m.anna, m.ben):
            frames = heard.audio(guest.id)
            assert len(frames) >= 48
            assert all(len(base64.b64decode(frame["data"])) == 960 for frame in frames)
            assert all(frame["silent"] is True for frame in frames)
            assert all(len(frame["timestamp"]) == len("2026-11-20T09:00:00.125Z") for frame in frames)
        gaps = [later - earlier for earlier, later in pairwise(heard.arrived[1:])]
        assert 0.5 < sum(gaps) / (len(gaps) / 2) / 0.02 < 1.5  # two speakers: two frames per 20 ms


async def test_an_address_is_dialled_as_it_was_given() -> None:
    async with meeting() as m, m.joined(m.anna):
        url = m.bot.media_url + "?token=a%2Fb%3D&name=a%20b"
        await m.connect(media_options(m.bot, transport_url=url))
        heard = await m.bot.wait_for_audio()
        assert heard.path == "/media/secret?token=a%2Fb%3D&name=a%20b"


async def test_everybody_hears_the_others_and_never_themselves() -> None:
    async with meeting() as m, m.joined(m.anna) as anna, m.joined(m.ben) as ben:
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        await asyncio.gather(
            anna.speak(constant(1000, 400)), ben.speak(constant(200, 400)), m.bot.say(constant(30, 400))
        )
        await until(lambda: 1030 in samples(ben.heard) and 230 in samples(anna.heard))
        assert set(samples(anna.heard)) <= {0, 200, 30, 230}
        assert set(samples(ben.heard)) <= {0, 1000, 30, 1030}
        heard = m.bot.sockets[0]
        assert set(samples(heard.pcm(m.anna.id))) == {0, 1000}
        assert set(samples(heard.pcm(m.ben.id))) == {0, 200}
        assert {frame["participantRawID"] for frame in heard.audio()} == {m.anna.id, m.ben.id}
        await until(lambda: len([frame for frame in heard.audio(m.anna.id) if not frame["silent"]]) == 20)


async def test_loud_voices_are_clipped_not_wrapped() -> None:
    async with meeting() as m, m.joined(m.anna) as anna, m.joined(m.ben) as ben:
        await m.connect(media_options(m.bot, audio_channel_type=MediaStreamingAudioChannelType.MIXED))
        await m.bot.wait_for_audio()
        await asyncio.gather(anna.speak(constant(30_000, 200)), ben.speak(constant(30_000, 200)))
        heard = m.bot.sockets[0]
        await until(lambda: 32767 in samples(heard.pcm()))
        assert min(samples(heard.pcm())) == 0
        assert all("participantRawID" not in frame for frame in heard.audio())


async def test_two_bots_hear_each_other() -> None:
    async with running_bot() as other, meeting() as m, m.joined(m.anna) as anna:
        await m.connect(media_options(m.bot))
        await m.calls.connect_call(
            room_id=m.room_id, callback_url=other.callback_url, media_streaming=media_options(other)
        )
        await m.bot.wait_for_audio()
        await other.wait_for_audio()
        await m.bot.say(constant(77, 200))
        await until(lambda: 77 in samples(other.sockets[0].pcm()) and 77 in samples(anna.heard))
        assert 77 not in samples(m.bot.sockets[0].pcm())
        (speaker,) = {frame["participantRawID"] for frame in other.sockets[0].audio() if not frame["silent"]}
        assert speaker.startswith("28:")


async def test_16_khz_both_ways() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        await m.connect(media_options(m.bot, audio_format=AudioFormat.PCM16_K_MONO))
        heard = await m.bot.wait_for_audio()
        assert heard.messages[0]["audioMetadata"]["length"] == 640
        await anna.speak(constant(5000, 400))

        def steady() -> int:
            return len([value for value in samples(heard.pcm(m.anna.id)) if value > 4900])

        await until(lambda: steady() > 390 * 16)
        assert steady() < 410 * 16
        assert all(len(base64.b64decode(frame["data"])) == 640 for frame in heard.audio())
        await m.bot.say(tone(400, rate=16_000), rate=16_000)
        await until(lambda: max(samples(anna.heard), default=0) > 8000)


async def test_stop_audio_empties_what_is_waiting() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        await m.bot.say(constant(900, 5000), chunk_ms=200)
        await until(lambda: 900 in samples(anna.heard))
        await m.bot.send({"kind": "stopAudio", "stopAudio": {}})
        await until(lambda: m.acs.journal.entries("play.stopped"))
        (stopped,) = m.acs.journal.entries("play.stopped")
        assert float(str(stopped["cleared_ms"])) > 3000
        await until(lambda: anna.heard.endswith(SILENCE * 10))
        assert samples(anna.heard).count(900) < 24 * 2000


@pytest.mark.parametrize("chunk_ms", [5, 20, 33, 400])
async def test_audio_of_any_length_is_played_whole(chunk_ms: int) -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        await m.bot.say(constant(900, 660), chunk_ms=chunk_ms)
        await until(lambda: samples(anna.heard).count(900) == 24 * 660)
        _, calls = await m.acs.get("/emulator/calls")
        (connection,) = calls["items"][0]["connections"]
        assert connection["play_played_ms"] == 660
        assert connection["first_audio_ms"] > 0
        assert connection["play_underruns"] == 0


async def test_garbage_on_the_media_socket_is_counted_and_survived() -> None:
    async with meeting() as m, m.joined(m.anna) as anna:
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        for garbage in ("no json", "[]", '{"Kind": 3}', '{"Kind":"AudioData","AudioData":{"Data":"@@"}}', b"\0\1"):
            await m.bot.send(garbage)
        await m.bot.send({"kind": "markData", "markData": {"id": "m1"}})
        await m.bot.send({"KIND": "AUDIODATA", "AUDIODATA": {"DATA": base64.b64encode(constant(44, 100)).decode()}})
        await until(lambda: 44 in samples(anna.heard))
        _, calls = await m.acs.get("/emulator/calls")
        (connection,) = calls["items"][0]["connections"]
        assert (connection["malformed"], connection["unknown"]) == (4, 2)


async def test_a_dropped_socket_is_dialled_again() -> None:
    async with meeting({"redial_gap_s": 0.01}) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        socket = m.bot.sockets[0].socket
        assert socket is not None
        socket.transport.abort()
        await m.bot.wait_for("MediaStreamingStarted", 2)
        details = [
            event["data"]["mediaStreamingUpdate"]["mediaStreamingStatusDetails"]
            for event in m.bot.events
            if "MediaStreaming" in event["type"]
        ]
        assert details == ["subscriptionStarted", "streamConnectionInterrupted", "streamConnectionReestablished"]
        await until(lambda: len(m.bot.sockets[1].audio()) > 2)
        assert m.bot.sockets[1].messages[0]["kind"] == "AudioMetadata"


async def test_a_socket_that_stays_away_is_given_up() -> None:
    async with meeting({"redial_gap_s": 0.01, "redials": 2}) as m, m.joined(m.anna):
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        m.acs.faults.replace({"media": {"refuse_dials": True}, "switches": {"redial_gap_s": 0.01, "redials": 2}})
        socket = m.bot.sockets[0].socket
        assert socket is not None
        await socket.close(1011)
        failed = await m.bot.wait_for("MediaStreamingFailed")
        assert failed["data"]["mediaStreamingUpdate"]["mediaStreamingStatusDetails"] == "streamConnectionUnsuccessful"
        assert len(m.acs.journal.entries("media.dialled", failure="refused by a fault")) == 2


async def test_silent_and_muted_frames_can_be_left_out() -> None:
    async with meeting({"silent_frames": "omitted"}) as m, m.joined(m.anna) as anna, m.joined(m.ben) as ben:
        await m.connect(media_options(m.bot))
        await m.bot.wait_for("MediaStreamingStarted")
        await anna.speak(constant(500, 200))
        heard = await m.bot.wait_for_audio(10)
        assert {frame["participantRawID"] for frame in heard.audio()} == {m.anna.id}
        await ben.mute()
        m.acs.faults.replace({"switches": {"silent_frames": "sent", "muted_participants": "absent"}})
        await m.bot.wait_for("ParticipantsUpdated", 2)
        before = len(heard.audio(m.anna.id))
        await until(lambda: len(heard.audio(m.anna.id)) > before + 10)
        assert not heard.audio(m.ben.id)


async def test_a_full_playing_queue_drops_its_oldest() -> None:
    async with meeting({"play_limit_ms": 1000}) as m, m.joined(m.anna) as anna:
        await m.connect(media_options(m.bot))
        await m.bot.wait_for_audio()
        await m.bot.say(constant(1, 2000) + constant(2, 1000), chunk_ms=500)
        await until(lambda: samples(anna.heard).count(2) == 24_000)
        (overflow,) = m.acs.journal.entries("play.overflow")
        assert overflow["policy"] == "drop_oldest"
        assert samples(anna.heard).count(1) < 24_000
