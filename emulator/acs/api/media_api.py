"""Media actions of Call Automation over HTTP: play, recognise, tones, hold, streaming, transcription."""

from __future__ import annotations

from aiohttp import web

from emulator.acs.api.calling_paths import CALL, Action, action, answer, context_of, present
from emulator.acs.api.requests import (
    Document,
    operation,
    play_request,
    raw_id,
    recognize_request,
    required,
    source,
    text,
    tone_words,
)
from emulator.acs.calls.actions.host import Operation
from emulator.acs.calls.actions.play import Source
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.connection import CallConnection
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.calls.sound_files import Unplayable


class MediaApi:
    """Routes of `/calling/callConnections/{id}:…` that concern the media of a call."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        actions: dict[str, Action] = {
            "play": _play,
            "cancelAllMediaOperations": _cancel,
            "recognize": _recognize,
            "startContinuousDtmfRecognition": _listen_for_tones,
            "stopContinuousDtmfRecognition": _stop_listening_for_tones,
            "sendDtmfTones": _send_tones,
            "hold": _hold,
            "unhold": _unhold,
            "startMediaStreaming": _start_streaming,
            "stopMediaStreaming": _stop_streaming,
            "startTranscription": _start_transcription,
            "stopTranscription": _stop_transcription,
            "updateTranscription": _update_transcription,
        }
        return [web.post(f"{CALL}:{name}", action(self._calls, act)) for name, act in actions.items()]


def _play(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    connection.player.start(play_request(document))
    return web.Response(status=202)


def _cancel(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    connection.cancel_media()
    return web.Response(status=202)


def _recognize(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    connection.recognition.start(recognize_request(document))
    return web.Response(status=202)


def _listen_for_tones(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    target = raw_id(document.get("targetParticipant"), "targetParticipant")
    asked = operation(document)
    present(call, target)
    connection.tones.listen(target, asked)
    return web.Response(status=200)


def _stop_listening_for_tones(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    target = raw_id(document.get("targetParticipant"), "targetParticipant")
    connection.tones.stop_listening(target, operation(document))
    return web.Response(status=200)


def _send_tones(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    target = raw_id(document.get("targetParticipant"), "targetParticipant")
    asked = operation(document)
    connection.tones.send(target, tone_words(document, "tones"), asked)
    return answer(connection, context_of(asked), status=202)


def _hold(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    target = raw_id(document.get("targetParticipant"), "targetParticipant")
    asked = operation(document)
    music = document.get("playSourceInfo")
    wanted = None if music is None else source(music, "playSourceInfo")
    call.hold(present(call, target), True)
    connection.stop_hold_music(target)
    if wanted is not None:
        connection.hold_music[target] = connection.spawn(_music(connection, target, wanted, asked), "hold music")
    return web.Response(status=200)


async def _music(connection: CallConnection, target: str, wanted: Source, asked: Operation) -> None:
    """Play a source to a participant on hold, over and over."""
    try:
        frames = await connection.player.frames([wanted])
    except Unplayable as error:
        connection.say("HoldFailed", error.result, asked.context, asked.callback_uri)
        return
    await connection.player.sound(frames, (target,), loop=True)


def _unhold(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    target = raw_id(document.get("targetParticipant"), "targetParticipant")
    operation(document)
    call.hold(present(call, target), False)
    connection.stop_hold_music(target)
    return web.Response(status=200)


def _start_streaming(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    connection.audio.start(operation(document))
    return web.Response(status=202)


def _stop_streaming(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    connection.audio.stop(operation(document))
    return web.Response(status=202)


def _start_transcription(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    connection.transcription.start(text(document, "locale"), operation(document))
    return web.Response(status=202)


def _stop_transcription(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    connection.transcription.stop(operation(document))
    return web.Response(status=202)


def _update_transcription(connection: CallConnection, call: RoomCall, document: Document) -> web.Response:
    connection.transcription.update(required(document, "locale"), operation(document))
    return web.Response(status=202)
