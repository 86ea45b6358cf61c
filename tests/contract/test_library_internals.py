"""Parts of libraries that are not documented, and that product and emulator rely on or override: each by its name.

A new version of a library may drop any of them without notice; then a test here fails and says which file to look at.
The upper bounds in `pyproject.toml` keep such a version out until somebody has looked.
"""

from __future__ import annotations

import asyncio
import inspect
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]  # not in the stub
from typing import Any

import aiohttp
import h11
import openai
import uvicorn
import websockets.protocol
import websockets.utils
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection, AsyncRealtimeConnectionManager
from openai.resources.realtime.translations.translations import (
    AsyncTranslationsConnection,
    AsyncTranslationsConnectionManager,
)
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from emulator.virtual_time import VirtualTimeLoop
from http_serving.http_protocol import BoundedHttpProtocol
from http_serving.server import server_config
from http_serving.websocket_protocol import QuickWebSocketProtocol


def needs(used_by: str, of: Any, *names: str) -> None:
    missing = [name for name in names if not hasattr(of, name)]
    kind = of if inspect.isclass(of) else type(of)
    assert not missing, f"{kind.__module__}.{kind.__name__} has lost {missing}, which {used_by} relies on"


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def written_in(kind: type, method: str = "__init__") -> set[str]:
    """Names in a method of a class and its bases: for attributes of instances that are hard to make."""
    codes = [getattr(vars(base).get(method), "__code__", None) for base in inspect.getmro(kind)]
    return {name for code in codes if code is not None for name in code.co_names}


def uvicorn_protocol(kind: Any) -> Any:
    config = uvicorn.Config(app=_application, ws=WebSocketsSansIOProtocol, log_config=None)
    config.load()
    return kind(config, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop())


async def _application(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("nobody asks it anything")


async def test_uvicorns_http_protocol() -> None:
    used_by = "http_serving/http_protocol.py"
    protocol = uvicorn_protocol(H11Protocol)
    needs(used_by, protocol, "conn", "cycle", "loop", "transport")
    needs(used_by, FlowControl(asyncio.Transport()), "read_paused")
    overridden = (
        "connection_lost",
        "connection_made",
        "data_received",
        "handle_events",
        "handle_websocket_upgrade",
        "on_response_complete",
        "pause_writing",
        "resume_writing",
        "send_400_response",
    )
    needs(used_by, H11Protocol, *overridden)
    assert parameters(H11Protocol.send_400_response) == ["self", "msg"]
    assert parameters(H11Protocol.handle_websocket_upgrade) == ["self", "event"]
    missing = {"disconnected", "message_event", "response_complete", "response_started"}
    missing -= written_in(RequestResponseCycle)
    assert not missing, f"uvicorn's RequestResponseCycle has lost {missing}, which {used_by} relies on"


def test_h11() -> None:
    used_by = "http_serving/http_protocol.py"
    needs(used_by, h11.Connection(h11.SERVER, 1024), "next_event", "their_state", "trailing_data")
    needs(used_by, h11.RemoteProtocolError("", error_status_hint=431), "error_status_hint")


async def test_uvicorns_websocket_protocol() -> None:
    used_by = "http_serving/websocket_protocol.py"
    protocol = uvicorn_protocol(WebSocketsSansIOProtocol)
    needs(
        used_by,
        protocol,
        "close_sent",
        "close_timeout",
        "close_timer",
        "config",
        "conn",
        "data_received",
        "disconnected",
        "handshake_complete",
        "handshake_initiated",
        "loop",
        "queue",
        "read_paused",
        "send",
        "transport",
        "writable",
    )
    needs(used_by, protocol.config, "ws_max_size")
    needs(used_by, protocol.conn, "current_size", "data_to_send", "extensions", "fail", "state")
    needs(used_by, websockets.protocol, "OPEN")
    needs(used_by, websockets.utils, "apply_mask")


async def test_uvicorn_uses_no_name_of_ours() -> None:
    """Attributes our protocols add would silently replace those of the same name in their bases."""
    for ours, base in ((BoundedHttpProtocol, H11Protocol), (QuickWebSocketProtocol, WebSocketsSansIOProtocol)):
        built: Any = server_config(_application).http if ours is BoundedHttpProtocol else ours
        before, after = vars(uvicorn_protocol(base)), vars(uvicorn_protocol(built))
        added = vars(ours).keys() | (after.keys() - before.keys())
        taken = {name for name in added if name.startswith("_") and not name.endswith("__") and hasattr(base, name)}
        assert not taken, f"{base.__name__} has {taken} of its own now, and {ours.__name__} replaces it"


async def test_websockets_client() -> None:
    used_by = "bot/realtime/client.py"
    connection = ClientConnection(ClientProtocol(parse_uri("ws://127.0.0.1/")))
    needs(used_by, connection, "close", "ping", "recv", "send")
    assert "transport" in written_in(ClientConnection, "connection_made"), f"{used_by} relies on `transport`"
    assert "decode" in parameters(ClientConnection.recv)


async def test_the_vendors_client() -> None:
    used_by = "bot/realtime/client.py"
    socket: Any = object()
    needs(used_by, AsyncRealtimeConnection(socket), "_connection")
    needs(used_by, AsyncTranslationsConnection(socket), "_connection")
    for manager in (AsyncRealtimeConnectionManager, AsyncTranslationsConnectionManager):
        needs(used_by, manager, "enter")
    needs(used_by, AsyncOpenAI, "platform_headers")
    needs(used_by, openai, "omit")


def test_asyncio_under_virtual_time() -> None:
    used_by = "emulator/virtual_time.py"
    needs(used_by, _SelectorSocketTransport, "_write_ready", "write")
    missing = {"_loop", "_sock_fd"} - written_in(_SelectorSocketTransport)
    assert not missing, f"asyncio's _SelectorSocketTransport has lost {missing}, which {used_by} relies on"
    loop = asyncio.SelectorEventLoop
    needs(used_by, loop, "_child_watcher_callback", "_make_socket_transport", "_make_subprocess_transport")
    assert parameters(loop._make_socket_transport) == parameters(VirtualTimeLoop._make_socket_transport)  # type: ignore[attr-defined]  # not in the stub


def test_aiohttp_under_media_streams() -> None:
    used_by = "emulator/acs/calls/media_stream.py"
    assert "_conn" in written_in(aiohttp.ClientWebSocketResponse), f"{used_by} relies on `_conn`"
