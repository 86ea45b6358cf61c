"""Who is heard where, and through which lanes: one table per room, computed once per change and looked up per utterance.

What changes it: the plan, who is in the call, who is there by browser, who reads or listens outside the call. A channel
is what the people in one place hear. Of a given speaker, a channel of a language carries nothing (they are heard there
anyway, or nobody needs them), their own voice, or an interpretation; never two of these.

| layout | channels | original is heard | interpretation is heard |
|---|---|---|---|
| shared | `room`, and one per language that somebody outside listens to | by everybody, in the room; passed through to the channel of its language | in the room, into every language that somebody else in the call hears; in every other channel |
| channels | `room`, and one per language | in the room; passed through to the channel of its language | in the room, and in every other channel: listeners come and go by ticket |
| sister | one per language | where the speaker sits: the room of the language they hear; passed through to that of the language they speak | in every other room in which somebody is, or to which somebody outside listens |

Who is there by browser is in no call, and so heard nowhere by themselves. Their own voice is passed through to `room`,
where they are heard like anybody in the room: what they say, and then its interpretation. Who is in a call as well is
there and nowhere else. A room without a call has no `room`, and while nobody has joined the call nothing is passed there.

Varieties of a language share one voice, that of the first of them which is heard, unless the plan separates them. A
variety in another script, such as zh-Hant beside zh-Hans, has a lane of its own that is only read. So has a language
that is read outside the call and heard by nobody in it.
"""  # noqa: E501  (a table cell cannot be wrapped)

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass

from bot.interpreting.plan import AUTO, SHARED_CHANNEL, WEB, Attendee, Lane, Layout, RoomPlan, primary, script


@dataclass(frozen=True, slots=True)
class Route:
    """A lane and the channels on which it is heard."""

    lane: Lane
    channels: tuple[str, ...]
    """Empty if it is only read, and for the first leg of a relay into a language nobody hears."""
    via: Lane | None = None
    """The lane whose interpretation this lane interprets; None if it interprets the speaker."""
    passed_through: tuple[str, ...] = ()
    """Channels that carry the speaker's own voice instead, if an `auto` speaker turns out to speak the target language.
    On the others they are heard anyway."""
    spoken: bool = True
    """Whether it needs a voice; without one, only text is paid for."""


def channels(plan: RoomPlan) -> tuple[str, ...]:
    """Return the channels that a room may have, each once."""
    room = () if plan.web or plan.layout is Layout.SISTER else (SHARED_CHANNEL,)
    return (*room, *dict.fromkeys(plan.languages))


def stream(plan: RoomPlan, channel: str) -> str | None:
    """Return the media stream that carries a channel; None for a channel outside the call.

    Unless the plan says otherwise, the stream of the shared room carries the channel `room` and no other, and the
    stream of a room per language carries the channel of that language.
    """
    named = plan.streams.get(channel)
    if named is not None:
        return named
    return channel if plan.layout is Layout.SISTER or channel == SHARED_CHANNEL else None


def own_channel(plan: RoomPlan, speaker: str) -> str | None:
    """Return the channel of the room the speaker is in, where the speaker is heard anyway."""
    if plan.layout is not Layout.SISTER:
        return SHARED_CHANNEL
    attendee = plan.attendees.get(speaker)
    return attendee.listens_to if attendee else None


