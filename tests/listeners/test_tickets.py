"""A ticket admits to one room, for one purpose, for a while; nothing else does."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners.tickets import LIFETIME_S, LONGEST_TICKET, Ticket, TicketRefused, Tickets

NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def tickets(secret: str = "a-secret-of-tests", clock: Clock | None = None) -> Tickets:
    return Tickets(secret, now=clock or Clock())


def refusal(issuer: Tickets, text: str | None, **wanted: Any) -> str:
    with pytest.raises(TicketRefused) as caught:
        issuer.check(text, **{"purposes": {"captions"}, "room_id": "room-1", **wanted})
    return caught.value.reason


def test_a_ticket_admits_to_what_it_was_issued_for() -> None:
    text, ticket = tickets().issue("audio", "room-1", language="es-ES", participant_id="participant-1")
    assert ticket == Ticket("audio", "room-1", "es-ES", "participant-1", NOW + LIFETIME_S)
    assert tickets().check(text, purposes={"audio", "speak"}, room_id="room-1") == ticket


def test_a_ticket_is_short_and_safe_in_a_query() -> None:
    text, _ = tickets().issue(
        "signaling", "room-0006428fbe5aef4c1f2e3d4c", language="zh-Hant-TW", participant_id="p" * 36
    )
    assert len(text) < 300
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"purposes": {"audio", "speak"}}, "purpose"),
        ({"room_id": "room-2"}, "room"),
    ],
)
def test_a_ticket_is_for_one_thing(wanted: dict[str, Any], reason: str) -> None:
    text, _ = tickets().issue("captions", "room-1", language="es-ES")
    assert refusal(tickets(), text, **wanted) == reason


def test_a_ticket_expires() -> None:
    clock = Clock()
    issuer = tickets(clock=clock)
    text, ticket = issuer.issue("captions", "room-1")
    clock.now = NOW + LIFETIME_S - 1
    assert issuer.check(text, purposes={"captions"}, room_id="room-1") == ticket
    clock.now = NOW + LIFETIME_S
    assert refusal(issuer, text) == "expired"


def test_a_ticket_of_another_secret_is_refused() -> None:
    text, _ = tickets("another-secret").issue("captions", "room-1")
    assert refusal(tickets(), text) == "signature"


@pytest.mark.parametrize("text", [None, ""])
def test_no_ticket_is_no_admission(text: str | None) -> None:
    assert refusal(tickets(), text) == "missing"


@pytest.mark.parametrize("text", ["x", "v1", "v1.", "v2.e30.x", "." * 9, "é", "v1." + "x" * LONGEST_TICKET])
def test_what_is_no_ticket(text: str) -> None:
    assert refusal(tickets(), text) in ("malformed", "signature")


@pytest.mark.parametrize("claims", [b"{}", b"[]", b"null", b"{", b'{"p":"admin","r":"room-1","x":9e9}', b'{"p":[]}'])
def test_signed_nonsense_is_refused_all_the_same(claims: bytes) -> None:
    """Should a later version of ours sign something else with this key."""

    issuer = tickets()
    signed = "v1." + base64.urlsafe_b64encode(claims).decode().rstrip("=")
    signature = base64.urlsafe_b64encode(issuer._sign(signed)).decode().rstrip("=")
    assert refusal(issuer, f"{signed}.{signature}") in ("malformed", "purpose")


@given(place=st.integers(min_value=0), letter=st.sampled_from("abcdefghijABCDEFGHIJ0123456789-_."))
def test_no_letter_of_a_ticket_can_be_changed(place: int, letter: str) -> None:
    text, _ = tickets().issue("captions", "room-1", language="es-ES")
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text:
        assert refusal(tickets(), changed) in ("malformed", "signature")


@given(st.text(max_size=400))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    assert refusal(tickets(), text) in ("missing", "malformed", "signature")


def test_a_secret_is_needed() -> None:
    with pytest.raises(ValueError, match="secret"):
        Tickets("")


def test_a_ticket_to_speak_is_read_without_knowing_its_room() -> None:
    clock = Clock()
    tickets = Tickets("secret", now=clock)
    text, ticket = tickets.issue("speak", "room-1", participant_id="participant-1", lifetime_s=3_600.0)
    assert tickets.speaker(text) == ticket
    listening, _ = tickets.issue("captions", "room-1")
    for wrong, reason in ((listening, "purpose"), (text + "x", "signature"), ("v1", "malformed")):
        with pytest.raises(TicketRefused) as refused:
            tickets.speaker(wrong)
        assert refused.value.reason == reason
    clock.now += 3_600.0
    with pytest.raises(TicketRefused) as refused:
        tickets.speaker(text)
    assert refused.value.reason == "expired"
