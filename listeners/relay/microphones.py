"""Microphones of people whose socket is at another replica than their room's call. Opus between the two.

    socket ─► MicrophoneElsewhere ══ a channel of its own ══► HostedMicrophone ─► the room's microphone
              asks and is answered over the channel of the room

A message on the channel of a microphone is the id of the sender (8 bytes), then `f` and a frame of an audio socket
(`audio_frames.py`), or `m`, `u`, `c`: muted, unmuted, closed. A microphone whose replica or whose call is gone ends;
its person's page connects again, and finds the call wherever it is then.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any, Final

from listeners.audio_frames import FrameRefused, PayloadFormat, decode_frame, encode_frame
from listeners.microphones import Microphone, MicrophoneRefused, OpenMicrophone
from listeners.opus import OpusDecoder, OpusEncoder, OpusRefused
from listeners.relay.messages import MicrophoneAnswered, MicrophoneAsked, MicrophoneOver
from storage.replica_channels import ReplicaChannels

logger = logging.getLogger(__name__)

ANSWER_S: Final = 3.0
"""Seconds that the other replica has to open a microphone; it takes milliseconds."""
MOST_HOSTED: Final = 1_000
"""Microphones of other replicas that are open at a time."""
_ID_BYTES: Final = 8

Send = Callable[[str, type[MicrophoneAsked | MicrophoneAnswered | MicrophoneOver], dict[str, Any]], None]
"""Publishes on the channel of a room: its id, the kind of message, and its fields."""
RunBeside = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a task beside."""


class MicrophoneElsewhere:
    """The microphone of somebody who is connected here, in a room that another replica interprets."""

    def __init__(
        self,
        room_id: str,
        owner: str,
        publish: Callable[[bytes], None],
        ended: Callable[[str], None],
        left: Callable[[], None],
    ) -> None:
        """`left` is called once, when it has ended or is closed."""
        self.room_id = room_id
        self.owner = owner
        """The replica that has the room's call."""
        self.answered: asyncio.Future[MicrophoneAnswered] = asyncio.get_running_loop().create_future()
        self._publish = publish
        self._left = left
        self._ended: Callable[[str], None] | None = ended
        """None once it has ended or is closed."""
        self._encoder = OpusEncoder()
        self._sequence = 0

    def frame(self, pcm: bytes, captured_us: int) -> None:
        if self._ended is not None:
            self._sequence += 1
            packet = self._encoder.encode(pcm)
            self._publish(b"f" + encode_frame(PayloadFormat.OPUS, self._sequence, captured_us, packet))

    def muted(self, muted: bool) -> None:
        if self._ended is not None:
            self._publish(b"m" if muted else b"u")

    def close(self) -> None:
        if self._ended is not None:
            self._ended = None
            self._publish(b"c")
            self._left()

    def end(self, reason: str) -> None:
        """Close it, and say why."""
        ended = self._ended
        self.close()
        if ended is not None:
            ended(reason)


class HostedMicrophone:
    """The microphone of somebody who is connected to another replica, in a room that is interpreted here."""

    def __init__(self, room_id: str, sender: str, close: Callable[[], None]) -> None:
        self.room_id = room_id
        self.sender = sender
        """The replica to which its person is connected."""
        self.microphone: Microphone | None = None
        """None until it is open."""
        self.ready = asyncio.Event()
        """Set when its frames begin to arrive."""
        self.dropped = 0
        """Messages that were none, or of another replica, and frames out of order."""
        self._id = bytes.fromhex(sender)
        self._close = close
        self._decoder = OpusDecoder()
        self._sequence = 0
        self._captured_us = 0

    def take(self, message: bytes) -> None:
        """Take a message of its channel; what is none is dropped and counted."""
        kind, rest = message[_ID_BYTES : _ID_BYTES + 1], message[_ID_BYTES + 1 :]
        if message[:_ID_BYTES] != self._id or kind not in (b"f", b"m", b"u", b"c") or (kind != b"f" and rest):
            self.dropped += 1
        elif kind == b"c":
            self._close()
        elif self.microphone is None:
            self.dropped += 1
        elif kind == b"f":
            self._take_frame(self.microphone, rest)
        else:
            self.microphone.muted(kind == b"m")

    def _take_frame(self, microphone: Microphone, data: bytes) -> None:
        try:
            frame = decode_frame(data, 24_000)
            if frame.format is not PayloadFormat.OPUS or frame.sequence <= self._sequence:
                raise FrameRefused("frame_sequence", "a frame is Opus, and its sequence rises")
            pcm = self._decoder.decode(frame.payload)
        except (FrameRefused, OpusRefused):
            self.dropped += 1
            return
        self._sequence = frame.sequence
        self._captured_us = max(self._captured_us, frame.timestamp_us)
        microphone.frame(pcm, self._captured_us)


