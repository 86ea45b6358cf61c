"""The fault plan: a JSON document saying what goes wrong next, checked as a whole and consumed as it happens."""

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
"""What is wrong with a token: `wrong_key` a signature of other claims, `unknown_key` a key that is not published,
`unsigned` algorithm "none", `hmac` HS256 with the public key as secret."""


class HttpFault(Struct, kw_only=True, forbid_unknown_fields=True):
    """Answers to requests whose path starts with `path`, instead of serving them."""

    path: str
    method: str | None = None
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """Status to answer with; None serves the request (after `delay_ms`)."""
    body: str | None = None
    """Text to answer with instead of the service's error body, as a gateway before it would."""
    headers: dict[str, str] = {}
    """Further headers of that answer, e.g. `retry-after-ms`."""
    after: Annotated[int, Meta(ge=0)] = 0
    """So many requests are served first."""
    retry_after: Annotated[int, Meta(ge=0)] | None = None
    """Seconds, in a `Retry-After` header."""
    delay_ms: Milliseconds = 0
    reset: bool = False
    """Cut the connection without an answer."""
    times: Times | None = None
    """How often, None for always."""


class CallbackFault(Struct, kw_only=True, forbid_unknown_fields=True):
    """What happens to callback events on their way."""

    types: list[str] = []
    """Event types without their prefix ("CallConnected"); empty means every type."""
    delay_ms: Milliseconds = 0
    duplicate: Annotated[int, Meta(ge=0)] = 0
    """How many more times a delivered post is sent."""
    lost: bool = False
    """The post is never sent."""
    after_next: bool = False
    """The post goes out after the one that follows it on the same call connection."""
    token: TokenFlaw = "valid"
    times: Times | None = None


class GridFault(Struct, kw_only=True, forbid_unknown_fields=True):
    """What happens to Event Grid events on their way to every subscription."""

    types: list[str] = []
    """Event types without their prefix ("CallStarted"); empty means every type."""
    delay_ms: Milliseconds = 0
    duplicate: Annotated[int, Meta(ge=0)] = 0
    """How many more times the event is delivered."""
    after_next: bool = False
    """The event is delivered after the one that follows it."""
    times: Times | None = None


class MediaFault(Struct, kw_only=True, forbid_unknown_fields=True):
    """What happens to media sockets."""

    drop_after_frames: Times | None = None
    """Cut the socket after so many audio frames were written to it."""
    jitter_ms: Milliseconds = 0
    """Each tick's frames are held back for a random time up to this, order kept."""
    stall_after_frames: Times | None = None
    """After so many audio frames nothing goes out for `stall_ms`, then all of it at once."""
    stall_ms: Milliseconds = 1000
    refuse_dials: bool = False
    """Dialling the media socket fails."""
    token: TokenFlaw = "valid"
    """What is wrong with the token of a dial."""
    times: Times | None = None
    """How many sockets are cut, stalled or refused, None for all."""


class FaultDocument(Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole document of `PUT /emulator/faults`."""

    http: list[HttpFault] = []
    callbacks: list[CallbackFault] = []
    event_grid: list[GridFault] = []
    media: MediaFault = msgspec.field(default_factory=MediaFault)
    switches: dict[str, Any] = {}
    """Switches set otherwise than at the start; see `Switches`."""
    realtime: dict[str, Any] = {}
    """Faults of the Realtime side, in its own form."""
    seed: int = 0
    """Of the random numbers behind jitter, so that a run can be repeated."""


@dataclass(frozen=True, slots=True)
class RealtimePart:
    """The Realtime side's faults, as much as this side needs to know of them."""

    prepare: Callable[[Mapping[str, Any]], Callable[[], None]]
    """Checks a document (ValueError) and answers with what puts it in force."""
    document: Callable[[], Mapping[str, Any]]


class FaultPlan:
    """The faults in force. Every question consumes what it answers with a fault."""

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
        """What is asked of media sockets, for reading."""
        return self._document.media

    def clear(self) -> None:
        """No faults, switches as at the start."""
        self.replace({})

    def attach(self, realtime: RealtimePart) -> None:
        """From now on the document has a part for the Realtime side."""
        self._realtime = realtime

    def replace(self, document: object) -> None:
        """Take a new document in place of the old one.

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
        """The faults still to come, and the switches in force."""
        built = msgspec.to_builtins(self._document)
        assert isinstance(built, dict)
        built["switches"] = msgspec.to_builtins(self._switches)
        built["realtime"] = dict(self._realtime.document()) if self._realtime is not None else {}
        return built

    def http(self, method: str, path: str) -> HttpFault | None:
        """The fault for this request, if there is one; one use of it is spent."""
        for fault in self._document.http:
            if path.startswith(fault.path) and fault.method in (None, method):
                if fault.after:
                    fault.after -= 1
                    continue
                _spend(fault, self._document.http)
                return fault
        return None

    def callback(self, event_types: list[str]) -> CallbackFault | None:
        """The fault for a post of events of these types, if there is one; one use of it is spent."""
        for fault in self._document.callbacks:
            if not fault.types or set(fault.types) & set(event_types):
                _spend(fault, self._document.callbacks)
                return fault
        return None

    def grid_event(self, event_type: str) -> GridFault | None:
        """The fault for an Event Grid event, if there is one; one use of it is spent."""
        for fault in self._document.event_grid:
            if not fault.types or event_type in fault.types:
                _spend(fault, self._document.event_grid)
                return fault
        return None

    def refuse_dial(self) -> bool:
        """Whether this dial of a media socket is to fail."""
        return self._document.media.refuse_dials and self._spend_media()

    def frames_until_cut(self) -> int | None:
        """For a socket just opened: cut it after so many frames; None to leave it alone."""
        frames = self._document.media.drop_after_frames
        return frames if frames is not None and self._spend_media() else None

    def frames_until_stall(self) -> int | None:
        """For a socket just opened: stall it after so many frames; None to leave it alone."""
        frames = self._document.media.stall_after_frames
        return frames if frames is not None and self._spend_media() else None

    def jitter_ticks(self) -> int:
        """Ticks of 20 ms by which the next frames are held back."""
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
                # What the last socket was promised stays: how long it stalls.
                self._document.media = MediaFault(jitter_ms=media.jitter_ms, stall_ms=media.stall_ms)
        return True


Fault = TypeVar("Fault", HttpFault, CallbackFault, GridFault)


def _spend(fault: Fault, faults: list[Fault]) -> None:
    """One use of a fault is gone, and with the last one the fault."""
    if fault.times is not None:
        fault.times -= 1
        if fault.times == 0:
            # By identity: two faults may be alike.
            faults[:] = [each for each in faults if each is not fault]


def _unknown_keys(value: object, kind: type[Struct], path: str) -> list[str]:
    """Keys of `value`, as dotted paths, that `kind` does not have."""
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
