"""A conversation by openai-agents: something said, something typed that a tool answers."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path

from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeRunner

FRAME = 4_800  # 100 ms
CALLED: list[int] = []


@function_tool
def count_utterances(number: int) -> str:
    """Count the utterances."""
    CALLED.append(number)
    return f"There are {number} utterances."


async def main(address: str, key: str, speech: bytes) -> None:
    set_tracing_disabled(True)
    agent = RealtimeAgent(name="Anna", instructions="You are a friendly assistant.", tools=[count_utterances])
    runner = RealtimeRunner(agent)
    url = address.replace("http", "ws", 1) + "/v1/realtime?model=gpt-realtime-2.1"
    audio = b""
    said: list[str] = []
    errors: list[str] = []
    async with await runner.run(model_config={"url": url, "api_key": key}) as session:

        async def speak() -> None:
            for start in range(0, len(speech), FRAME):
                await session.send_audio(speech[start : start + FRAME])

        await speak()
        async for event in session:
            if event.type == "audio":
                audio += event.audio.data
            elif event.type == "error":
                errors.append(str(event.error))
                break
            elif event.type == "raw_model_event" and event.data.type == "raw_server_event":
                raw = event.data.data
                if raw["type"] == "response.output_audio_transcript.done":
                    said.append(raw["transcript"])
                    if len(said) == 1:
                        await session.send_message("Please count 17 utterances.")
                    else:
                        break
    print(json.dumps({"said": said, "called": CALLED, "errors": errors, "audio": base64.b64encode(audio).decode()}))


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()), 30))
