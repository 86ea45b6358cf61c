"""The meeting's page in the call of an ACS room: by a client that a script stands for, and without it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.acs_emulator import until
from tests.support.scripted_console import ROOM
from tests.support.scripted_site import CHROMIUM, Site, answer, refusal, visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.line,
    pytest.mark.asyncio(loop_scope="module"),  # the browser's loop
    pytest.mark.timeout(120),  # a browser starts in one second, or in ten on a busy machine
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
CLIENT = """export async function joinRoom(seat) {
  globalThis.acs = { seat, asked: [], left: 0 };
  const setMuted = async (muted) => { acs.asked.push(muted); seat.onMuted(muted); };
  return { setMuted, leave: async () => void (acs.left += 1) };
}"""


def meeting() -> Site:
    site = Site()
    hello: dict[str, Any] = {"room_id": ROOM, "heartbeat_ms": 10_000, "room_state": "active", "members": []}
    site.hello = {kind: {"event": "hello", "type": "hello", **hello} for kind in ("captions", "audio", "signaling")}
    room = {"room_id": ROOM, "name": "Board", "languages": ["en-US", "es-ES"], "media": "acs"}
    person = {"participant_id": "p", "guest_key": "k", "ticket": "v1.t", "expires_on": "2099-01-01T00:00:00Z"}
    site.answers["POST /api/join/042117"] = answer(room | person)
    return site


async def enter(page: Page) -> None:
    await page.route("**/acs_client.js", lambda route: route.fulfill(body=CLIENT, content_type="text/javascript"))
    await page.evaluate("document.body.dataset.acsClient = '/pages/~/acs_client.js'")
    await page.get_by_label("Your name").fill("Chen")
    await page.get_by_role("button", name="Join").click()
    await expect(page.locator("#call")).to_be_visible()


async def test_one_speaks_and_hears_in_the_call_and_reads_over_the_socket(browser: Browser) -> None:
    site = meeting()
    site.answers["POST /api/join/042117/acs"] = answer({"token": "of ACS", "acs_room_id": "991"})
    async with visit(browser, site, "/join/042117", permissions=["microphone"]) as page:
        await enter(page)
        await until(lambda: {"captions", "signaling"} <= set(site.sockets))
        assert "audio" not in site.sockets
        assert await page.evaluate("[acs.seat.token, acs.seat.roomId, acs.seat.displayName]") == [
            "of ACS",
            "991",
            "Chen",
        ]
        (asked,) = [one for one in site.asked if one.url.endswith("/acs")]
        assert asked.headers["authorization"] == "Bearer v1.t"
        microphone = page.locator("#mic-text")
        await expect(microphone).to_have_text("Mute")
        assert await page.evaluate("acs.asked") == [False]
        await expect(page.locator("#balance")).to_be_hidden()  # ACS mixes what is heard
        await page.evaluate("acs.seat.onMuted(true)")  # by somebody else
        await expect(microphone).to_have_text("Unmute")
        await page.locator("#mic").click()
        await expect(microphone).to_have_text("Mute")
        await page.evaluate("acs.seat.onEnded()")
        await expect(page.locator("#lobby-problem")).to_have_text("You are no longer in the call.")
        assert await page.evaluate("acs.left") == 1


async def test_where_the_call_cannot_be_joined_one_takes_part_through_sockets(browser: Browser) -> None:
    site = meeting()
    site.answers["POST /api/join/042117/acs"] = refusal(503, "acs_unavailable", "ACS is busy")
    async with visit(browser, site, "/join/042117", permissions=["microphone"]) as page:
        await enter(page)
        await until(lambda: "audio" in site.sockets)
        await expect(page.locator("#balance")).to_be_visible()
        assert [text for text in site.problems if "not joined by the ACS client" in text] == site.problems
        site.problems.clear()
