"""The face on the listening page, in a real browser: off at first, it follows what the audio socket brings."""

from __future__ import annotations

import asyncio
import struct

import numpy as np
import pytest
from playwright.async_api import expect

from tests.support.acs_emulator import until
from tests.support.scripted_site import CHROMIUM, Site, answer, chromium, visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.line,
    pytest.mark.timeout(120),  # a browser starts in one second, or in ten on a busy machine
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
FRAME = 480
"""Samples of 20 ms at 24 kHz."""
MOUTH = "() => document.querySelector('.avatar-face').shadowRoot.querySelector('canvas').toDataURL()"


def frame(sequence: int) -> bytes:
    """A frame of a voice that sounds like an open vowel for 200 ms, then like a closed one."""
    places = np.arange(FRAME) + sequence * FRAME
    first = 730 if sequence // 10 % 2 else 300
    tones = [np.sin(2 * np.pi * hertz * places / 24_000) for hertz in (120, first, 1200)]
    pcm: bytes = (np.sum(tones, axis=0) * 6_000).astype("<i2").tobytes()
    return struct.pack(">BBHIQ", 1, 1, 0, sequence, 1_763_625_700_000_000 + sequence * 20_000) + pcm


async def test_the_face_is_off_moves_with_the_sound_and_rests() -> None:
    site = Site()
    hello = {"event": "hello", "room_id": "r", "heartbeat_ms": 10_000, "room_state": "active"}
    site.hello = {"captions": hello, "audio": hello}
    site.answers["POST /api/join/042117"] = answer(
        {"room_id": "r", "name": "Lecture", "languages": ["en-US"], "ticket": "t", "expires_on": "2099-01-01T00:00:00Z"}
    )
    async with chromium() as browser, visit(browser, site, "/listen/042117") as page:
        await page.evaluate("globalThis.AudioDecoder = undefined")  # frames of PCM, which the test can make
        await expect(page.locator("#stage")).to_be_hidden()
        await page.get_by_label("Face").select_option("Drawn face")
        await expect(page.locator(".avatar-face")).to_be_visible()
        at_rest = await page.evaluate(MOUTH)
        await page.locator("#play").click()
        await until(lambda: "audio" in site.sockets)
        seen = set()
        for sequence in range(150):
            site.sockets["audio"][-1].send(frame(sequence))
            await asyncio.sleep(0.02)
            if sequence % 5 == 0:
                seen.add(await page.evaluate(MOUTH))
        assert len(seen - {at_rest}) >= 3, "the mouth did not move"
        await page.wait_for_function(f"rest => ({MOUTH})() === rest", arg=at_rest, timeout=30_000)
        await page.get_by_label("Face").select_option("No face")
        await expect(page.locator(".avatar-face")).to_have_count(0)
