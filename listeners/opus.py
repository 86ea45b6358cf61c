"""Opus for voices: one mono frame of 20 ms to a packet and back. The only file that knows the codec library.

`opuslib-next-bundled` is a thin binding by ctypes to Xiph's libopus, which its wheels contain (Linux and macOS, x86-64
and ARM; BSD, 0.9 MB). ctypes releases the GIL while libopus works. PyAV is better known, but its wheels bring all of
FFmpeg with x264 and x265 (GPL), 102 MB unpacked. `docs/decisions/0010-opus-by-a-thin-binding.md` has the alternatives
and the figures behind the settings.
"""

from __future__ import annotations

from typing import Final

import opuslib_next

from listeners.audio_frames import ROOM_RATE, pcm_bytes

BITRATE: Final = 24_000
"""bit/s; 32,000 gains 0.1 dB of SNR."""
COMPLEXITY: Final = 5
"""Of 10: a quarter less CPU time than 10, with the same SNR."""
_SAMPLES: Final = pcm_bytes(ROOM_RATE) // 2


class OpusRefused(ValueError):
    """What is no Opus packet of one 20 ms frame."""


class OpusEncoder:
    """Encodes one voice after another at 24 kHz. Packets depend on those before, so each channel has its own encoder.

    No in-band error correction: WebSockets lose nothing on the way.
    """

    def __init__(self) -> None:
        self._encoder = opuslib_next.Encoder(ROOM_RATE, 1, opuslib_next.APPLICATION_VOIP)
        self._encoder.bitrate = BITRATE
        self._encoder.complexity = COMPLEXITY

    def encode(self, pcm: bytes) -> bytes:
        """Return the packet of 20 ms of PCM16 mono at 24 kHz (960 bytes). Takes 0.3 ms."""
        if len(pcm) != pcm_bytes(ROOM_RATE):  # libopus would read beyond the end
            raise ValueError(f"a frame has {pcm_bytes(ROOM_RATE)} bytes, not {len(pcm)}")
        packet: bytes = self._encoder.encode(pcm, _SAMPLES)
        return packet


class OpusDecoder:
    """Decodes the packets of one stream, in order."""

    def __init__(self) -> None:
        self._decoder = opuslib_next.Decoder(ROOM_RATE, 1)

    def decode(self, packet: bytes) -> bytes:
        """Return 20 ms of PCM16 mono at 24 kHz (960 bytes). Takes 0.1 ms.

        Raises:
            OpusRefused: the packet is invalid, or not of 20 ms. The next one is decoded all the same.
        """
        if not packet:  # libopus takes it for a lost one, and makes something up
            raise OpusRefused("an empty packet")
        try:
            pcm: bytes = self._decoder.decode(packet, _SAMPLES)
        except opuslib_next.OpusError as error:
            raise OpusRefused("an invalid packet, or one of more than 20 ms") from error
        if len(pcm) != pcm_bytes(ROOM_RATE):
            raise OpusRefused("a packet of less than 20 ms")
        return pcm
