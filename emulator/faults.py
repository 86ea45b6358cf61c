"""The fault plan: a JSON document of the faults to come, checked as a whole and used up as they happen."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from emulator.config import Switches, with_switches

Times = Annotated[int, Meta(ge=1)]
Milliseconds = Annotated[int, Meta(ge=0)]
TokenFlaw = Literal[
    "valid",
    "missing",
    "expired",
    "not_yet_valid",
    "wrong_audience",
    "wrong_issuer",
    "wrong_key",
    "unknown_key",
    "unsigned",
    "hmac",
    "garbage",
]
"""Flaws of a token. `wrong_key`: signature of other claims; `unknown_key`: key that is not published; `unsigned`:
algorithm "none"; `hmac`: HS256 with the public key as secret."""


class HttpFault(Struct, kw_only=True, forbid_unknown_fields=True):
    """Replaces the answers to requests whose path starts with `path`."""

    path: str
    method: str | None = None
    status: Annotated[int, Meta(ge=200, le=599)] | None = None
    """Status to answer with; None serves the request (after `delay_ms`). With one below 300, `body` is sent as JSON and
    nothing is done: an answer that makes no sense."""
    body: str | None = None
    """Text of the answer instead of the service's error body, as from a gateway."""
    headers: dict[str, str] = {}
    """Additional headers of the answer, e.g. `retry-after-ms`."""
    after: Annotated[int, Meta(ge=0)] = 0
    """Number of requests that are served before the fault applies."""
    retry_after: Annotated[int, Meta(ge=0)] | None = None
    """Seconds, in a `Retry-After` header."""
    delay_ms: Milliseconds = 0
    reset: bool = False
    """Cut the connection without an answer."""
    times: Times | None = None
    """How often the fault applies; None for always."""


class CallbackFault(Struct, kw_only=True, forbid_unknown_fields=True):
    """Disturbs callback events on their way to the bot."""

    types: list[str] = []
    """Event types without their prefix ("CallConnected"); empty means every type."""
    delay_ms: Milliseconds = 0
    duplicate: Annotated[int, Meta(ge=0)] = 0
    """How many more times a delivered post is repeated."""
    lost: bool = False
    """The post is never sent."""
    after_next: bool = False
    """The post is sent after the next one of the same call connection."""
    token: TokenFlaw = "valid"
    data: dict[str, Any] = {}
    """Members that replace those of the event's `data`."""
    times: Times | None = None


class GridFault(Struct, kw_only=True, forbid_unknown_fields=True):
    """Disturbs Event Grid events on their way to every subscription."""

    types: list[str] = []
    """Event types without their prefix ("CallStarted"); empty means every type."""
    delay_ms: Milliseconds = 0
    duplicate: Annotated[int, Meta(ge=0)] = 0
    """How many more times the event is delivered."""
    after_next: bool = False
    """The event is delivered after the next one."""
    data: dict[str, Any] = {}
    """Members that replace those of the event's `data`."""
    times: Times | None = None


class MediaFault(Struct, kw_only=True, forbid_unknown_fields=True):
    """Disturbs media sockets."""

    drop_after_frames: Times | None = None
    """Cut the socket after this many audio frames."""
    jitter_ms: Milliseconds = 0
    """Hold back each tick's frames for a random time up to this, in order."""
    stall_after_frames: Times | None = None
    """After this many audio frames send nothing for `stall_ms`, then everything at once."""
    stall_ms: Milliseconds = 1000
    stop_after_frames: Times | None = None
    """After this many audio frames send none any more, with the socket open, until streaming is started again."""
    stop_event: Literal["", "Stopped", "Failed"] = ""
    """Event that is posted then (`MediaStreamingStopped`); empty for none."""
    replace: dict[str, str] = {}
    """Texts that are replaced in every message to the bot, for keys and values written otherwise."""
    refuse_dials: bool = False
    """Fail to open the media socket."""
    dial_delay_ms: Milliseconds = 0
    """Open each media socket that much later."""
    token: TokenFlaw = "valid"
    """Flaw of the token that opens the media socket."""
    times: Times | None = None
    """How many sockets are cut, stalled, stopped or refused; None for all."""


