"""The endpoint for join codes: what it gives, what it refuses, and that guessing takes long."""

from __future__ import annotations

from typing import Any

import pytest

from rooms_admin.api.join_codes import JOIN_BODY_LIMIT
from rooms_admin.auth.join_attempts import FREE
from tests.support.access import ADMIN, Refusal, ask, others_are_served, refusal
from tests.support.line import Line, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

CAPTIONS = {"purpose": "captions", "language": "es-ES"}
GUEST = {"purpose": "speak", "display_name": "Chen", "speaks": "en-US", "hears": "es-ES"}
LARGE = " " * (JOIN_BODY_LIMIT + 1)

# What it is, the code (None: the right one), the body, the answer.
TABLE: list[tuple[str, str | None, Any, Refusal]] = [
    ("right", None, CAPTIONS, (200, "-")),
    ("right, again", None, CAPTIONS, (200, "-")),
    ("for all languages", None, {"purpose": "audio"}, (200, "-")),
    ("to speak", None, GUEST, (200, "-")),
    ("to speak, nameless", None, {"purpose": "speak", "speaks": "en-US"}, (400, "invalid_request")),
    (
        "to speak, with a name of nothing to see",
        None,
        GUEST | {"display_name": "\u202e\u200b"},
        (400, "invalid_request"),
    ),
    ("to speak, with an endless name", None, GUEST | {"display_name": "a" * 101}, (400, "invalid_request")),
    ("to speak a language of no one", None, GUEST | {"speaks": "fr-FR"}, (400, "invalid_request")),
    ("to hear a language of no one", None, GUEST | {"hears": "fr-FR"}, (400, "invalid_request")),
    ("as somebody else", None, GUEST | {"guest": {"participant_id": "p", "guest_key": "k"}}, (403, "forbidden")),
    ("as a presenter", None, GUEST | {"role": "Presenter"}, (400, "invalid_request")),
    ("with a name, to listen", None, CAPTIONS | {"display_name": "Chen"}, (400, "invalid_request")),
    ("in a language of no one", None, {"purpose": "audio", "language": "fr-FR"}, (400, "invalid_request")),
    ("for somebody else", None, CAPTIONS | {"participant_id": "p"}, (400, "invalid_request")),
    ("malformed", None, "{", (400, "invalid_request")),
    ("oversized", None, LARGE, (413, "payload_too_large")),
    ("without a body", None, "", (400, "invalid_request")),
    ("wrong", "another", CAPTIONS, (404, "not_found")),
    ("no code at all", "letters", CAPTIONS, (400, "invalid_request")),
]


async def test_who_is_turned_away() -> None:
    async with line() as whole, others_are_served(whole) as live:
        code = await _code(whole, live.room_id)
        paths = {None: code, "another": f"{(int(code) + 1) % 1_000_000:06}", "letters": "abcdef"}
        answers = {name: await ask(whole, "POST", f"/api/join/{paths[at]}", {}, body) for name, at, body, _ in TABLE}
        assert answers == {name: expected for name, _, _, expected in TABLE}


async def test_what_a_code_gives_is_a_ticket_for_this_room_and_nothing_else() -> None:
    async with line() as whole:
        room = await whole.room()
        code = await _code(whole, room.room_id)
        async with whole.http.post(f"{whole.base_url}/api/join/{code}", json=CAPTIONS) as response:
            assert response.status == 200
            assert response.headers["Cache-Control"] == "no-store"
            answer = await response.json()
        assert set(answer) == {
            "room_id", "name", "languages", "ticket", "expires_on", "media", "save_transcript", "participant_id",
            "guest_key",
        }  # fmt: skip
        assert (answer["participant_id"], answer["guest_key"]) == (None, None)
        assert (answer["room_id"], answer["languages"]) == (room.room_id, ["en-US", "es-ES"])
        assert code not in answer["ticket"]
        for proof in ({"X-API-Key": code}, {"X-API-Key": answer["ticket"]}, {"Authorization": f"Bearer {code}"}):
            assert (await ask(whole, "GET", f"/api/rooms/{room.room_id}", proof))[0] == 401


