"""The bytes of a request, from a template for its header names."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from streamhooks.delivery.targets import Target, target_of, written

URL_TEXT = "http://hook.example/%73?a=%s"
FIRST = "POST /%73?a=%s HTTP/1.1\r\nHost: hook.example\r\nUser-Agent: %d"

names = st.sampled_from(["A", "b", "%s", "%d%%", "{}", "Accept", "ACCEPT", "accept-encoding"])
values = st.text(alphabet="a %s{}\té€\x80\xa0\u2028", max_size=5)


@pytest.fixture(scope="module")
def target() -> Target:
    loop = asyncio.new_event_loop()
    made = target_of(URL(URL_TEXT), URL_TEXT, "1", loop=loop, ssl_context=None, headers={"User-Agent": "%d"})
    loop.close()
    return made


@given(headers=st.dictionaries(names, values, max_size=4), body=st.binary(max_size=5))
def test_headers_are_written_as_they_are(target: Target, headers: dict[str, str], body: bytes) -> None:
    lines = [FIRST, *(f"{name}: {value}" for name, value in headers.items())]
    if not any(name.lower() == "accept" for name in headers):
        lines.append("Accept: */*")
    lines += [f"Content-Length: {len(body)}", "", ""]
    assert b"".join(written(target, headers, body)) == "\r\n".join(lines).encode() + body


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\x1f", "\x7f"])
@pytest.mark.parametrize("place", ["name", "value"])
def test_no_control_character_gets_into_a_head(target: Target, character: str, place: str) -> None:
    text = f"a{character}b"
    headers = {text: "c"} if place == "name" else {"X": "é", "Y": text}
    for _ in range(2):
        with pytest.raises(ValueError, match="control character"):
            written(target, headers, b"")
