"""Reads the model's audio. Hot: 20 kB of JSON per 250 ms of every interpretation, at several times real time."""

from __future__ import annotations

import json

import pybase64

from benchmarks.hot_paths.sounds import speech_frames
from benchmarks.hot_paths.timing import HotPath
from bot.interpreting.events import InterpretationAudio
from bot.interpreting.plan import Lane
from bot.realtime import conversation_turns
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.conversation_session import ConversationSession

FRAMES = 12
"""Frames per delta: 240 ms."""


def paths() -> list[HotPath]:
    protocol = _answering()
    delta = pybase64.b64encode_as_string(b"".join(speech_frames()[:FRAMES]))
    message = json.dumps(
        {
            "type": "response.output_audio.delta",
            "event_id": "event_CpOqMkqR6qIa0ZQyHa5eT",
            "response_id": "resp_1",
            "item_id": "item_2",
            "output_index": 0,
            "content_index": 0,
            "delta": delta,
        }
    ).encode()
    (event,) = protocol.receive(message, 0.0)
    assert isinstance(event, InterpretationAudio)

    def step() -> None:
        protocol.receive(message, 0.0)

    return [HotPath("audio delta", FRAMES, step)]


def _answering() -> ConversationSession:
    """Return a session in the middle of an endless answer."""
    conversation_turns.ENDLESS_EXTRA_MS = 10**12
    protocol = ConversationSession(Lane("8:acs:ada", "en-US", "es-ES"), "Interpret.", ConversationSettings())
    update = json.loads(protocol.data_to_send()[0])
    _tell(protocol, {"type": "session.created", "session": update["session"]})
    _tell(protocol, {"type": "session.updated", "session": update["session"]})
    protocol.hear("u-1", bytes(9_600), 0.0)
    protocol.interpret("u-1", 0.0)
    _tell(protocol, {"type": "input_audio_buffer.committed", "item_id": "item_1"})
    _tell(protocol, {"type": "response.created", "response": {"id": "resp_1", "metadata": {"utterance": "u-1"}}})
    return protocol


def _tell(protocol: ConversationSession, message: dict[str, object]) -> None:
    protocol.receive(json.dumps(message).encode(), 0.0)
