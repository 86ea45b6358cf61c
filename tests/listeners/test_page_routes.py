"""The pages: what they are served with, how large they are, and what a person sees where there is nothing."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from bot.error_responses import install_error_handlers
from http_serving.security_headers import SecurityHeaders
from listeners.page_routes import FOLDER, POLICY, Pages, read_files
from tests.support.webhook_serving import client

KNOWN = "042117"
LARGEST_PAGE = 150_000
"""Bytes of a page with everything it may load, before compression."""
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HTML = sorted(path.name for path in FOLDER.glob("*.html"))


async def knows(scope: Mapping[str, Any], code: str) -> bool:
    return code == KNOWN


@pytest.fixture(scope="module")
def served() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    install_error_handlers(app)
    app.add_middleware(SecurityHeaders)
    pages = Pages(knows)
    app.include_router(pages.routes())
    app.state.not_found_page = pages.not_found
    return app


@pytest.fixture
async def http(served: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(served) as http:
        yield http


async def test_a_page_has_a_strict_policy_and_is_asked_for_again(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/", headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "script-src 'self';" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "microphone=()" in answer.headers["permissions-policy"]
    again = await http.get("/", headers={**BROWSER, "if-none-match": answer.headers["etag"]})
    assert again.status_code == 304 and not again.content


@pytest.fixture
def served_with_acs(tmp_path: Path) -> FastAPI:
    bundle = tmp_path / "acs_client.js"
    bundle.write_text("export const joinRoom = 1;")
    app = FastAPI()
    app.include_router(Pages(knows, with_acs_client=True, acs_client=bundle).routes())
    return app


async def test_the_meeting_has_the_acs_client_where_it_was_built_and_no_other_page_knows_of_it(
    http: httpx2.AsyncClient, served_with_acs: FastAPI
) -> None:
    async with client(served_with_acs) as with_client:
        meeting = await with_client.get("/join/042117", headers=BROWSER)
        (address,) = re.findall(r'data-acs-client="(/pages/\w+/acs_client.js)"', meeting.text)
        assert (await with_client.get(address)).text == "export const joinRoom = 1;"
        policy = dict(one.split(" ", 1) for one in meeting.headers["content-security-policy"].split("; "))
        assert set(policy) == set(POLICY) - {"require-trusted-types-for", "trusted-types"} | {"worker-src"}
        assert {what for what in policy if policy[what] != POLICY.get(what)} == {"connect-src", "worker-src"}
        assert "https://*.skype.com wss://*.skype.com" in policy["connect-src"] and "*" not in policy["script-src"]
        assert "unsafe" not in str(policy)
        for path in ("/", "/listen/042117", "/speaker", "/console"):
            answers = [await one.get(path, headers=BROWSER) for one in (with_client, http)]
            policies = [one.headers["content-security-policy"] for one in answers]
            assert policies[0] == policies[1]
    without = await http.get("/join/042117", headers=BROWSER)
    assert 'data-acs-client=""' in without.text and "skype" not in str(without.headers)
    assert (await http.get("/pages/~/acs_client.js", headers=BROWSER)).status_code == 404


def test_an_acs_client_that_was_not_built_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Pages(knows, with_acs_client=True, acs_client=tmp_path / "acs_client.js")
    assert [record.message for record in caplog.records] == ["acs client not served"]


async def test_head_answers_without_a_body(http: httpx2.AsyncClient) -> None:
    answer = await http.head("/")
    assert answer.status_code == 200 and not answer.content
    assert int(answer.headers["content-length"]) > 500


async def test_files_are_kept_for_ever_under_the_address_of_their_version(http: httpx2.AsyncClient) -> None:
    page = (await http.get("/")).text
    address = re.findall(r'href="(/pages/\w+/style\.css)"', page)[0]
    styles = await http.get(address)
    assert styles.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in styles.headers["cache-control"]
    older = await http.get("/pages/0123456789abcdef/style.css")
    assert older.text == styles.text
    assert older.headers["cache-control"] == "no-cache"
    script = await http.get(address.replace("style.css", "modules/dom.js"))
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_files_are_compressed_for_who_can_read_it(http: httpx2.AsyncClient) -> None:
    plain = await http.get("/pages/~/style.css", headers={"accept-encoding": "identity"})
    small = await http.get("/pages/~/style.css", headers={"accept-encoding": "gzip, br"})
    assert small.headers["content-encoding"] == "gzip" and small.text == plain.text
    assert int(small.headers["content-length"]) < len(plain.content) / 2
    assert plain.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    [
        "/pages/~/../page_routes.py",
        "/pages/~/%2e%2e/page_routes.py",
        "/pages/~/..%2fpage_routes.py",
        "/pages/~//etc/passwd",
        "/pages/~/package.json",
        "/pages/~/index.html",
        "/pages/~/modules",
        "/pages/~/modules/",
        "/pages/~/",
        "/pages/style.css",
        "/join/",
        "/join/12345",
        "/join/1234567",
        "/join/٠٤٢١١٧",
        "/listen/abcdef",
        "/listener/000000",
        "/speaker?session=000000",
        "/speaker?session=none",
        "/nothing",
    ],
)
async def test_what_is_not_there_is_a_page_for_people_and_json_for_programs(
    http: httpx2.AsyncClient, path: str
) -> None:
    person = await http.get(path, headers=BROWSER)
    assert person.status_code == 404
    assert person.headers["content-type"] == "text/html; charset=utf-8"
    assert "not_found.js" in person.text
    assert "default-src 'none'" in person.headers["content-security-policy"]
    if path in ("/nothing", "/join/"):
        program = await http.get(path, headers={"accept": "application/json"})
        assert program.status_code == 404
        assert program.json()["error"]["code"] == "not_found"


async def test_a_method_that_is_not_there_is_refused(http: httpx2.AsyncClient) -> None:
    assert (await http.post("/")).status_code == 405
    assert (await http.post("/nothing", headers=BROWSER)).json()["error"]["code"] == "not_found"


def test_the_version_follows_every_file(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<script src="/pages/~/b.js"></script>')
    (tmp_path / "b.js").write_text("1")
    (tmp_path / "notes.txt").write_text("not served")
    files, version = read_files(tmp_path)
    assert set(files) == {"a.html", "b.js"}
    assert files["a.html"].content == f'<script src="/pages/{version}/b.js"></script>'.encode()
    assert gzip.decompress(files["b.js"].compressed) == b"1"
    (tmp_path / "b.js").write_text("2")
    changed, newer = read_files(tmp_path)
    assert newer != version and changed["a.html"].etag != files["a.html"].etag


def loaded_by(page: str) -> set[Path]:
    """List the files a page loads, through the modules it imports; of the texts, the largest of each area."""
    found: set[Path] = set()
    waiting = [FOLDER / page]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        text = path.read_text()
        if path.suffix == ".html":
            waiting += [FOLDER / name for name in re.findall(r'(?:href|src)="/pages/~/([^"]+)"', text)]
        elif path.suffix == ".js":
            names = re.findall(r'(?:from|import|URL\(|import\()\s*"(\.[^"]+)"', text)
            waiting += [(path.parent / name).resolve() for name in names]
            for area in re.findall(r'"(\w+)"', " ".join(re.findall(r"loadTexts\(([^)]*)\)", text))):
                waiting.append(max((FOLDER / "texts" / area).iterdir(), key=lambda file: file.stat().st_size))
    return found


@pytest.mark.parametrize("page", HTML)
def test_a_page_with_everything_is_small(page: str) -> None:
    sizes = {path: path.stat().st_size for path in loaded_by(page)}
    assert any(path.suffix == ".js" for path in sizes)
    assert sum(sizes.values()) < LARGEST_PAGE


@pytest.mark.parametrize("page", HTML)
def test_nothing_comes_from_elsewhere_and_nothing_is_inline(page: str) -> None:
    text = (FOLDER / page).read_text()
    assert not re.findall(r"(?:src|href)=\"(?:\w+:)?//", text)
    assert not re.findall(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text)


def test_scripts_take_no_markup() -> None:
    for path in FOLDER.rglob("*.js"):
        text = path.read_text()
        found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
        assert not found, path.name
