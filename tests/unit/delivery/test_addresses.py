from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
