"""An hour-long meeting of six people, held by the real service in virtual time.

As a program, with a seed and seconds as arguments, it prints the journal.

The six are robots of the emulator, three speak English and three Spanish, and one of them says something every half
minute. Service and emulator live in this process, with real sockets and the real SDKs between them; only the engine
is scripted. What cannot be the same twice is taken out of the journal, see `comparable`.
"""

from __future__ import annotations

import asyncio
import base64
import random
import re
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import orjson

from emulator.config import Switches
from emulator.virtual_time import VirtualTimeLoop
from emulator.wav import write_wav
from tests.support.line import Line, line
from tests.support.speech import RESULTS, spoken

PEOPLE = 6
EVERY_S = 30
HOUR_S = 3600
JOIN_EVERY_S = 0.5
"""Nobody joins at the very instant at which the interpreter does: which comes first, the kernel would decide."""
BEGINS = datetime(2026, 11, 20, 9, tzinfo=UTC).timestamp()
_BYTES_PER_S = 48_000
_IN_NO_ORDER = [
    (re.compile(rb"127\.0\.0\.1:\d+"), b"127.0.0.1:port"),
    (re.compile(rb'"Sec-WebSocket-Key":"[^"]+"'), b'"Sec-WebSocket-Key":"nonce"'),
    (re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), b"uuid"),
    (re.compile(rb"\bconnection-\d+"), b"connection"),
    (re.compile(rb'"number":\d+'), b'"number":0'),
    (re.compile(rb"\b(sess|item|resp|event|conv)_\w+"), b"id"),
]


@dataclass(frozen=True)
class Hour:
    """What came of it."""

    journal: list[dict[str, Any]]
    passages: list[dict[str, Any]]
    robots: list[dict[str, Any]]


def hold(seed: int, seconds: float = HOUR_S) -> Hour:
    """Hold the meeting, in a loop of its own."""
    speech = spoken(RESULTS, "en")
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder, "three-minutes.wav")
        write_wav(recording, speech.ljust(PEOPLE * EVERY_S * _BYTES_PER_S, b"\0"))
        with asyncio.Runner(loop_factory=partial(VirtualTimeLoop, wall_start=BEGINS)) as runner:
            return runner.run(_meet(recording, seed, seconds))


def comparable(journal: list[dict[str, Any]]) -> list[bytes]:
    """The entries without what no seed reaches.

    That is: free ports, the nonces of WebSocket clients, and which of several sockets the kernel reports first when
    something has come over each at one instant. It is whichever the kernel's own threads, on a busy machine, have
    got round to. What happens at one instant is therefore compared in no order, and without the numbers and names
    that are given in order of arrival. What was done, said and heard, and when, is compared as it is.
    """
    moments: dict[float, list[bytes]] = {}
    for entry in journal:
        line = orjson.dumps({**entry, "seq": 0}, default=str, option=orjson.OPT_NON_STR_KEYS)
        for pattern, plain in _IN_NO_ORDER:
            line = pattern.sub(plain, line)
        moments.setdefault(float(entry["at"]), []).append(line)
    return [line for lines in moments.values() for line in sorted(lines)]


async def _meet(recording: Path, seed: int, seconds: float) -> Hour:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    own = random.Random(seed)  # the service's secrets, from which it names its utterances
    with (
        patch("secrets.token_urlsafe", lambda count: base64.urlsafe_b64encode(own.randbytes(count)).decode()),
        patch("uuid.uuid4", lambda: UUID(bytes=own.randbytes(16), version=4)),
    ):
        async with line(switches=Switches(silent_frames="omitted"), seed=seed) as whole:
            room = await _create_room(whole)
            robots = f"{whole.emulator.acs_url}/emulator/rooms/{room['acs_room_id']}/robots"
            for number, participant in enumerate(room["participants"]):
                await _send_robot(whole, robots, room["room_id"], number, participant, recording)
                await asyncio.sleep(JOIN_EVERY_S)
            await asyncio.sleep(seconds)
            async with whole.http.get(robots) as answer:
                items = (await answer.json())["items"]
            for robot in items:
                async with whole.http.delete(f"{robots}/{robot['robot_id']}") as answer:
                    assert answer.status == 200
            await whole.until_noted("call.ended")
            transcript = await whole.api("GET", f"/api/rooms/{room['room_id']}/transcript")
        return Hour(whole.emulator.journal.entries(), transcript["passages"], items)


async def _create_room(whole: Line) -> Any:
    tags = ["en-US" if number % 2 else "es-ES" for number in range(PEOPLE)]
    people = [
        {"display_name": f"Person {number}", "role": "Presenter", "speaks": tag, "hears": tag}
        for number, tag in enumerate(tags)
    ]
    body = {"name": "an hour", "languages": ["en-US", "es-ES"], "participants": people}
    return await whole.api("POST", "/api/rooms", body)


async def _send_robot(
    whole: Line, robots: str, room_id: str, number: int, participant: dict[str, Any], recording: Path
) -> None:
    path = f"/api/rooms/{room_id}/participants/{participant['participant_id']}/token"
    body = {
        "token": (await whole.api("POST", path))["token"],
        "display_name": participant["display_name"],
        "wav": str(recording),
        "loop": True,
        "start_after_ms": (number * EVERY_S + 5) * 1000,
    }
    async with whole.http.post(robots, json=body) as answer:
        assert answer.status == 201, await answer.text()


if __name__ == "__main__":
    sys.stdout.buffer.write(b"\n".join(comparable(hold(int(sys.argv[1]), float(sys.argv[2])).journal)))