async def test_guessing_takes_long_and_admins_do_not_feel_it() -> None:
    async with line() as whole:
        guesser = {"X-Forwarded-For": "8.8.8.8"}
        answers = [await ask(whole, "POST", f"/api/join/{guess:06}", guesser, CAPTIONS) for guess in range(FREE + 5)]
        assert answers[0] == (404, "not_found")
        assert answers[-1] == (429, "rate_limited")
        async with whole.http.post(f"{whole.base_url}/api/join/000001", json=CAPTIONS, headers=guesser) as response:
            refused = await refusal(response)
            assert refused == (429, "rate_limited")
            assert int(response.headers["Retry-After"]) >= 1
        assert (await ask(whole, "GET", "/api/rooms", ADMIN))[0] == 200


async def test_who_guesses_from_many_addresses_of_one_line_is_locked_out_and_nobody_else_is() -> None:
    async with line() as whole:
        room = await whole.room()
        code = int(await _code(whole, room.room_id))
        path = "/api/join/{:06}"

        def of(network: int, number: int) -> dict[str, str]:
            return {"X-Forwarded-For": f"2600:1f18:1:{network:x}::{number:x}"}

        answers = [
            await ask(whole, "POST", path.format((code + 1 + number) % 1_000_000), of(1, number), CAPTIONS)
            for number in range(FREE + 4)
        ]
        assert answers == [(404, "not_found")] * (FREE + 1) + [(429, "rate_limited")] * 3
        assert await ask(whole, "POST", path.format(code), of(1, 500), CAPTIONS) == (429, "rate_limited")
        assert await ask(whole, "POST", path.format(code), of(2, 1), CAPTIONS) == (200, "-")
        assert (await ask(whole, "GET", "/api/rooms", ADMIN | of(1, 1)))[0] == 200


async def join(whole: Line, code: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    async with whole.http.post(f"{whole.base_url}/api/join/{code}", json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer


async def test_a_guest_stays_the_same_person_and_a_request_that_is_repeated_adds_nobody() -> None:
    async with line() as whole:
        room = await whole.room()
        code = await _code(whole, room.room_id)
        first = await join(whole, code, GUEST, **{"Idempotency-Key": "one"})
        repeated = await join(whole, code, GUEST, **{"Idempotency-Key": "one"})
        assert repeated["participant_id"] == first["participant_id"]
        proof = {"participant_id": first["participant_id"], "guest_key": first["guest_key"]}
        back = await join(whole, code, {"purpose": "speak", "guest": proof, "display_name": "Chen\u202e Li\n"})
        assert (back["participant_id"], back["guest_key"]) == (first["participant_id"], first["guest_key"])
        roster = (await whole.api("GET", f"/api/rooms/{room.room_id}"))["participants"]
        assert [(one["display_name"], one["guest"]) for one in roster] == [
            ("Ana", False),
            ("Luis", False),
            ("Chen Li", True),
        ]
        assert roster[-1]["acs_user_id"] == f"web:{first['participant_id']}"
        other = await whole.room()
        theirs = {"purpose": "speak", "guest": proof}
        assert (await ask(whole, "POST", f"/api/join/{await _code(whole, other.room_id)}", {}, theirs))[0] == 403


async def test_a_room_without_guests_says_so() -> None:
    async with line() as whole:
        room = await whole.room(guests=False, save_transcript=False)
        code = await _code(whole, room.room_id)
        async with whole.http.post(f"{whole.base_url}/api/join/{code}", json=CAPTIONS) as answer:
            assert (await answer.json())["save_transcript"] is False
        assert await ask(whole, "POST", f"/api/join/{code}", {}, GUEST) == (403, "forbidden")
        assert await ask(whole, "POST", f"/api/join/{code}", {}, CAPTIONS) == (200, "-")


async def _code(whole: Line, room_id: str) -> str:
    code: str = (await whole.api("GET", f"/api/rooms/{room_id}"))["join_code"]
    return code
