"""People meet by browser, in a room without a call and beside a call, through the running service."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.client import Participant
from emulator.engine.scripted import read_markers
from tests.support.browser_guests import BrowserSocket, Guest
from tests.support.line import Line, Room, line
from tests.support.speech import spoken
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]

ALL = ("en-US", "es-ES", "fr-FR")


@pytest.fixture(scope="session")
def spanish() -> bytes:
    return spoken("Los resultados son mejores de lo esperado.", "es")


def middle(speech: bytes) -> bytes:
    """A tenth of a second of it."""
    return speech[len(speech) // 6 * 2 :][:4_800]


def words(captions: BrowserSocket) -> list[tuple[str, str, bool]]:
    """Name, text, and whether it is the original, of each complete caption."""
    complete = (one for one in captions.of("caption") if one["is_final"])
    return [(one["speaker_name"], one["text"], one["original"]) for one in complete]


def follows(signals: BrowserSocket, speaker: str, languages: tuple[str, ...], times: int = 1) -> bool:
    """Whether a speaker was said to speak so often, and to be lowered and raised in each of these languages, once."""
    told = [one for one in signals.told if one.get("speaker_id") == speaker]
    assert [one["speaking"] for one in told if one["type"] == "speaking"] == [True, False] * times
    for language in languages:
        voice = [one for one in told if one.get("language") == language]
        assert [one["type"] for one in voice] == ["suppress_original", "restore_original"]
        assert voice[0]["at_us"] < voice[1]["at_us"]
    return {one["language"] for one in told if "language" in one} == set(languages)


async def ledger(room: Room, count: int) -> list[tuple[str, str, str]]:
    """Source, target and state of what was said."""
    return sorted((one["source"], one["target"], one["state"]) for one in await room.until_passages(count))


async def until_nobody_listens(running: Line) -> None:
    async def readers() -> int:
        return running.service.feed.statistics().readers

    await running.until(readers, lambda count: count == 0)


def lines(transcript: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return sorted((one["language"], one["text"], one["is_final"]) for one in transcript["items"])


async def test_a_meeting_without_a_call(english: bytes, spanish: bytes) -> None:
    async with line() as running:
        wanted = {"name": "a meeting", "media": "web", "languages": ALL, "mode": "consecutive"}
        made = await running.api("POST", "/api/rooms", wanted)
        room, code = Room(running, made["room_id"], "", {}), made["join_code"]
        ana = await Guest.with_code(running, code, purpose="speak", display_name="Ana", speaks="en-US", hears="en-US")
        luis = await Guest.with_code(running, code, purpose="speak", display_name="Luis", speaks="es-ES", hears="es-ES")
        claire = await Guest.with_code(running, code, purpose="audio", language="fr-FR")
        diego = await Guest.with_code(running, code, purpose="audio", language="es-ES")
        reader = await Guest.with_code(running, code, purpose="captions")
        async with (
            ana.on("signaling") as signals,
            claire.on("audio") as french,
            diego.on("audio", format="opus") as opus,
            reader.on("captions", language="fr") as french_captions,
        ):
            async with (
                luis.on("signaling"),
                ana.on("captions", language="en") as english_captions,
                luis.on("captions", language="es") as spanish_captions,
                ana.on("audio", language="en") as anas,
                luis.on("audio", language="es") as luiss,
            ):
                member = (await signals.until("joined"))["member"]
                assert (member["name"], member["speaks"]) == ("Luis", "es-ES")
                await french_captions.until("room", state="active")
                await ana.speak(anas, english)
                await french_captions.until("caption", text="[fr] utterance 0", is_final=True)
                await luis.speak(luiss, spanish)
                passages = await ledger(room, 6)
                await spanish_captions.until("caption", text="utterance 1", is_final=True)
            await signals.until("left", member=member)
            await french_captions.until("room", state="created")
            transcript = await room.transcript()
        assert passages == [(source, target, "spoken") for source in ALL[:2] for target in ALL]
        assert (anas.utterances, luiss.utterances) == ([1], [0])
        assert (french.utterances, opus.utterances) == ([0, 1], [0])
        for speech in (english, spanish):
            assert middle(speech) not in bytes(anas.heard + luiss.heard), "nobody hears themselves"
        for heard in (anas, luiss, french, opus):
            assert heard.sequences == list(range(1, len(heard.sequences) + 1)), "nothing was lost"
        assert words(english_captions) == [("Ana", "utterance 0", True), ("Luis", "[en] utterance 1", False)]
        assert words(spanish_captions) == [("Ana", "[es] utterance 0", False), ("Luis", "utterance 1", True)]
        assert words(french_captions) == [("Ana", "[fr] utterance 0", False), ("Luis", "[fr] utterance 1", False)]
        assert follows(signals, f"web:{ana.joined['participant_id']}", ("es-ES", "fr-FR"))
        assert follows(signals, f"web:{luis.joined['participant_id']}", ("en-US", "fr-FR"))
        assert lines(transcript) == [
            ("en-US", "[en] utterance 1", True),
            ("en-US", "utterance 0", True),
            ("es-ES", "[es] utterance 0", True),
            ("es-ES", "utterance 1", True),
            ("fr-FR", "[fr] utterance 0", True),
            ("fr-FR", "[fr] utterance 1", True),
        ]
        await until_nobody_listens(running)
        assert running.emulator.journal.entries("call") == []


async def test_a_guest_by_browser_beside_somebody_in_the_call(english: bytes, spanish: bytes) -> None:
    async with line() as running:
        room = await running.room()
        code = (await running.api("GET", f"/api/rooms/{room.room_id}"))["join_code"]
        gil = await Guest.with_code(running, code, purpose="speak", display_name="Gil", speaks="es-ES", hears="es-ES")
        reader = await Guest.with_code(running, code, purpose="captions")
        async with (
            gil.on("captions", language="es") as captions,
            reader.on("captions", language="en") as english_captions,
            gil.on("signaling") as signals,
            gil.on("audio", language="es") as gils,
            gil.on("audio", language="floor", microphone="0") as floor,
        ):
            await captions.until("room", state="active")  # though nobody is in the call
            await gil.speak(gils, spanish)
            await english_captions.until("caption", text="[en] utterance 0", is_final=True)
            async with room.joined("Ana") as ana:
                await ana.speak(english)
                await captions.until("caption", text="[es] utterance 1", is_final=True)
                await room.until_passages(3)
                await gil.speak(gils, spanish)
                passages = await ledger(room, 5)
            await signals.until("restore_original", language="en-US")
        assert passages == [
            ("en-US", "es-ES", "spoken"),
            ("es-ES", "en-US", "caption_only"),
            ("es-ES", "en-US", "spoken"),
            ("es-ES", "es-ES", "spoken"),
            ("es-ES", "es-ES", "spoken"),
        ]
        assert middle(english) in bytes(floor.heard), "the guest hears what Ana says herself"
        assert middle(spanish) in bytes(ana.heard), "and she what the guest says"
        assert gils.utterances == [1]
        assert read_markers(bytes(ana.heard)) == [2]
        assert floor.utterances == [], "no interpretation"
        assert middle(spanish) not in bytes(floor.heard + gils.heard), "and nobody themselves"
        assert follows(signals, ana.participant_id, ("es-ES",))
        assert follows(signals, f"web:{gil.joined['participant_id']}", ("en-US",), times=2)
        await until_nobody_listens(running)


async def test_a_guest_who_joins_the_call_is_interpreted_there_as_who_they_are(english: bytes) -> None:
    async with line(acs_web_client=True) as running:
        room = await running.room()
        code = (await running.api("GET", f"/api/rooms/{room.room_id}"))["join_code"]
        guest = await Guest.with_code(
            running, code, purpose="speak", display_name="Chen", speaks="en-US", hears="en-US"
        )
        headers = {"Authorization": f"Bearer {guest.joined['ticket']}"}
        async with running.http.post(f"{running.base_url}/api/join/{code}/acs", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            seat = await answer.json()
        joined = Participant.join(running.emulator.acs_url, seat["acs_room_id"], seat["token"], "Chen")
        async with room.joined("Luis") as luis, joined as chen, guest.on("signaling") as signals:
            (member,) = (await signals.until("hello"))["members"]
            assert (member["name"], member["speaker_id"]) == ("Chen", seat["acs_user_id"])
            await room.until_status("interpreting")
            await chen.speak(english)
            (passage,) = await room.until_passages(1)
        assert (passage["speaker_id"], passage["target"], passage["state"]) == (seat["acs_user_id"], "es-ES", "spoken")
        assert read_markers(bytes(luis.heard)) == [0]
        assert {one["speaker_name"] for one in (await room.transcript())["items"]} == {"Chen"}
