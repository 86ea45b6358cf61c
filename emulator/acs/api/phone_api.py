"""A user's phone: a socket that can be rung, can call a bot, and carries the user's audio in the call."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson
from aiohttp import WSMsgType, web

from emulator.acs.auth.identity import IdentityStore, TokenRefused
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.incoming import IncomingCalls
from emulator.acs.calls.phones import DECLINED, Ring
from emulator.acs.calls.socket_leg import (
    ProtocolViolation,
    SocketLeg,
    close_when_dropped,
    hello,
    object_of,
    open_socket,
    refuse,
    take_part,
)
from emulator.acs.wire.errors import AcsError
from emulator.acs.wire.websocket_frames import FrameWriter
from emulator.journal import Journal

# Seconds from accepting to being in the call.
_CONNECT_S = 10.0
_LONGEST_ID = 512


class PhoneApi:
    """Route of `WS /emulator/phone?token=`: after `hello` comes `ringing`; `accept`, `decline` or `call` go."""

    def __init__(self, calls: Calls, identities: IdentityStore, incoming: IncomingCalls, journal: Journal) -> None:
        self._calls = calls
        self._identities = identities
        self._incoming = incoming
        self._journal = journal

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [web.get("/emulator/phone", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            bearer = self._identities.check(request.query.get("token", ""))
        except TokenRefused as error:
            raise AcsError(401, "Unauthorized", str(error)) from error
        if "voip" not in bearer.scopes:
            raise AcsError(403, "Forbidden", "The token has no voip scope.")
        socket, writer = await open_socket(request)
        try:
            name = await hello(socket)
            leg = SocketLeg(bearer.user_id, name or bearer.user_id, True, writer)
            if await self._wait_for_call(socket, leg):
                await take_part(socket, leg, self._journal)
        except ProtocolViolation as error:
            await refuse(socket, error)
        return socket

    async def _wait_for_call(self, socket: web.WebSocketResponse, leg: SocketLeg) -> bool:
        """Ring the client and take its calls until the leg is in a call; return False when the client is gone."""
        phone = _SocketPhone(leg.writer)
        self._calls.phones.add(leg.raw_id, phone)
        leg.tell(orjson.dumps({"type": "registered", "participant_id": leg.raw_id}))
        try:
            while True:
                message = await socket.receive()
                if message.type is WSMsgType.BINARY:
                    continue  # audio before there is a call
                if message.type is not WSMsgType.TEXT:
                    return False
                document = object_of(message.data)
                match document.get("type"):
                    case "accept" | "decline" as answer:
                        ring = phone.take(document.get("invitation_id"))
                        if ring is None:
                            continue  # it has stopped ringing in the meantime
                        if answer == "decline":
                            ring.refuse(DECLINED)
                        elif ring.accept(leg):
                            return await _connected(leg, socket, _CONNECT_S)
                    case "call":
                        return await self._call(socket, leg, document.get("to"))
                    case _:
                        raise ProtocolViolation("bad_message", "The type must be accept, decline or call.")
        finally:
            self._calls.phones.remove(leg.raw_id, phone)

    async def _call(self, socket: web.WebSocketResponse, leg: SocketLeg, to: object) -> bool:
        """Call a bot, or a person at another phone; return False when nobody answered."""
        if not isinstance(to, str) or not 0 < len(to) <= _LONGEST_ID:
            raise ProtocolViolation("bad_message", "to must be the raw id to call.")
        async with asyncio.TaskGroup() as tasks:
            calling = tasks.create_task(self._incoming.call(leg, to))
            connected = await _connected(leg, socket, None)
            calling.cancel()
        if not connected:
            leg.drop(leg.reason or "given up")
            await close_when_dropped(leg, socket)
        return connected


class _SocketPhone:
    """The calls that ring on one socket."""

    def __init__(self, writer: FrameWriter) -> None:
        self._writer = writer
        self._rings: dict[str, Ring] = {}

    def ring(self, ring: Ring) -> None:
        self._rings[ring.id] = ring
        said = {
            "type": "ringing",
            "invitation_id": ring.id,
            "from": ring.caller,
            "display_name": ring.caller_name,
        }
        self._writer.control(orjson.dumps(said))

    def stop_ringing(self, ring: Ring) -> None:
        if self._rings.pop(ring.id, None) is not None:
            self._writer.control(orjson.dumps({"type": "ringing_ended", "invitation_id": ring.id}))

    def take(self, invitation_id: object) -> Ring | None:
        """Remove and return the ringing call of that id; without an id, the only one."""
        if invitation_id is None and len(self._rings) == 1:
            invitation_id = next(iter(self._rings))
        return self._rings.pop(invitation_id, None) if isinstance(invitation_id, str) else None


async def _connected(leg: SocketLeg, socket: web.WebSocketResponse, timeout_s: float | None) -> bool:
    """Wait until the leg is in a call, was dropped, or its client is gone; return whether it is in a call."""
    try:
        async with asyncio.timeout(timeout_s), asyncio.TaskGroup() as tasks:
            entered = tasks.create_task(leg.entered.wait())
            dropped = tasks.create_task(leg.dropped.wait())
            gone = tasks.create_task(_hung_up(socket))
            await asyncio.wait({entered, dropped, gone}, return_when=asyncio.FIRST_COMPLETED)
            for task in (entered, dropped, gone):
                task.cancel()
    except TimeoutError:
        pass
    return leg.entered.is_set()


async def _hung_up(socket: web.WebSocketResponse) -> None:
    """Wait until the client sends `leave` or is gone. Anything else is ignored: there is no call yet."""
    while True:
        message = await socket.receive()
        if message.type is WSMsgType.TEXT:
            with suppress(ProtocolViolation):
                if object_of(message.data).get("type") == "leave":
                    return
        elif message.type is not WSMsgType.BINARY:
            return
