"""The same request twice is one request, whatever happened to the first."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http_serving.errors import Conflict, InvalidRequest
from rooms_admin.errors import InProgress, KeyReused
from rooms_admin.idempotency import (
    KEPT_FOR,
    IdempotencyStore,
    KeyClaim,
    StoredResponse,
    checked_key,
    decode_response,
    encode_response,
    fingerprint,
)
from storage.sqlite import SqliteDatabase
from tests.support.hostile import anything_of
from tests.support.rooms import NOW, room
from tests.support.stores import Stores

ANSWER = StoredResponse(201, b'{"room_id":"room-1"}', {"etag": '"1"'})


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


async def claimed(answers: IdempotencyStore, caller: str = "ops", key: str = "k", wanted: bytes = b"one") -> KeyClaim:
    claim = await answers.claim(caller, key, wanted)
    assert isinstance(claim, KeyClaim)
    return claim


async def test_the_same_again_gets_the_same_answer(stores: Stores) -> None:
    await stores.rooms.add(room(1))
    answers = stores.idempotency()
    await answers.keep(await claimed(answers), ANSWER, "room-1")
    assert await answers.claim("ops", "k", b"one") == ANSWER
    assert await stores.idempotency().claim("ops", "k", b"one") == ANSWER, "after a restart as well"


async def test_a_key_belongs_to_one_request_of_one_caller(stores: Stores) -> None:
    answers = stores.idempotency()
    await answers.keep(await claimed(answers), ANSWER, None)
    with pytest.raises(KeyReused):
        await answers.claim("ops", "k", b"another")
    assert not (await claimed(answers, caller="ci", wanted=b"another")).unfinished


async def test_two_at_once_are_one(stores: Stores) -> None:
    answers = stores.idempotency()
    await claimed(answers)
    with pytest.raises(InProgress) as caught:
        await answers.claim("ops", "k", b"one")
    assert caught.value.retry_after_ms == 1000


async def test_what_failed_is_tried_again(stores: Stores) -> None:
    answers = stores.idempotency()
    await answers.release(await claimed(answers))
    assert not (await claimed(answers, wanted=b"corrected")).unfinished


async def test_what_the_process_before_did_not_finish_is_taken_over(stores: Stores) -> None:
    before = await claimed(stores.idempotency())
    await stores.another_process()
    after = await claimed(stores.idempotency())
    assert (before.unfinished, after.unfinished) == (False, True)
    assert before.request_key == after.request_key
    assert "k" not in after.request_key.removeprefix("ops:")


async def test_a_key_is_forgotten_after_a_day(stores: Stores) -> None:
    clock = Clock()
    answers = stores.idempotency(clock)
    await answers.keep(await claimed(answers), ANSWER, None)
    clock.now = NOW + KEPT_FOR - timedelta(seconds=1)
    assert await answers.claim("ops", "k", b"one") == ANSWER
    assert await answers.expire() == 0
    clock.now = NOW + KEPT_FOR
    assert not (await claimed(answers, wanted=b"another")).unfinished
    clock.now += KEPT_FOR
    assert await answers.expire() == (1 if isinstance(stores.database, SqliteDatabase) else 0), (
        "Redis does so by itself"
    )


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "é", "\x00"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(InvalidRequest):
        checked_key(key)


def test_requests_are_told_apart_by_every_part() -> None:
    prints = {
        fingerprint("POST", "/a", b"", b""),
        fingerprint("PUT", "/a", b"", b""),
        fingerprint("POST", "/ab", b"", b""),
        fingerprint("POST", "/a", b"b", b""),
        fingerprint("POST", "/a", b"", b"b"),
    }
    assert len(prints) == 5


@given(anything_of(StoredResponse))
def test_whatever_response_is_stored_can_be_read(response: StoredResponse) -> None:
    try:
        stored = encode_response(response)
    except (ValueError, OverflowError):
        return  # no text, or a number beyond all statuses
    assert decode_response(stored) == response


@given(st.binary())
def test_what_is_no_stored_response_is_a_conflict(damaged: bytes) -> None:
    with pytest.raises(Conflict):
        decode_response(damaged)