class RoutingTable:
    """The routes of all speakers of one room."""

    def __init__(self, plan: RoomPlan) -> None:
        self._plan = plan
        self._seats: dict[str, frozenset[str]] = {}
        """Who is in the call of each media stream. Until a call has reported, all who belong there count as present."""
        self._by_browser: frozenset[str] = frozenset()
        """Who is there by browser, and in no call."""
        self._without_call: frozenset[str] = frozenset()
        """Media streams whose call does not exist now."""
        self._readers: frozenset[str] = frozenset()
        self._listened: frozenset[str] = frozenset()
        self._heard: Counter[str] | None = None
        """How many people in a call hear each language; None until somebody asks."""
        self._patterns: dict[tuple[str, str, str | None, bool], tuple[Route, ...]] = {}
        """Routes of a nameless speaker, by language spoken, language heard, own channel, and whether by browser: 350
        people share a few."""
        self._known: dict[str, tuple[Route, ...]] = {}
        """By speaker."""
        self.present: frozenset[str] = frozenset()
        """The people who were reported to be there."""

    # --- changes -------------------------------------------------------------------------------

    def follow(self, plan: RoomPlan) -> None:
        """Use a changed plan from now on."""
        self._plan = plan
        self._clear()

    def seat(self, people: Iterable[str], carrier: str, *, no_call: bool = False) -> frozenset[str]:
        """Note who is in the call of a media stream, or (`WEB`) there by browser; returns who has left."""
        before, now = self._seats.get(carrier), frozenset(people)
        if now == before and no_call == (carrier in self._without_call):
            return frozenset()
        self._seats[carrier] = now
        self._without_call = self._without_call - {carrier} | ({carrier} if no_call else frozenset())
        self.present = now.union(*self._seats.values())
        called = (people for name, people in self._seats.items() if name != WEB)
        self._by_browser = self._seats.get(WEB, frozenset()).difference(*called)
        self._clear()
        return (before or frozenset()) - self.present

    def heard_from(self, speaker: str) -> None:
        """Note that somebody speaks, who is there, whatever was reported."""
        if not self.is_there(speaker):
            carrier = self._carrier(self._plan.attendees[speaker])
            self.seat(self._seats[carrier] | {speaker}, carrier)

    def read_outside(self, languages: Iterable[str], listened: Iterable[str] = ()) -> None:
        """Note the languages that are read outside the call, and those of which somebody listens to the channel."""
        self._readers, self._listened = frozenset(languages), frozenset(listened)
        self._clear()

    def _clear(self) -> None:
        self._heard = None
        self._patterns.clear()
        self._known.clear()

    # --- look-up -------------------------------------------------------------------------------

    def is_there(self, speaker: str) -> bool:
        """Return whether a speaker is there, as far as it is known."""
        attendee = self._plan.attendees.get(speaker)
        return attendee is None or speaker in self.present or self._carrier(attendee) not in self._seats

    def is_by_browser(self, speaker: str) -> bool:
        """Return whether a speaker is there by browser, and in no call."""
        return self._plan.web or speaker in self._by_browser

    def routes(self, speaker: str, refused: Container[Lane] = ()) -> tuple[Route, ...]:
        """Return the lanes of one speaker's words, in the order of the room's languages, each once.

        Args:
            refused: lanes no booth can serve: they are relayed through the pivot language, if there is one.
        """
        found = self._known.get(speaker)
        if found is None:
            found = self._known[speaker] = tuple(_named(route, speaker) for route in self._pattern(speaker))
        if self._plan.pivot is None or not any(route.lane in refused for route in found):
            return found
        return self._relayed(found, refused)

    def typed(self, speaker: str, source: str) -> tuple[Route, ...]:
        """Return the lanes of what a speaker types in a language: into every other language of the room.

        They have channels where the speaker's interpretation would be heard, if the plan has such texts spoken.
        """
        plan = self._plan
        attendee = plan.attendees.get(speaker)
        heard = self._heard_by_others(attendee.listens_to if attendee is not None and self.is_there(speaker) else "")
        wanted = {
            tag: self._channels(tag, heard) if plan.speak_messages else []
            for tag in dict.fromkeys(plan.languages)
            if primary(tag) != primary(source)
        }
        return tuple(
            Route(Lane(speaker, source, tag, typed=True), tuple(where), spoken=spoken)
            for tag, (where, spoken) in self._voices(wanted).items()
        )

    def _pattern(self, speaker: str) -> tuple[Route, ...]:
        attendee = self._plan.attendees.get(speaker)
        by_browser = self.is_by_browser(speaker)
        in_call = attendee is not None and not by_browser and self.is_there(speaker)
        hears = attendee.listens_to if attendee is not None and in_call else ""
        seat = None if by_browser else own_channel(self._plan, speaker)
        kind = self._plan.speaks(speaker), hears, seat, by_browser
        found = self._patterns.get(kind)
        if found is None:
            found = self._patterns[kind] = tuple(self._routes(*kind))
        return found

    def _routes(self, source: str, hears: str, seat: str | None, by_browser: bool) -> list[Route]:
        """Return the routes of one kind of speaker, who is nameless."""
        own = primary(source)
        has_room = SHARED_CHANNEL in channels(self._plan) and SHARED_CHANNEL not in self._without_call
        passed = [SHARED_CHANNEL] if by_browser and has_room else []
        wanted: dict[str, list[str]] = {}
        heard = self._heard_by_others(hears)
        for tag in dict.fromkeys(self._plan.languages):
            where = self._channels(tag, heard)
            if primary(tag) != own:
                if where or tag in self._readers or primary(tag) in self._readers:
                    wanted[tag] = where
            elif tag != seat:
                passed += [channel for channel in where if channel != SHARED_CHANNEL]
        found = [Route(Lane("", source, source), tuple(passed))] if passed else []
        for tag, (where, spoken) in self._voices(wanted).items():
            elsewhere = [each for each in where if source == AUTO and each not in (seat, SHARED_CHANNEL)]
            found.append(Route(Lane("", source, tag), tuple(where), passed_through=tuple(elsewhere), spoken=spoken))
        order = list(self._plan.languages)
        return sorted(found, key=lambda route: order.index(route.lane.target) if route.lane.target in order else -1)

    def _channels(self, tag: str, heard: Container[str]) -> list[str]:
        """Return the channels on which a language is wanted; `heard`: the languages that others in a call hear."""
        layout, is_heard = self._plan.layout, tag in heard
        if layout is Layout.SISTER:
            return [tag] if is_heard or tag in self._listened else []
        room = [SHARED_CHANNEL] if is_heard else []
        return [*room, tag] if layout is Layout.CHANNELS or tag in self._listened else room

    def _voices(self, wanted: dict[str, list[str]]) -> dict[str, tuple[list[str], bool]]:
        """Return the languages that are interpreted into: the channels of each, and whether it is spoken."""
        found: dict[str, tuple[list[str], bool]] = {}
        for tag in sorted(wanted, key=lambda tag: not wanted[tag]):  # those that are heard first
            alike = [known for known in found if primary(known) == primary(tag)]
            if not alike or self._plan.separate_varieties:
                found[tag] = wanted[tag], bool(wanted[tag])
                continue
            shared = found[alike[0]][0]
            shared += [channel for channel in wanted[tag] if channel not in shared]
            if all(script(known) != script(tag) for known in alike):
                found[tag] = [], False
        return found

    def _relayed(self, direct: Iterable[Route], refused: Container[Lane]) -> tuple[Route, ...]:
        """Replace refused lanes by their two legs through the pivot language, where those are not refused."""
        known = {route.lane: route for route in direct}
        found: dict[Lane, Route] = {}
        for lane, route in known.items():
            relay = _relay(self._plan.pivot, lane, refused)
            if relay is None:
                found.setdefault(lane, route)
                continue
            first, second = relay
            leg = known.get(first, Route(first, ()))
            found[first] = Route(first, leg.channels, passed_through=leg.passed_through)
            found[second] = Route(second, route.channels, via=first, spoken=route.spoken)
        return tuple(found.values())

    def _heard_by_others(self, hears: str) -> set[str]:
        """Return the languages that people in a call hear, except a speaker who hears this one."""
        if self._heard is None:
            people = self._plan.attendees.items()
            self._heard = Counter(
                one.listens_to for speaker, one in people if self.is_there(speaker) and not self.is_by_browser(speaker)
            )
        return {tag for tag, count in self._heard.items() if tag != AUTO and count > (tag == hears)}

    def _carrier(self, attendee: Attendee) -> str:
        """Return the media stream of the call the person belongs in; `WEB` where there is no call."""
        plan = self._plan
        if plan.web:
            return WEB
        return stream(plan, attendee.listens_to if plan.layout is Layout.SISTER else SHARED_CHANNEL) or SHARED_CHANNEL


def _named(route: Route, speaker: str) -> Route:
    lane = Lane(speaker, route.lane.source, route.lane.target)
    return Route(lane, route.channels, passed_through=route.passed_through, spoken=route.spoken)


def _relay(pivot: str | None, lane: Lane, refused: Container[Lane]) -> tuple[Lane, Lane] | None:
    """Return the two legs through the pivot language, if the direct lane is refused and the legs are not."""
    if lane not in refused or pivot is None or primary(pivot) in (primary(lane.source), primary(lane.target)):
        return None
    first, second = Lane(lane.speaker, lane.source, pivot), Lane(lane.speaker, pivot, lane.target)
    return None if first in refused or second in refused else (first, second)
