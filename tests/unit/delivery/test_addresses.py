from __future__ import annotations

import string
from ipaddress import ip_address, ip_network

import aiohttp
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from streamhooks.delivery.addresses import AddressPolicy
from streamhooks.errors import BadUrl

STRICT = AddressPolicy()
LOOPBACK = AddressPolicy(allowed=(ip_network("127.0.0.0/8"), ip_network("::1/128")))

DENIED = {
    "0.0.0.0": "this network",
    "0.1.2.3": "this network",
    "10.0.0.1": "private",
    "10.255.255.255": "private",
    "100.64.0.0": "carrier-grade NAT",
    "100.127.255.255": "carrier-grade NAT",
    "100.100.100.200": "a cloud's metadata service",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "a cloud's metadata service",
    "169.254.0.1": "link-local",
    "169.254.169.254": "a cloud's metadata service",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.1": "reserved",
    "192.0.0.192": "a cloud's metadata service",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4",
    "192.168.1.1": "private",
    "198.18.0.1": "benchmarking",
    "198.19.255.255": "benchmarking",
    "198.51.100.7": "documentation",
    "203.0.113.7": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "broadcast",
    "::": "this network",
    "::1": "loopback",
    "::1%lo": "loopback",
    "::2": "IPv4-compatible",
    "::127.0.0.1": "IPv4-compatible",
    "::ffff:127.0.0.1": "IPv4-mapped",
    "::ffff:8.8.8.8": "IPv4-mapped",
    "::ffff:0:127.0.0.1": "IPv4-translated",
    "64:ff9b::7f00:1": "NAT64",
    "64:ff9b::808:808": "NAT64",
    "64:ff9b:1::a00:1": "NAT64",
    "100::1": "discard-only",
    "2001::1": "Teredo",
    "2001:0:53aa:64c::1": "Teredo",
    "2001:2::1": "benchmarking",
    "2001:10::1": "reserved",
    "2001:db8::1": "documentation",
    "2002:7f00:1::1": "6to4",
    "2002:808:808::1": "6to4",
    "3fff::1": "documentation",
    "4000::1": "reserved",
    "5f00::1": "reserved",
    "fc00::1": "private",
    "fd00:ec2::254": "a cloud's metadata service",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "private",
    "ff02::1": "multicast",
    "2606:4700::5efe:7f00:1": "ISATAP",
    "2606:4700::200:5efe:808:808": "ISATAP",
    "fe80::5efe:a00:1": "link-local",
    "localhost": "not an IP address",
    "127.1": "not an IP address",
    "": "not an IP address",
}
FREE = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "3ffe::1",
]


@pytest.mark.parametrize(("address", "reason"), DENIED.items())
def test_denied(address: str, reason: str) -> None:
    assert STRICT.denied(address) == f"{address} is {reason}"


@pytest.mark.parametrize("address", FREE)
def test_free(address: str) -> None:
    assert STRICT.denied(address) is None
    STRICT.check_url(f"https://[{address}]/" if ":" in address else f"https://{address}/")


@given(st.ip_addresses())
@example(ip_address("2001:1ff:ffff::1"))
def test_nothing_that_python_calls_local_is_free(address: object) -> None:
    ip = ip_address(str(address))
    if STRICT.denied(str(ip)) is None:
        kinds = ("private", "loopback", "link_local", "multicast", "unspecified", "reserved", "site_local")
        assert not [kind for kind in kinds if getattr(ip, f"is_{kind}", False)]


