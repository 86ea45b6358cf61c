"""Timeouts and limits of a booth, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoothLimits:
    """Timeouts in seconds (`_s`), and limits, of one booth."""

    backlog_ms: int = 3_000
    """Audio that may wait for the service, and its greatest age: older speech is worse than a gap (product page, 6)."""
    unread_s: float = 2.5
    """Greatest age of audio that was sent but whose reading no pong has confirmed. What a stalled service finally reads
    must not be older than 3 s, and noticing the stall takes a part of these."""
    unread_least_s: float = 1.0
    """Least time for a pong: audio that was held while a session opened is old already when it is sent."""
    ping_every_s: float = 0.7
    """Interval of pings while audio is sent; none are sent otherwise."""
    open_s: float = 10.0
    """For opening the socket. The longest time measured is 1.7 s."""
    configure_s: float = 3.0
    """From the open socket to `session.updated`: 0.2 s is usual, and speech may not wait longer than this."""
    write_s: float = 3.0
    """For the socket to take one message: the age at which audio is dropped."""
    close_s: float = 1.0
    """For the closing handshake."""
    first_pause_s: float = 0.5
    longest_pause_s: float = 8.0
    """Pauses between two attempts to connect: full jitter below a bound that doubles from the first to the longest."""
    longest_retry_after_s: float = 60.0
    """Greatest `Retry-After` that is obeyed: the meeting does not wait."""
    stable_s: float = 10.0
    """A session that lasted this long resets the count of failures. Resetting at `session.created`, as the SDK does,
    would hammer a service that closes right after it."""
    refusals: int = 3
    """Consecutive refusals after which an engine that worked before is given up: a key may be refused for a moment."""
    quota_refusals: int = 3
    """Consecutive refusals for lack of quota after which another engine is tried."""
    renew_before_s: float = 300.0
    """A session is replaced this long before it expires, or in its last quarter if that is shorter."""
    renew_spread: float = 0.5
    """Share of `renew_before_s` over which lanes spread: those that began together do not renew all at once."""
    assumed_lifetime_s: float = 1_500.0
    """Lifetime if `expires_at` is missing or is in the past by our clock: Azure is reported to close after 30 min."""
    retire_s: float = 40.0
    """For a replaced session to finish: an utterance of 20 s, the longest a room may allow, its interpretation, and the
    room's patience with it."""
    first_restore_s: float = 15.0
    """An engine that was refused is tried again after this time, which doubles with each refusal: beside the engine in
    use, so that trying costs nobody a word. One that accepts sessions and fails in them costs utterances each time it
    is tried, and has four times as long."""
    restore_after_s: float = 300.0
    """Longest such time."""
    answer_s: float = 5.0
    """An answer that gives no sign for this long is counted as bad: twice the worst of a healthy model."""
    bad_answers: int = 2
    """Bad answers in a row after which a session is succeeded by another, and the engine by the next."""
    deaths: int = 3
    """Sessions in a row that end at their first audio, after which the next engine is tried."""
    longest_sick_pause_s: float = 60.0
    """Longest pause before an engine whose sessions keep failing is asked for another, if there is no other engine."""
    text_wait_s: float = 30.0
    """How long a text may wait for a session that reads it aloud."""
    texts: int = 8
    """How many texts may wait."""
