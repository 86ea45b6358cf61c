"""The number words of six languages, as tables. Compounds are read only where they are written as a single word."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class NumberWordKind(Enum):
    ADDEND = 1
    """Below 1000, or a hundred that takes no multiplier."""
    HUNDRED = 2
    SCALE = 3
    """A thousand and beyond."""
    CONNECTOR = 4
    POINT = 5
    """The decimal point, spoken."""
    LOOSE = 6
    """It stands by itself."""


@dataclass(frozen=True, slots=True)
class NumberWord:
    kind: NumberWordKind
    values: tuple[float, ...] = ()
    required: bool = True
    """False if it often is no number (articles, `sei`, `neuf`), or other languages say the same without a number."""


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """Return a word in lower case and without accents: recognisers are not sure of either."""
    apart = unicodedata.normalize("NFD", word.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


Table = dict[str, NumberWord]

_CONNECTOR, _POINT = NumberWord(NumberWordKind.CONNECTOR), NumberWord(NumberWordKind.POINT)
_HUNDRED, _THOUSAND = NumberWord(NumberWordKind.HUNDRED, (100,)), NumberWord(NumberWordKind.SCALE, (1e3,))
_HALF = NumberWord(NumberWordKind.LOOSE, (0.5, 30, 50), required=False)
_QUARTER = NumberWord(NumberWordKind.LOOSE, (0.25, 4, 15, 25), required=False)


def _addends(words: str, first: int = 1, step: int = 1) -> Table:
    """Number words in counting order; words joined by `|` mean the same."""
    return {
        fold(word): NumberWord(NumberWordKind.ADDEND, (first + step * place,))
        for place, several in enumerate(words.split())
        for word in several.split("|")
    }


def _maybe(value: float, words: str) -> Table:
    return {fold(word): NumberWord(NumberWordKind.ADDEND, (value,), required=False) for word in words.split()}


def _loose(words: str, *values: float) -> Table:
    return {fold(word): NumberWord(NumberWordKind.LOOSE, values, required=False) for word in words.split()}


def _scale(value: float, words: str) -> Table:
    """Make scales: not required by themselves, because bare `millions` only means very many."""
    return {fold(word): NumberWord(NumberWordKind.SCALE, (value,), required=False) for word in words.split()}


def _each(word: NumberWord, words: str) -> Table:
    return {fold(each): word for each in words.split()}


def _with_endings(table: Table, endings: str) -> Table:
    """Add other endings to words: `tercero` in all genders and numbers."""
    return {word[:-1] + ending: numeral for word, numeral in table.items() for ending in endings.split()}


def _derived(table: Table, endings: Iterable[str], *, drop: str = "") -> Table:
    """Derive ordinals by an ending: `sieb-te`, `sept-ième`."""
    return {
        fold((word[:-1] if word[-1] in drop else word) + ending): numeral
        for word, numeral in table.items()
        for ending in endings
        if numeral.kind in {NumberWordKind.ADDEND, NumberWordKind.HUNDRED} and numeral.required
    }


def _english() -> Table:
    units = _addends("two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
                     "seventeen eighteen nineteen", 2)  # fmt: skip
    ordinals = _addends("third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
                        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth", 3)  # fmt: skip
    return {
        **units,
        **ordinals,
        **_addends("twenty thirty forty|fourty fifty sixty seventy eighty ninety", 20, 10),
        **_addends("thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth hundredth", 30, 10),
        **_maybe(1, "one first single once"),
        **_maybe(2, "second"),
        **_maybe(0, "zero oh nought nil"),
        **_loose("both between twice double couple pair", 2),
        **_loose("thirds triple", 3),
        **_loose("dozen noon midday", 12),
        **_loose("midnight", 0, 12, 24),
        **_loose("fortnight", 2, 14, 15),
        **_loose("tens", 10),
        **_loose("hundreds", 100),
        **_loose("thousands", 1000),
        **_each(_HALF, "half"),
        **_each(_QUARTER, "quarter quarters"),
        **_each(_HUNDRED, "hundred"),
        **_each(_THOUSAND, "thousand"),
        **_scale(1e6, "million millions"),
        **_scale(1e9, "billion billions"),
        **_scale(1e12, "trillion trillions"),
        **_each(_CONNECTOR, "and"),
        **_each(_POINT, "point"),
    }


def _spanish() -> Table:
    hundreds = "doscient trescient cuatrocient quinient seiscient setecient ochocient novecient".split()
    return {
        **_addends(
            "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
            "dieciocho diecinueve veinte veintiuno|veintiún|veintiuna veintidós veintitrés veinticuatro "
            "veinticinco veintiséis veintisiete veintiocho veintinueve",
            2,
        ),  # fmt: skip
        **_addends("treinta cuarenta cincuenta sesenta setenta ochenta noventa cien|ciento", 30, 10),
        **_addends(" ".join(f"{stem}os|{stem}as" for stem in hundreds), 200, 100),
        **_addends("tercer", 3),
        **_with_endings(_addends("tercero", 3), "o a os as"),
        **_with_endings(_addends("quinto sexto séptimo octavo noveno décimo", 5), "o a os as"),
        **_maybe(1, "un uno una primer primero primera primeros primeras"),
        **_maybe(2, "segundo segunda segundos segundas"),
        **_maybe(4, "cuarta cuartas"),
        **_maybe(0, "cero"),
        **_loose("ambos ambas entre doble par", 2),
        **_loose("tercio tercios triple", 3),
        **_loose("docena mediodía", 12),
        **_loose("medianoche", 0, 12, 24),
        **_loose("decena decenas", 10),
        **_loose("centenar centenares", 100),
        **_loose("miles millar", 1000),
        **_each(_HALF, "medio media mitad"),
        **_each(_QUARTER, "cuarto cuartos"),
        **_each(_THOUSAND, "mil"),
        **_scale(1e6, "millón millones"),
        **_scale(1e12, "billón billones"),
        **_each(_CONNECTOR, "y"),
        **_each(_POINT, "coma punto"),
    }


def _french() -> Table:
    plain = {
        **_addends("deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize", 2),
        **_addends("vingt trente quarante cinquante soixante septante huitante nonante", 20, 10),
    }
    ordinals = _derived(plain, ["ième", "ièmes", "uième"], drop="e")
    return {
        **ordinals,
        **plain,
        **_addends("vingts", 20),
        **_addends("cinquième|cinquièmes neuvième|neuvièmes", 5, 4),
        **_maybe(1, "un une unième premier première premiers premières"),
        **_maybe(2, "second seconde secondes"),
        **_maybe(9, "neuf"),
        **_maybe(0, "zéro"),
        **_loose("entre double paire", 2),
        **_loose("tiers triple", 3),
        **_loose("douzaine midi", 12),
        **_loose("minuit", 0, 12, 24),
        **_loose("quinzaine", 15, 2),
        **_loose("dizaine dizaines", 10),
        **_loose("vingtaine", 20),
        **_loose("trentaine", 30),
        **_loose("cinquantaine", 50),
        **_loose("centaine centaines", 100),
        **_loose("millier milliers", 1000),
        **_each(_HALF, "demi demie moitié"),
        **_each(_QUARTER, "quart quarts trimestre"),
        **_each(_HUNDRED, "cent cents centième"),
        **_each(_THOUSAND, "mille"),
        **_scale(1e6, "million millions"),
        **_scale(1e9, "milliard milliards"),
        **_each(_CONNECTOR, "et"),
        **_each(_POINT, "virgule"),
    }


def _german() -> Table:
    units = ["", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
    teens = "zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn".split()
    tens = "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
    below = [*units, *teens]
    for place, ten in enumerate(tens):
        below += [f"{unit}und{ten}" if unit else ten for unit in units]
        assert len(below) == 30 + 10 * place
    plain: Table = {}
    for hundreds in range(20):
        head = "" if hundreds == 0 else f"{below[hundreds]}hundert"
        for rest, word in enumerate(below):
            for joint in ("", "und"):
                plain[fold(head + joint * bool(head and word) + word)] = NumberWord(
                    NumberWordKind.ADDEND, (100 * hundreds + rest,)
                )
    for word, value in (("eins", 1), ("hundert", 100)):
        plain[word] = NumberWord(NumberWordKind.ADDEND, (value,), required=value > 1)
    plain |= {
        fold(f"hundert{word}"): NumberWord(NumberWordKind.ADDEND, (100 + rest,)) for rest, word in enumerate(below)
    }
    del plain[""]
    plain |= {
        fold(f"{below[hundreds]}hundert{joint}eins"): NumberWord(NumberWordKind.ADDEND, (100 * hundreds + 1,))
        for hundreds in range(1, 20)
        for joint in ("", "und")
    } | {f"hundert{joint}eins": NumberWord(NumberWordKind.ADDEND, (101,)) for joint in ("", "und")}
    return {
        **plain,
        **{f"{stem}{ending}": NumberWord(NumberWordKind.ADDEND, (value,))
           for stem, value in (("dritt", 3), ("siebt", 7), ("acht", 8)) for ending in ("e", "en", "er", "es", "em")},
        **_addends("zwo|zweimal dreimal viermal fünfmal", 2),
        **_maybe(1, "ein eine einen einem einer eines eins erste ersten erster erstes erstem einmal einzige einzigen"),
        **_maybe(2, "zweite zweiten zweiter zweites zweitem"),
        **_maybe(8, "achte achten"),
        **_maybe(0, "null"),
        **_loose("beide beiden beides zwischen doppelt doppelte paar", 2),
        **_loose("drittel dreifach", 3),
        **_loose("dutzend mittag mittags", 12),
        **_loose("mitternacht", 0, 12, 24),
        **_loose("anderthalb eineinhalb", 1.5),
        **_loose("zweieinhalb", 2.5),
        **_loose("dreieinhalb", 3.5),
        **_loose("hunderte hunderten", 100),
        **_loose("tausende tausenden", 1000),
        **_each(_HALF, "halb halbe halben halbes halber hälfte"),
        **_each(_QUARTER, "viertel viertels quartal"),
        **_each(_THOUSAND, "tausend"),
        **_scale(1e6, "million millionen"),
        **_scale(1e9, "milliarde milliarden"),
        **_scale(1e12, "billion billionen"),
        **_each(_POINT, "komma"),
    }  # fmt: skip


def _italian() -> Table:
    units = ["", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"]
    below = [*units, *"dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove".split()]
    for ten in "venti trenta quaranta cinquanta sessanta settanta ottanta novanta".split():
        below += [ten[:-1] + unit if unit[:1] in {"u", "o"} else ten + unit for unit in units]
    plain: Table = {}
    for hundreds in range(10):
        head = "" if hundreds == 0 else f"{units[hundreds] if hundreds > 1 else ''}cento"
        for rest, word in enumerate(below):
            plain[head + word] = NumberWord(NumberWordKind.ADDEND, (100 * hundreds + rest,))
            if hundreds and word.startswith("o"):  # novecentottanta
                plain[head[:-1] + word] = plain[head + word]
    del plain[""]
    plain |= {word[:-1]: numeral for word, numeral in plain.items() if word.endswith("tuno")}
    return {
        **_derived(plain, ["esimo", "esima", "esimi", "esime"], drop="aeio"),
        **plain,
        **_with_endings(_addends("terzo", 3), "o a i e"),
        **_with_endings(_addends("quinto sesto settimo ottavo nono decimo", 5), "o a i e"),
        **_maybe(1, "un uno una primo prima primi prime"),
        **_maybe(2, "secondo seconda secondi"),
        **_maybe(4, "quarto quarta"),
        **_maybe(6, "sei"),
        **_maybe(0, "zero"),
        **_loose("entrambi entrambe tra fra doppio paio coppia", 2),
        **_loose("triplo", 3),
        **_loose("dozzina mezzogiorno", 12),
        **_loose("mezzanotte", 0, 12, 24),
        **_loose("decina decine", 10),
        **_loose("ventina", 20),
        **_loose("trentina", 30),
        **_loose("centinaio centinaia", 100),
        **_loose("migliaio migliaia", 1000),
        **_each(_HALF, "mezzo mezza metà mezz"),
        **_each(_QUARTER, "quarti trimestre"),
        **_each(_THOUSAND, "mille mila"),
        **_scale(1e6, "milione milioni"),
        **_scale(1e9, "miliardo miliardi"),
        **_each(_CONNECTOR, "e"),
        **_each(_POINT, "virgola punto"),
    }


def _portuguese() -> Table:
    hundreds = "duzent trezent quatrocent quinhent seiscent setecent oitocent novecent".split()
    ordinals = _addends("terceiro quarto quinto sexto sétimo oitavo nono décimo", 3)
    loose = {"quarto", "quarta", "terca", "quinta", "sexta"}  # a room; days of the week
    return {
        **_addends("dois|duas três quatro cinco seis sete oito nove dez onze doze treze quatorze|catorze quinze "
                   "dezesseis|dezasseis dezessete|dezassete dezoito dezenove|dezanove", 2),  # fmt: skip
        **_addends("vinte trinta quarenta cinquenta sessenta setenta oitenta noventa cem|cento", 20, 10),
        **_addends(" ".join(f"{stem}os|{stem}as" for stem in hundreds), 200, 100),
        **{word: NumberWord(NumberWordKind.ADDEND, numeral.values, required=word not in loose)
           for word, numeral in _with_endings(ordinals, "o a os as").items()},
        **_maybe(1, "um uma primeiro primeira primeiros primeiras"),
        **_maybe(2, "segundo segunda segundos segundas"),
        **_maybe(0, "zero"),
        **_loose("ambos ambas entre dobro duplo par", 2),
        **_loose("terço terços terça triplo", 3),
        **_loose("dúzia", 12),
        **_loose("meianoite", 0, 12, 24),
        **_loose("dezena dezenas", 10),
        **_loose("centena centenas", 100),
        **_loose("milhar milhares", 1000),
        **_each(_HALF, "meio meia metade"),
        **_each(_QUARTER, "quartos trimestre"),
        **_each(_THOUSAND, "mil"),
        **_scale(1e6, "milhão milhões"),
        **_scale(1e9, "bilhão bilhões"),
        **_scale(1e12, "trilhão trilhões"),
        **_each(_CONNECTOR, "e"),
        **_each(_POINT, "vírgula ponto"),
    }  # fmt: skip


WORDS: Mapping[str, Mapping[str, NumberWord]] = {
    "en": _english(),
    "es": _spanish(),
    "fr": _french(),
    "de": _german(),
    "it": _italian(),
    "pt": _portuguese(),
}

_GERMAN_ORDINAL = re.compile(r"(.+?)s?t(?:e[nrsm]?)")


def numeral(word: str, language: str | None) -> NumberWord | None:
    """Return the number of a word; None if it is no number, or the words of the language are not known."""
    table = WORDS.get(language or "")
    if table is None:
        return None
    folded = fold(word)
    known = table.get(folded)
    if known is None and language == "de":
        ordinal = _GERMAN_ORDINAL.fullmatch(folded)
        cardinal = None if ordinal is None else table.get(ordinal[1])
        if cardinal is not None and cardinal.kind is NumberWordKind.ADDEND and cardinal.required:
            return cardinal
        return _compound(folded.partition("tausend"), table)
    if known is None and language == "it":
        if folded.startswith("mille"):
            return _compound(("", "mille", folded[5:]), table)
        return _compound(folded.partition("mila"), table)
    return known


def _compound(parts: tuple[str, str, str], table: Mapping[str, NumberWord]) -> NumberWord | None:
    """Read thousands within a single word: `zweitausendfünf`, `duemilacinque`, `millenovecento`."""
    before, thousand, after = parts
    thousands = _addend(before, table) if before else 1.0
    rest = _addend(after.removeprefix("und"), table) if after else 0.0
    if not thousand or thousands is None or rest is None:
        return None
    return NumberWord(NumberWordKind.ADDEND, (thousands * 1000 + rest,))


def _addend(word: str, table: Mapping[str, NumberWord]) -> float | None:
    found = table.get(word)
    return found.values[0] if found is not None and found.kind is NumberWordKind.ADDEND else None
