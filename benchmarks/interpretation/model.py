"""The model behind the service: the one of the emulator, or the one that the service's own settings name."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import SecretStr

from bot.config import load_settings
from demo.processes import Keys, Ports, bot_settings

Engine = Literal["local", "azure"]


def model_settings() -> dict[str, str]:
    """Return the settings of the model as the service reads them, from the environment and `.env`.

    Raises:
        SettingsError: names everything that is missing or wrong.
    """
    others = bot_settings(Ports(1, 1, 1), Keys())
    replaced = {name.lower(): value for name, value in others.items() if not name.startswith("AZURE_AI")}
    settings = load_settings(**replaced, azure_communication_endpoint=None)
    # What azure-identity reads for a managed identity or a service principal.
    credentials = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("AZURE_") and not name.startswith(("AZURE_AI_", "AZURE_COMMUNICATION_"))
    }
    return credentials | {name.upper(): _written(value) for name, value in settings if name.startswith("azure_ai_")}


def _written(value: object) -> str:
    """Return a setting as it is written in the environment; empty, as not set, for None."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)
