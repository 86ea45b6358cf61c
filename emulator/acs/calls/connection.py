"""One bot's connection to a call, from its creation to `CallDisconnected`; `room_call` mixes the audio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Literal, Protocol

from emulator.acs.calls.actions.host import Operation
from emulator.acs.calls.actions.invitations import Invitations
from emulator.acs.calls.actions.play import Player
from emulator.acs.calls.actions.recognition import Recognition
from emulator.acs.calls.actions.rules import MediaRules
from emulator.acs.calls.actions.tones import Tones
from emulator.acs.calls.actions.transcription import Transcription
from emulator.acs.calls.bot_stream import BotAudio
from emulator.acs.calls.frame_batches import FrameBatches
from emulator.acs.calls.mixer import DominantSpeakers, added
from emulator.acs.calls.services import Services
from emulator.acs.events.callbacks import Outbox
from emulator.acs.wire.callback_events import CallIds, Event, Result, outcome, participants_updated
from emulator.acs.wire.errors import AcsError
from emulator.acs.wire.options import ConnectOptions
from emulator.randomness import uuid4

Origin = Literal["connect", "create", "answer"]
_FAILURES: dict[Origin, str] = {
    "connect": "ConnectFailed",
    "create": "CreateCallFailed",
    "answer": "AnswerFailed",
}


class JoinedCall(Protocol):
    """The call that a connection is in, as far as the connection needs it."""

    server_call_id: str

    def participants(self) -> Iterable[dict[str, Any]]:
        """Return CallParticipant of everybody whom bots see."""

    def present(self, raw_id: str) -> bool:
        """Return whether a user is in the call."""

    def admit(self, connection: CallConnection) -> None:
        """Take the connection into the mix."""


class CallConnection:
    """A bot in a call: part of the mix like every participant, with a raw id of its own.

    Attributes:
        state: `connecting`, `connected` or `disconnected`.
        audio, player, recognition, tones, transcription, invitations: the actions of this connection.
        hold_music: tasks that play to participants on hold, by raw id.
        asides: audio of the latest `speak` that only some hear: (their raw ids, frame).
        shown: further keys of its properties (source, targets, answeredBy …), from the request.
        listed: whether it is a participant for others: a bot that calls or answers under an identity.
    """

    display_name = "Bot"

    def __init__(
        self,
        options: ConnectOptions,
        services: Services,
        raw_id: str,
        origin: Origin = "connect",
        *,
        listed: bool = False,
    ) -> None:
        self.id = uuid4()
        self.correlation_id = uuid4()
        self.raw_id = raw_id
        self.listed = listed
        self.leg_id = self.id
        self.options = options
        self.services = services
        self.origin: Origin = origin
        self.shown: dict[str, Any] = {}
        self.muted = False
        self.asides: list[tuple[tuple[str, ...], bytes]] = []
        self.state = "connecting"
        self.dominant = DominantSpeakers()
        self.batches = FrameBatches()
        self.audio = BotAudio(self)
        rules = MediaRules()
        self.player = Player(self, rules)
        self.recognition = Recognition(self, rules, self.player)
        self.tones = Tones(self, rules)
        self.transcription = Transcription(self)
        self.invitations = Invitations(self, raw_id)
        self.hold_music: dict[str, asyncio.Task[None]] = {}
        self._call: JoinedCall | None = None
        self._outbox = Outbox(services.poster)
        self._sequence = 1 - services.faults.switches.sequence_step
        self._over = asyncio.Event()
        self._result = Result()
        self._tasks: asyncio.TaskGroup | None = None
        self._work: set[asyncio.Task[None]] = set()

    # --- what the call asks each tick -------------------------------------------------------------

    def speak(self, now: float) -> bytes | None:
        """Return the bot's audio for this tick, mixed with what it plays to everybody."""
        frame = self.audio.speak(now)
        if self.asides:
            self.asides = []
        if not self.player.idle:
            for targets, sound in self.player.pull():
                if targets:
                    self.asides.append((targets, sound))
                else:
                    frame = sound if frame is None else added(frame, sound)
        return frame

    @property
    def listening(self) -> bool:
        """Whether audio can be sent to the bot now."""
        return self.audio.listening

    @property
    def attentive(self) -> bool:
        """Whether speech of participants is recognised for this bot now."""
        return self.recognition.listening or self.transcription.listening

    def overheard(self, raw_id: str, frame: bytes | None, level: float) -> None:
        """Take what a participant says in this tick, with its loudness."""
        self.recognition.overheard(raw_id, frame, level)
        if self.transcription.listening:
            self.transcription.overheard(raw_id, frame, level)

    def departed(self, raw_id: str) -> None:
        """Take note that a participant has left."""
        self.transcription.departed(raw_id)

    # --- what happens in the call -----------------------------------------------------------------

    def participants_changed(self) -> None:
        """Send ParticipantsUpdated if the connection is established."""
        if self.state == "connected":
            self._post(self._participants_updated())

    def tone_pressed(self, raw_id: str, tone: str) -> None:
        """Pass on a key that a participant pressed; `tone` is the service's word for it."""
        if self.state == "connected":
            self.tones.pressed(raw_id, tone)
            self.recognition.pressed(raw_id, tone)
            self.audio.tone(raw_id, tone)

    def present(self, raw_id: str) -> bool:
        """Return whether a user is in the call."""
        return self._call is not None and self._call.present(raw_id)

    # --- the life of the connection ---------------------------------------------------------------

    @property
    def ids(self) -> CallIds:
        """The ids that every event of this connection carries."""
        server_call_id = self._call.server_call_id if self._call is not None else ""
        return CallIds(self.id, server_call_id, self.correlation_id, self.options.version)

    def body(self) -> dict[str, Any]:
        """Return CallConnectionProperties, as GET shows them."""
        body: dict[str, Any] = {
            "callConnectionId": self.id,
            "targets": [],
            "callConnectionState": self.state,
            "callbackUri": self.options.callback_uri,
            "correlationId": self.correlation_id,
            **self.shown,
        }
        if self._call is not None:
            body["serverCallId"] = self._call.server_call_id
        body["mediaStreamingSubscription"] = self.audio.body()
        body["transcriptionSubscription"] = self.transcription.body()
        return body

    async def run(
        self,
        call: JoinedCall,
        *,
        dialled: asyncio.Event | None = None,
        before: Callable[[], Awaitable[Result]] | None = None,
    ) -> None:
        """Run in a call until `end`; return once the last event was delivered or given up.

        Args:
            dialled: set once the media socket is open or dialling it failed.
            before: must succeed first, for example ringing the called person.
        """
        self._call = call
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._outbox.run())
                self.spawn(self._establish(call, dialled or asyncio.Event(), before), "establish")
                await self._over.wait()
                await self._close()
                self._post(self._outcome(self._last_word, self._result))
                self._outbox.close()
        finally:
            self._note("call.closed", **self.statistics())
            self.audio.cut()  # nothing is left open when this is cancelled

    async def refuse(self, call: JoinedCall, result: Result) -> None:
        """Send the event that says that connecting failed, and nothing else."""
        self._call = call
        self.state = "disconnected"
        self._post(self._outcome(_FAILURES[self.origin], result))
        self._outbox.close()
        await self._outbox.run()

    def end(self, result: Result) -> None:
        """Leave the call; `CallDisconnected` with this result follows."""
        if self.state != "disconnected":
            self.state = "disconnected"
            self.audio.over()
            self._result = result
            self._over.set()

    def check_connected(self) -> None:
        """Check that the call is established.

        Raises:
            AcsError: 400/8501.
        """
        if self.state != "connected":
            raise AcsError(400, "8501", "The operation needs an established call.")

    def cancel_media(self) -> None:
        """Cancel all play and recognize actions."""
        self.recognition.cancel()
        self.player.cancel()

    def stop_hold_music(self, raw_id: str) -> None:
        """Stop the music of a participant who was on hold."""
        music = self.hold_music.pop(raw_id, None)
        if music is not None:
            music.cancel()

    def say(self, kind: str, result: Result, context: str | None, uri: str | None, **data: Any) -> None:
        """Send the event with the result of an action, to `uri` if the action named a callback of its own."""
        self._post(outcome(self.ids, kind, context, result, **data), uri=uri)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a coroutine until it ends or the connection ends, which cancels it."""
        assert self._tasks is not None
        task = self._tasks.create_task(work, name=f"{name} of {self.id}")
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    def statistics(self) -> dict[str, Any]:
        """Return counters for tests of a bot; all times in milliseconds."""
        return self.audio.statistics()

    # --- inside -----------------------------------------------------------------------------------

    _last_word = "CallDisconnected"

    async def _establish(
        self, call: JoinedCall, dialled: asyncio.Event, before: Callable[[], Awaitable[Result]] | None
    ) -> None:
        if before is not None:
            result = await before()
            if result.code != 200:
                self._last_word = _FAILURES[self.origin]
                dialled.set()
                self.end(result)
                return
        switches = self.services.faults.switches
        wanted = self.audio.options is not None and self.audio.options.start
        if wanted and switches.connected_order == "media_first":
            opened = await self.audio.open()
            dialled.set()
            self._connected(call)
        else:
            self._connected(call)
            opened = wanted and await self.audio.open()
            dialled.set()
        if self.options.transcription is not None and self.options.transcription.start:
            self.transcription.start(None, Operation())
        if wanted:
            await self.audio.serve(opened)

    def _connected(self, call: JoinedCall) -> None:
        self.state = "connected"
        call.admit(self)
        connected = self._outcome("CallConnected", Result())
        updated = self._participants_updated()
        match self.services.faults.switches.first_events:
            case "together":
                self._post(connected, updated)
            case "separate":
                self._post(connected)
                self._post(updated)
            case "swapped":
                self._post(updated)
                self._post(connected)
        self._note("call.connected", correlation_id=self.correlation_id)

    async def _close(self) -> None:
        """Stop everything that runs for this connection except its outbox."""
        for task in tuple(self._work):
            task.cancel()
        await self.audio.close()
        await self.transcription.close()

    def _participants_updated(self) -> Event:
        assert self._call is not None
        self._sequence += self.services.faults.switches.sequence_step
        return participants_updated(self.ids, self._sequence, self._call.participants())

    def _outcome(self, kind: str, result: Result) -> Event:
        return outcome(self.ids, kind, self.options.operation_context, result)

    def _post(self, *events: Event, uri: str | None = None) -> None:
        if not self._outbox.put(uri or self.options.callback_uri, *events):
            # A webhook that has accepted nothing for so long is gone, and so is the bot behind it.
            self._note("callback.overflow")
            self.end(Result(500, 8500, "Callback events could not be delivered."))

    def _note(self, kind: str, **fields: Any) -> None:
        self.services.journal.note(kind, call_connection_id=self.id, **fields)
