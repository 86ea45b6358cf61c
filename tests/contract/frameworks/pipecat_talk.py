"""A conversation by pipecat: something typed that a tool answers, then something said."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path

from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

RATE = 24_000
FRAME = 4_800  # 100 ms
CALLED: list[int] = []


class Listener(FrameProcessor):
    """Keeps what is said, and the audio."""

    def __init__(self) -> None:
        super().__init__()
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.errors: list[str] = []
        self.heard = b""
        self._text = ""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSTextFrame():
                self._text += frame.text
            case TTSAudioRawFrame():
                self.heard += frame.audio
            case LLMFullResponseEndFrame() if self._text:
                self.said.put_nowait(self._text.strip())
                self._text = ""
            case ErrorFrame():
                self.errors.append(frame.error)
        await self.push_frame(frame, direction)


async def count_utterances(params: FunctionCallParams) -> None:
    CALLED.append(params.arguments["number"])
    await params.result_callback(f"There are {params.arguments['number']} utterances.")


async def main(address: str, key: str, speech: bytes) -> None:
    number = {"number": {"type": "integer"}}
    counting = FunctionSchema("count_utterances", "Count the utterances.", number, ["number"])
    llm = OpenAIRealtimeLLMService(
        api_key=key,
        base_url=address.replace("http", "ws", 1) + "/v1/realtime",
        settings=OpenAIRealtimeLLMService.Settings(system_instruction="You are a friendly assistant."),
    )
    llm.register_function("count_utterances", count_utterances)
    question = {"role": "user", "content": "Please count 17 utterances."}
    context = LLMContext([question], tools=ToolsSchema(standard_tools=[counting]))
    pair = LLMContextAggregatorPair(context)
    listener = Listener()
    worker = PipelineWorker(
        Pipeline([pair.user(), llm, listener, pair.assistant()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    async def talk() -> list[str]:
        await worker.queue_frame(LLMRunFrame())
        texts = [await listener.said.get()]
        for start in range(0, len(speech), FRAME):  # in real time: speech at once interrupts its own answer
            await worker.queue_frame(InputAudioRawFrame(speech[start : start + FRAME], RATE, 1))
            await asyncio.sleep(0.1)
        texts.append(await listener.said.get())
        await worker.cancel()
        return texts

    texts, _ = await asyncio.gather(talk(), runner.run())
    audio = base64.b64encode(listener.heard).decode()
    print(json.dumps({"said": texts, "called": CALLED, "errors": listener.errors, "audio": audio}))


logger.remove()
logger.add(sys.stderr, level="WARNING")
asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()), 40))
