from __future__ import annotations

import pytest

from bot.interpreting.quality.questions import asks, may_begin_question


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ready?", "en"),
        ("¿Listo", "es"),
        ("準備はいいですか？", "ja"),
        ("هل أنت مستعد؟", "ar"),
        ("Είστε έτοιμοι;", "el"),
        ("Ready? Then go.", None),
        ("what is the capital of france", "en"),
        ("okay, how much does it cost", "en"),
        ("do you hear me", "en"),
        ("por qué no vienen", "es"),
        ("est-ce que vous venez", "fr"),
        ("pouvez-vous venir", "fr"),
        ("où va-t-il", "fr"),
        ("wo ist der bahnhof", "de"),
        ("können sie mich hören", "de"),
        ("che cosa pensa", "it"),
        ("qual é a capital", "pt"),
        ("準備はいいですか", "ja"),
        ("你好吗", "zh"),
    ],
)
def test_questions(text: str, language: str | None) -> None:
    assert asks(text, language, recognised=True) is True


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The report is ready.", "en"),
        ("El informe está listo.", "es"),
        ("Le rapport est prêt !", "fr"),
        ("Rendez-vous à midi.", "fr"),
        ("Der Bericht ist fertig; er liegt hier.", "de"),
        ("Sie sagte: «Nein.»", "de"),
        ("Il rapporto è pronto…", "it"),
        ("O relatório está pronto.", "pt"),
    ],
)
def test_statements(text: str, language: str) -> None:
    assert asks(text, language, recognised=True) is False
    assert asks(text, language, recognised=False) is False


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("the report is ready", "en"),
        ("Puede venir mañana.", "es"),
        ("What is the capital of France.", "en"),
        ("You are coming, right.", "en"),
        ("Raport jest gotowy.", "pl"),
        ("The report is ready.", None),
        ("ครับ.", "th"),
        ("", "en"),
    ],
)
def test_what_a_recogniser_leaves_open(text: str, language: str | None) -> None:
    assert asks(text, language, recognised=True) is None


def test_the_full_stop_of_a_writer_counts() -> None:
    assert asks("Puede venir mañana.", "es", recognised=False) is False
    assert asks("Raport jest gotowy.", "pl", recognised=False) is False
    assert asks("What is the capital of France.", "en", recognised=False) is None


@pytest.mark.parametrize(
    ("beginning", "language", "possible"),
    [
        ("¿Qué", "es", True),
        ("Son las", "es", False),
        ("What time", "en", True),
        ("It is", "en", False),
        ("Sind", "de", True),
        ("Es ist", "de", False),
        ("いま", "ja", True),
        ("Która", "pl", True),
    ],
)
def test_a_question_may_begin_so(beginning: str, language: str, possible: bool) -> None:
    assert may_begin_question(beginning, language) is possible


@pytest.mark.parametrize(
    ("text", "language", "recognised", "found"),
    [
        ("现在是三点", "zh", False, False),
        ("现在是三点", "zh", True, None),
        ("几点了", "zh", True, True),
        ("회의는 언제예요", "ko", True, True),
        ("Gdzie jest sala", "pl", True, True),
        ("会議はいつ始まりますか", "ja", True, True),
        ("It is three", "en", False, None),
    ],
)
def test_in_some_languages_the_words_show_a_question(
    text: str, language: str, recognised: bool, found: bool | None
) -> None:
    assert asks(text, language, recognised=recognised) is found
