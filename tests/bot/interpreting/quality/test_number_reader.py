"""Numbers are read, in digits and in words, as people of each language mean them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.quality.number_reader import read_numbers

SAME = [
    ("en", "two hundred and fifty thousand", "de", "zweihundertfünfzigtausend"),
    ("en", "two hundred and fifty thousand", "it", "duecentocinquantamila"),
    ("fr", "quatre-vingt-dix-neuf mille deux cent trois", "en", "99,203"),
    ("fr", "soixante et onze", "pt", "setenta e um"),
    ("fr", "quatre-vingts", "de", "achtzig"),
    ("fr", "mille cent", "en", "eleven hundred"),
    ("es", "ciento veintiún mil", "en", "121,000"),
    ("es", "setecientas mil", "fr", "700 000"),
    ("es", "dos mil quinientos millones", "en", "2.5 billion"),
    ("es", "dos millones y medio", "en", "two and a half million"),
    ("en", "three million two hundred thousand", "es", "tres millones doscientos mil"),
    ("en", "two billion three hundred million", "de", "2.300.000.000"),
    ("pt", "mil novecentos e oitenta e quatro", "it", "millenovecentottantaquattro"),
    ("en", "nineteen eighty-four", "de", "neunzehnhundertvierundachtzig"),
    ("en", "twenty twenty-six", "de", "zweitausendsechsundzwanzig"),
    ("en", "a thousand and one nights", "es", "las mil y una noches"),
    ("de", "tausend Nächte", "en", "1000 nights"),
    ("de", "hundertfünf", "fr", "cent cinq"),
    ("en", "in the 1990s", "de", "in den 90ern"),
    ("en", "1,250,000.5", "de", "1.250.000,5"),
    ("en", "1.250", "de", "1,250"),
    ("fr", "1 250 000", "it", "1.250.000"),
    ("en", "three point one four", "de", "drei Komma eins vier"),
    ("fr", "trois virgule quatorze", "en", "3.14"),
    ("en", "two point five million", "es", "2,5 millones"),
    ("en", "$5M", "es", "cinco millones de dólares"),
    ("en", "1.2bn", "de", "1,2 Mrd"),
    ("en", "50k", "de", "50.000"),
    ("en", "third", "fr", "troisième"),
    ("de", "am zwanzigsten", "it", "il ventesimo"),
    ("fr", "le vingt et unième", "en", "the 21st"),
    ("en", "the twenty-first century", "es", "el siglo XXI"),
    ("en", "IX", "pt", "nove"),
    ("en", "at 14:30", "de", "um 14 Uhr 30"),
    ("en", "at fourteen thirty", "fr", "à 14 h 30"),
    ("en", "at two thirty", "es", "a las dos y media"),
    ("fr", "à huit heures et demie", "en", "at 8:30"),
    ("de", "um 14.30 Uhr", "en", "at 2:30 pm"),
    ("en", "8 and a half hours", "it", "8,5 ore"),
    ("en", "half an hour", "de", "30 Minuten"),
    ("en", "ten to fifteen people", "de", "10 bis 15 Personen"),
    ("en", "both of them", "fr", "les deux"),
    ("en", "B2B", "es", "entre empresas"),
    ("en", "a hundred percent", "it", "il cento per cento"),
    ("es", "diez y mil", "en", "10 and 1000"),
    ("en", "what is the point of five", "de", "was sollen fünf"),
    ("es", "veinte doscientos", "en", "20, 200"),
    ("en", "a thousand hundred", "de", "tausend einhundert"),
    ("en", "one million, two hundred thousand", "pt", "um milhão, duzentos mil"),
    ("de", "drei Millionen fünfhundertachtundvierzigtausendfünfhunderteinundsiebzig", "en", "3,548,571"),
    ("it", "tre milioni e cinquecentoquarantottomila", "en", "3,548,000"),
    ("de", "hunderteins", "en", "101"),
    ("en", "in '98", "es", "en mil novecientos noventa y ocho"),
    ("en", "at noon", "de", "um zwölf"),
    ("en", "quarter to four", "es", "cuatro menos cuarto"),
    ("ja", "1億2000万", "en", "120 million"),
    ("zh", "3千500", "en", "3500"),
    ("zh", "3千5000", "en", "3000 and 5000"),
    ("hi", "1,00,000", "en", "100,000"),
    ("hi", "5 लाख", "en", "500,000"),
    ("ru", "2,5 млрд", "en", "2.5 billion"),
    ("ru", "7 тыс.", "pl", "7000"),
]


@pytest.mark.parametrize(("one", "text", "other", "same"), SAME)
def test_a_number_is_read_alike_in_every_language(one: str, text: str, other: str, same: str) -> None:
    found = zip(read_numbers(text, one), read_numbers(same, other), strict=True)
    assert all(here.values & there.values for here, there in found)


@pytest.mark.parametrize(
    ("language", "text", "readings"),
    [
        ("it", "Milano", []),
        ("es", "y media", []),
        ("de", "am 24.12. um acht", [{24}, {12}, {24.12}, {8}]),
        ("en", "04/05/2026", [{4}, {5}, {2026}]),
        ("en", "4, 7, 1, 1", [{4, 4711}, {7, 4711}, {1, 4711}, {1, 4711}]),
        ("en", "one hundred hundred", [{100}, {100}]),
        ("en", "twenty and three", [{20}, {3}]),
        ("en", "5 and 3 and a half", [{5}, {3, 3.5}]),
        ("es", "diez y mil", [{10}, {1000}]),
    ],
)
def test_each_number_has_all_its_readings(language: str, text: str, readings: list[set[float]]) -> None:
    assert [number.values for number in read_numbers(text, language)] == readings


def test_every_kind_of_ordinal_of_a_long_number() -> None:
    for word in ("einhundertste", "zweihundertste", "dritten", "siebzehnter"):
        assert read_numbers(word, "de"), word


def _in_english(number: int) -> str:
    ones = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen").split()  # fmt: skip
    tens = "twenty thirty forty fifty sixty seventy eighty ninety".split()
    if number < 20:
        return ones[number]
    if number < 100:
        return tens[number // 10 - 2] + (f"-{ones[number % 10]}" if number % 10 else "")
    for scale, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= scale:
            rest = number % scale
            joint = " and " if rest and scale == 100 else " "
            return f"{_in_english(number // scale)} {name}" + (joint + _in_english(rest) if rest else "")
    raise AssertionError(number)


@given(st.integers(2, 999_999_999))
def test_words_mean_what_digits_mean(number: int) -> None:
    for text, language in (
        (f"There were {_in_english(number)} of them.", "en"),
        (f"Es waren {number}.", "de"),
        (f"Eran {number:,}.".replace(",", "."), "es"),
        (f"{number:,}".replace(",", "\u202f"), "fr"),
    ):
        (found,) = read_numbers(text, language)
        assert number in found.values
