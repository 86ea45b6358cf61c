"""A conversation by livekit-agents without a room: a greeting, something said, something typed that a tool answers."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice import io
from livekit.plugins.openai.realtime import RealtimeModel

RATE = 24_000
FRAME = 4_800  # 100 ms
CALLED: list[int] = []


class Microphone(io.AudioInput):
    """Yields the speech, then silence, in real time."""

    def __init__(self, speech: bytes) -> None:
        super().__init__(label="microphone")
        self._frames = self._read(speech)

    async def _read(self, speech: bytes) -> AsyncIterator[rtc.AudioFrame]:
        for start in range(0, 1 << 62, FRAME):
            pcm = speech[start : start + FRAME].ljust(FRAME, b"\x00")
            yield rtc.AudioFrame(pcm, RATE, 1, FRAME // 2)
            await asyncio.sleep(0.1)

    async def __anext__(self) -> rtc.AudioFrame:
        return await anext(self._frames)


class Loudspeaker(io.AudioOutput):
    """Keeps what it is given; everything counts as played at once."""

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self.heard = b""
        self._segment = 0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.heard += bytes(frame.data)
        self._segment += frame.samples_per_channel

    def flush(self) -> None:
        super().flush()
        if self._segment:
            self.on_playback_finished(playback_position=self._segment / RATE, interrupted=False)
            self._segment = 0

    def clear_buffer(self) -> None:
        self._segment = 0


class Assistant(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are a friendly assistant.")

    @function_tool
    async def count_utterances(self, number: int) -> str:
        """Count the utterances."""
        CALLED.append(number)
        return f"There are {number} utterances."


async def main(address: str, key: str, speech: bytes) -> None:
    session = AgentSession(llm=RealtimeModel(model="gpt-realtime-2.1", api_key=key, base_url=f"{address}/v1"))
    loudspeaker = Loudspeaker()
    said: asyncio.Queue[str] = asyncio.Queue()
    errors: list[str] = []
    session.on("error", lambda event: errors.append(str(event.error)))

    def added(event) -> None:
        if event.item.type == "message" and event.item.role == "assistant":
            said.put_nowait(event.item.text_content or "")

    session.on("conversation_item_added", added)
    session.output.audio = loudspeaker
    await session.start(agent=Assistant())
    texts = []
    await session.generate_reply()
    texts.append(await said.get())
    session.input.audio = Microphone(speech)
    texts.append(await said.get())
    session.input.audio = None
    await session.generate_reply(user_input="Please count 17 utterances.")
    texts.append(await said.get())
    await session.aclose()
    audio = base64.b64encode(loudspeaker.heard).decode()
    print(json.dumps({"said": texts, "called": CALLED, "errors": errors, "audio": audio}))


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()), 40))
