"""Which models there are and what each is for; knows no request and no session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

DeploymentKind = Literal["conversation", "translation", "transcription"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model of the resource, under the name its owner gave it."""

    kind: DeploymentKind
    model: str | None = None
    """The model's own name, which sessions show; None: the same as the deployment's."""


Deployments = Mapping[str, Deployment]
"""By name. Where None stands for them, every name is served, as what it sounds like or is asked for."""


def kind_named(name: str) -> DeploymentKind | None:
    """What a model of this name is for, as far as the names of the vendor's models tell."""
    words = name.lower()
    if "translat" in words:
        return "translation"
    return "transcription" if "transcri" in words or "whisper" in words else None


def read_deployments(words: Iterable[str]) -> dict[str, Deployment]:
    """Deployments from `name`, `name=kind` or `name=kind:model`; without a kind, as the name sounds.

    Raises ValueError for a kind there is not.
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
    """The model's own name."""
    deployment = deployments.get(name) if deployments is not None else None
    return deployment.model or name if deployment is not None else name
