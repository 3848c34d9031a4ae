"""Which URLs a hook may have, and that the client reads them as the check does."""

from __future__ import annotations

import string
from ipaddress import ip_address, ip_network

import aiohttp
import pytest
from bad_hosts import BAD_HOSTS
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.errors import BadUrl

STRICT = AddressPolicy()
LOOPBACK = AddressPolicy(allowed=(ip_network("127.0.0.0/8"), ip_network("::1/128")))


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
@pytest.mark.parametrize("host", BAD_HOSTS)
def test_bad_hosts(scheme: str, host: str) -> None:
    for rest in ("", "/", "/path", "?query", "#fragment"):
        with pytest.raises(BadUrl):
            STRICT.check_url(f"{scheme}://{host}{rest}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h",
        "//h/",
        "/path",
        "http:",
        "http:h",
        "http:/h",
        "http://",
        "http:///h",
        "http:////h",
        "http:\\\\h",
        "http:/\\h",
        "ftp://h/",
        "file:///etc/passwd",
        "gopher://h/",
        "ws://h/",
        "javascript:alert(1)",
        "data:text/html,x",
        "unix:///run/docker.sock",
        "httpx://h/",
        "https//h",
        " http://h/",
        "http://h/ ",
        "http://h/a b",
        "http://h/\u00a0",
        "http://h/\u2028",
        "http://h/\r\nX: y",
        "http://h/\x7f",
        "http://h/\x85",
        "http://h/\ud800",
        "http://h/a\\b",
        "http://h/" + "a" * 504,
    ],
)
def test_bad_urls(url: str) -> None:
    with pytest.raises(BadUrl):
        STRICT.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "https://example.com/",
        "HTTPS://EXAMPLE.COM/Path",
        "https://example.com.",
        "https://example.com:/",
        "https://example.com:8443/a/b?c=d&e=%20#f",
        "https://example.com:65535",
        "https://example.com:1",
        "https://a_b.example",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/ü?ü=é",
        "https://intranet/",
        "https://localhost.example/",
        "https://notlocalhost/",
        "https://1.example.com/",
        "https://127.0.0.1.example.com/",
        "https://0x7f.example/",
        "https://127.0.0.a/",
        "https://8.8.8.8:80/",
        "https://８.8.8.8/",
        "https://[2606:4700:4700::1111]:443/",
        "https://example.com/a@b",
        "https://example.com/?u=http://127.0.0.1/",
        "https://example.com/%00",
        "http://h/" + "a" * 503,
    ],
)
def test_good_urls(url: str) -> None:
    STRICT.check_url(url)


@pytest.mark.parametrize("url", ["http://localhost:1/", "http://a.localhost/", "http://127.0.0.1/", "http://[::1]:9/"])
def test_loopback_where_it_is_allowed(url: str) -> None:
    LOOPBACK.check_url(url)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "127.0.0.1.", "[::ffff:127.0.0.1]", "[::1%lo]"])
def test_odd_spellings_stay_refused_where_loopback_is_allowed(host: str) -> None:
    with pytest.raises(BadUrl):
        LOOPBACK.check_url(f"http://{host}/")


def test_ports() -> None:
    policy = AddressPolicy(ports=frozenset({443, 8443}))
    for url in ("https://h/", "https://h:443/", "http://h:443/", "https://h:8443/"):
        policy.check_url(url)
    for url in ("http://h/", "https://h:80/", "https://h:22/"):
        with pytest.raises(BadUrl, match="port"):
            policy.check_url(url)


def test_reasons_are_for_people() -> None:
    for url, text in {
        "http://127.0.0.1/": "127.0.0.1 is loopback: STREAMHOOKS_ALLOWED_NETWORKS would allow it",
        "http://127.1/": "127.1 is not an IP address in its usual form",
        "http://localhost/": "localhost is loopback: STREAMHOOKS_ALLOWED_NETWORKS would allow it",
        "http://u@h/": "contains a user name or password",
        "ftp://h/": "not an http:// or https:// URL",
    }.items():
        with pytest.raises(BadUrl) as raised:
            STRICT.check_url(url)
        assert str(raised.value) == text


hosts = st.one_of(
    st.sampled_from(BAD_HOSTS),
    st.ip_addresses().map(lambda ip: f"[{ip}]" if ip.version == 6 else str(ip)),
    st.integers(0, 2**33).map(str),
    st.integers(0, 2**33).map(hex),
    st.text(string.hexdigits + "xX.:%[]@-_１２。٣", max_size=20),
    st.text(max_size=20),
)
urls = st.one_of(
    st.builds(
        "{}://{}{}{}".format,
        st.sampled_from(["http", "https", "HTTP", "ftp", ""]),
        hosts,
        st.sampled_from(["", ":", ":80", ":0", ":99999", ":x"]),
        st.text(max_size=20) | st.sampled_from(["", "/", "/p?q#f", "\\@x", "?@x", "#@x"]),
    ),
    st.text(),
)


@given(urls)
def test_any_text_passes_or_is_a_bad_url(url: str) -> None:
    try:
        parsed = STRICT.parsed_url(url)
    except BadUrl:
        return
    host = parsed.raw_host
    assert host
    assert parsed.scheme in ("http", "https")
    assert parsed.user is parsed.password is None
    try:
        ip = ip_address(host)
    except ValueError:
        # What is no address is no number either, in any of the spellings of inet_aton().
        assert not host.rstrip(".").rpartition(".")[2].isdecimal()
        assert "%" not in host
        assert "localhost" not in host.rstrip(".").split(".")[-1:]
    else:
        assert STRICT.denied(str(ip)) is None


@given(urls)
async def test_the_client_reads_the_url_as_the_check_did(url: str) -> None:
    try:
        parsed = STRICT.parsed_url(url)
    except BadUrl:
        return
    assert URL(url) == parsed
    session = aiohttp.ClientSession(connector=aiohttp.BaseConnector())
    try:
        sent = aiohttp.ClientRequest("POST", session._build_url(parsed), loop=session._loop)
    finally:
        await session.close()
    assert (sent.url.scheme, sent.url.raw_host, sent.url.port) == (
        parsed.scheme,
        parsed.raw_host,
        parsed.port,
    )
