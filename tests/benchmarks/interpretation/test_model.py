"""Which settings the model comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.interpretation.model import model_settings
from bot.errors import SettingsError

MODEL = {"AZURE_AI_ENDPOINT": "https://model.example", "AZURE_AI_REALTIME_DEPLOYMENT": "gpt-realtime"}


def test_the_model_is_that_of_the_services_own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("AZURE_AI_KEY=secret-of-the-model\nADMIN_API_KEYS=another:service-of-the-user\n")
    acs = {"AZURE_COMMUNICATION_ENDPOINT": "https://contoso.communication.azure.com"}
    for name, value in {**MODEL, **acs, "AZURE_CLIENT_ID": "identity"}.items():
        monkeypatch.setenv(name, value)
    settings = model_settings()
    assert settings.items() >= {**MODEL, "AZURE_AI_KEY": "secret-of-the-model", "AZURE_CLIENT_ID": "identity"}.items()
    assert settings["AZURE_AI_TRANSLATE_DEPLOYMENT"] == "", "what is not set does not come from the emulator"
    assert settings["AZURE_AI_TRANSLATE_LANGUAGES"].startswith("es,")
    assert not any(name.startswith(("ADMIN", "AZURE_COMMUNICATION")) for name in settings)


def test_settings_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in MODEL:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError) as error:
        model_settings()
    assert set(MODEL) == {problem.partition(":")[0] for problem in error.value.problems}
