"""The client of the page of the meeting against the ACS Calling SDK: its types, its bundle, and a browser without ACS.

`make contract` installs the SDK and runs these tests; elsewhere they are skipped. No call is joined: no local server
can stand for ACS's media.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from listeners.page_routes import ACS_CLIENT, ACS_CLIENT_POLICY
from tests.support.acs_emulator import until
from tests.support.scripted_site import CHROMIUM, FOLDER, Site, answer, chromium, visit
from tests.support.sources import ROOT

CLIENT = ROOT / "listeners" / "acs_client"
RESOURCE = "5b006980-0000-4000-8000-000000000001"

pytestmark = [
    pytest.mark.line,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (CLIENT / "node_modules").exists(), reason="set up by `make contract`"),
]


def npm(*words: str) -> None:
    done = subprocess.run(["npm", *words, "--prefix", CLIENT], capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_fits_the_types_of_the_sdk() -> None:
    npm("run", "types")


@pytest.fixture(scope="module")
def bundle() -> Path:
    npm("run", "build")
    return ACS_CLIENT


def test_it_is_one_module(bundle: Path) -> None:
    assert [one.name for one in bundle.parent.iterdir()] == [bundle.name]
    assert bundle.read_text().rstrip().endswith(" as joinRoom};")


def token() -> str:
    """A token of ACS in shape; nobody has signed it."""
    claims = {"skypeid": f"acs:{RESOURCE}_00000001", "scp": 1792, "acsScope": "voip", "exp": int(time.time()) + 3600}
    parts = [{"alg": "RS256", "typ": "JWT"}, claims | {"resourceId": RESOURCE}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_the_sdk_runs_under_the_policy_of_the_page_which_goes_on_without_acs(bundle: Path) -> None:
    """The SDK asks the hosts of ACS, of which none answers here; nothing it does is forbidden."""
    site = Site()
    room = {"room_id": "r", "name": "Board", "languages": ["en-US", "es-ES"], "media": "acs"}
    person = {"participant_id": "p", "guest_key": "k", "ticket": "v1.t", "expires_on": "2099-01-01T00:00:00Z"}
    site.answers["POST /api/join/042117"] = answer(room | person)
    site.answers["POST /api/join/042117/acs"] = answer({"token": token(), "acs_room_id": "99117812428622880"})
    asked: list[str] = []

    async def meeting(route: Route) -> None:
        page = (FOLDER / "join.html").read_text().replace('client=""', 'client="/pages/~/acs_client.js"')
        policy = {**ACS_CLIENT_POLICY, "connect-src": f"{ACS_CLIENT_POLICY['connect-src']} ws://localhost"}
        headers = {"Content-Security-Policy": "; ".join(f"{what} {whence}" for what, whence in policy.items())}
        await route.fulfill(body=page, content_type="text/html", headers=headers)

    async def nobody(route: Route) -> None:
        asked.append(route.request.url)
        await route.abort()

    async with chromium() as browser, visit(browser, site, "/listen/042117", permissions=["microphone"]) as page:
        await page.add_init_script(
            "globalThis.forbidden = [];"
            "addEventListener('securitypolicyviolation', (e) => forbidden.push([e.effectiveDirective, e.blockedURI]))"
        )
        await page.route("http://localhost/join/042117", meeting)
        await page.route("**/acs_client.js", lambda route: route.fulfill(path=bundle))
        await page.route(re.compile("^https:"), nobody)
        await page.goto("http://localhost/join/042117")
        await page.get_by_label("Your name").fill("Chen")
        await page.get_by_role("button", name="Join").click()
        await until(lambda: "audio" in site.sockets, 120)
        await expect(page.locator("#call")).to_be_visible()
        assert any("skype.com" in url for url in asked), (asked, site.problems)
        assert await page.evaluate("forbidden") == []
        said = [problem for problem in site.problems if "not joined by the ACS client" in problem]
        assert len(said) == 1
        site.problems.clear()  # what else the SDK says of hosts that do not answer
