"""The audio socket: a channel to listen to, a person's microphone, or both.

reader of the feed ─► written by the fan-out itself while the peer keeps up, else queued and sent by a task
peer ─► Uplink: checked, in real time, 24 kHz ─► Microphone
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from http_serving.rate_limiter import TokenBuckets
from http_serving.refusals import refused
from listeners.audio_channels import FLOOR
from listeners.audio_frames import FRAME_MS, FrameRefused, SampleRate
from listeners.feed import Feed
from listeners.microphones import Microphone, MicrophoneRefused, OpenMicrophone
from listeners.readers import AudioEncoding, AudioReader
from listeners.sockets.closing import CloseCode, SocketRefused
from listeners.sockets.connection import ListenerSocket
from listeners.sockets.door import Asked, ServeSocket
from listeners.sockets.uplink import MicrophoneTooFast, Uplink
from listeners.tickets import TicketUse

PURPOSES: Final[tuple[TicketUse, ...]] = ("audio", "speak")

MUTES_PER_S = 5.0
"""Times a second that a microphone may be muted or unmuted; everybody in the room is told of each."""
_RATES: Final[dict[str, SampleRate]] = {"16000": 16_000, "24000": 24_000}
_CODES: Final = {
    "replaced": CloseCode.REPLACED,
    "room_ended": CloseCode.ROOM_ENDED,
    "service_stopping": CloseCode.DRAINING,
    "replica_lost": CloseCode.DRAINING,
    "replica_silent": CloseCode.DRAINING,
    "other_replica": CloseCode.DRAINING,
}
"""Close codes by the reason for which a microphone has ended; any other is `NOT_ALLOWED`."""


@dataclass(frozen=True, slots=True)
class _Wishes:
    channel: str | None
    """To listen to; None for the microphone alone."""
    encoding: AudioEncoding
    rate: SampleRate
    participant_id: str | None
    microphone: bool


class AudioSockets:
    """Serves audio sockets."""

    def __init__(
        self, feed: Feed, open_microphone: OpenMicrophone | None, show_muted: Callable[[str, str, bool], None]
    ) -> None:
        """Args:
        open_microphone: opens the microphone of a participant; None if nobody may speak over a socket.
        show_muted: tells everybody in a room (id) whether a participant (id) is muted.
        """
        self._feed = feed
        self._show_muted = show_muted
        self._open_microphone = open_microphone
        self._mutes = TokenBuckets(MUTES_PER_S, 4 * MUTES_PER_S, time.monotonic)

    def open(self, asked: Asked) -> ServeSocket:
        """Read what is asked for. `SocketRefused` if it is not to be had."""
        query, ticket = asked.query, asked.ticket
        format, rate = query.get("format", "pcm16"), _RATES.get(query.get("rate", "24000"))
        if format not in ("pcm16", "opus"):
            raise SocketRefused("format_unknown", "format is pcm16 or opus")
        if rate is None:
            raise SocketRefused("rate_unknown", "rate is 16000 or 24000")
        channel = asked.language(FLOOR)
        speaks = ticket.purpose == "speak" and ticket.participant_id is not None and query.get("microphone") != "0"
        microphone = speaks and self._open_microphone is not None
        if channel is None and not microphone:
            raise SocketRefused("language_unknown", f"language is floor, or one of {', '.join(asked.room.languages)}")
        encoding = AudioEncoding.OPUS if format == "opus" else AudioEncoding(("pcm16", rate))
        return partial(self._serve, _Wishes(channel, encoding, rate, ticket.participant_id, microphone))

    async def _serve(self, wishes: _Wishes, socket: ListenerSocket) -> None:
        room_id, person = socket.room.room_id, wishes.participant_id
        microphone = reader = None
        try:
            if wishes.microphone and person is not None and self._open_microphone is not None:
                ended = partial(_end, socket)
                microphone = await self._open_microphone(room_id, person, ended)
            if wishes.channel is not None:
                known = socket.room.people.get(person or "")
                own_voice = known.speaker_id if known is not None else ""
                reader = self._feed.read_audio(room_id, wishes.channel, wishes.encoding, own_voice)
            await socket.hello(
                channel=wishes.channel,
                format=wishes.encoding.value[0],
                rate=wishes.rate,
                frame_ms=FRAME_MS,
                microphone=microphone is not None,
            )
            if reader is not None:
                reader.direct = socket.write_directly()
                socket.beside(_listen(socket, reader), "audio listener")
            await self._receive(socket, microphone, wishes)
        except MicrophoneRefused as refusal:
            socket.error(refusal.reason, str(refusal))
            _end(socket, refusal.reason)
        finally:
            if reader is not None:
                reader.close()
            if microphone is not None and person is not None:
                microphone.close()
                self._show_muted(room_id, person, False)

    async def _receive(self, socket: ListenerSocket, microphone: Microphone | None, wishes: _Wishes) -> None:
        """Take what the peer sends until it has gone."""
        uplink, loop = Uplink(wishes.rate), asyncio.get_running_loop()
        async for message in socket:
            if isinstance(message, bytes):
                if microphone is None:
                    socket.close(CloseCode.NOT_ALLOWED, "listen_only")
                    return
                try:
                    taken = uplink.take(message, loop.time())
                except FrameRefused as error:
                    socket.error(error.code, str(error))
                except MicrophoneTooFast:
                    refused(socket.scope, "too_fast")
                    socket.close(CloseCode.NOT_ALLOWED, "too_fast")
                else:
                    if taken is None:
                        self._feed.dropped_uplink += 1
                    else:
                        microphone.frame(*taken)
            elif microphone is not None and wishes.participant_id and message[socket.tag] in ("mute", "unmute"):
                if self._mutes.take(f"{socket.room.room_id}/{wishes.participant_id}"):
                    refused(socket.scope, "too_fast")
                    socket.close(CloseCode.NOT_ALLOWED, "too_fast")
                    return
                muted = message[socket.tag] == "mute"
                microphone.muted(muted)
                self._show_muted(socket.room.room_id, wishes.participant_id, muted)
            else:
                socket.unknown(message)


def _end(socket: ListenerSocket, reason: str) -> None:
    socket.close(_CODES.get(reason, CloseCode.NOT_ALLOWED), reason)


async def _listen(socket: ListenerSocket, reader: AudioReader) -> None:
    """Send what the fan-out has queued because the peer was slow."""
    async for frame in reader:
        await socket.send(frame.data)
        reader.sent(frame)
