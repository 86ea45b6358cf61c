"""Checks of the address at which ACS and Event Grid reach the service, as far as they can be made from here."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.commands.doctor.findings import Finding, failed, fine, network_fault, warning
from bot.config import Settings
from listeners.sockets.closing import CloseCode

REQUEST_S = 10.0
ROUTE_REMEDY = "Let the ingress pass {what} unchanged to the service: paths, methods, headers, and upgrades."


async def check_public(settings: Settings) -> AsyncIterator[Finding]:
    """Ask the running service at `PUBLIC_BASE_URL` what a stranger may ask."""
    url = settings.public_base_url
    if _loopback(url):
        remedy = "Set PUBLIC_BASE_URL to the https address of the ingress. For trying things out here it is right."
        yield warning("public address", "loopback", f"{url} is reached from this machine alone", remedy)
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        site = _Site(session, url)
        try:
            alive = await site.ask("GET", "/healthz")
        except (aiohttp.ClientError, OSError) as error:
            code, words = network_fault(error)
            remedy = "Start the service, or correct PUBLIC_BASE_URL, its DNS entry, its certificate and the ingress."
            yield failed("public address", f"public_{code}", f"{url} {words}", remedy)
            return
        if alive.status != 200 or alive.document != {"status": "ok"}:
            said = f"something else than this service answers at {url}: {alive.status}"
            yield failed("public address", "somebody_else", said, "Correct PUBLIC_BASE_URL or the ingress.")
            return
        yield fine("public address", f"{url} is this service, seen from here")
        for check in (_ready, _callbacks, _media, _sockets):
            try:
                yield await check(site)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                _, words = network_fault(error)
                remedy = ROUTE_REMEDY.format(what="everything")
                yield failed("public address", "unsteady", f"{url} {words}, after it did answer", remedy)
        if settings.event_grid_secret is not None:
            yield await _event_grid(site, settings.event_grid_secret.get_secret_value())


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Answer:
    """Status and JSON of a response; `document` is None if it is no JSON."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        try:
            self.document: Any = json.loads(body)
        except ValueError:
            self.document = None

    @property
    def code(self) -> str:
        """The code of an error of this service; empty for any other response."""
        error = self.document.get("error") if isinstance(self.document, dict) else None
        return str(error.get("code", "")) if isinstance(error, dict) else ""


@dataclass(frozen=True, slots=True)
class _Site:
    """The address that is checked; it may have a path."""

    session: aiohttp.ClientSession
    url: str

    async def ask(self, method: str, path: str, **headers: str) -> _Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, self.url + path, headers=sent, allow_redirects=False) as response:
            return _Answer(response.status, await response.content.read(65_536))


async def _ready(site: _Site) -> Finding:
    answer = await site.ask("GET", "/readyz")
    document = answer.document if isinstance(answer.document, dict) else {}
    state = str(document.get("status", answer.status))
    if answer.status != 200:
        remedy = "Wait if it starts or drains; else its log has the reason."
        return failed("service", "not_ready", f"takes no new calls: {state}", remedy)
    if "ticket_secret" in document:
        remedy = "Give all replicas the same TICKET_SECRET."
        return failed("service", "ticket_secrets_differ", "replicas have different TICKET_SECRETs", remedy)
    return fine("service", f"{state}, {document.get('live_calls', 0)} calls")


async def _callbacks(site: _Site) -> Finding:
    answer = await site.ask("POST", "/webhooks/calls/doctor")
    if answer.code == "unauthorized":
        return fine("callbacks", "reach the service, which asks for ACS's token")
    said = f"POST /webhooks/calls/… is answered with {answer.status}, not by this service"
    return failed("callbacks", "callbacks_blocked", said, ROUTE_REMEDY.format(what="/webhooks/"))


async def _media(site: _Site) -> Finding:
    """Ask for an upgrade with the secret of no call: the refusal shows that the request arrived as an upgrade."""
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": base64.b64encode(secrets.token_bytes(16)).decode(),
    }
    answer = await site.ask("GET", "/media/doctor", **upgrade)
    if answer.code == "unknown_call":
        return fine("media socket", "an upgrade reaches the service, which asks for the secret of a call")
    said = f"an upgrade of /media/… is answered with {answer.status}, not by this service"
    return failed("media socket", "media_blocked", said, ROUTE_REMEDY.format(what="/media/"))


async def _sockets(site: _Site) -> Finding:
    """Open a listener's socket without a ticket, which the service accepts and closes at once when asked to."""
    refused = int(CloseCode.REFUSED)
    try:
        async with asyncio.timeout(REQUEST_S):
            async with site.session.ws_connect(f"{site.url}/ws/captions/doctor?close={refused}") as socket:
                await socket.receive()
                if socket.close_code == refused:
                    return fine("sockets", "open and close through the ingress")
                said = f"a socket was closed with {socket.close_code}, not by this service"
    except aiohttp.WSServerHandshakeError as error:
        said = f"a socket is not opened: {error.status}"
    return failed("sockets", "sockets_blocked", said, ROUTE_REMEDY.format(what="WebSockets"))


async def _event_grid(site: _Site, secret: str) -> Finding:
    """Make the handshake of CloudEvents, which changes nothing, with the secret of these settings."""
    answer = await site.ask(
        "OPTIONS",
        "/webhooks/eventgrid",
        WebHook_Request_Origin="eventgrid.azure.net",
        X_Webhook_Secret=secret,
    )
    if answer.status == 200:
        return fine("event grid", "the handshake is answered, and EVENT_GRID_SECRET is that of the running service")
    if answer.code == "unauthorized":
        said = "the running service has another EVENT_GRID_SECRET than these settings"
        return failed("event grid", "secret_differs", said, "Set it for all, and in the subscription's header.")
    said = f"OPTIONS /webhooks/eventgrid is answered with {answer.status}, not by this service"
    return failed("event grid", "event_grid_blocked", said, ROUTE_REMEDY.format(what="/webhooks/"))
