"""Microphones of people who speak over our socket: the port that the audio socket writes to. No sockets, no codec.

The socket has validated, decoded and resampled every frame before it comes here, and keeps the rhythm: a frame that is
too early, out of order or of the wrong length never arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class MicrophoneRefused(Exception):
    """The participant may not speak in the room now.

    `reason`: `not_on_roster`, `room_not_found`, `room_ended`, `too_many_speakers`, or another code of the vocabulary
    shared by REST and sockets. It closes the socket; the text of the exception is for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Microphone(Protocol):
    """The microphone of one participant, while it is open. Methods are called in the event loop and never block."""

    def frame(self, pcm: bytes, captured_us: int) -> None:
        """Take the next frame: 20 ms of PCM16 mono at 24 kHz, little-endian, 960 bytes.

        Args:
            captured_us: when it was captured, in µs since the Unix epoch, by the clock of the sender. It never falls;
                it may jump where frames were lost, and be wrong by any amount if that clock is.
        """
        ...

    def muted(self, muted: bool) -> None:
        """Note that the participant has muted the microphone, or speaks again. Muting ends an open utterance."""
        ...

    def close(self) -> None:
        """Close it, for the socket has ended. Nothing is called afterwards; closing twice does nothing."""
        ...


class OpenMicrophone(Protocol):
    """Opens a participant's microphone."""

    async def __call__(self, room_id: str, participant_id: str, ended: Callable[[str], None]) -> Microphone:
        """Open the microphone of somebody on the roster, and start the room if it waits for its first speaker.

        A participant has one microphone: opening it again ends the one before with `replaced`, on whichever replica it
        is. Cancelling the opening leaves nothing open.

        Args:
            ended: called at most once, if the microphone ends before `close`: `replaced`, `room_ended`, `removed` (no
                longer on the roster), `service_stopping`. The socket is then closed with this reason.

        Raises:
            MicrophoneRefused: the participant may not speak.
        """
        ...
