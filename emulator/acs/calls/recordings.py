"""Recordings of calls: their states, events and lists of files. No audio is kept."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from emulator.acs.calls.call_events import recording_file_status
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.events.callbacks import CallbackPoster, Outbox
from emulator.acs.wire.callback_events import CallIds, Result, outcome
from emulator.acs.wire.errors import AcsError, call_not_found
from emulator.acs.wire.grid_event import GridEvent
from emulator.acs.wire.times import event_time, wire_time
from emulator.clock import monotonic, utc_now
from emulator.randomness import uuid4

KIND = "azureCommunicationServices"
# How many ended recordings stay known.
_REMEMBERED = 1000
# Where the service keeps recordings; the SDK downloads from nowhere else, so these addresses lead nowhere.
_STORAGE = "https://eu-storage.asm.skype.com/v1/objects"


@dataclass(slots=True)
class Recording:
    """One recording. `state` is `active` or `inactive`."""

    id: str
    call: RoomCall
    ids: CallIds
    callback_uri: str | None
    content: str
    form: str
    state: str
    started: datetime
    started_at: float
    outbox: Outbox
    ended: bool = False

    def body(self) -> dict[str, Any]:
        """Return RecordingState."""
        return {"recordingId": self.id, "recordingState": self.state, "recordingKind": KIND}


class Recordings:
    """All recordings of the resource."""

    def __init__(self, poster: CallbackPoster, tasks: asyncio.TaskGroup, publish: Callable[[GridEvent], None]) -> None:
        self._poster = poster
        self._tasks = tasks
        self._publish = publish
        self._recordings: dict[str, Recording] = {}

    def start(
        self, call: RoomCall, ids: CallIds, *, callback_uri: str | None, content: str, form: str, paused: bool
    ) -> Recording:
        """Begin to record a call.

        Raises:
            AcsError: 400/8559, the call is being recorded.
        """
        if any(each.call is call and not each.ended for each in self._recordings.values()):
            raise AcsError(400, "8559", "Recording is already in progress.")
        # As recorded: the connection in the events of a recording is the recording's own.
        ids = replace(ids, call_connection_id=uuid4())
        recording = Recording(
            id=_recording_id(ids.call_connection_id),
            call=call,
            ids=ids,
            callback_uri=callback_uri,
            content=content,
            form=form,
            state="inactive" if paused else "active",
            started=utc_now(),
            started_at=monotonic(),
            outbox=Outbox(self._poster),
        )
        self._recordings[recording.id] = recording
        self._tasks.create_task(recording.outbox.run(), name=f"events of recording {recording.id}")
        self._tell(recording)
        self._forget()
        return recording

    def find(self, recording_id: str) -> Recording:
        """Return a recording that has not ended.

        Raises:
            AcsError: 404/8522.
        """
        recording = self._recordings.get(recording_id)
        if recording is None or recording.ended:
            raise call_not_found()
        return recording

    def pause(self, recording_id: str) -> None:
        """Pause a recording; does nothing if it is paused."""
        self._change(self.find(recording_id), "inactive")

    def resume(self, recording_id: str) -> None:
        """Resume a recording; does nothing if it is active."""
        self._change(self.find(recording_id), "active")

    def stop(self, recording_id: str) -> None:
        """Stop a recording."""
        self._end(self.find(recording_id), "SessionEnded")

    def call_over(self, call: RoomCall) -> None:
        """End the recordings of a call that is over."""
        for recording in list(self._recordings.values()):
            if recording.call is call and not recording.ended:
                self._end(recording, "CallEnded")

    def clear(self) -> None:
        """Forget every recording that has ended."""
        for recording_id in [each.id for each in self._recordings.values() if each.ended]:
            del self._recordings[recording_id]

    def close(self) -> None:
        """Close the event queue of every recording: the server stops."""
        for recording in self._recordings.values():
            recording.outbox.close()

    def _change(self, recording: Recording, state: str) -> None:
        if recording.state != state:
            recording.state = state
            self._tell(recording)

    def _end(self, recording: Recording, reason: str) -> None:
        recording.ended = True
        recording.state = "inactive"
        self._tell(recording)
        recording.outbox.close()
        document = f"0-weu-d1-{uuid4().replace('-', '')}"
        chunk = {
            "documentId": document,
            "index": 0,
            "endReason": reason,
            "contentLocation": f"{_STORAGE}/{document}/content/{recording.content}.{recording.form}",
            "metadataLocation": f"{_STORAGE}/{document}/content/acsmetadata",
        }
        self._publish(
            recording_file_status(
                recording.call.event_grid_id,
                recording.id,
                {"recordingChunks": [chunk]},
                recordingStartTime=event_time(recording.started),
                recordingDurationMs=round((monotonic() - recording.started_at) * 1000),
                sessionEndReason=reason,
            )
        )

    def _tell(self, recording: Recording) -> None:
        if recording.callback_uri is None:
            return
        changed = outcome(
            recording.ids,
            "RecordingStateChanged",
            None,
            Result(),
            recordingId=recording.id,
            state=recording.state,
            startDateTime=wire_time(recording.started),
            recordingKind=KIND,
        )
        source = f"calling/recordings/{recording.ids.server_call_id}/{recording.id}/RecordingStateChanged"
        changed["source"] = changed["subject"] = source
        recording.outbox.put(recording.callback_uri, changed)

    def _forget(self) -> None:
        """Delete the oldest recordings that have ended."""
        ended = [each.id for each in self._recordings.values() if each.ended]
        for recording_id in ended[:-_REMEMBERED]:
            del self._recordings[recording_id]


def _recording_id(endpoint_id: str) -> str:
    """Return a recording id in the recorded form: two GUIDs as JSON, in base64 without padding."""
    parts = {"PlatformEndpointId": endpoint_id, "ResourceSpecificId": uuid4()}
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()
