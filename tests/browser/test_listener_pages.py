"""The pages in a real browser: listening, embedded captions, taking part, keys alone, and what axe-core finds."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from emulator.client import write_wav
from tests.support.accessibility import violations
from tests.support.acs_emulator import tone, until
from tests.support.page_peer import CODE, HEADER, ME, MY_VOICE, PagePeer, running_peer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",  # tests may run as root
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
# Taps what the page sends to its master gain: `loudestHertz()` there, 0 while it is silent.
TAP = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...more) {
  if (target instanceof MediaStreamAudioDestinationNode) {
    const analyser = new AnalyserNode(target.context, { fftSize: 4096, smoothingTimeConstant: 0 });
    connect.call(this, analyser);
    window.loudestHertz = () => {
      const bins = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(bins);
      const best = bins.indexOf(Math.max(...bins));
      return bins[best] > -60 ? (best * target.context.sampleRate) / analyser.fftSize : 0;
    };
  }
  return connect.call(this, target, ...more);
};
"""
LUIS = {"member_id": "m2", "participant_id": "p2", "speaker_id": "web:p2", "name": "Luis Ortega", "speaks": "es-ES"}
HOSTILE = '<img src=x onerror="document.title=1">\u202eevil\u0007'

expect.set_options(timeout=30_000)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[PagePeer]:
    async with running_peer() as peer:
        yield peer


@pytest_asyncio.fixture(loop_scope="module")
async def peer(site: PagePeer) -> PagePeer:
    """As if nobody had been there before."""
    await until(lambda: not site.open)
    site.reset()
    return site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """A browser whose microphone hears a tone of 500 Hz."""
    microphone = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    write_wav(microphone, tone(4_000, hertz=500))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*ARGUMENTS, f"--use-file-for-fake-audio-capture={microphone}"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened(browser: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    """A page in a browser of its own; an error of its scripts, or against its policy, fails the test."""
    context = await browser.new_context(**{"permissions": ["microphone"], "locale": "en-US"} | options)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    await page.add_init_script(TAP)
    try:
        await page.goto(url)
        await page.wait_for_selector("html[data-ready]")
        yield page
        assert not errors
    finally:
        await context.close()


async def until_heard(page: Page, hertz: float) -> None:
    """Wait until this is what the page plays; asked again and again, for its policy forbids to evaluate text in it."""
    while abs(await page.evaluate("loudestHertz()") - hertz) >= 15:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0.05)


async def join(page: Page, peer: PagePeer, name: str = "Ana Reyes") -> None:
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Join the meeting").click()
    await expect(page.locator("#call")).to_be_visible()
    await until(lambda: len(peer.open) == 4)


async def test_a_code_leads_to_the_meeting(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, peer.url) as page:
        await page.get_by_label("Code of the meeting").fill("12")
        await page.get_by_role("button", name="Join and speak").click()
        await expect(page.locator("#code-hint")).to_have_text("A code has six digits.")
        await page.get_by_label("Code of the meeting").fill("999 999")
        await page.get_by_role("button", name="Listen and read only").click()
        await expect(page.get_by_role("heading", name="No meeting has this code")).to_be_visible()
        await page.get_by_role("link", name="Enter a code").click()
        await page.get_by_label("Code of the meeting").fill("042117")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Harbour meeting")).to_be_visible()
        assert page.url.endswith(f"/join/{CODE}")