@pytest.mark.parametrize(
    ("allowed", "address", "free"),
    [
        ("127.0.0.0/8", "127.0.0.1", True),
        ("127.0.0.0/8", "127.9.9.9", True),
        ("127.0.0.1/32", "127.0.0.2", False),
        ("127.0.0.0/8", "10.0.0.1", False),
        ("127.0.0.0/8", "::1", False),
        ("127.0.0.0/8", "::ffff:127.0.0.1", False),
        ("0.0.0.0/0", "169.254.169.254", True),
        ("10.0.0.0/8", "64:ff9b::a00:1", False),
        ("64:ff9b::/96", "64:ff9b::808:808", True),
        ("64:ff9b::/96", "64:ff9b::7f00:1", False),
        ("::ffff:0:0/96", "::ffff:10.0.0.1", False),
        ("2002::/16", "2002:a00:1::1", False),
        ("2002::/16", "2002:808:808::1", True),
        ("2001::/32", "2001:0:53aa:64c:0:0:80ff:fffe", False),  # Teredo turns the bits: 127.0.0.1
        ("::/0", "::1", True),
        ("::/0", "::ffff:127.0.0.1", False),
        ("::/0", "2606:4700::5efe:7f00:1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::/0", "nonsense", False),
        ("::/0", "::127.0.0.1", False),
        ("::/96", "::a9fe:a9fe", False),
        ("::/96", "::8.8.8.8", True),
        ("::/96", "::2", False),
        ("::1/128", "::1", True),
        ("::/96", "::", True),
        ("::/0", "64:ff9b:1::7f00:1", False),
        ("64:ff9b:1::/48", "64:ff9b:1:abcd::a00:1", False),
        ("64:ff9b:1::/48", "64:ff9b:1::808:808", True),
        ("64:ff9b:1::/48", "64:ff9b:1::", False),
        ("64:ff9b:1::/48", "64:ff9b:1::5", False),
        # The bits of 127.0.0.1 and of 8.8.8.8 behind a prefix of 48, 56 and 64 bits (RFC 6052, section 2.2).
        ("64:ff9b:1::/48", "64:ff9b:1:7f00:0:100::", False),
        ("64:ff9b:1::/48", "64:ff9b:1:808:8:800::", True),
        ("64:ff9b:1::/48", "64:ff9b:1:7f:0:1::", False),
        ("64:ff9b:1::/48", "64:ff9b:1:8:8:808::", True),
        ("64:ff9b:1::/48", "64:ff9b:1:0:7f:0:100:0", False),
        ("64:ff9b:1::/48", "64:ff9b:1:0:8:808:800:0", True),
        # What one translator reads hides nothing from another.
        ("64:ff9b:1::/48", "64:ff9b:1:7f00:0:100:808:808", False),
        ("64:ff9b:1::/48", "64:ff9b:1:808:8:800:7f00:1", False),
    ],
)
def test_allowed_networks(allowed: str, address: str, free: bool) -> None:
    assert (AddressPolicy(allowed=(ip_network(allowed),)).denied(address) is None) is free


def nat64(address: object, length: int) -> str:
    """Write an IPv4 address behind a prefix of `length` bits, bit for bit as RFC 6052 has it."""
    bits = format(int(ip_address("64:ff9b:1::")), "0128b")[:length] + format(int(ip_address(str(address))), "032b")
    if length < 96:
        bits = bits[:64] + "0" * 8 + bits[64:]
    return str(ip_address(int(bits.ljust(128, "0"), 2)))


@given(st.ip_addresses(v=4), st.sampled_from([48, 56, 64, 96]))
def test_what_is_denied_is_denied_behind_nat64(address: object, length: int) -> None:
    policy = AddressPolicy(allowed=(ip_network("::/0"),))
    # Of 0.0.0.0/8 nothing can be reached; beside another address its zeros are only that.
    if STRICT.denied(str(address)) and address not in ip_network("0.0.0.0/8"):
        assert policy.denied(nat64(address, length))


