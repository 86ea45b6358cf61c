"""`python -m bot cost`: forecasts what a meeting costs, item by item."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bot.commands.forecast import PARK_S, TURN_S, UTTERANCE_S, ForecastItem, Meeting, forecast
from bot.commands.prices import ListPrice, effective
from bot.config import load_prices
from bot.errors import SettingsError

MOST = 10_000


def _whole(text: str, least: int = 1) -> int:
    number = int(text) if text.isdecimal() else -1
    if not least <= number <= MOST:
        raise argparse.ArgumentTypeError(f"must be {least} to {MOST}")
    return number


def _languages(text: str) -> int:
    number = _whole(text, 2)
    if number > 100:
        raise argparse.ArgumentTypeError("must be 2 to 100")
    return number


def _listeners(text: str) -> int:
    return _whole(text, 0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a number") from None


def _hours(text: str) -> float:
    hours = _number(text)
    if not (math.isfinite(hours) and 0 < hours <= MOST):
        raise argparse.ArgumentTypeError(f"must be above 0 and at most {MOST}")
    return hours


def _percent(text: str) -> float:
    number = _number(text)
    if not 1 <= number <= 100:
        raise argparse.ArgumentTypeError("must be 1 to 100")
    return number / 100


def add_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--languages", type=_languages, default=2, metavar="N", help="languages spoken and heard (2)")
    add("--people", type=_whole, default=2, metavar="N", help="people in the meeting (2)")
    add("--hours", type=_hours, default=1.0, metavar="H", help="length (1)")
    add("--speakers", type=_whole, metavar="N", help="people who take turns speaking (one per language, at most)")
    add("--listeners", type=_listeners, default=0, metavar="N", help="people who only listen, by browser (0)")
    add("--talk", type=_percent, default=0.8, metavar="PERCENT", help="share of the time in which somebody speaks (80)")
    add("--web", action="store_true", help="everybody comes by browser, without an ACS call")
    add("--engine", choices=("conversation", "translation"), help="instead of what the service chooses")
    add("--no-transcription", action="store_true", help="without captions of what speakers say themselves")
    add("--json", action="store_true", help="write the forecast as JSON")


def run(options: argparse.Namespace) -> int:
    """Write the forecast; return 2 if `MODEL_PRICES` cannot be read."""
    try:
        currency, prices = effective(load_prices())
    except SettingsError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    meeting = Meeting(
        languages=options.languages,
        people=options.people,
        hours=options.hours,
        speakers=min(options.speakers or options.languages, options.people),
        listeners=options.listeners,
        talk=options.talk,
        web=options.web,
        transcribed=not options.no_transcription,
        engine=options.engine,
    )
    items = forecast(meeting)
    write = as_json if options.json else as_text
    sys.stdout.write(write(meeting, items, prices, currency))
    return 0


def cost_of(item: ForecastItem, prices: Mapping[str, ListPrice]) -> float | None:
    """Return the cost of an item; None if it has no price."""
    amount = prices[item.price].amount
    return None if amount is None else item.quantity * amount


def as_text(meeting: Meeting, items: Sequence[ForecastItem], prices: Mapping[str, ListPrice], currency: str) -> str:
    """Return a table of the items, their sum, and what was assumed."""
    mode, layout = meeting.layout
    lines = [
        f"{meeting.hours:g} h, {meeting.people} people of whom {meeting.speakers} speak, {meeting.languages} "
        f"languages, {meeting.listeners} listeners: {mode}, layout {layout}\n",
        f"{'':34}{'quantity':>24}{'price':>12}{currency:>12}",
    ]
    for item in items:
        price, cost = prices[item.price], cost_of(item, prices)
        amount = "unknown" if price.amount is None else f"{price.amount:g}"
        counted = "not counted" if cost is None else f"{cost:.2f}"
        quantity = f"{item.quantity:,.3f} {price.unit}"
        lines.append(f"{item.what:<34}{quantity:>24}{amount:>12}{counted:>12}"[: 34 + 24 + 12 + 12])
    total = _total(items, prices)
    lines.append(f"{'total':<34}{'':36}{total:>12.2f}")
    lines.append(f"{'per hour':<34}{'':36}{total / meeting.hours:>12.2f}\n")
    lines.append(
        f"Assumed: somebody speaks {meeting.talk:.0%} of the time, in turns of {TURN_S:g} s and utterances of "
        f"{UTTERANCE_S:g} s."
    )
    if any(item.price == "translation" for item in items):
        lines.append(f"A translation session is billed while it is open: silence too, up to {PARK_S:g} s after a turn.")
    lines.append(f"Prices: {_sources(prices)}.")
    return "\n".join(lines) + "\n"


def as_json(meeting: Meeting, items: Sequence[ForecastItem], prices: Mapping[str, ListPrice], currency: str) -> str:
    """Return `{"currency", "total", "per_hour", "meeting", "items": [{…, "unit", "unit_price", "cost"}]}`."""
    total = _total(items, prices)
    listed: list[dict[str, Any]] = [
        {
            **asdict(item),
            "unit": prices[item.price].unit,
            "unit_price": prices[item.price].amount,
            "cost": cost_of(item, prices),
        }
        for item in items
    ]
    document = {"currency": currency, "total": total, "per_hour": total / meeting.hours}
    return json.dumps({**document, "meeting": asdict(meeting), "items": listed}, indent=2) + "\n"


def _total(items: Sequence[ForecastItem], prices: Mapping[str, ListPrice]) -> float:
    return sum(cost_of(item, prices) or 0.0 for item in items)


def _sources(prices: Mapping[str, ListPrice]) -> str:
    """Return where the prices are from."""
    given = any(price.source == "MODEL_PRICES" for price in prices.values())
    return "MODEL_PRICES, and published lists for the rest" if given else "published lists (docs/operations.md)"
