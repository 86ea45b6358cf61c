"""Describes the deployments of a resource: the kind of session each one serves, and its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

DeploymentKind = Literal["conversation", "translation", "transcription"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment: what it serves, and the model behind it."""

    kind: DeploymentKind
    model: str | None = None
    """Model name shown by sessions; None if it equals the deployment's name."""


Deployments = Mapping[str, Deployment]
"""Deployments by name. None in its place accepts every name and derives its kind from name or request."""


def kind_named(name: str) -> DeploymentKind | None:
    """Return the kind of session that a model of this name serves; None if the name does not tell."""
    words = name.lower()
    if "translat" in words:
        return "translation"
    return "transcription" if "transcri" in words or "whisper" in words else None


def read_deployments(words: Iterable[str]) -> dict[str, Deployment]:
    """Parse deployments from `name`, `name=kind` or `name=kind:model`; without a kind, the name decides.

    Raises ValueError for an unknown kind.
    """
    found: dict[str, Deployment] = {}
    for word in words:
        name, named, rest = word.partition("=")
        kind, _, model = rest.partition(":")
        if not named:
            found[name] = Deployment(kind_named(name) or "conversation")
            continue
        known = next((one for one in get_args(DeploymentKind) if one == kind), None)
        if known is None or not name:
            raise ValueError(f"{word!r} is not name=kind, with {', '.join(get_args(DeploymentKind))} for the kind")
        found[name] = Deployment(known, model or None)
    return found


def known_as(deployments: Deployments | None, name: str) -> str:
    """Return the model name of a deployment."""
    deployment = deployments.get(name) if deployments is not None else None
    return deployment.model or name if deployment is not None else name
