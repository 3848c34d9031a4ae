"""What the OpenAPI document says of a text is what the code that checks it says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.depth import examples

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.records import patterns as hook_patterns
from streamhooks.times import moment
from streamhooks.web.http.messages import is_hook_id
from streamhooks.web.http.problems import ProblemError
from streamhooks.web.rules import patterns
from streamhooks.web.rules.hook_input import new_hook
from streamhooks.web.rules.stats import parse_resolution

POLICY = AddressPolicy()


def of(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(in_python(pattern))


def fits(pattern: str, text: str) -> bool:
    return re.search(in_python(pattern), text) is not None


def in_python(pattern: str) -> str:
    """`$` is the end for JSON Schema; for Python a line break may follow."""
    return re.sub(r"\$(?=\)|$)", r"\\Z", pattern)


def wrong(**fields: Any) -> dict[str, str]:
    """What is wrong with a new hook that is right but for these fields."""
    given = {"organization_id": "1", "url": "https://example.com/", "events": ["event.created"], **fields}
    try:
        new_hook(given, "0" * 32, 0.0, POLICY.check_url)
    except ProblemError as problem:
        return dict(problem.body)
    return {}


@examples(75)
@given(of(hook_patterns.URL).filter(lambda url: len(url) <= 512))
def test_urls_of_names(url: str) -> None:
    if not re.search(
        r"://(?:\[|[0-9.]+(?:[/:?#]|$)|(?:[\w-]+\.)*localhost\b)", url, re.IGNORECASE
    ):  # the settings decide
        assert wrong(url=url) == {}


URLS = [
    "https://example.com", "HTTP://EXAMPLE.com./a?b#c", "http://a_b.c-d:65535/", "http://8.8.8.8:80/in",
    "https://[2606:4700::1111]/x", "http://xn--bcher-kva.example?q=1", "http://a/%zz[]@",
]  # fmt: skip
NO_URLS = [
    "", "0", "ftp://a", "http://", "http:///a", "http://a:0/", "http://a:65536", "http://a b/", "http://u@a/",
    "http://a\\b", "http://127.1/", "http://0x7f.1", "http://a..b", "http://[::1%25lo]/", "http://é\x00/", " http://a",
    "http://a/\n", "http://::1]/", "http://" + "a" * 64 + ".b", "http://" + "a." * 127 + "b",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_what_is_a_url(url: str) -> None:
    assert fits(hook_patterns.URL, url)
    assert wrong(url=url) == {}


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_none(url: str) -> None:
    assert wrong(url=url).keys() == {"url"}
    assert not fits(hook_patterns.URL, url) or url == "http://127.1/"


@given(of(hook_patterns.APP_EVENT), of(hook_patterns.SECRET).filter(lambda text: len(text) <= 256))
def test_events_and_secrets(event: str, secret: str) -> None:
    assert wrong(app_id="1", events=[event], secret=secret) == {}


@pytest.mark.parametrize("event", ["", "event.created", "EVENT.x", "a", "a.", ".a", "a.b.c", "a.**", "ü.a", "*.a"])
def test_what_is_no_event_of_an_app_hook(event: str) -> None:
    assert not fits(hook_patterns.APP_EVENT, event)
    assert wrong(app_id="1", events=[event])


@pytest.mark.parametrize("size", range(20, 70))
def test_the_bytes_of_a_secret(size: int) -> None:
    from base64 import b64encode

    secret = "whsec_" + b64encode(b"x" * size).decode()
    assert fits(hook_patterns.SECRET, secret) == (wrong(secret=secret) == {}) == (24 <= size <= 64)


@given(of(hook_patterns.HEADER_NAME).filter(lambda name: len(name) <= 100), of(hook_patterns.HEADER_VALUE))
def test_headers(name: str, value: str) -> None:
    assert wrong(headers={name: value[:1024]}) == {}


@pytest.mark.parametrize("name", ["", "a b", "Host", "content-type", "Webhook-Id", "tE", "é", "a:"])
def test_what_is_no_name_of_a_header(name: str) -> None:
    assert not fits(hook_patterns.HEADER_NAME, name)
    assert wrong(headers={name: "1"})


@given(of(hook_patterns.LABEL).filter(lambda text: len(text) <= 100))
def test_labels(text: str) -> None:
    assert wrong(name=text, description=text) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a\n", "\n", "a\x00", "\x1bb", "\x7f", "a\x85", "\u2028", "\u202e", "a\u2069"),
        # Nothing of these is seen, so nobody could open such a hook from the page's list.
        *("\xa0", "\u200b", "\u200e\u200f", "\u061c", "\u2003 \u3000", "\xad\ufeff", "\u2060\u180e\u202f\u205f"),
    ],
)
def test_what_is_no_label(text: str) -> None:
    assert not fits(hook_patterns.LABEL, text)
    assert wrong(name=text, description=text).keys() == {"name", "description"}


@given(of(patterns.MOMENT))
def test_moments(text: str) -> None:
    assert moment(text) is not None


@pytest.mark.parametrize(
    "text",
    ["2024-02-29", "2000-02-29T00:00Z", "1970-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-23:59", "0", "1e9"],
)
def test_what_is_a_moment(text: str) -> None:
    assert moment(text) is not None
    assert fits(patterns.MOMENT, text) or text == "1e9"  # as a program may write a number


@pytest.mark.parametrize(
    "text",
    ["", "-1", " 1", "1_000", "١", "nan", "inf", "2023-02-29", "1900-02-29", "2026-13-01", "2026-04-31", "1969-12-31",
     "2026-11-25T24:00", "2026-11-25T10:00:00+24:00", "1.", "now", "9" * 400],
)  # fmt: skip
def test_what_is_none_of_a_moment(text: str) -> None:
    assert not fits(patterns.MOMENT, text)
    assert moment(text) is None


@given(of(patterns.HOOK_ID))
def test_ids_of_hooks(text: str) -> None:
    assert is_hook_id(text)


@pytest.mark.parametrize("text", patterns.RESOLUTIONS)
def test_resolutions(text: str) -> None:
    assert parse_resolution(text) in (10, 3600, 86_400)


def test_all_resolutions() -> None:
    assert {"10s", "1h", "60m", "3600s", "1d", "24h"} <= set(patterns.RESOLUTIONS)
