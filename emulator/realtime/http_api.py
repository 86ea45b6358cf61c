"""Serves the Realtime API's requests beside the sockets: client secrets, and the list of models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from emulator.clock import wall
from emulator.realtime.base_session import BaseSession
from emulator.realtime.client_secrets import DEFAULT_S, SECRET_REQUEST, ClientSecrets
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.connection import JournalWriter
from emulator.realtime.deployments import DeploymentKind
from emulator.realtime.errors import ApiError, http_error, invalid_value, missing_parameter
from emulator.realtime.upgrade import Refused, UpgradePolicy
from emulator.realtime.wire import decode_event

MODELS = ("gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-translate", "gpt-realtime-whisper")
"""Models that are listed where every name is accepted."""
SESSION_KINDS: Mapping[str, DeploymentKind] = {"realtime": "conversation", "transcription": "transcription"}

NewSession = Callable[[DeploymentKind, str], BaseSession]
"""Returns a session of a kind and model that no connection has."""
HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpApi:
    """Handlers of these requests."""

    def __init__(
        self,
        policy: UpgradePolicy,
        secrets: ClientSecrets,
        config: RealtimeConfig,
        journal: JournalWriter,
        new_session: NewSession,
    ) -> None:
        self._policy = policy
        self._secrets = secrets
        self._config = config
        self._journal = journal
        self._new_session = new_session
        self._started_at = int(wall())

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for base in ("/v1", "/openai/v1"):
            router.add_get(f"{base}/models", self._refusing(self._list_models))
            router.add_post(f"{base}/realtime/client_secrets", self._refusing(self._create_secret))
        # Azure answers 404, as captured.
        router.add_post("/v1/realtime/translations/client_secrets", self._refusing(self._create_translation_secret))

    def _refusing(self, handle: HttpHandler) -> HttpHandler:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._policy.authorize_request(request.path, request.query, request.headers)
                return await handle(request)
            except Refused as refused:
                return web.json_response(refused.body, status=refused.status)
            except ApiError as error:
                body = http_error(error.code or "", error.message, error.param, error.kind)
                return web.json_response(body, status=400)

        return answer

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        names = MODELS if self._config.deployments is None else sorted(self._config.deployments)
        owned = {"object": "model", "created": self._started_at, "owned_by": "system"}
        return web.json_response({"object": "list", "data": [{"id": name, **owned} for name in names]})

    async def _create_secret(self, request: web.Request) -> web.StreamResponse:
        body = await _read(request)
        patch = body.get("session", {"type": "realtime"})
        if "type" not in patch:
            raise missing_parameter("session.type")
        kind = SESSION_KINDS.get(str(patch["type"]))
        if kind is None:
            raise invalid_value(patch["type"], list(SESSION_KINDS), "session.type")
        model = str(patch.get("model", MODELS[0])) if kind == "conversation" else ""
        return self._issue(kind, model, patch, body)

    async def _create_translation_secret(self, request: web.Request) -> web.StreamResponse:
        body = await _read(request)
        patch = dict(body.get("session", {}))
        model = str(patch.pop("model", "gpt-realtime-translate"))
        return self._issue("translation", model, patch, body)

    def _issue(self, kind: DeploymentKind, model: str, patch: dict[str, Any], body: Mapping[str, Any]) -> web.Response:
        session = self._new_session(kind, model)
        session.preset(patch)
        lasts_s = body.get("expires_after", {}).get("seconds", DEFAULT_S)
        secret = self._secrets.issue(kind, model, patch, lasts_s, wall())
        self._journal.note("realtime.client_secret", expires_at=secret.expires_at, session_id=session.id)
        return web.json_response({"value": secret.value, "expires_at": secret.expires_at, "session": session.document})


async def _read(request: web.Request) -> dict[str, Any]:
    """Return the checked body. Raises ApiError."""
    body = decode_event(await request.read() or b"{}")
    SECRET_REQUEST(body, "")
    return body
