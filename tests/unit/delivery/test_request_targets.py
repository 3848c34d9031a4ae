"""What was registered goes out byte for byte; only what can't stand in a request line is encoded."""

from __future__ import annotations

import pytest
from endpoints import LOOPBACK, Peer, a_client, serving
from hypothesis import given
from hypothesis import strategies as st

from streamhooks.delivery.targets import request_target
from streamhooks.errors import BadUrl

LONG = 10.0

AS_THEY_ARE = [
    "/",
    "/a%20b",
    "/a%2Fb",
    "/a%2fb",
    "/%7Euser",
    "/~user",
    "/cb/user%40example.com/http%3A%2F%2Fx",
    "/p%28t%29",
    "/p(t)!$&'*+,;=:@-._",
    "/a/../b",
    "/a/./b",
    "/..",
    "/%2e%2e/b",
    "/a//b",
    "//b",
    "/a/",
    "/u?",
    "/u??",
    "/u?q=a%20b+c",
    "/u?token=%22abc%22",
    "/u?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=a%2Fb%2Bc%3D",
    "/u?Signature=qZ%2BPP2g%3D&Policy=e30%28x%29",
    "/u?X-Amz-Credential=k%2Fd%2Fr&X-Amz-Date=1",
    "/u?a=1&&b&=c",
    "/u?a=http://b/c?d",
    "/u?e=%C3%BC",
    "/u?e=%fc",
    "/u?x=100%",
    "/u?x=%zz%1",
    "/u?x=it%27s",
    "/u?x=it's",
    "/u?filter[a]=b",
    "/%00%0d%0a",
]
ENCODED = {
    "": "/",
    "?a=b": "/?a=b",
    "?": "/?",
    "#part": "/",
    "/a#part": "/a",
    "/a?#part?b": "/a?",
    "/ü": "/%C3%BC",
    "/u?e=é%C3%A9": "/u?e=%C3%A9%C3%A9",
    "/😀": "/%F0%9F%98%80",
    "/{id}": "/%7Bid%7D",
    '/u?"<>^`{|}': "/u?%22%3C%3E%5E%60%7B%7C%7D",
}


@pytest.mark.parametrize(("registered", "target"), [*((text, text) for text in AS_THEY_ARE), *ENCODED.items()])
async def test_on_the_wire(registered: str, target: str) -> None:
    async def behave(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serving(behave) as endpoint, a_client() as client:
        assert (await client.post(f"http://127.0.0.1:{endpoint.port}{registered}", {}, b"{}", LONG)).status == 200
    line, host = endpoint.requests[0].split(b"\r\n")[:2]
    assert line.decode("ascii") == f"POST {target} HTTP/1.1"
    assert host.decode("ascii") == f"Host: 127.0.0.1:{endpoint.port}"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_whatever_the_policy_lets_through_is_one_word_of_a_request_line(text: str) -> None:
    url = f"http://a.example{text}"
    try:
        checked = LOOPBACK.parsed_url(url)
    except BadUrl:
        return
    target = request_target(url)
    assert target.startswith("/")
    assert target.isascii()
    assert target.isprintable()
    assert not set(target) & set(' "<>\\^`{|}#')
    # The host that was checked is where the target begins.
    assert url.lower().startswith(f"http://{checked.raw_authority}".lower()) or not text.isascii()
