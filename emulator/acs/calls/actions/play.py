"""Plays files and spoken text into a call, to everybody or to some, at the pace of the call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from emulator.acs.calls.actions.host import CANCELLED, DONE, NOT_PRESENT, Host, Operation
from emulator.acs.calls.actions.rules import Kind, MediaRules
from emulator.acs.calls.actions.speech import NO_SPEECH_SERVICE, Words, read_ssml, spoken
from emulator.acs.calls.sound_files import Unplayable
from emulator.acs.wire.callback_events import Result
from emulator.acs.wire.errors import AcsError

# Far more than a bot queues; the service's own bound is not published.
_MOST_WAITING = 100


@dataclass(frozen=True, slots=True)
class Source:
    """A source to play: the file at `url`, or words, as text or as SSML."""

    url: str | None = None
    cache_id: str | None = None
    words: Words | None = None
    ssml: str | None = None


@dataclass(frozen=True, slots=True)
class PlayRequest:
    """A checked play action. No targets means everybody."""

    sources: Sequence[Source]
    targets: tuple[str, ...] = ()
    loop: bool = False
    interrupt: bool = False
    operation: Operation = field(default_factory=Operation)


class Announcement:
    """Frames being played into a call.

    Attributes:
        finished: set when the last frame has been taken.
    """

    def __init__(self, frames: Sequence[bytes], targets: tuple[str, ...], loop: bool) -> None:
        self.targets = targets
        self.finished = asyncio.Event()
        self._frames = frames
        self._loop = loop
        self._next = 0

    def pull(self) -> bytes | None:
        """Return the frame for this tick, or None at the end."""
        if self._next >= len(self._frames):
            self.finished.set()
            return None
        frame = self._frames[self._next]
        self._next += 1
        if self._next == len(self._frames) and self._loop:
            self._next = 0
        return frame


class Player:
    """The play actions of one connection. Those for everybody run one after the other, others at the same time."""

    def __init__(self, host: Host, rules: MediaRules) -> None:
        self._host = host
        self._rules = rules
        self._on_air: list[Announcement] = []
        self._turn = asyncio.Lock()
        self._actions: dict[asyncio.Task[None], PlayRequest] = {}

    # --- what the call asks each tick ---------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nothing is being played."""
        return not self._on_air

    def pull(self) -> list[tuple[tuple[str, ...], bytes]]:
        """Return this tick's frames as (targets, frame); no targets means everybody."""
        frames = []
        for announcement in self._on_air:
            frame = announcement.pull()
            if frame is not None:
                frames.append((announcement.targets, frame))
        return frames

    # --- actions ------------------------------------------------------------------------------------

    def start(self, request: PlayRequest) -> None:
        """Start a play action; events report the result.

        Raises:
            AcsError: 412/8583 another action is in the way; 405/8520 text without a speech service;
                400/8585 too many actions are waiting.
        """
        kind: Kind = "play to some" if request.targets else "play to all"
        self._rules.check(kind)
        if any(source.url is None for source in request.sources) and not self._host.options.speech:
            raise AcsError(405, "8520", "Text needs a Cognitive Services endpoint, which the call was made without.")
        if len(self._actions) >= _MOST_WAITING:
            raise AcsError(400, "8585", "Too many play operations are waiting.")
        if request.interrupt:
            self.cancel()
        task = self._host.spawn(self._act(request), kind)
        self._actions[task] = request
        task.add_done_callback(lambda done: self._actions.pop(done, None))

    def cancel(self) -> bool:
        """Cancel all play actions with `PlayCanceled`; return whether there were any."""
        actions = dict(self._actions)
        self._actions.clear()
        for task, request in actions.items():
            task.cancel()
            self._say("PlayCanceled", CANCELLED, request.operation)
        return bool(actions)

    async def frames(self, sources: Sequence[Source]) -> list[bytes]:
        """Return the frames of all sources, one after the other.

        Raises:
            Unplayable: a source cannot be played; `index` is its position.
        """
        frames: list[bytes] = []
        for index, source in enumerate(sources):
            try:
                frames += await self._frames_of(source)
            except Unplayable as error:
                raise Unplayable(error.result, index) from error
        return frames

    async def _frames_of(self, source: Source) -> list[bytes]:
        if source.url is not None:
            return await self._host.services.files.frames(source.url, source.cache_id)
        if not self._host.options.speech:
            raise Unplayable(NO_SPEECH_SERVICE)
        words = source.words or read_ssml(source.ssml or "")
        return await spoken(self._host.services.engine, words)

    async def sound(self, frames: Sequence[bytes], targets: tuple[str, ...], *, loop: bool = False) -> None:
        """Play frames to the end. Cancelling silences them at once."""
        announcement = Announcement(frames, targets, loop)
        with self._airing(announcement):
            await announcement.finished.wait()

    # --- inside -------------------------------------------------------------------------------------

    async def _act(self, request: PlayRequest) -> None:
        if request.targets:
            with self._rules.running("play to some"):
                await self._play(request)
        else:
            async with self._turn:
                with self._rules.running("play to all"):
                    await self._play(request)

    async def _play(self, request: PlayRequest) -> None:
        try:
            frames = await self.frames(request.sources)
        except Unplayable as error:
            self._forget()
            context, uri = request.operation.context, request.operation.callback_uri
            self._host.say("PlayFailed", error.result, context, uri, failedPlaySourceIndex=error.index)
            return
        if request.targets and not any(self._host.present(target) for target in request.targets):
            self._forget()
            self._say("PlayFailed", NOT_PRESENT, request.operation)
            return
        self._say("PlayStarted", DONE, request.operation)
        await self.sound(frames, request.targets, loop=request.loop)
        self._forget()
        self._say("PlayCompleted", DONE, request.operation)

    def _forget(self) -> None:
        """Forget the current action, which has ended and cannot be cancelled."""
        task = asyncio.current_task()
        if task is not None:
            self._actions.pop(task, None)

    def _say(self, kind: str, result: Result, operation: Operation) -> None:
        self._host.say(kind, result, operation.context, operation.callback_uri)

    @contextmanager
    def _airing(self, announcement: Announcement) -> Iterator[None]:
        self._on_air.append(announcement)
        try:
            yield
        finally:
            self._on_air.remove(announcement)
