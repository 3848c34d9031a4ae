from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.web_parts import TOKEN, FakeParts, FakeSettings, created, serving

from streamhooks.records.hook import CHANGEABLE, FIELDS
from streamhooks.web import page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ASSETS = {name: asset.body for name, asset in page.assets().items()}
SCRIPTS = {name for name in ASSETS if name.endswith(".js")}


@pytest.mark.parametrize(
    ("accept", "is_page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML ; q=0.1", True),
        ("application/json, text/html;q=0", False),
        ("application/json, text/html; q = 0.0", False),
        ("application/json", False),
        ("*/*", False),
        ("text/*", False),
        ("", False),
        (None, False),
    ],
)
async def test_a_browser_gets_the_page_and_others_what_this_is(accept: str | None, is_page: bool) -> None:
    async with serving(FakeParts(FakeSettings(api_token=TOKEN))) as client:
        answer = await client.get("/", headers={} if accept is None else {"Accept": accept})
        assert answer.status == 200
        assert answer.headers["Vary"] == "Accept"
        if is_page:
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert (await answer.text()).startswith("<!doctype html>")
        else:
            assert (await answer.json())["name"] == "streamhooks"
            assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("file", sorted(ASSETS))
async def test_every_file_is_served_without_a_token(file: str) -> None:
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
    async with serving(FakeParts(FakeSettings(api_token=TOKEN))) as client:
        answer = await client.get(f"/assets/{file}")
        assert answer.status == 200
        assert await answer.read() == ASSETS[file]
        # `nosniff` has a browser refuse a script of any other type.
        assert answer.content_type == kinds[Path(file).suffix]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        head = await client.head(f"/assets/{file}")
        assert (head.status, await head.read()) == (200, b"")


async def test_what_a_browser_has_is_not_sent_again() -> None:
    async with serving(FakeParts()) as client:
        for path in ("/", "/assets/main.js"):
            first = await client.get(path, headers={"Accept": BROWSER})
            tag = first.headers["ETag"]
            assert first.headers["Cache-Control"] == "no-cache"
            for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
                again = await client.get(path, headers={"Accept": BROWSER, "If-None-Match": known})
                assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
            other = await client.get(path, headers={"Accept": BROWSER, "If-None-Match": '"other"'})
            assert other.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/page.py",
        "/assets/../page.py",
        "/assets/%2e%2e/page.py",
        "/assets/..%2fpage.py",
        "/assets/..%5cpage.py",
        "/assets/%2fetc%2fpasswd",
        "/assets//etc/passwd",
        "/assets/main.js%00",
        "/assets/main.js/",
        "/assets/MAIN.JS",
    ],
)
async def test_nothing_else_is_served(path: str) -> None:
    async with serving(FakeParts()) as client:
        url = client.make_url("/").with_path(path, encoded=True)
        answer = await client.session.get(url)
        assert answer.status == 404
        assert answer.content_type == "application/json"


async def test_assets_take_no_query_and_no_other_method() -> None:
    async with serving(FakeParts()) as client:
        assert (await client.get("/assets/main.js?x=1")).status == 400
        assert (await client.post("/assets/main.js")).status == 405


def test_the_page_needs_nothing_from_elsewhere_and_parses_nothing() -> None:
    for file, body in ASSETS.items():
        text = body.decode()
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg|example\.com)", text), file
        # What would turn a text of a stranger into a part of the page.
        found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|eval\(|new Function", text)
        assert not found, file
    html = ASSETS["index.html"].decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", html)


async def test_every_module_that_is_imported_is_there() -> None:
    html = ASSETS["index.html"].decode()
    wanted = set(re.findall(r'"assets/([^"]+)"', html))
    for file in SCRIPTS:
        for names, module in re.findall(r'^import \{([^}]*)\} from "\./([^"]+)";', ASSETS[file].decode(), re.MULTILINE):
            wanted.add(module)
            for name in names.split(","):
                exported = rf"^export (async function|function|const|class) {name.strip()}\b"
                assert re.search(exported, ASSETS[module].decode(), re.MULTILINE), (file, module, name)
    assert wanted == set(ASSETS) - {"index.html"}


def test_the_form_has_a_field_for_each_that_may_be_set() -> None:
    text = ASSETS["hook_fields.js"].decode()
    told = {one["name"]: one for one in json.loads(text[text.index("[") : text.rindex(";")])}
    # Its status is changed by buttons, and of its payload there is one version.
    assert {name for name, one in told.items() if one["input"]} == set(CHANGEABLE) - {"status", "version"}
    controls = re.search(r"^const KINDS = \{\n(.*?)^\};", ASSETS["hook_form.js"].decode(), re.MULTILINE | re.DOTALL)
    assert controls
    known = set(re.findall(r"^  (\w+): \{", controls[1], re.MULTILINE)) | {"events"}
    assert {one["kind"] for one in told.values()} <= known
    bounds = {"name": 100, "description": 1000, "url": 512}
    assert {name: told[name]["maxlength"] for name in bounds} == bounds


async def test_the_form_says_which_fields_have_a_setting() -> None:
    async with serving(FakeParts()) as client:
        defaults = (await (await client.get("/api/overview")).json())["defaults"]
    assert {name for name, said in FIELDS.items() if said.has_setting} == {
        name for name, value in defaults.items() if value is not None
    }


async def test_hooks_are_found_by_a_part_of_url_or_id() -> None:
    async with serving(FakeParts()) as client:
        one = await created(client, url="https://Shop.example.com/in?x=%2F")
        two = await created(client, url="https://example.org/SHOP", status="disabled")
        three = await created(client, url="https://example.org/other")

        async def found(**given: str) -> set[str]:
            answer = await client.get("/api/hooks", params=given)
            assert answer.status == 200
            ids = {hook["id"] for hook in (await answer.json())["hooks"]}
            assert answer.headers["X-Total-Count"] == str(len(ids))
            return ids

        assert await found(q="shop") == {one["id"], two["id"]}
        assert await found(q="example.org") == {two["id"], three["id"]}
        assert await found(q="?X=%2f") == {one["id"]}
        assert await found(q="shop", status="active") == {one["id"]}
        assert await found(q=three["id"][5:20].upper()) == {three["id"]}
        assert await found(q="nowhere") == set()
        assert await found(q="") == {one["id"], two["id"], three["id"]}
        answer = await client.get("/api/hooks", params={"q": "example", "limit": "1"})
        assert (len((await answer.json())["hooks"]), answer.headers["X-Total-Count"]) == (1, "3")
        cursor = (await answer.json())["next_cursor"]
        answer = await client.get("/api/hooks", params={"q": "example", "cursor": cursor})
        assert (len((await answer.json())["hooks"]), answer.headers["X-Total-Count"]) == (2, "3")


def test_every_module_is_asked_for_at_once() -> None:
    html = ASSETS["index.html"].decode()
    modules = set(re.findall(r'rel="modulepreload" href="assets/([^"]+)"', html))
    assert modules | {"main.js"} == SCRIPTS
