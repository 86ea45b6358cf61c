"""The console in a real browser against a scripted service: what it shows, sends and forgets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, Request, expect

from tests.support.accessibility import violations_in_any_light
from tests.support.acs_emulator import until
from tests.support.scripted_console import (
    ANA,
    GLOSSARY,
    KEY,
    LUIS,
    ODD_NAME,
    ROOM,
    caption,
    interpreter,
    room,
    scripted,
)
from tests.support.scripted_site import CHROMIUM, Answer, answer, refusal, visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.line,
    pytest.mark.asyncio(loop_scope="module"),  # the browser's loop
    pytest.mark.timeout(120),  # a browser starts in one second, or in ten on a busy machine
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
PATH = f"/api/rooms/{ROOM}"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}
EVERYWHERE = """() => JSON.stringify([
  {...localStorage}, {...sessionStorage}, document.cookie, location.href, history.state,
  document.documentElement.outerHTML, [...document.querySelectorAll("input")].map((one) => one.value), performance
    .getEntriesByType("resource").map(({ name }) => name),
])"""


async def unlock(page: Page) -> None:
    await page.get_by_label("API key").fill(KEY)
    await page.keyboard.press("Enter")
    await expect(page.locator(".room-list a").first).to_be_attached()


async def open_room(page: Page, tab: str = "live") -> None:
    await page.evaluate(f"location.hash = '#/rooms/{ROOM}/{tab}'")
    await expect(page.get_by_role("tab", selected=True)).to_be_visible(timeout=30_000)


async def test_the_key_is_kept_nowhere_and_gone_after_a_reload_and_a_lock(browser: Browser) -> None:
    site = scripted()
    async with visit(browser, site, "/console") as page:
        await page.clock.install()
        await unlock(page)
        await open_room(page)
        assert KEY not in await page.evaluate(EVERYWHERE)
        assert all(KEY not in one.url for one in site.asked)
        assert all(one.headers["x-api-key"] == KEY for one in site.asked)
        databases = await page.evaluate(
            "async () => (await indexedDB.databases()).length + (await caches.keys()).length"
        )
        assert databases == 0
        await page.reload()
        await expect(page.get_by_label("API key")).to_have_value("")
        await expect(page.get_by_role("tab")).to_have_count(0)
        await unlock(page)  # and the room is shown again: its address is no secret
        await expect(page.get_by_role("heading", name="Board meeting")).to_be_visible()
        await page.get_by_role("button", name="Lock").click()
        await expect(page.get_by_label("API key")).to_be_focused()
        await expect(page.get_by_text("Board meeting")).to_have_count(0)
        before = len(site.asked)
        await page.clock.fast_forward(10_000)  # longer than between two looks at the room
        await page.wait_for_timeout(200)
        assert len(site.asked) == before


async def test_what_goes_wrong_and_what_is_missing_is_told(browser: Browser) -> None:
    site = scripted()
    async with visit(browser, site, "/console") as page:
        await page.get_by_label("API key").fill("wrong")
        await page.get_by_role("button", name="Open the console").click()
        await expect(page.locator("#key-hint")).to_have_text("This key is not accepted.")
        await expect(page.get_by_label("API key")).to_have_attribute("aria-invalid", "true")
        site.answers["GET /api/rooms"] = refusal(429, "rate_limited", "too many", retry_after_ms=4000)
        await page.keyboard.press("Enter")
        await expect(page.locator("#key-hint")).to_have_text("Too many attempts. Try again in 4 s.")
        site.answers["GET /api/rooms"] = answer({"items": [], "next_cursor": None})
        await page.get_by_label("API key").fill(KEY)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("There is no room yet.")).to_be_visible()
        site.answers[f"GET {PATH}"] = refusal(404, "not_found", "no such room")
        await page.evaluate(f"location.hash = '#/rooms/{ROOM}'")
        await expect(page.get_by_role("alert")).to_have_text("This is not there any more. Load the list again.")


async def test_a_room_is_created_as_the_form_says_and_has_links(browser: Browser) -> None:
    site = scripted()
    async with visit(browser, site, "/console", permissions=["clipboard-read", "clipboard-write"]) as page:
        await unlock(page)
        await page.get_by_role("button", name="New room").click()
        await page.get_by_role("button", name="Create the room").click()
        await expect(page.get_by_role("status").filter(has_text="needs a name")).to_be_visible()
        await page.get_by_label("Name", exact=True).fill("Town hall")
        await page.get_by_label("Further language").fill("no language")
        await page.get_by_role("button", name="Add", exact=True).click()
        await expect(page.get_by_text("Write a language as a tag")).to_be_visible()
        await page.get_by_label("Further language").fill("de-de")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Remove Spanish (Spain)").click()
        await page.get_by_role("button", name="Add a person").click()
        await page.get_by_label("Name of the person").fill("Ana")
        await page.get_by_label("Language spoken").select_option("en-US")
        site.answers["POST /api/rooms"] = refusal(
            400, "invalid_request", "fields are not valid", details=[{"field": "name", "reason": "is taken"}]
        )
        await page.get_by_role("button", name="Create the room").click()
        await expect(page.get_by_text("The service does not accept this: name: is taken")).to_be_visible()
        site.answers["POST /api/rooms"] = answer(room(), 201)
        await page.get_by_role("button", name="Create the room").click()
        await expect(page.get_by_text("042 117")).to_be_visible()
        expected = {
            "name": "Town hall",
            "languages": ["en-US", "de-DE"],
            "media": "web",
            "participants": [{"display_name": "Ana", "role": "Presenter", "speaks": "en-US"}],
        }
        assert site.bodies("POST", "/api/rooms") == [expected, expected]
        await expect(page.get_by_role("img", name="QR code of http://localhost/join/042117")).to_be_visible()
        ana = page.get_by_role("listitem").filter(has_text="Ana Keller")
        await ana.get_by_role("button", name="Make a link").click()
        await expect(page.get_by_text("valid for 15 minutes")).to_be_visible()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == "http://localhost/speaker#ticket=v1.ticket.signature", "the ticket is behind the hash"
        assert {"purpose": "speak", "participant_id": ANA} in site.bodies("POST", f"{PATH}/tickets")


async def test_the_live_view_follows_the_room_without_jumping_and_commands_it(browser: Browser) -> None:
    site = scripted()
    async with visit(browser, site, "/console", **PHONE) as page:
        await page.clock.install()
        await unlock(page)
        await open_room(page)
        german = page.get_by_role("row").filter(has_text="German")
        await expect(german).to_contain_text("7.4 s")
        await expect(german).to_contain_text("quota used up")
        await expect(page.get_by_text("Spanish 9 · German 3")).to_be_visible()
        site.send("signaling", type="listener_count", count=13, by_language={"es-ES": 10, "de-DE": 3})
        await expect(page.get_by_text("Spanish 10 · German 3")).to_be_visible()
        await until(lambda: "captions" in site.sockets)
        site.send("captions", **caption("u-1", LUIS, "es-ES", "Buenos días.", original=True))
        site.send("captions", **caption("u-1", LUIS, "en-US", "Good morning."))
        await expect(page.locator(".captions .text")).to_have_text("Good morning.")
        await expect(page.locator(".captions .original")).to_have_text("Buenos días.")
        site.answers[f"GET {PATH}/interpreter"] = refusal(503, "unavailable", "the store is away")
        await page.clock.fast_forward(2_500)
        await expect(page.get_by_text("not available for a moment")).to_be_visible()
        await expect(german).to_contain_text("7.4 s")  # what was known stays
        site.answers[f"GET {PATH}/interpreter"] = answer(interpreter())
        await page.clock.fast_forward(2_500)
        await expect(page.get_by_text("not available for a moment")).to_have_count(0)

        places = """() => ["#tab-live", ".live h2", ".live-captions", ".listeners"].map((one) =>
            Math.round(document.querySelector(one).getBoundingClientRect().top))"""
        before = await page.evaluate(places)
        for text in ("One.", "One. Two.", "One. Two. Three, and a sentence that takes two lines on a phone."):
            site.send("captions", **caption(text, LUIS, "en-US", text, original=True, is_final=False))
        await expect(page.get_by_role("button", name="Start")).to_be_disabled()
        site.answers[f"GET {PATH}/interpreter"] = answer(interpreter("paused"))
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator(".control .pill")).to_have_text("Paused")
        await expect(page.get_by_role("button", name="Resume")).to_be_enabled()
        assert await page.evaluate(places) == before

        await page.get_by_role("button", name="Resume").click()
        site.answers[f"POST {PATH}/interpreter"] = refusal(409, "conflict", "no call of this room is active")
        await page.get_by_role("button", name="Stop", exact=True).click()
        await expect(page.get_by_text("no call of this room is active")).to_be_visible()
        assert [one["action"] for one in site.bodies("POST", f"{PATH}/interpreter")] == ["pause", "resume", "stop"]


async def test_ledger_usage_and_refusals_are_shown_and_the_transcript_is_saved(browser: Browser) -> None:
    async with visit(browser, scripted(), "/console") as page:
        await unlock(page)
        await open_room(page, "ledger")
        rows = page.locator("tbody tr")
        await expect(rows).to_have_count(4)
        await expect(rows.first).to_contain_text("model too slow")
        await page.get_by_role("button", name="1 Read only").click()
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("Die Zahlen des dritten Quartals")
        await page.get_by_label("Format").select_option("json")
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Save the transcript").click()
        assert (await download.value).suggested_filename == "Board meeting.json"
        await open_room(page, "usage")
        await expect(page.locator(".tile").last).to_contain_text("€0.8189")
        await expect(page.get_by_role("row").filter(has_text="Spanish")).to_contain_text("24,000")
        await page.get_by_role("button", name="Refusals").click()
        await expect(page.get_by_role("row").filter(has_text="203.0.113.7")).to_contain_text("48")


async def test_a_glossary_is_saved_at_the_version_that_was_read_and_a_room_is_deleted_if_wanted_twice(
    browser: Browser,
) -> None:
    site = scripted()
    put: list[Request] = []

    def save(request: Request) -> Answer:
        put.append(request)
        if len(put) == 1:
            return refusal(412, "precondition_failed", "the resource is at another version")
        return answer({**GLOSSARY, "version": 6}, ETag='"6"')

    site.answers[f"PUT {PATH}/glossary"] = save
    async with visit(browser, site, "/console") as page:
        await unlock(page)
        await open_room(page, "glossary")
        await expect(page.get_by_label("Term", exact=True).first).to_have_value("Contoso")
        await page.get_by_role("button", name="Add a term").click()
        await page.get_by_label("Term", exact=True).last.fill("lane")
        await page.get_by_label("German").last.fill("Spur")
        await page.get_by_role("button", name="Save the glossary").click()
        await expect(page.get_by_text("Somebody else has changed it meanwhile")).to_be_visible()
        await expect(page.get_by_label("German").last).to_have_value("Spur")  # nothing typed is lost
        site.answers[f"GET {PATH}/glossary"] = answer(GLOSSARY, ETag='"5"')
        await page.get_by_role("button", name="Load again").click()
        await expect(page.get_by_label("Term", exact=True)).to_have_count(2)
        await page.get_by_role("button", name="Save the glossary").click()
        await expect(page.get_by_text("Saved.")).to_be_visible()
        await open_room(page, "share")
        await page.get_by_role("button", name="Delete the room").click()
        assert not [one for one in site.asked if one.method == "DELETE"]
        await page.get_by_role("button", name="Delete it with its transcript").click()
        await expect(page.get_by_text("Choose a room, or create one.")).to_be_visible()
        assert [urlsplit(one.url).path for one in site.asked if one.method == "DELETE"] == [PATH]
    assert [one.headers["if-match"] for one in put] == ['"4"', '"5"']
    first: Any = put[0].post_data_json
    assert first["terms"][-1] == {"term": "lane", "translations": {"de-DE": "Spur"}}


async def test_markup_and_direction_in_names_are_text(browser: Browser) -> None:
    people = room()["participants"]
    people[0]["display_name"] = "<img src=x onerror=alert(1)>\u202e"
    site = scripted(name=ODD_NAME, participants=people)
    async with visit(browser, site, "/console") as page:
        await unlock(page)
        await open_room(page)
        await expect(page.get_by_role("heading", name="<b>Board</b> meeting")).to_be_visible()
        await until(lambda: "captions" in site.sockets)
        site.send("captions", **{**caption("u-1", ANA, "en-US", "<i>x</i>\u202e"), "speaker_name": "<u>A</u>\u202e"})
        await expect(page.locator(".captions .text")).to_have_text("<i>x</i>")
        assert await page.locator("main b, main img, main i, main u").count() == 0
        turning = re.compile("[\u202a-\u202e\u2066-\u2069]")
        assert not turning.search(await page.locator("h1, .room-list, .captions").first.inner_text())


async def test_the_console_is_used_by_keyboard_alone(browser: Browser) -> None:
    async with visit(browser, site := scripted(), "/console") as page:
        await expect(page.get_by_label("API key")).to_be_focused()
        await page.keyboard.type(KEY)
        await page.keyboard.press("Enter")
        link = page.locator(".room-list a")
        await expect(link).to_be_visible()
        for _ in range(12):
            await page.keyboard.press("Tab")
            if await link.evaluate("(one) => one === document.activeElement"):
                break
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("tab", name="Live")).to_be_visible()
        focused = "() => document.activeElement.textContent"
        for _ in range(12):
            await page.keyboard.press("Tab")
            if await page.evaluate(focused) == "Live":
                break
        await page.keyboard.press("ArrowLeft")
        await expect(page.get_by_role("tab", name="Share")).to_be_focused()
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("tab", name="Ledger", selected=True)).to_be_focused()
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")  # the last of the buttons above: stop
        await expect(page.locator(".control .pill")).to_have_text("Paused")  # as the script answers
        assert site.bodies("POST", f"{PATH}/interpreter") == [{"action": "stop"}]


async def test_axe_finds_nothing_and_a_phone_shows_all_of_it(browser: Browser) -> None:
    site = scripted()
    async with visit(browser, site, "/console", bypass_csp=True, **PHONE) as page:
        assert await violations_in_any_light(page) == []
        await unlock(page)
        assert await violations_in_any_light(page) == []
        await page.evaluate("location.hash = '#/new'")
        await page.get_by_role("button", name="Add a person").click()
        assert await violations_in_any_light(page) == []
        for tab in ("live", "ledger", "glossary", "usage", "share"):
            await open_room(page, tab)
            await expect(page.locator(".panel")).not_to_contain_text("Loading…")
            assert await violations_in_any_light(page) == [], tab
            assert await page.evaluate("document.documentElement.scrollWidth") == 390, tab
        await page.evaluate("location.hash = '#/refusals'")
        await expect(page.get_by_text("203.0.113.7")).to_be_visible()
        assert await violations_in_any_light(page) == []


async def test_it_reads_from_right_to_left(browser: Browser) -> None:
    async with visit(browser, scripted(), "/console", locale="ar") as page:
        await expect(page.locator("html")).to_have_attribute("dir", "rtl")
        await page.locator("#key").fill(KEY)
        await page.keyboard.press("Enter")
        await open_room(page)
        await page.locator("#tab-live").focus()
        await page.keyboard.press("ArrowLeft")  # forward, in this direction
        await expect(page.locator("#tab-ledger")).to_be_focused()
