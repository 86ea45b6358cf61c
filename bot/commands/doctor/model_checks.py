"""Checks of the model's deployments: a session is opened, configured, hears a second of audio, and speaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from bot.commands.doctor.findings import Finding, failed, fine, warning
from bot.config import Settings
from bot.realtime.capabilities import Capabilities
from bot.realtime.client import ModelSocket, ModelSockets
from bot.realtime.conversation_messages import (
    ConversationSettings,
    append,
    commit,
    reading_aloud,
    response_create,
    session_config,
)
from bot.realtime.conversation_turns import ResponseTurn
from bot.realtime.errors import QUOTA, QUOTA_CODES, SessionError, session_error
from bot.realtime.messages import BYTES_PER_MS, session_update

SESSION_S = 20.0
"""Seconds for all that is asked of a session. It speaks after one or two."""
APPEND_MS = 100
HEARD_MS = 1_000
SPOKEN = "One, two, three."

ModelMessage = dict[str, Any]

_REMEDIES = {
    "http_401": ("key_rejected", "Correct AZURE_AI_KEY, or AZURE_AI_TOKEN_SCOPE for a managed identity."),
    "http_403": ("not_allowed", "Give the managed identity the role `Cognitive Services OpenAI User` on the resource."),
    "http_404": ("deployment_unknown", "Set {setting} to the name of a deployment of this resource."),
    "http_400": ("wrong_kind", "Set {setting} to a deployment of the right kind of model."),
    "no_token": ("no_identity", "Assign an identity to this machine or container, or set AZURE_AI_KEY."),
    "bad_endpoint": ("endpoint_wrong", "Correct AZURE_AI_ENDPOINT: https://name.openai.azure.com."),
    "unreachable": ("not_reachable", "Correct AZURE_AI_ENDPOINT, or let this machine reach it on its port."),
    "timeout": ("no_answer", "Correct AZURE_AI_ENDPOINT, or let this machine reach it on its port."),
    QUOTA: ("quota", "Raise the capacity of the deployment, or wait until others use less of it."),
}
"""By code of the error: our code of the diagnosis, and what to do."""


async def check_model(settings: Settings, sockets: ModelSockets) -> AsyncIterator[Finding]:
    """Check the realtime deployment, with transcription if there is a deployment for it, and the translation."""
    async for finding in _conversation(settings, sockets):
        yield finding
    if settings.azure_ai_translate_deployment is None:
        yield fine("translation", "no deployment is set: simultaneous rooms are interpreted in short segments")
    else:
        capabilities = Capabilities(
            sockets, settings.azure_ai_translate_deployment, settings.azure_ai_translate_languages
        )
        yield await _translation(capabilities)


async def _conversation(settings: Settings, sockets: ModelSockets) -> AsyncIterator[Finding]:
    deployment, setting = settings.azure_ai_realtime_deployment, "AZURE_AI_REALTIME_DEPLOYMENT"
    socket: ModelSocket | None = None
    try:
        async with asyncio.timeout(SESSION_S):
            socket = await sockets.conversation(deployment)
            session = _Session(socket)
            refusal = await session.configure(settings)
            if refusal is not None:
                yield refusal
                return
            transcript = await session.hear(transcribed=settings.azure_ai_transcribe_deployment is not None)
            spoken = await session.speak()
    except Exception as error:  # whatever the SDK and the socket raise
        yield _lost("realtime", setting, session_error(error))
    else:
        yield spoken
        yield transcript
    finally:
        if socket is not None:
            await socket.close(1.0)


class _Session:
    """An open conversation session that is asked one thing after the other."""

    def __init__(self, socket: ModelSocket) -> None:
        self._socket = socket
        self._clock = asyncio.get_running_loop().time

    async def configure(self, settings: Settings) -> Finding | None:
        """Send the configuration of the service itself; return a finding if it is refused."""
        transcribe = settings.azure_ai_transcribe_deployment
        wanted = ConversationSettings(transcribe=transcribe, voice=settings.azure_ai_voice)
        await self._socket.send(session_update("doctor", session_config(reading_aloud("English"), wanted, "en")))
        message = await self._until("session.updated", "error")
        if message["type"] == "session.updated":
            return None
        error = message.get("error") or {}
        said = f"the session refuses its configuration: {error.get('code')}: {error.get('message')}"
        about = f"{error.get('param')} {error.get('message')}"
        setting = "AZURE_AI_TRANSCRIBE_DEPLOYMENT" if "transcription" in about else "AZURE_AI_VOICE"
        return failed("realtime", "configuration_refused", said, f"Correct {setting}, or deploy a newer model.")

    async def hear(self, *, transcribed: bool) -> Finding:
        """Send a second of silence as an utterance; return what comes of its transcription."""
        for _ in range(HEARD_MS // APPEND_MS):
            await self._socket.send(append(bytes(APPEND_MS * BYTES_PER_MS)))
        await self._socket.send(commit("doctor"))
        await self._until("input_audio_buffer.committed")
        if not transcribed:
            without = "no deployment is set: there are no captions of what speakers say themselves"
            return fine("transcription", without)
        done = "conversation.item.input_audio_transcription."
        try:
            async with asyncio.timeout(SESSION_S / 2):
                message = await self._until(f"{done}completed", f"{done}failed")
        except TimeoutError:
            message = {"type": "nothing came of it"}
        if message["type"] == f"{done}completed":
            return fine("transcription", "a second of audio was transcribed")
        error = message.get("error") or {}
        said = f"a second of audio was not transcribed: {error.get('code') or error.get('type') or message['type']}"
        remedy = "Set AZURE_AI_TRANSCRIBE_DEPLOYMENT to the name of a transcription deployment of this resource."
        return failed("transcription", "not_transcribed", said, remedy)

    async def speak(self) -> Finding:
        """Have a sentence read aloud, as an interpretation would be; return how that went."""
        turn = ResponseTurn("doctor", instructions=reading_aloud("English"), text=SPOKEN, attempt=1)
        settings = {"conversation": "none", "output_modalities": ["audio"]}
        began = self._clock()
        await self._socket.send(response_create(turn, settings))
        first_ms, message = 0, await self._until("response.output_audio.delta", "response.done", "error")
        if message["type"] == "response.output_audio.delta":
            first_ms = round((self._clock() - began) * 1000)
            message = await self._until("response.done", "error")
        response = message.get("response") or {}
        if response.get("status") == "completed" and first_ms:
            return fine("realtime", f"heard a second of audio, and spoke after {first_ms} ms")
        error = message.get("error") or (response.get("status_details") or {}).get("error") or {}
        code = str(error.get("code") or error.get("type") or response.get("status"))
        if code in QUOTA_CODES:
            return _lost("realtime", "", SessionError(QUOTA, code))
        said = f"the model did not speak: {code}" if not first_ms else f"the model did not finish: {code}"
        return failed("realtime", "no_speech", said, "Look at the state of the deployment, and at its content filter.")

    async def _until(self, *kinds: str) -> ModelMessage:
        """Return the next message of these types.

        Raises:
            SessionError: the service reports an error and none of the types is `error`.
        """
        while True:
            message: ModelMessage = json.loads(await self._socket.receive())
            if message.get("type") in kinds:
                return message
            if message.get("type") == "error":
                error = message.get("error") or {}
                raise SessionError(str(error.get("code") or error.get("type")), str(error.get("message")))


async def _translation(capabilities: Capabilities) -> Finding:
    state = await capabilities.ask()
    report = capabilities.report()
    if state != "offered":
        return _lost("translation", "AZURE_AI_TRANSLATE_DEPLOYMENT", SessionError(report["reason"]))
    offered, refused = ", ".join(report["offered"]), ", ".join(report["refused"])
    if refused:
        remedy = f"Take {refused} out of AZURE_AI_TRANSLATE_LANGUAGES: the realtime deployment interprets them."
        return warning("translation", "languages_refused", f"into {offered or 'none'}; not into {refused}", remedy)
    return fine("translation", f"into {offered}")


def _lost(check: str, setting: str, error: SessionError) -> Finding:
    code, remedy = _REMEDIES.get(error.code, ("failed", "Look at the state of the deployment in the portal."))
    message = f": {error.message}" if error.message else ""
    return failed(check, code, f"the deployment cannot be used: {error.code}{message}", remedy.format(setting=setting))
