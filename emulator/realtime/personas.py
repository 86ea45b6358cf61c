"""Says what an emulated model answers: an interpretation, what it has understood, or prepared answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

Persona = Literal["auto", "interpreter", "echo", "scripted"]
"""`interpreter` fails without a target language in the instructions, `echo` says back what it has understood,
`scripted` gives the prepared answers in turn; `auto` interprets if the instructions ask for it, else it is an echo."""


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A function call as a prepared answer."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


Answer = str | PreparedCall
"""A prepared answer: a text to say, or a function call."""


def read_answers(entries: object) -> tuple[Answer, ...]:
    """Parse answers from JSON: texts, and objects with `name` and `arguments`. Raises ValueError."""
    try:
        return msgspec.convert(entries, tuple[Answer, ...])
    except msgspec.ValidationError as error:
        raise ValueError(f"answers: {error}") from error


def answers_of_lines(lines: Iterable[str]) -> list[Any]:
    """Return the JSON of a file of answers: a text in each line, or an object. Raises ValueError."""
    words = [line.strip() for line in lines if line.strip()]
    try:
        return [msgspec.json.decode(word) if word.startswith("{") else word for word in words]
    except msgspec.DecodeError as error:
        raise ValueError(f"answers: {error}") from error


def answers_as_json(answers: Sequence[Answer]) -> list[Any]:
    """Return what `read_answers` parses."""
    return [msgspec.to_builtins(answer) for answer in answers]


_SAID: Mapping[str, str] = {
    "ar": "لقد قلت: {}",
    "ca": "Ha dit: {}",
    "de": "Sie sagten: {}",
    "en": "You said: {}",
    "es": "Ha dicho: {}",
    "fr": "Vous avez dit : {}",
    "hi": "आपने कहा: {}",
    "it": "Ha detto: {}",
    "ja": "「{}」とおっしゃいました。",
    "ko": "말씀하신 내용: {}",
    "pt": "Você disse: {}",
    "ru": "Вы сказали: {}",
    "zh": "您说的是：{}",
}
_LISTENING: Mapping[str, str] = {
    "ar": "أنا أستمع.",
    "ca": "L'escolto.",
    "de": "Ich höre zu.",
    "en": "I am listening.",
    "es": "Le escucho.",
    "fr": "Je vous écoute.",
    "hi": "मैं सुन रहा हूँ।",
    "it": "La ascolto.",
    "ja": "お聞きしています。",
    "ko": "듣고 있습니다.",
    "pt": "Estou ouvindo.",
    "ru": "Я слушаю.",
    "zh": "我在听。",
}


def said_back(text: str, language: str) -> str:
    """Return one sentence that says back what was understood; the text alone in a language without such a sentence."""
    return _SAID.get(language, "{}").format(text)


def listening(language: str) -> str:
    """Return what is said when nobody has said anything."""
    return _LISTENING.get(language, _LISTENING["en"])
