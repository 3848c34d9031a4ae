"""What the tests of the page rely on."""

from __future__ import annotations

import contextlib

import pytest
from playwright.sync_api import Error
from support.browser import Chromium

PAGE = "data:text/html,<p>here</p>"


def test_a_chromium_that_died_is_started_anew(chromium: Chromium) -> None:
    with chromium.browser() as first:
        first.open(PAGE)
        process = first.page.context.browser
        assert process is not None
        with contextlib.suppress(Error):
            process.new_browser_cdp_session().send("Browser.crash")
        with pytest.raises(Error):
            first.text()
    for _ in range(2):
        with chromium.browser() as another:
            another.open(PAGE)
            assert another.text() == "here"


def test_a_page_knows_nothing_of_the_one_before(chromium: Chromium) -> None:
    for _ in range(2):
        with chromium.browser() as one:
            one.open(PAGE)
            assert one.complaints() == []
            one.run("console.error('a complaint')")
            assert one.complaints() == ["a complaint"]
            assert one.complaints() == []
            assert not one.run("return matchMedia('(prefers-color-scheme: dark)').matches")
            one.prefer("dark")
            assert one.run("return matchMedia('(prefers-color-scheme: dark)').matches")
            assert one.run("return innerWidth") == 1280
            one.resize(360)
            assert one.run("return innerWidth") == 360
