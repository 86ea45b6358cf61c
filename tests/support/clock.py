"""Instants of properties: whole milliseconds, because sums of fractions of a second drift and compare unequal."""

from __future__ import annotations


def after(now: float, ms: int) -> float:
    """The instant `ms` milliseconds after `now` on a grid of milliseconds, and never before `now`. In seconds."""
    return max(now, (round(now * 1000) + ms) / 1000)


def ms_between(earlier: float, later: float) -> int:
    """Whole milliseconds between two instants in seconds."""
    return round((later - earlier) * 1000)
