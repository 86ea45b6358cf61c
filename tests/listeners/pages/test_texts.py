"""All languages of the interface have all texts, with the same values in them, and the pages use no others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from listeners.page_routes import FOLDER

LANGUAGES = ("en", "es", "de", "fr", "pt", "it", "ja", "ar")
AREAS = sorted(path.name for path in (FOLDER / "texts").iterdir())
SOURCES = sorted([*FOLDER.glob("*.html"), *FOLDER.glob("*.js"), *FOLDER.glob("modules/**/*.js")])
# Keys put together from what the service sends.
PUT_TOGETHER = (
    *("state.", "reason.", "problem.", "join.mic_"),
    *("role.", "mode.", "status.", "action.", "tab.", "lane.", "engine.", "ledger_state.", "why.", "usage.", "share."),
    *("refused.", "speaker.", "speaker_state.", "avatar."),
)


def texts_of(area: str, language: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((FOLDER / "texts" / area / f"{language}.json").read_text())
    return texts


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(area: str, language: str) -> None:
    english, texts = texts_of(area, "en"), texts_of(area, language)
    assert list(texts) == list(english)
    for key, text in texts.items():
        assert text.strip(), key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key


@pytest.mark.parametrize("area", AREAS)
def test_no_text_is_left_in_english(area: str) -> None:
    english = texts_of(area, "en")
    for language in LANGUAGES[1:]:
        same = [key for key, text in texts_of(area, language).items() if text == english[key] and " " in text]
        assert not same, language


def test_every_text_that_is_used_exists_and_every_text_is_used() -> None:
    known = {key for area in AREAS for key in texts_of(area, "en")}
    written = "\n".join(path.read_text() for path in SOURCES)
    called = set(re.findall(r'\bt\(\s*"([\w.]+)"', written)) | set(re.findall(r'data-t(?:-\w+)?="([\w.]+)"', written))
    assert called <= known, called - known
    unused = {key for key in known if f'"{key}"' not in written and not key.startswith(PUT_TOGETHER)}
    assert not unused


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.html")), ids=lambda path: path.name)
def test_what_a_page_says_without_script_is_the_english_text(page: Path) -> None:
    english = {key: text for area in AREAS for key, text in texts_of(area, "en").items()}
    for key, text in re.findall(r'data-t="([\w.]+)"[^>]*>([^<]*)<', page.read_text()):
        assert text.strip() in ("", english[key]), key
