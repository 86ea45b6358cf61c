"""Issues client secrets: short-lived keys that open sessions of one configuration, for browsers."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from emulator.realtime.deployments import DeploymentKind
from emulator.realtime.ids import Ids
from emulator.realtime.schema import Check, Json, an_object, integer, one_of, record

DEFAULT_S = 600
SECRET_REQUEST: Check = record(
    {
        "expires_after": record({"anchor": one_of("created_at"), "seconds": integer(10, 7_200)}),
        "session": an_object,
    }
)
MOST = 1_000
"""Number of secrets that are remembered; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret and the session that it opens."""

    value: str
    expires_at: int
    """Unix seconds."""
    kind: DeploymentKind
    model: str
    session: Json
    """The `session` of a `session.update` that each of its sessions begins with; {} for none."""


class ClientSecrets:
    """The secrets of one server. A secret opens any number of sessions until it expires."""

    def __init__(self, seed: int | None) -> None:
        self._ids = Ids(None if seed is None else f"{seed}/client secrets")
        self._by_value: OrderedDict[str, ClientSecret] = OrderedDict()

    def issue(self, kind: DeploymentKind, model: str, session: Json, lasts_s: int, unix_time: float) -> ClientSecret:
        secret = ClientSecret(f"ek_{self._ids.letters(32)}", int(unix_time) + lasts_s, kind, model, session)
        self._by_value[secret.value] = secret
        if len(self._by_value) > MOST:
            self._by_value.popitem(last=False)
        return secret

    def find(self, value: str, unix_time: float) -> ClientSecret | None:
        """Return the secret, unless it is unknown or expired."""
        found = self._by_value.get(value)
        return found if found is not None and unix_time < found.expires_at else None