async def test_captions_replace_one_another_and_only_finals_are_read_aloud(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/listen/{CODE}") as page:
        lines, live = page.locator(".line"), page.locator("[aria-live=polite]").first
        await until(lambda: peer.sockets("captions", language="en-US"))
        await peer.caption("u0", "Before you came.", history=True)
        await peer.caption("u1", "Good mor", is_final=False, speaker_name=HOSTILE)
        await expect(lines.nth(1)).to_contain_text("Good mor")
        await peer.caption("u1", "Good morning." + HOSTILE, speaker_name=HOSTILE)
        await expect(lines.nth(1)).to_contain_text("Good morning.<img")
        await expect(live).to_contain_text("Good morning.")
        assert "Good mor" not in ((await live.text_content()) or "").replace("Good morning", "")
        assert "Before you came" not in ((await live.text_content()) or "")
        assert await page.locator(".line img").count() == 0
        shown = await lines.nth(1).text_content()
        assert shown is not None and "\u202e" not in shown and "\u0007" not in shown
        assert await lines.nth(1).locator("bdi").count() == 1
        await peer.close_all(1012)
        await until(lambda: len(peer.sockets("captions", after="3")) == 1)  # it goes on after the last position


async def test_history_keeps_its_place_while_new_lines_come(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/listen/{CODE}", viewport={"width": 390, "height": 700}) as page:
        await until(lambda: peer.sockets("captions"))
        for number in range(40):
            await peer.caption(f"u{number}", f"Sentence number {number} of a long talk.")
        await expect(page.locator(".line").last).to_be_in_viewport()
        await page.evaluate("document.querySelector('.captions-scroll').scrollTop = 300")
        await expect(page.get_by_role("button", name="Newest line")).to_be_visible()
        top = "document.querySelector('.captions-scroll').scrollTop"
        before = await page.evaluate(top)
        await peer.caption("later", "One more.")
        await expect(page.locator(".line").last).to_contain_text("One more.")
        assert await page.evaluate(top) == before
        await page.get_by_role("button", name="Newest line").click()
        await expect(page.locator(".line").last).to_be_in_viewport()


async def test_one_press_and_the_language_is_heard(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/listen/{CODE}?language=es", locale="en-US") as page:
        await page.get_by_role("button", name="Listen").click()
        await until(lambda: peer.sockets("audio", language="es-ES"))
        await peer.play("es-ES", 1150, 1250)  # the delay is shown once a second
        await until_heard(page, 1250)
        await expect(page.locator("#sound")).to_contain_text("Sound delay")
        assert await page.evaluate("navigator.mediaSession.playbackState") == "playing"
        await peer.post("audio", {"event": "flush"})
        await until_heard(page, 0)
        await page.get_by_label("Language").select_option("en-US")
        await until(lambda: peer.sockets("audio", language="en-US") and not peer.sockets("audio", language="es-ES"))
        await page.get_by_role("button", name="Pause").click()
        await until(lambda: not peer.sockets("audio"))


async def test_states_of_the_room_are_told_and_the_end_is_final(peer: PagePeer, browser: Browser) -> None:
    peer.room_state = "created"
    async with opened(browser, f"{peer.url}/listen/{CODE}") as page:
        state = page.locator("#state")
        await expect(state).to_have_text("Not begun yet")
        await until(lambda: peer.sockets("captions"))
        await peer.post("captions", {"event": "room", "state": "active"})
        await expect(state).to_have_text("Listening")
        await peer.post("captions", {"event": "room", "state": "paused"})
        await expect(state).to_have_text("Paused")
        await peer.close_all(4002, "room_ended")
        await expect(state).to_have_text("Ended")
        await expect(page.get_by_role("alert")).to_have_text("The meeting has ended.")
        assert len(peer.every) == 1


async def test_the_embedded_view_is_captions_on_nothing(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/listen/{CODE}?embed=1") as page:
        await until(lambda: peer.sockets("captions"))
        for number in range(4):
            await peer.caption(f"u{number}", f"Line {number}")
        await expect(page.locator(".line").last).to_contain_text("Line 3")
        assert await page.locator(".line").count() == 2
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
        await expect(page.locator("#play")).to_be_hidden()


async def test_somebody_joins_is_heard_and_hears(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/join/{CODE}") as page:
        await join(page, peer)
        assert peer.asked[-1]["display_name"] == "Ana Reyes" and peer.asked[-1]["purpose"] == "speak"
        (microphone,) = [one for one in peer.sockets("audio", language="en-US") if "microphone" not in one.query]
        (floor,) = peer.sockets("audio", language="floor")
        assert floor.query["microphone"] == "0"
        await until(lambda: len(microphone.frames) > 50)
        headers = [HEADER.unpack(frame[:16]) for frame in microphone.frames]
        assert {len(frame) for frame in microphone.frames} == {16 + 960}
        assert [sequence for *_, sequence, _ in headers] == list(range(len(headers)))
        assert {header[:3] for header in headers} == {(1, 1, 0)}
        assert {"event": "unmute"} in microphone.texts
        await peer.play("floor", 800, 1250)
        await until_heard(page, 1250)
        await page.get_by_role("slider", name="What you hear").fill("1")
        await until(lambda: not peer.sockets("audio", language="floor"))  # it is not even sent
        await peer.play("en-US", 800, 800)
        await until_heard(page, 800)


async def test_nobody_hears_the_interpretation_of_what_they_said(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/join/{CODE}") as page:
        await join(page, peer)
        start = time.time_ns() // 1000
        own = {"speaker_id": MY_VOICE, "language": "en-US"}
        await peer.signal("suppress_original", **own, at_us=start)
        await peer.play("en-US", 600, 900, at_us=start)
        await page.wait_for_timeout(500)
        assert await page.evaluate("loudestHertz()") == 0
        await peer.signal("restore_original", **own, at_us=start + 600_000)
        await peer.play("en-US", 1500, 700, at_us=start + 600_000)
        await until_heard(page, 700)


async def test_the_microphone_is_open_or_pushed_and_never_by_typing(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/join/{CODE}", viewport={"width": 1280, "height": 800}) as page:
        await join(page, peer)
        (microphone,) = [one for one in peer.sockets("audio") if "microphone" not in one.query]

        async def said(event: str) -> None:
            await until(lambda: [one["event"] for one in microphone.texts if one["event"] != "heartbeat"][-1] == event)

        await page.get_by_role("button", name="Mute").click()
        await said("mute")
        await page.get_by_label("Push to talk").check()
        await page.keyboard.down("p")
        await said("unmute")
        await expect(page.locator("#mic")).to_have_text("You are heard")
        await page.keyboard.up("p")
        await said("mute")
        box = page.get_by_label("Message to everybody")
        await box.press_sequentially("ppp")
        assert microphone.texts[-1]["event"] != "unmute"
        await page.locator("#mic").hover()
        await page.mouse.down()
        await said("unmute")
        await page.mouse.move(0, 0)
        await page.mouse.up()
        await said("mute")


async def test_messages_and_commands(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/join/{CODE}") as page:
        await join(page, peer)
        box, told = page.get_by_label("Message to everybody"), page.locator("#told")
        await box.fill("Hello <b>all</b>")
        await box.press("Enter")
        await expect(told).to_have_text("Sent")
        await expect(box).to_have_value("")
        assert [one["text"] for one in peer.sockets("captions")[0].texts if one["event"] == "message"] == [
            "Hello <b>all</b>"
        ]
        await box.fill("/username Anita")
        await box.press("Enter")
        await expect(told).to_have_text("Your name is Anita now.")
        await until(lambda: {"type": "username", "name": "Anita"} in peer.sockets("signaling")[0].texts)
        await box.fill("/nothing")
        await box.press("Enter")
        await expect(told).to_contain_text("/username NAME")
        await box.fill(f"/join {CODE}")
        await box.press("Enter")
        await expect(page.get_by_label("Your name")).to_be_visible()


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_transcript_is_saved_where_the_room_allows_it(
    peer: PagePeer, browser: Browser, allowed: bool
) -> None:
    peer.save_transcript = allowed
    async with opened(browser, f"{peer.url}/join/{CODE}", viewport={"width": 1280, "height": 800}) as page:
        await join(page, peer)
        await expect(page.get_by_role("button", name="Save the transcript")).to_be_visible(visible=allowed)


async def test_it_shows_who_speaks_and_how_the_interpreter_does(peer: PagePeer, browser: Browser) -> None:
    peer.members = [LUIS | {"name": HOSTILE}]
    async with opened(browser, f"{peer.url}/join/{CODE}", viewport={"width": 1280, "height": 800}) as page:
        await join(page, peer)
        await peer.signal("speaking", speaker_id="web:p2", speaking=True)
        await expect(page.locator("#now")).to_contain_text("<img")
        assert await page.locator("#now img").count() == 0
        await peer.signal("interpreter", state="behind", behind_ms=4000, reason=None)
        await expect(page.locator("#state")).to_have_text("4 s behind")
        await peer.signal("interpreter", state="captions_only", behind_ms=0, reason="quota")
        await expect(page.locator("#told")).to_contain_text("overloaded")
        await page.get_by_label("Original beside it").check()
        await peer.caption("u1", "Buenos días.", language="es-ES", original=True)
        await peer.caption("u1", "Good morning.")
        await expect(page.locator(".line .original")).to_have_text("Buenos días.")
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Save the transcript").click()
        path = await (await download.value).path()
        assert "Luis Ortega: Good morning." in path.read_text()


async def test_it_comes_back_by_itself_as_the_same_person(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/join/{CODE}") as page:
        await join(page, peer)
        asked = len(peer.asked)
        await peer.close_all(1011)
        await until(lambda: len(peer.every) == 8 and len(peer.open) == 4)
        await expect(page.locator("#told")).to_have_text("")
        assert len(peer.asked) == asked  # the ticket is still good
        await peer.close_all(4001, "expired")
        await until(lambda: len(peer.every) == 12 and len(peer.open) == 4)
        assert peer.asked[-1]["guest"] == {"participant_id": ME, "guest_key": "key"}
        await peer.close_all(4002, "room_ended")
        await expect(page.get_by_role("alert")).to_have_text("The meeting has ended.")


async def test_a_refusal_is_told(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/join/{CODE}") as page:
        await page.get_by_label("Your name").fill("Ana")
        peer.refusal = (409, {"code": "conflict", "message": "full"})
        await page.get_by_role("button", name="Join the meeting").click()
        await expect(page.get_by_role("alert")).to_have_text("The meeting is full.")
        await expect(page.get_by_role("button", name="Join the meeting")).to_be_enabled()
        assert not peer.every


async def test_keys_alone_are_enough(peer: PagePeer, browser: Browser) -> None:
    async with opened(browser, f"{peer.url}/join/{CODE}") as page:

        async def tab_to(name: str) -> None:
            for _ in range(30):
                await page.keyboard.press("Tab")
                if await page.evaluate("document.activeElement.id") == name:
                    return
            raise AssertionError(f"{name} cannot be reached")

        await tab_to("name")
        await page.keyboard.type("Ana")
        await tab_to("join")
        await page.keyboard.press("Enter")
        await until(lambda: len(peer.open) == 4)
        await tab_to("mic")
        await page.keyboard.press("Space")
        await expect(page.locator("#mic")).to_have_text("Unmute")
        await tab_to("balance")
        await page.keyboard.press("ArrowRight")
        await tab_to("text")
        await page.keyboard.type("Hello")
        await page.keyboard.press("Enter")
        await expect(page.locator("#told")).to_have_text("Sent")
        if await page.locator("#more").is_visible():
            await tab_to("more")
            await page.keyboard.press("Enter")
        await tab_to("leave")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_have_text("You have left the meeting.")
        await until(lambda: not peer.open)


@pytest.mark.parametrize(("locale", "direction"), [("de-DE", "ltr"), ("ar-EG", "rtl")])
async def test_nothing_sticks_out_sideways(peer: PagePeer, browser: Browser, locale: str, direction: str) -> None:
    peer.name = "Wolfeschlegelsteinhausenbergerdorff " * 3
    async with opened(browser, f"{peer.url}/join/{CODE}", locale=locale) as page:

        async def fits() -> None:
            for width in (320, 1280):
                await page.set_viewport_size({"width": width, "height": 700})
                assert await page.evaluate("document.documentElement.scrollWidth") <= width

        assert await page.evaluate("document.documentElement.dir") == direction
        await expect(page.locator("#join")).to_be_enabled()
        await fits()
        await page.locator("#name").fill("Ana")
        await page.locator("#join").click()
        await until(lambda: len(peer.open) == 4)
        await peer.caption("u1", "x" * 200, speaker_name="y" * 80, language="en-US")
        await peer.signal("speaking", speaker_id="8:acs:z", speaking=True)
        await expect(page.locator("#now .speaker")).to_be_visible()
        await fits()
        await page.goto(f"{peer.url}/listen/{CODE}")
        await expect(page.locator("#play")).to_be_enabled()
        await fits()


@pytest.mark.parametrize(("width", "height"), [(390, 844), pytest.param(1280, 800, marks=pytest.mark.soak)])
async def test_axe_finds_nothing_in_any_state(peer: PagePeer, browser: Browser, width: int, height: int) -> None:
    peer.members = [LUIS]
    size = {"width": width, "height": height}
    async with opened(browser, peer.url, viewport=size, bypass_csp=True, reduced_motion="reduce") as page:

        async def is_fine(*rules: str) -> None:
            await page.emulate_media(color_scheme="light")
            assert await violations(page, rules) == []
            await page.emulate_media(color_scheme="dark")
            assert await violations(page, ["color-contrast"]) == []

        await is_fine()
        await page.locator("button[value=join]").click()
        await is_fine()
        await page.goto(f"{peer.url}/join/000000")
        await page.wait_for_selector("html[data-ready]")
        await is_fine()
        await page.goto(f"{peer.url}/listen/{CODE}")
        await expect(page.locator("#play")).to_be_enabled()
        await is_fine()
        await page.locator("#play").click()
        await until(lambda: len(peer.open) == 2)
        for number in range(30):
            await peer.caption(f"u{number}", "Good morning to everybody.", is_final=number < 29)
        await expect(page.locator(".line .partial")).to_be_in_viewport()
        await page.evaluate("document.querySelector('.captions-scroll').scrollTop = 100")
        await expect(page.locator(".newest")).to_be_visible()
        await is_fine()
        await peer.close_all(4002)
        await expect(page.locator("#play")).to_be_disabled()
        await is_fine()
        await page.goto(f"{peer.url}/join/{CODE}")
        await expect(page.locator("#join")).to_be_enabled()
        await page.locator("#join").click()  # without a name
        await is_fine()
        await join(page, peer)
        await peer.caption("u1", "Buenos d\u00edas.", language="es-ES", original=True)
        await peer.caption("u1", "Good morning.", is_final=False)
        await peer.signal("speaking", speaker_id="web:p2", speaking=True)
        for state in ("listening", "interpreting", "captions_only", "off"):
            await peer.signal("interpreter", state=state, behind_ms=4000, reason="quota")
            tone_of = {"listening": "good", "interpreting": "voice", "off": "problem"}
            await expect(page.locator("#state")).to_have_attribute("data-tone", tone_of.get(state, "floor"))
            await is_fine("color-contrast")
        if width < 1000:
            await page.locator("#more").click()
        await page.locator("#columns").check()
        await page.locator("#push").check()
        await is_fine()
        await peer.close_all(4002)
        await expect(page.get_by_role("alert")).to_be_visible()
        await is_fine()
