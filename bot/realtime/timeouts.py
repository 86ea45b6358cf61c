"""How long a booth waits for what, and how old audio may get: numbers and their reasons, nothing else."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoothLimits:
    """How long a booth waits for what."""

    backlog_ms: int = 3_000
    """Audio the service has not taken, and how old it may get: older speech is worse than a gap (product page, 6)."""
    unread_s: float = 2.5
    """How old audio may get that was sent and, to go by the service's pongs, not read: what a stalled service reads in
    the end must not be older than 3 s, and some of them go by until we notice."""
    unread_least_s: float = 1.0
    """For a pong in any case: audio that was held while a session opened is old when it is sent."""
    ping_every_s: float = 0.7
    """While somebody speaks; never while nobody does."""
    open_s: float = 10.0
    """To an open socket. The service needs 1.7 s at most, as far as anybody has measured."""
    configure_s: float = 3.0
    """From the open socket to `session.updated`; 0.2 s is usual, and what is said meanwhile keeps no longer."""
    write_s: float = 3.0
    """For the socket to take one message: as old as audio may get."""
    close_s: float = 1.0
    """For the service to answer our goodbye."""
    first_pause_s: float = 0.5
    longest_pause_s: float = 8.0
    """Between two attempts to connect: full jitter below a bound that doubles."""
    longest_retry_after_s: float = 60.0
    """A service that asks for more patience than this is asked again nevertheless: the meeting is now."""
    stable_s: float = 10.0
    """A session that lived this long was a good one: the next failure is a first failure again. Counting from
    `session.created`, as the SDK does, hammers a service that closes right after it."""
    refusals: int = 3
    """A key that was good and is refused may be good again in a moment; this many times in a row."""
    quota_refusals: int = 3
    """Refusals for want of quota, in a row, after which another engine is tried."""
    renew_before_s: float = 300.0
    """Open a session's successor this long before it would expire, or in its last quarter if it is short."""
    renew_spread: float = 0.5
    """As much of that time again: lanes that began together renew one after the other, not all at once."""
    assumed_lifetime_s: float = 1_500.0
    """If `expires_at` is missing or makes no sense by our clock: one report has Azure closing after 30 minutes."""
    retire_s: float = 20.0
    """For a session that has been succeeded to finish what it is working on: an utterance of 10 s, its answer, and
    the patience the room has with it."""
    restore_after_s: float = 300.0
    """A lane that is served otherwise than asked for tries the engine it lost again after this."""
    say_s: float = 30.0
    """How long a text waits to be read aloud, when there is no session."""
    sayings: int = 8
    """How many texts may wait."""
