from __future__ import annotations

from typing import Any

import pytest

from rooms_admin.rooms.defaults import choose
from rooms_admin.rooms.requests import ChangedSettings

TWO, THREE = ["en-US", "es-ES"], ["en-US", "es-ES", "fr-FR"]


@pytest.mark.parametrize(
    ("languages", "settings", "mode", "layout"),
    [
        (TWO, {}, "consecutive", "shared"),
        ([*TWO, "es-MX"], {}, "consecutive", "shared"),
        ([*TWO, "es-MX"], {"separate_varieties": True}, "simultaneous", "sister"),
        (THREE, {}, "simultaneous", "sister"),
        (THREE, {"mixed": True}, "simultaneous", "channels"),
        (THREE, {"layout": "channels"}, "simultaneous", "channels"),
        (THREE, {"layout": "shared"}, "consecutive", "shared"),
        (TWO, {"layout": "sister"}, "consecutive", "sister"),
    ],
)
def test_mode_and_layout_follow_from_the_languages(
    languages: list[str], settings: dict[str, Any], mode: str, layout: str
) -> None:
    found = choose(languages, None, ChangedSettings(**settings))
    assert found[:2] == (mode, layout)
    assert set(found[2]) == {"mode", "layout"} - set(settings)
    assert all(found[2].values())


@pytest.mark.parametrize(("languages", "mode"), [(TWO, "consecutive"), (THREE, "simultaneous")])
def test_without_acs_there_are_channels_and_the_mode_follows_from_the_languages(
    languages: list[str], mode: str
) -> None:
    found = choose(languages, None, ChangedSettings(), "web")
    assert found[:2] == (mode, "channels")
    assert "media web" in found[2]["layout"]


def test_what_is_named_is_kept_and_needs_no_reason() -> None:
    assert choose(THREE, "consecutive", ChangedSettings(layout="shared")) == ("consecutive", "shared", {})
    assert choose(TWO, "simultaneous", ChangedSettings())[0] == "simultaneous"
