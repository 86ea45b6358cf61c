"""GET /, /join/{code}, /listen/{code}, /console, /speaker, /listener/{code}: the pages, and the files they consist of.

All of them are in memory: a few hundred KiB. The addresses of files contain a digest of all, so that browsers keep them
for ever and never mix those of two versions.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "pages"
ACS_CLIENT = Path(__file__).parent / "acs_client" / "dist" / "acs_client.js"
"""The ACS Calling SDK for the page of the meeting, where it was built."""
FILES_PREFIX = "/pages"
ANY_VERSION = f"{FILES_PREFIX}/~/"
"""Stands in the pages where the version belongs."""
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
MEETING = "join.html"
NOT_SERVED = {"package.json"}
"""Files for Node alone."""
YEAR_S = 365 * 24 * 3600
CODE = re.compile(r"\d{6}", re.ASCII)

KnowsCode = Callable[[Mapping[str, Any], str], Awaitable[bool]]
"""Says whether a join code may lead to a room, from the scope of the request; True if it cannot be told now."""

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
"""Content policy of every page: nothing from other hosts, nothing inline, and no markup out of texts."""
EMBEDDED_POLICY = {**POLICY, "frame-ancestors": "*"}
"""Of the captions without controls, which streaming software may show in a frame."""
ACS_HOSTS = ("*.skype.com", "*.microsoft.com", "*.azure.net", "*.azure.com", "*.office.com")
"""Whom the Calling SDK has to reach for signaling and telemetry, by Microsoft's firewall recommendations. What is heard
is WebRTC, which no content policy governs."""
ACS_CLIENT_POLICY = {what: whence for what, whence in POLICY.items() if "trusted-types" not in what} | {
    "connect-src": " ".join(["'self'", *(f"{scheme}://{host}" for host in ACS_HOSTS for scheme in ("https", "wss"))]),
    "worker-src": "'self' blob:",
}
"""Of the page of the meeting with the Calling SDK: it starts workers of its own text, and so knows no trusted types."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file in memory, with what its response headers need."""

    content: bytes
    compressed: bytes
    media_type: str
    etag: str


def read_files(folder: Path = FOLDER, acs_client: Path | None = None) -> tuple[dict[str, PageFile], str]:
    """Read all files of the pages, by path below the folder, and a digest of them all. Blocks.

    `acs_client`: a file beside them, to which the page of the meeting is told the way.
    """
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in MEDIA_TYPES and path.name not in NOT_SERVED
    }
    if acs_client is not None:
        found[acs_client.name] = acs_client.read_bytes()
        way = f'data-acs-client="{ANY_VERSION}{acs_client.name}"'
        found[MEETING] = found[MEETING].replace(b'data-acs-client=""', way.encode())
    digest = hashlib.sha256()
    for name, content in found.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    version = digest.hexdigest()[:16]
    files = {}
    for name, content in found.items():
        if name.endswith(".html"):
            content = content.replace(ANY_VERSION.encode(), f"{FILES_PREFIX}/{version}/".encode())
        etag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
        compressed = gzip.compress(content, mtime=0)
        files[name] = PageFile(content, compressed, MEDIA_TYPES[Path(name).suffix], etag)
    return files, version


class Pages:
    """Answers with pages and their files."""

    def __init__(
        self,
        knows_code: KnowsCode,
        folder: Path = FOLDER,
        *,
        with_acs_client: bool = False,
        acs_client: Path = ACS_CLIENT,
    ) -> None:
        """Reads all files, so it blocks. `with_acs_client`: the meeting may use the ACS client, if it was built."""
        if with_acs_client and not acs_client.exists():
            logger.warning(
                "acs client not served", extra={"reason": "not built: npm run build in listeners/acs_client"}
            )
            with_acs_client = False
        self._files, self._version = read_files(folder, acs_client if with_acs_client else None)
        self._meeting_policy = ACS_CLIENT_POLICY if with_acs_client else POLICY
        self._knows_code = knows_code

    def not_found(self, request: Request) -> Response:
        """Answer a person who asked for something that is not there."""
        return self._page(request, "not_found.html", status=404)

    def routes(self) -> APIRouter:
        router = APIRouter()
        for path, name in (("/", "index"), ("/console", "console")):
            router.routes.append(Route(path, self._plain(f"{name}.html")))
        router.routes.append(Route("/speaker", self._speaker))
        for path, name in (("/join", "join"), ("/listen", "listen"), ("/listener", "listen")):
            router.routes.append(Route(f"{path}/{{code}}", self._of_room(f"{name}.html")))
        router.routes.append(Route(f"{FILES_PREFIX}/{{version}}/{{name:path}}", self._file))
        return router

    def _plain(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            return self._page(request, name)

        return page

    def _of_room(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            if not await self._is_known(request, request.path_params["code"]):
                return self.not_found(request)
            return self._page(request, name)

        return page

    async def _speaker(self, request: Request) -> Response:
        """Answer a speaker, whose link names a session by its code, or no session but a ticket alone."""
        session = request.query_params.get("session")
        if session is not None and not await self._is_known(request, session):
            return self.not_found(request)
        return self._page(request, "speaker.html")

    async def _is_known(self, request: Request, code: str) -> bool:
        return CODE.fullmatch(code) is not None and await self._knows_code(request.scope, code)

    async def _file(self, request: Request) -> Response:
        name, version = request.path_params["name"], request.path_params["version"]
        file = self._files.get(name)
        if file is None or name.endswith(".html"):
            return self.not_found(request)
        # A page of another version, as while replicas are replaced, gets what there is, but does not keep it.
        kept = version == self._version
        caching = f"public, max-age={YEAR_S}, immutable" if kept else "no-cache"
        return _answer(request, file, {"Cache-Control": caching})

    def _page(self, request: Request, name: str, status: int = 200) -> Response:
        embedded = name == "listen.html" and request.query_params.get("embed") == "1"
        policy = EMBEDDED_POLICY if embedded else self._meeting_policy if name == MEETING else POLICY
        microphone = "(self)" if name in (MEETING, "speaker.html") else "()"
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "; ".join(f"{what} {whence}" for what, whence in policy.items()),
            "Permissions-Policy": f"microphone={microphone}, camera=(), geolocation=()",
        }
        return _answer(request, self._files[name], headers, status)


def wants_page(request: Request) -> bool:
    """Say whether a person with a browser asked, rather than a program."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def _answer(request: Request, file: PageFile, headers: Mapping[str, str], status: int = 200) -> Response:
    headers = {**headers, "ETag": file.etag, "Vary": "Accept-Encoding", "Content-Type": file.media_type}
    if status == 200 and file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, status, {**headers, "Content-Encoding": "gzip"})
    return Response(file.content, status, headers)