class RelayedMicrophones:
    """The microphones that this replica opens at others, and those that others open here."""

    def __init__(
        self, channels: ReplicaChannels, replica: str, open_here: OpenMicrophone, send: Send, spawn: RunBeside
    ) -> None:
        self._channels = channels
        self._id = bytes.fromhex(replica)
        self._replica = replica
        self._open_here = open_here
        self._send = send
        self._spawn = spawn
        self._elsewhere: dict[str, MicrophoneElsewhere] = {}
        self._hosted: dict[str, HostedMicrophone] = {}

    # --- people connected here -------------------------------------------------------------------

    async def open(
        self, room_id: str, owner: str, participant_id: str, ended: Callable[[str], None]
    ) -> MicrophoneElsewhere:
        """Open a microphone at the replica that has the room's call. See `OpenMicrophone`."""
        name = secrets.token_hex(8)

        def publish(message: bytes) -> None:
            self._channels.publish(_channel(room_id, name), self._id + message)

        def left() -> None:
            del self._elsewhere[name]

        microphone = self._elsewhere[name] = MicrophoneElsewhere(room_id, owner, publish, ended, left)
        self._send(room_id, MicrophoneAsked, {"microphone": name, "participant_id": participant_id})
        answer = None
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await microphone.answered
        except TimeoutError:
            raise MicrophoneRefused("replica_silent", "the replica that has the room does not answer") from None
        finally:
            if answer is None or answer.reason:
                microphone.close()
        if answer.reason:
            raise MicrophoneRefused(answer.reason, answer.message)
        return microphone

    def open_in(self, room_id: str) -> tuple[str, ...]:
        """Return the microphones of people in a room who are connected here."""
        return tuple(sorted(name for name, one in self._elsewhere.items() if one.room_id == room_id))

    def follow(self, room_id: str, owner: str) -> None:
        """End the microphones in a room whose call is not at their replica any more."""
        for one in list(self._elsewhere.values()):
            if one.room_id == room_id and one.owner != owner:
                one.end("replica_lost")

    def take(self, message: MicrophoneAnswered | MicrophoneOver) -> None:
        """Take what the other replica says of a microphone."""
        one = self._elsewhere.get(message.microphone)
        if one is None or one.owner != message.sender:
            return
        if isinstance(message, MicrophoneOver):
            one.end(message.reason)
        elif not one.answered.done():
            one.answered.set_result(message)

    # --- people connected to other replicas ------------------------------------------------------

    def host(self, room_id: str, asked: MicrophoneAsked) -> None:
        """Open a microphone here for another replica, and answer."""
        name = asked.microphone
        if name in self._hosted:
            return
        if len(self._hosted) >= MOST_HOSTED:
            self._answer(room_id, name, "too_many_speakers", "too many microphones are open")
            return
        hosted = self._hosted[name] = HostedMicrophone(room_id, asked.sender, partial(self._close, name))
        self._channels.subscribe(_channel(room_id, name), hosted.take, hosted.ready.set)
        self._spawn(self._open(name, hosted, asked.participant_id))

    def keep(self, room_id: str, sender: str, names: Collection[str]) -> None:
        """Close what a replica has open here in a room, but these."""
        for name, one in list(self._hosted.items()):
            if one.room_id == room_id and one.sender == sender and name not in names:
                self._close(name)

    async def _open(self, name: str, hosted: HostedMicrophone, participant_id: str) -> None:
        reason = message = ""
        try:
            async with asyncio.timeout(ANSWER_S):
                await hosted.ready.wait()
                microphone = await self._open_here(hosted.room_id, participant_id, partial(self._over, name))
            if self._hosted.get(name) is not hosted:  # closed meanwhile
                microphone.close()
                return
            hosted.microphone = microphone
        except MicrophoneRefused as refusal:
            reason, message = refusal.reason, str(refusal)
        except TimeoutError:
            reason, message = "replica_silent", "the microphone could not be opened in time"
        except Exception as error:  # one microphone, of one replica
            logger.error("microphone of another replica not opened", exc_info=error, extra={"room_id": hosted.room_id})
            reason, message = "internal_error", "the microphone could not be opened"
        self._answer(hosted.room_id, name, reason, message)
        if reason:
            self._close(name)

    def _over(self, name: str, reason: str) -> None:
        """Tell the other replica that a microphone has ended."""
        if (hosted := self._hosted.get(name)) is not None:
            self._send(hosted.room_id, MicrophoneOver, {"microphone": name, "reason": reason})
            self._close(name)

    def _answer(self, room_id: str, name: str, reason: str, message: str) -> None:
        self._send(room_id, MicrophoneAnswered, {"microphone": name, "reason": reason, "message": message})

    def _close(self, name: str) -> None:
        if (hosted := self._hosted.pop(name, None)) is not None:
            self._channels.unsubscribe(_channel(hosted.room_id, name))
            if hosted.microphone is not None:
                hosted.microphone.close()


def _channel(room_id: str, name: str) -> str:
    return f"{room_id}/microphone/{name}"
