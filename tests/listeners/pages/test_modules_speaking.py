"""The speaker's page in a real browser against a scripted service: it is heard, pauses, stops, and plays nothing."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.support.accessibility import violations_in_any_light
from tests.support.acs_emulator import until
from tests.support.scripted_console import ANA, ROOM, caption
from tests.support.scripted_site import CHROMIUM, Site, answer, refusal, visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.line,
    pytest.mark.asyncio(loop_scope="module"),  # the browser's loop
    pytest.mark.timeout(120),  # a browser starts in one second, or in ten on a busy machine
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
FRAME_BYTES = 16 + 960
"""Header, and 20 ms at 24 kHz."""


def ticket(expires_in_s: float = 900) -> str:
    claims = {"p": "speak", "r": ROOM, "u": ANA, "x": time.time() + expires_in_s}
    return f"v1.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2lnbmF0dXJl"


def lecture() -> Site:
    site = Site()
    hello: dict[str, Any] = {"room_id": ROOM, "heartbeat_ms": 10_000, "room_state": "created"}
    site.hello = {
        "captions": {"event": "hello", **hello},
        "audio": {"event": "hello", **hello, "room_state": "active"},
        "signaling": {"type": "hello", **hello, "listener_count": 0, "listeners": {}},
    }
    return site


async def test_a_speaker_is_heard_pauses_goes_on_and_stops(browser: Browser) -> None:
    site = lecture()
    async with visit(browser, site, f"/speaker#ticket={ticket()}", permissions=["microphone"]) as page:
        state, hint = page.locator("#state"), page.locator("#hint")
        await expect(state).to_have_text("Not begun yet")
        await page.get_by_role("button", name="Start").click()
        await expect(hint).to_have_text("You are heard.")
        await expect(state).to_have_text("Live")

        def frames() -> list[bytes]:
            return [one for kind, one in site.received if kind == "audio" and isinstance(one, bytes)]

        await page.wait_for_function("document.querySelector('#meter span').style.transform !== ''")
        while len(frames()) < 10:
            await page.wait_for_timeout(50)
        assert {len(one) for one in frames()} == {FRAME_BYTES}
        sequence = [int.from_bytes(one[4:8], "big") for one in frames()]
        assert sequence == sorted(set(sequence))

        await page.get_by_role("button", name="Pause").click()
        await expect(state).to_have_text("Paused")
        paused = len(frames())
        await page.wait_for_timeout(400)
        assert len(frames()) <= paused + 1  # one may have been under way
        await page.get_by_role("button", name="Go on").click()
        await expect(hint).to_have_text("You are heard.")
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("button", name="Start")).to_be_focused()
        events = [json.loads(one)["event"] for kind, one in site.received if kind == "audio" and isinstance(one, str)]
        assert events == ["unmute", "mute", "unmute"]
        assert "language=" not in site.sockets["audio"][0].url, "nothing is asked to be played"
        assert await page.locator("audio, video").count() == 0


async def test_a_session_is_started_paused_and_ended_by_its_speaker_and_refusals_are_told(browser: Browser) -> None:
    site = lecture()
    path = f"/speaker?session=042117#ticket={ticket()}"
    async with visit(browser, site, path, permissions=["microphone"]) as page:
        hint = page.locator("#hint")
        site.answers["POST /api/startTranslation"] = refusal(401, "unauthorized", "the ticket is not valid")
        await page.get_by_role("button", name="Start").click()
        await expect(hint).to_contain_text("no longer valid")
        assert "audio" not in site.sockets, "a session that has not begun takes no microphone"
        site.answers["POST /api/startTranslation"] = answer({"status": "active"})
        await page.get_by_role("button", name="Start").click()
        await expect(hint).to_have_text("You are heard.")
        site.answers["POST /api/stopTranslation"] = refusal(409, "conflict", "no call of this room is active")
        await page.get_by_role("button", name="Pause").click()
        await expect(hint).to_contain_text("did not work")
        await expect(page.locator("#state")).to_have_text("Paused")  # the microphone is silent all the same
        await page.get_by_role("button", name="Go on").click()
        await expect(hint).to_have_text("You are heard.")
        site.answers["POST /api/endSession"] = answer({"status": "ended"})
        await page.get_by_role("button", name="End the lecture").click()
        assert site.bodies("POST", "/api/endSession") == [], "it is asked first"
        await page.get_by_role("button", name="End it for everybody").click()
        await expect(hint).to_have_text("The lecture has ended. Thank you.")
        started = [one for one in site.asked if one.url.endswith("/api/startTranslation")]
        assert [one.post_data_json for one in started] == 3 * [{"sessionId": "042117"}]
        assert all(one.headers["authorization"].startswith("Bearer v1.") for one in started)


async def test_listeners_and_own_words_are_shown_and_the_end_is_told(browser: Browser) -> None:
    site = lecture()
    async with visit(browser, site, f"/speaker#ticket={ticket()}") as page:
        await expect(page.locator("#count")).to_have_text("0")
        site.send("signaling", type="listener_count", count=12, by_language={"es-ES": 9, "floor": 3})
        await expect(page.locator("#count")).to_have_text("12")
        await expect(page.get_by_role("listitem").first).to_have_text("Spanish (Spain) 9")
        await until(lambda: "captions" in site.sockets)
        site.send("captions", **caption("u-1", ANA, "en-US", "Good morning.", original=True))
        site.send("captions", **caption("u-1", ANA, "es-ES", "Buenos días."))
        await expect(page.locator(".captions .text")).to_have_text("Good morning.")
        await expect(page.get_by_text("Buenos días.")).to_have_count(0)
        site.send("signaling", type="room", state="ended")
        await expect(page.locator("#hint")).to_have_text("The lecture has ended. Thank you.")
        await expect(page.locator("#talk")).to_be_disabled()


async def test_a_refused_microphone_and_a_link_that_is_none_are_told(browser: Browser) -> None:
    site = lecture()
    async with visit(browser, site, "/speaker") as page:
        await expect(page.locator("#hint")).to_contain_text("needs the speaker's own link")
        await expect(page.locator("#talk")).to_be_disabled()
    async with visit(browser, site, f"/speaker#ticket={ticket(-1)}") as page:
        await expect(page.locator("#hint")).to_contain_text("no longer valid")
        assert site.sockets == {}
    denied = """() => {
        navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotAllowedError"); };
    }"""
    async with visit(browser, site, f"/speaker#ticket={ticket()}") as page:
        await page.evaluate(denied)
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("#hint")).to_contain_text("may not use the microphone")
        await expect(page.get_by_role("button", name="Start")).to_be_enabled()


async def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(browser: Browser) -> None:
    options: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "bypass_csp": True}
    site = lecture()
    async with visit(browser, site, f"/speaker#ticket={ticket()}", permissions=["microphone"], **options) as page:
        await expect(page.locator("#count")).to_have_text("0")
        assert await violations_in_any_light(page) == []
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")  # the large button, by keyboard
        await expect(page.locator("#hint")).to_have_text("You are heard.")
        talk = page.locator("#talk")
        await expect(talk).to_be_focused()  # though it did nothing while the microphone was opened
        await expect(talk).to_have_css("outline-style", "solid")
        await page.keyboard.press("Enter")
        await expect(page.locator("#hint")).to_have_text("Nobody hears you until you go on.")
        assert await violations_in_any_light(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
