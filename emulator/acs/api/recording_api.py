"""Recordings of Call Automation over HTTP: start, pause, resume, read, stop."""

from __future__ import annotations

from aiohttp import web

from emulator.acs.api.calling_paths import RECORDING, RECORDINGS
from emulator.acs.api.requests import Document, flag, locator, text, url
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.recordings import Recordings
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.wire.bodies import json_object
from emulator.acs.wire.callback_events import CallIds
from emulator.acs.wire.errors import bad_argument, call_not_found
from emulator.faults import FaultPlan

# Formats of each content type (documented).
_FORMATS = {"audio": ("wav", "mp3"), "audioVideo": ("mp4",)}
_CHANNELS = ("mixed", "unmixed")


class RecordingApi:
    """Routes of `/calling/recordings`."""

    def __init__(self, calls: Calls, recordings: Recordings, faults: FaultPlan) -> None:
        self._calls = calls
        self._recordings = recordings
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [
            web.post(RECORDINGS, self._start),
            web.post(f"{RECORDING}:pause", self._pause),
            web.post(f"{RECORDING}:resume", self._resume),
            web.get(RECORDING, self._get),
            web.delete(RECORDING, self._stop),
        ]

    async def _start(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        callback = text(document, "recordingStateCallbackUri")
        if callback is not None:
            schemes = ("https",) if self._faults.switches.strict_urls else ("https", "http")
            callback = url(document, "recordingStateCallbackUri", schemes)
        content = text(document, "recordingContentType") or "audioVideo"
        form = text(document, "recordingFormatType") or _FORMATS.get(content, ("",))[0]
        channels = text(document, "recordingChannelType") or "mixed"
        if form not in _FORMATS.get(content, ()) or channels not in _CHANNELS:
            raise bad_argument("The field RecordingContentType, FormatType or ChannelType is invalid.")
        if channels == "unmixed" and form != "wav":
            raise bad_argument("Unmixed recordings are wav.")
        connection_id = text(document, "callConnectionId")
        recording = self._recordings.start(
            *self._call(request, document, connection_id),
            callback_uri=callback,
            content=content,
            form=form,
            paused=flag(document, "pauseOnStart"),
        )
        return web.json_response(recording.body())

    def _call(self, request: web.Request, document: Document, connection_id: str | None) -> tuple[RoomCall, CallIds]:
        version = request.query["api-version"]
        if connection_id is not None:
            connection, call = self._calls.find(connection_id)
            return call, connection.ids
        found = self._calls.call_at(locator(document))
        if found is None:
            raise call_not_found()
        return found, CallIds("", found.server_call_id, found.correlation_id, version)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._recordings.find(request.match_info["recording_id"]).body())

    async def _stop(self, request: web.Request) -> web.Response:
        self._recordings.stop(request.match_info["recording_id"])
        return web.Response(status=204)

    async def _pause(self, request: web.Request) -> web.Response:
        self._recordings.pause(request.match_info["recording_id"])
        return web.Response(status=202)

    async def _resume(self, request: web.Request) -> web.Response:
        self._recordings.resume(request.match_info["recording_id"])
        return web.Response(status=202)
