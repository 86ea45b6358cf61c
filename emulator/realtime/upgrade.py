"""Decides upgrade requests: keys, paths, deployments and the type of session."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from emulator.realtime.client_secrets import ClientSecret
from emulator.realtime.deployments import DeploymentKind, Deployments, kind_named, known_as
from emulator.realtime.errors import ApiError, http_error
from emulator.realtime.schema import Json

REALTIME_PATHS = ("/v1/realtime", "/openai/v1/realtime")
TRANSLATION_PATHS = ("/v1/realtime/translations", "/openai/v1/realtime/translations")
PREVIEW_PATHS = ("/openai/realtime", "/openai/realtime/translations")
"""Paths of the withdrawn preview API, also used for translations by the SDK's Azure client: refused with an advice."""

SUBPROTOCOL = "realtime"
"""Subprotocol that browsers ask for; the others they offer carry a key, or ask for the beta."""
KEY_SUBPROTOCOL = "openai-insecure-api-key."
BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
BETA_GONE = ApiError(
    "beta_api_shape_disabled",
    "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
)
"""What a client that asks for the beta gets in an open socket, before it is closed with 4000; as captured."""

PREVIEW_GONE = (
    "The preview Realtime API is not served any more. Connect to /openai/v1/realtime?model=<deployment>, or to "
    "/openai/v1/realtime/translations?model=<deployment>, without api-version."
)


class Refused(Exception):
    """An upgrade that is refused with an HTTP error."""

    def __init__(self, status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Admission:
    """An accepted upgrade: the session's kind and model."""

    kind: DeploymentKind
    model: str
    """Model as the session shows it; for a transcription the deployment's name, "" if the client sends it later."""
    preset: Json = field(default_factory=dict)
    """The `session` of an update that the session begins with; {} for none."""
    beta: bool = False
    """Whether the client asks for the withdrawn beta and is to get BETA_GONE instead of a session."""


@dataclass(frozen=True, slots=True)
class UpgradePolicy:
    """Rules for upgrade requests of one server."""

    key: str
    deployments: Deployments | None = None
    translation_bearer: bool = True
    """Whether translation sessions accept their key as a bearer token; only `api-key` was verified on Azure."""
    secret_named: Callable[[str], ClientSecret | None] = lambda value: None
    """Finds a client secret that has not expired."""

    def authorize_request(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> None:
        """Check the key of a request that is no upgrade; client secrets open sessions only. Raises Refused."""
        self._authorize(self._presented(path, query, headers))

    def admit(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Admission:
        """Decide a request; `headers` must ignore case. Raises Refused."""
        translating = path in TRANSLATION_PATHS
        presented = self._presented(path, query, headers)
        secret = self.secret_named(presented)
        if secret is None or (secret.kind == "translation") != translating:
            self._authorize(presented)
        if path in PREVIEW_PATHS:
            raise Refused(400, http_error("unsupported_api_version", PREVIEW_GONE))
        if "api-version" in query:
            raise Refused(401, http_error("401", "The GA path takes no api-version.", "api-version"))
        if secret is not None:
            admission = Admission(secret.kind, secret.model, secret.session)
        else:
            admission = self._translation(query) if translating else self._realtime(query)
        if headers.get("Upgrade", "").lower() != "websocket":
            raise Refused(426, http_error("upgrade_required", "This path speaks WebSocket."))
        asks_for_beta = headers.get("OpenAI-Beta", "") == "realtime=v1" or BETA_SUBPROTOCOL in _offered(headers)
        return replace(admission, beta=asks_for_beta and not translating)

    def _authorize(self, presented: str) -> None:
        if not hmac.compare_digest(presented.encode(), self.key.encode()):
            message = (
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid "
                "key for an active subscription."
            )
            raise Refused(401, http_error("401", message, kind="authentication_error"))

    def _presented(self, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """Return the key that a client presents in one of the ways that the service of this path takes."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (self.translation_bearer or path not in TRANSLATION_PATHS):
            return token.strip()
        if path.startswith("/openai/"):  # Azure: in the query, not in a subprotocol
            return headers.get("api-key", "") or query.get("api-key", "")
        keys = [word.removeprefix(KEY_SUBPROTOCOL) for word in _offered(headers) if word.startswith(KEY_SUBPROTOCOL)]
        return headers.get("api-key", "") or (keys[0] if keys else "")

    def _realtime(self, query: Mapping[str, str]) -> Admission:
        intent, name = query.get("intent"), query.get("model", "")
        if intent not in (None, "transcription"):
            raise Refused(400, http_error("invalid_value", f"Invalid value: '{intent}'.", "intent"))
        if intent is None and not name:
            raise _missing_model()
        kind = self._kind(name) if name else "transcription"
        if kind == "translation":
            raise _not_supported(name)
        if intent == "transcription" or kind == "transcription":
            return Admission("transcription", name if kind == "transcription" else "")
        return Admission("conversation", known_as(self.deployments, name))

    def _translation(self, query: Mapping[str, str]) -> Admission:
        if "intent" in query:
            raise Refused(400, http_error("invalid_value", "A translation takes no intent.", "intent"))
        if not (name := query.get("model", "")):
            raise _missing_model()
        if self._kind(name) in ("conversation", "transcription"):
            raise _not_supported(name)
        return Admission("translation", known_as(self.deployments, name))

    def _kind(self, name: str) -> DeploymentKind | None:
        """Return the kind of a deployment; None if its name does not tell. Raises Refused for an unknown one."""
        if self.deployments is None:
            return kind_named(name)
        if name not in self.deployments:
            message = (
                "The API deployment for this resource does not exist. If you created the deployment within the last "
                "5 minutes, please wait a moment and try again."
            )
            raise Refused(404, http_error("DeploymentNotFound", message))
        return self.deployments[name].kind


def _offered(headers: Mapping[str, str]) -> list[str]:
    return [word.strip() for word in headers.get("Sec-WebSocket-Protocol", "").split(",")]


def _missing_model() -> Refused:
    return Refused(400, http_error("missing_required_parameter", "Missing required parameter: 'model'.", "model"))


def _not_supported(name: str) -> Refused:
    message = f"The operation is not supported by the deployment '{name}'."
    return Refused(400, http_error("OpperationNotSupported", message, "model"))  # the service's own spelling
