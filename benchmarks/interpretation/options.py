"""The options of `--only interpretation`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from benchmarks.interpretation import golden_set
from benchmarks.interpretation.golden_set import GoldenSet
from benchmarks.interpretation.model import Engine, model_settings
from benchmarks.interpretation.scores import MEASURES, Requirements
from demo.layouts import Mode

FEW = 5
"""Utterances of each language with `--quick`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be interpreted, by which model, and how well."""

    sets: Sequence[GoldenSet]
    model: Mapping[str, str] | None
    """The service's settings of its model; None for the emulator's local engine."""
    mode: Mode
    requirements: Requirements

    @property
    def engine(self) -> str:
        """Return what interprets: the emulator's engine, or the deployment's name."""
        return "local" if self.model is None else self.model["AZURE_AI_REALTIME_DEPLOYMENT"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the command line of the benchmarks."""
    group = parser.add_argument_group("interpretation")
    group.add_argument(
        "--engine",
        choices=get_args(Engine),
        default="local",
        help="the emulator's local engine, or the model that the service's settings name (default: %(default)s)",
    )
    group.add_argument(
        "--set",
        action="append",
        metavar="NAME|FOLDER",
        help=f"one of {', '.join(golden_set.built_in())}, or a folder of your own; repeatable (default: all of these)",
    )
    group.add_argument(
        "--mode", choices=get_args(Mode), default="consecutive", help="when to interpret (default: %(default)s)"
    )
    group.add_argument(
        "--require",
        type=requirements,
        default={},
        metavar="NAME=NUMBER,…",
        help=f"fail unless each direction keeps these bounds: {', '.join(MEASURES)}",
    )


def read(options: argparse.Namespace) -> Wanted:
    """Return what is wanted.

    Raises:
        UnusableSet: a set cannot be read.
        SettingsError: names everything that is missing or wrong in the settings of the model.
    """
    sets = [golden_set.find(name) for name in options.set or golden_set.built_in()]
    if options.quick:
        sets = [replace(one, utterances=one.first(FEW)) for one in sets]
    return Wanted(sets, model_settings() if options.engine == "azure" else None, options.mode, options.require)


def requirements(text: str) -> dict[str, float]:
    """Parse `chrf=60,answered=0`."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, bound = part.partition("=")
        if name not in MEASURES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(MEASURES)}")
        try:
            found[name] = float(bound)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{part!r} is not {name}=NUMBER") from error
    return found
