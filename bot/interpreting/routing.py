"""Who is heard where, and through which lanes: pure functions of the plan, asked anew at the start of each utterance.

A channel is what people in one place hear. For one speaker and one channel there are three answers: nothing (they are
heard there anyway, or nobody needs them), their own voice passed through, or an interpretation; never two of them.

| layout | channels | original is heard | interpretation is heard |
|---|---|---|---|
| shared | `room` | by everybody, in the room | in the room, into every language somebody else hears |
| channels | `room`, and one per language | in the room; passed through to the channel of its language | in the room, and in every other channel |
| sister | one per language | where the speaker sits: the room of the language they hear; passed through to that of the language they speak | in every other room in which somebody sits |
"""  # noqa: E501  (a table cell cannot be wrapped)

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from bot.interpreting.plan import AUTO, SHARED_CHANNEL, Lane, Layout, RoomPlan, primary


class ChannelSource(Enum):
    """What one channel is to hear of one speaker."""

    NOTHING = auto()
    PASSTHROUGH = auto()
    INTERPRETATION = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One lane and where it is heard."""

    lane: Lane
    channels: tuple[str, ...]
    """Empty for the first leg of a relay into a language nobody hears."""
    via: Lane | None = None
    """The lane whose interpretation this one interprets; None: the speaker."""


def channels(plan: RoomPlan) -> tuple[str, ...]:
    match plan.layout:
        case Layout.SHARED:
            return (SHARED_CHANNEL,)
        case Layout.CHANNELS:
            return (SHARED_CHANNEL, *dict.fromkeys(plan.languages))
        case Layout.SISTER:
            return tuple(dict.fromkeys(plan.languages))
        case _:
            assert_never(plan.layout)


def stream(plan: RoomPlan, channel: str) -> str | None:
    """The media stream that carries a channel; None for one that is no part of the call.

    Unless the plan says otherwise the one stream of the shared room carries its channel and no other, and each sister
    room's carries its own.
    """
    named = plan.streams.get(channel)
    if named is not None:
        return named
    return channel if plan.layout is Layout.SISTER or channel == SHARED_CHANNEL else None


def targets(plan: RoomPlan, speaker: str, channel: str) -> tuple[str, ...]:
    """The languages into which one speaker is interpreted for one channel.

    Of an `auto` speaker every language is a target; the booth stays silent where it is already spoken.
    """
    own = primary(plan.speaks(speaker))
    if channel == SHARED_CHANNEL:
        wanted = _heard_by_others(plan, speaker)
    elif plan.layout is Layout.CHANNELS:
        wanted = {channel}  # whoever opens the page hears it: the roster does not know them
    else:
        wanted = {channel} & _heard_by_others(plan, speaker)
    return tuple(tag for tag in dict.fromkeys(plan.languages) if tag in wanted and primary(tag) != own)


def feed(plan: RoomPlan, speaker: str, channel: str) -> ChannelSource:
    """What this channel is to hear of this speaker."""
    if channel not in channels(plan):
        return ChannelSource.NOTHING
    if targets(plan, speaker, channel):
        return ChannelSource.INTERPRETATION
    if channel == SHARED_CHANNEL or primary(channel) != primary(plan.speaks(speaker)):
        return ChannelSource.NOTHING
    if plan.layout is Layout.CHANNELS:
        return ChannelSource.PASSTHROUGH
    sits_there = channel == seat(plan, speaker)
    return (
        ChannelSource.PASSTHROUGH
        if not sits_there and channel in _heard_by_others(plan, speaker)
        else ChannelSource.NOTHING
    )


def seat(plan: RoomPlan, speaker: str) -> str | None:
    """The channel whose room the speaker is in, and is heard in without our doing."""
    if plan.layout is not Layout.SISTER:
        return SHARED_CHANNEL
    attendee = plan.attendees.get(speaker)
    return attendee.listens_to if attendee else None


def routes(plan: RoomPlan, speaker: str, refused: Container[Lane] = ()) -> tuple[Route, ...]:
    """The lanes one speaker's words go through, in the order of the room's languages, each once.

    Args:
        refused: lanes no booth can serve: they go through the pivot language, if there is one.
    """
    source = plan.speaks(speaker)
    heard: dict[Lane, list[str]] = {}
    for channel in channels(plan):
        for target in targets(plan, speaker, channel):
            heard.setdefault(Lane(speaker, source, target), []).append(channel)
        if feed(plan, speaker, channel) is ChannelSource.PASSTHROUGH:
            heard.setdefault(Lane(speaker, source, source), []).append(channel)
    found: dict[Lane, Route] = {}
    for lane, where in heard.items():
        relay = _relay(plan, lane, refused)
        if relay is None:
            found[lane] = Route(lane, tuple(where))
            continue
        first, second = relay
        found.setdefault(first, Route(first, tuple(heard.get(first, ()))))
        found[second] = Route(second, tuple(where), via=first)
    return tuple(found.values())


def _relay(plan: RoomPlan, lane: Lane, refused: Container[Lane]) -> tuple[Lane, Lane] | None:
    """The two legs through the pivot language, where the direct way is closed and this one is not."""
    pivot = plan.pivot
    if lane not in refused or pivot is None or primary(pivot) in (primary(lane.source), primary(lane.target)):
        return None
    first, second = Lane(lane.speaker, lane.source, pivot), Lane(lane.speaker, pivot, lane.target)
    return None if first in refused or second in refused else (first, second)


def _heard_by_others(plan: RoomPlan, speaker: str) -> set[str]:
    heard = {one.listens_to for one in plan.attendees.values() if one.speaker != speaker}
    return heard - {AUTO}