DENYING = AddressPolicy(
    allowed=(ip_network("10.0.0.0/8"), ip_network("::/0")),
    forbidden=(ip_network("10.1.0.0/16"), ip_network("8.8.8.0/24"), ip_network("2a00:1450::/32")),
)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("8.8.4.4", None),
        ("10.2.0.1", None),
        ("2a01::1", None),
        ("8.8.8.8", "8.8.8.8 is denied by STREAMHOOKS_DENIED_NETWORKS"),
        ("10.1.2.3", "10.1.2.3 is denied by STREAMHOOKS_DENIED_NETWORKS"),  # although it is allowed
        ("2a00:1450::1", "2a00:1450::1 is denied by STREAMHOOKS_DENIED_NETWORKS"),
        ("2a00:1450::1%eth0", "2a00:1450::1%eth0 is denied by STREAMHOOKS_DENIED_NETWORKS"),
        ("::ffff:8.8.8.8", "8.8.8.8 is denied by STREAMHOOKS_DENIED_NETWORKS"),
        ("64:ff9b::808:808", "8.8.8.8 is denied by STREAMHOOKS_DENIED_NETWORKS"),
        ("64:ff9b:1::808:808", "8.8.8.8 is denied by STREAMHOOKS_DENIED_NETWORKS"),
        ("2002:808:808::1", "8.8.8.8 is denied by STREAMHOOKS_DENIED_NETWORKS"),
        ("::8.8.8.8", "8.8.8.8 is denied by STREAMHOOKS_DENIED_NETWORKS"),
        ("127.0.0.1", "127.0.0.1 is loopback"),
        ("nonsense", "nonsense is not an IP address"),
    ],
)
def test_denied_networks(address: str, reason: str | None) -> None:
    assert DENYING.denied(address) == reason


def test_a_url_in_a_denied_network() -> None:
    with pytest.raises(BadUrl, match=r"8\.8\.8\.8 is denied by STREAMHOOKS_DENIED_NETWORKS"):
        DENYING.check_url("https://8.8.8.8/")


# Every way to write loopback and its like that some resolver or URL parser takes, and their neighbours.
BAD_HOSTS = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.0.0.1..",
    "127.1",
    "127.0.1",
    "127.1.",
    "2130706433",
    "2130706433.",
    "02130706433",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000177.1",
    "0x7f.1",
    "0x7f.0.0.1",
    "0X7F.0.0.1",
    "0x7f000001",
    "0x7f.0x0.0x0.0x1",
    "0x",
    "127.0.0.0x1",
    "127.0.0x1",
    "4294967296",
    "4294967297",
    "127.0.0.256",
    "1.2.3.4.5",
    "8.8.8",
    "08.8.8.8",
    "8.8.8.8.",
    "8.8.8.08",
    "0",
    "0.0.0.0",
    "１２７.0.0.1",
    "１２７.１",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "0ｘ7f.1",
    "127%2e0%2e0%2e1",
    "%31%32%37.0.0.1",
    "127.0.0.1%00",
    "127.0.0.1%20",
    "127.0.0.1%23.example.com",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::1%lo]",
    "[::1%25lo]",
    "[fe80::1%eth0]",
    "[2606:4700:4700::1111%1]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7F00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:53aa:64c::]",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
    "[v1.fe80]",
    "[127.0.0.1]",
    "[127.1]",
    "[localhost]",
    "[]",
    "::1",
    "[::1",
    "::1]",
    "[[::1]]",
    "[::1]x",
    "x[::1]",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "a.b.LocalHost.",
    "ⓛocalhost",
    "ｌocalhost",
    "loc\u00adalhost",
    "local\u200bhost",
    "",
    ".",
    "..",
    "a..b",
    ".a",
    "a" * 64 + ".com",
    ".".join(["a" * 49] * 6),
    "a,b",
    "a b",
    "a%62",
    "a\tb",
    "a\nb",
    "a\x00b",
    "a\\b",
    "a\\@b",
    "\\",
    "a!b",
    "a*b",
    "a'b",
    "a^b",
    "a|b",
    "a<b>",
    'a"b',
    "user@h",
    "user:pass@h",
    "@h",
    ":@h",
    "h@",
    "8.8.8.8@127.0.0.1",
    "127.0.0.1@8.8.8.8",
    "h:0",
    "h:65536",
    "h:99999999999999999999",
    "h:-1",
    "h:+80",
    "h:8_0",
    "h: 80",
    "h:８０",
    "h:80:80",
    "h:x",
    "127.0.0.1:80",
    "[::1]:80",
    "127.1:80",
]


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
