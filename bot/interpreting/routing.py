"""Who is heard where, and through which lanes: functions of the plan, called at the start of each utterance.

A channel is what the people in one place hear. Of a given speaker, a channel carries nothing (they are heard there
anyway, or nobody needs them), their own voice, or an interpretation; never two of these.

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
    """What one channel carries of one speaker."""

    NOTHING = auto()
    PASSTHROUGH = auto()
    INTERPRETATION = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """A lane and the channels on which it is heard."""

    lane: Lane
    channels: tuple[str, ...]
    """Empty for the first leg of a relay into a language nobody hears."""
    via: Lane | None = None
    """The lane whose interpretation this lane interprets; None if it interprets the speaker."""


def channels(plan: RoomPlan) -> tuple[str, ...]:
    """Return the channels of a room, each once."""
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
    """Return the media stream that carries a channel; None for a channel outside the call.

    Unless the plan says otherwise, the stream of the shared room carries the channel `room` and no other, and the
    stream of a room per language carries the channel of that language.
    """
    named = plan.streams.get(channel)
    if named is not None:
        return named
    return channel if plan.layout is Layout.SISTER or channel == SHARED_CHANNEL else None


def targets(plan: RoomPlan, speaker: str, channel: str) -> tuple[str, ...]:
    """Return the languages into which one speaker is interpreted for one channel.

    For an `auto` speaker every language is a target; the booth stays silent where it is spoken already.
    """
    own = primary(plan.speaks(speaker))
    if channel == SHARED_CHANNEL:
        wanted = _heard_by_others(plan, speaker)
    elif plan.layout is Layout.CHANNELS:
        wanted = {channel}  # listeners outside the call are not on the roster
    else:
        wanted = {channel} & _heard_by_others(plan, speaker)
    return tuple(tag for tag in dict.fromkeys(plan.languages) if tag in wanted and primary(tag) != own)


def feed(plan: RoomPlan, speaker: str, channel: str) -> ChannelSource:
    """Return what a channel carries of a speaker."""
    if channel not in channels(plan):
        return ChannelSource.NOTHING
    if targets(plan, speaker, channel):
        return ChannelSource.INTERPRETATION
    if channel == SHARED_CHANNEL or primary(channel) != primary(plan.speaks(speaker)):
        return ChannelSource.NOTHING
    if plan.layout is Layout.CHANNELS:
        return ChannelSource.PASSTHROUGH
    is_there = channel == own_channel(plan, speaker)
    return (
        ChannelSource.PASSTHROUGH
        if not is_there and channel in _heard_by_others(plan, speaker)
        else ChannelSource.NOTHING
    )


def own_channel(plan: RoomPlan, speaker: str) -> str | None:
    """Return the channel of the room the speaker is in, where the speaker is heard anyway."""
    if plan.layout is not Layout.SISTER:
        return SHARED_CHANNEL
    attendee = plan.attendees.get(speaker)
    return attendee.listens_to if attendee else None


def routes(plan: RoomPlan, speaker: str, refused: Container[Lane] = ()) -> tuple[Route, ...]:
    """Return the lanes of one speaker's words, in the order of the room's languages, each once.

    Args:
        refused: lanes no booth can serve: they are relayed through the pivot language, if there is one.
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
    """Return the two legs through the pivot language, if the direct lane is refused and the legs are not."""
    pivot = plan.pivot
    if lane not in refused or pivot is None or primary(pivot) in (primary(lane.source), primary(lane.target)):
        return None
    first, second = Lane(lane.speaker, lane.source, pivot), Lane(lane.speaker, pivot, lane.target)
    return None if first in refused or second in refused else (first, second)


def _heard_by_others(plan: RoomPlan, speaker: str) -> set[str]:
    heard = {attendee.listens_to for attendee in plan.attendees.values() if attendee.speaker != speaker}
    return heard - {AUTO}
