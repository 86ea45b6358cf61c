"""Stands for the media stream of a room without a call, where people bring microphones of their own."""

from __future__ import annotations

from bot.calls.call_media import CallMedia
from bot.calls.state_machine import CallTrigger
from bot.interpreting.events import PlayoutReady
from bot.interpreting.plan import WEB


class WebMedia(CallMedia):
    """Is open as soon as the room runs, and never has to be recovered. ACS is not asked for anything."""

    async def keep(self) -> None:
        """Open the room to its people; return when it is over."""
        self._lifecycle.happen(CallTrigger.MEDIA_OPENED)
        self._note_heard()
        self._live.deliver(PlayoutReady(True, WEB))
        while not self._live.over:
            self._woken.clear()
            await self._woken.wait()

    async def move(self) -> None:
        """Let another replica go on: people open their microphones there."""
        self._lifecycle.happen(CallTrigger.MOVED)
