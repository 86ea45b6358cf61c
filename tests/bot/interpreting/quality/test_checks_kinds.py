"""Kinds of interpretation that were judged wrongly once, by languages, numbers, questions and what is added."""

from __future__ import annotations

import pytest

from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Lane
from bot.interpreting.quality.checks import Fault, examine
from bot.live_room import language_detection

GOOD = [
    ("en", "zh", "Please open Microsoft Teams and SharePoint.", "请打开 Microsoft Teams 和 SharePoint。"),
    ("en", "ja", "We use Microsoft Teams.", "Microsoft Teamsを使います。"),
    ("en", "ru", "Open Microsoft Teams Premium, please.", "Откройте Microsoft Teams Premium."),
    ("en", "ar", "Open Microsoft Teams Premium, please.", "افتح Microsoft Teams Premium."),
    ("en", "de", "Berlin, Hamburg, London, Paris, Madrid.", "Berlin, Hamburg, London, Paris, Madrid."),
    ("zh", "ja", "2030年7月3日", "2030年7月3日"),
    ("en", "ja", "It costs 25,000 yen.", "2万5000円です。"),
    ("en", "zh", "120 million people", "1亿2000万人"),
    ("hi", "en", "1,00,000 लोग", "100,000 people"),
    ("hi", "en", "5 लाख लोग", "500,000 people"),
    ("en", "es", "It is $12.50.", "Son doce dólares con cincuenta."),
    ("en", "es", "Room 109.", "Habitación uno cero nueve."),
    ("en", "de", "The code is 4711.", "Der Code ist vier, sieben, eins, eins."),
    ("en", "fr", "The number is 01 42 68 53 00.", "Le numéro est le 0142685300."),
    ("en", "es", "In '98 we began.", "En 1998 empezamos."),
    ("en", "de", "There are 101 rooms.", "Es gibt hunderteins Zimmer."),
    ("en", "de", "9,453,000 people", "neun Millionen vierhundertdreiundfünfzigtausend Menschen"),
    ("en", "de", "We meet at noon.", "Wir treffen uns um zwölf."),
    ("en", "es", "Page one.", "Página uno."),
    ("de", "en", "Wir treffen uns um halb vier.", "We meet at half past three."),
    ("de", "es", "Um halb vier.", "A las tres y media."),
    ("en", "es", "At a quarter to four.", "A las cuatro menos cuarto."),
    ("en", "de", "At 3:45.", "Um drei Viertel vier."),
    ("de", "en", "Leider kann ich morgen nicht kommen.", "I'm afraid I can't come tomorrow."),
    ("es", "en", "¿Cómo dice?", "Could you repeat that?"),
    ("en", "es", "Sure.", "Por supuesto que sí."),
    ("en", "es", "What is the date?", "¿Qué día es?"),
    ("pt", "en", "um milhão, duzentos mil", "1,200,000"),
]
WRONG = [
    ("en", "ja", "It costs 25,000 yen.", "2500円です。", Fault.NUMBER),
    ("en", "ja", "There are 25,000 people.", "2500人です。", Fault.NUMBER),
    ("en", "zh", "It is 300 euros.", "500欧元。", Fault.NUMBER),
    ("de", "en", "Wir treffen uns um halb vier.", "We meet at half past four.", Fault.NUMBER),
    ("es", "en", "A las cuatro menos cuarto.", "At a quarter past four.", Fault.NUMBER),
    ("en", "de", "In the third quarter.", "Im vierten Quartal.", Fault.NUMBER),
    (
        "en",
        "es",
        "Good.",
        "Muy bien, hoy vamos a hablar de los resultados del último trimestre y de todo lo que hemos aprendido en él.",
        Fault.LENGTH,
    ),
    (
        "en",
        "es",
        "The meeting begins at three.",
        "La reunión empieza a las tres. Esto significa que deben estar allí a esa hora.",
        Fault.LENGTH,
    ),
    (
        "en",
        "es",
        "He kicked the bucket.",
        "Estiró la pata (es una expresión inglesa que significa morir).",
        Fault.LENGTH,
    ),
    ("zh", "en", "现在几点了？", "It is three o'clock.", Fault.QUESTION),
    ("en", "zh", "What time is it?", "现在是三点", Fault.QUESTION),
    ("ja", "en", "会議は何時に始まりますか", "The meeting begins in the afternoon.", Fault.QUESTION),
    ("en", "ko", "Where is the room?", "회의실은 이층에 있습니다", Fault.QUESTION),
    ("pl", "en", "Gdzie jest sala?", "The room is upstairs.", Fault.QUESTION),
    ("de", "en", "Morgen um neun.", "I'm sorry, but I can't help with that.", Fault.ASSISTANT),
]


@pytest.mark.parametrize(("source", "target", "original", "interpretation"), GOOD)
def test_what_is_right_raises_no_alarm(source: str, target: str, original: str, interpretation: str) -> None:
    lane = Lane("a", source, target)
    assert examine(original, interpretation, lane, GlossaryEntries(), language_detection.load()) == ()


@pytest.mark.parametrize(("source", "target", "original", "interpretation", "fault"), WRONG)
def test_what_is_wrong_is_seen(source: str, target: str, original: str, interpretation: str, fault: Fault) -> None:
    lane = Lane("a", source, target)
    assert fault in examine(original, interpretation, lane, GlossaryEntries(), language_detection.load())