class FaultDocument(Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole document of `PUT /emulator/faults`."""

    http: list[HttpFault] = []
    callbacks: list[CallbackFault] = []
    event_grid: list[GridFault] = []
    media: MediaFault = msgspec.field(default_factory=MediaFault)
    switches: dict[str, Any] = {}
    """Switches that differ from those at the start; see `Switches`."""
    realtime: dict[str, Any] = {}
    """Faults of the Realtime side, in a form of its own."""
    seed: int = 0
    """Seed of the random numbers behind jitter, so that a run can be repeated."""


@dataclass(frozen=True, slots=True)
class RealtimePart:
    """Access to the faults of the Realtime side."""

    prepare: Callable[[Mapping[str, Any]], Callable[[], None]]
    """Checks a document (ValueError) and returns the function that puts it in force."""
    document: Callable[[], Mapping[str, Any]]


class FaultPlan:
    """The faults in force. A method that returns a fault uses it up once."""

    def __init__(self, switches: Switches | None = None) -> None:
        self._base = switches or Switches()
        self._realtime: RealtimePart | None = None
        self.clear()

    @property
    def switches(self) -> Switches:
        """The switches in force."""
        return self._switches

    @property
    def media(self) -> MediaFault:
        """The faults of media sockets."""
        return self._document.media

    def clear(self) -> None:
        """Remove all faults and restore the switches of the start."""
        self.replace({})

    def attach(self, realtime: RealtimePart) -> None:
        """Accept faults of the Realtime side in documents."""
        self._realtime = realtime

    def replace(self, document: object) -> None:
        """Replace the document in force.

        Raises:
            ValueError: the document is of the wrong form; the message names every unknown key.
        """
        unknown = sorted(_unknown_keys(document, FaultDocument, ""))
        if unknown:
            raise ValueError("unknown keys: " + ", ".join(unknown))
        try:
            plan = msgspec.convert(document, FaultDocument)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from error
        switches = with_switches(self._base, plan.switches)
        if self._realtime is not None:
            put_in_force = self._realtime.prepare(plan.realtime)
            put_in_force()
        elif plan.realtime:
            raise ValueError("unknown keys: realtime (that side is not running)")
        self._take(plan, switches)

    def document(self) -> dict[str, Any]:
        """Return the faults still to come and the switches in force."""
        built = msgspec.to_builtins(self._document)
        assert isinstance(built, dict)
        built["switches"] = msgspec.to_builtins(self._switches)
        built["realtime"] = dict(self._realtime.document()) if self._realtime is not None else {}
        return built

    def http(self, method: str, path: str) -> HttpFault | None:
        """Return the fault for a request, or None."""
        for fault in self._document.http:
            if path.startswith(fault.path) and fault.method in (None, method):
                if fault.after:
                    fault.after -= 1
                    continue
                _spend(fault, self._document.http)
                return fault
        return None

    def callback(self, event_types: list[str]) -> CallbackFault | None:
        """Return the fault for a post of events of these types, or None."""
        for fault in self._document.callbacks:
            if not fault.types or set(fault.types) & set(event_types):
                _spend(fault, self._document.callbacks)
                return fault
        return None

    def grid_event(self, event_type: str) -> GridFault | None:
        """Return the fault for an Event Grid event, or None."""
        for fault in self._document.event_grid:
            if not fault.types or event_type in fault.types:
                _spend(fault, self._document.event_grid)
                return fault
        return None

    def refuse_dial(self) -> bool:
        """Return whether opening this media socket fails."""
        return self._document.media.refuse_dials and self._spend_media()

    def frames_until_cut(self) -> int | None:
        """Return after how many frames the socket just opened is cut, or None."""
        frames = self._document.media.drop_after_frames
        return frames if frames is not None and self._spend_media() else None

    def frames_until_stall(self) -> int | None:
        """Return after how many frames the socket just opened stalls, or None."""
        frames = self._document.media.stall_after_frames
        return frames if frames is not None and self._spend_media() else None

    def frames_until_stop(self) -> int | None:
        """Return after how many frames the socket just opened yields no more, or None."""
        frames = self._document.media.stop_after_frames
        return frames if frames is not None and self._spend_media() else None

    def jitter_ticks(self) -> int:
        """Return the ticks of 20 ms by which the next frames are held back."""
        most = self._document.media.jitter_ms // 20
        return self._random.randint(0, most) if most else 0

    def _take(self, document: FaultDocument, switches: Switches) -> None:
        self._document = document
        self._switches = switches
        self._random = random.Random(document.seed)

    def _spend_media(self) -> bool:
        media = self._document.media
        if media.times is not None:
            media.times -= 1
            if media.times == 0:
                # The last socket keeps its length of stall, and what is said of its stop.
                self._document.media = MediaFault(
                    jitter_ms=media.jitter_ms,
                    stall_ms=media.stall_ms,
                    stop_event=media.stop_event,
                    replace=media.replace,
                )
        return True


Fault = TypeVar("Fault", HttpFault, CallbackFault, GridFault)


def _spend(fault: Fault, faults: list[Fault]) -> None:
    """Use up a fault once; remove it after the last time."""
    if fault.times is not None:
        fault.times -= 1
        if fault.times == 0:
            # By identity: two faults may be equal.
            faults[:] = [each for each in faults if each is not fault]


def _unknown_keys(value: object, kind: type[Struct], path: str) -> list[str]:
    """Return the keys of `value` that `kind` does not have, as dotted paths."""
    if not isinstance(value, dict):
        return []
    nested: dict[str, type[Struct]] = {
        "http": HttpFault,
        "callbacks": CallbackFault,
        "event_grid": GridFault,
        "media": MediaFault,
    }
    known = set(kind.__struct_fields__)
    found = [path + str(key) for key in value if key not in known]
    if kind is FaultDocument:
        for name, inner in nested.items():
            part = value.get(name)
            entries = part if isinstance(part, list) else [part]
            for index, entry in enumerate(entries):
                place = f"{name}[{index}]." if isinstance(part, list) else f"{name}."
                found += _unknown_keys(entry, inner, place)
        switches = value.get("switches")
        if isinstance(switches, dict):
            found += [f"switches.{key}" for key in switches if key not in Switches.__struct_fields__]
    return found
