"""The addresses and URLs that a delivery may reach.

The deny list has every special-purpose range of IANA's registries for IPv4 and IPv6 that is not an ordinary place on
the internet, and the metadata services of clouds. It also has all addresses that embed an IPv4 address, whatever they
embed: no honest name resolves to one, and each translator reads them in its own way. An operator may allow more
networks and deny more. What an operator denies stays denied, whatever is allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

from streamhooks.errors import BadUrl
from streamhooks.records.bounds import MAX_URL

_CURE = ": STREAMHOOKS_ALLOWED_NETWORKS would allow it"

Network = IPv4Network | IPv6Network

# The first match gives the reason, so the specific networks come before the general ones.
_DENIED: tuple[tuple[str, tuple[Network, ...]], ...] = tuple(
    (reason, tuple(ip_network(text) for text in networks.split()))
    for reason, networks in (
        (
            "a cloud's metadata service",
            "169.254.169.254 168.63.129.16 100.100.100.200 192.0.0.192 fd00:ec2::254",
        ),
        ("loopback", "127.0.0.0/8 ::1"),
        ("broadcast", "255.255.255.255"),
        ("this network", "0.0.0.0/8 ::"),
        ("private", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10"),
        ("carrier-grade NAT", "100.64.0.0/10"),
        ("link-local", "169.254.0.0/16 fe80::/10"),
        ("documentation", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"),
        ("benchmarking", "198.18.0.0/15 2001:2::/48"),
        ("multicast", "224.0.0.0/4 ff00::/8"),
        ("IPv4-mapped", "::ffff:0:0/96"),
        ("IPv4-translated", "::ffff:0:0:0/96"),
        ("IPv4-compatible", "::/96"),
        ("NAT64", "64:ff9b::/96 64:ff9b:1::/48"),
        ("Teredo", "2001::/32"),
        ("6to4", "192.88.99.0/24 2002::/16"),
        ("discard-only", "100::/64"),
        ("reserved", "192.0.0.0/24 240.0.0.0/4 2001::/23"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
_EMBEDDING_AT_THE_END = tuple(
    ip_network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
_NO_IPV4 = (IPv6Address("::"), IPv6Address("::1"))
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")

_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]*)?")
_LABEL = re.compile("[a-z0-9_-]{1,63}")
_NUMBER = re.compile("[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class AddressPolicy:
    """The addresses and ports that deliveries may reach.

    `allowed` networks are exempt from the deny list. `forbidden` networks are denied as well, and take precedence over
    `allowed`. `ports` None means all.
    """

    allowed: tuple[Network, ...] = ()
    ports: frozenset[int] | None = None
    forbidden: tuple[Network, ...] = ()

    def denied(self, address: str) -> str | None:
        """Return why the address may not be connected to ("127.0.0.1 is loopback"), or None if it may.

        An address in an allowed network passes, but IPv4 addresses embedded in it must pass by themselves as well.
        """
        ip, reason = _judged(address)
        if ip is not None and any(ip in network for network in self.forbidden):
            return f"{address} is denied by STREAMHOOKS_DENIED_NETWORKS"
        if reason is None:
            return None
        if ip is None or not any(ip in network for network in self.allowed):
            return f"{address} is {reason}"
        return next((refusal for embedded in _embedded_ipv4(ip) if (refusal := self.denied(embedded))), None)

    def check_url(self, url: str) -> None:
        """Raise `BadUrl` if a hook may not have this URL; names are only resolved at each connection."""
        self.parsed_url(url)

    def parsed_url(self, url: str) -> URL:
        """Return the URL as the client uses it, so that the checked host is the one that is connected to.

        Raises `BadUrl` for a wrong syntax, scheme, port or length, for a user name or password, and for a host that is
        a denied address or is written in a way that programs read differently (`127.1`, `0x7f.1`, `%31`).
        """
        if len(url) > MAX_URL:
            raise BadUrl(f"longer than {MAX_URL} characters")
        if not url.isprintable() or " " in url or "\\" in url:
            raise BadUrl("contains a space, a control character or a backslash")
        authority = _AUTHORITY.match(url)
        if authority is None:
            raise BadUrl("not an http:// or https:// URL")
        if "@" in authority[1]:
            raise BadUrl("contains a user name or password")
        if not _HOST_AND_PORT.fullmatch(authority[1]):
            raise BadUrl("not a host and port")
        try:
            parsed = URL(url)
            host, port = parsed.raw_host or "", parsed.port
        except ValueError as error:
            raise BadUrl(f"not a URL: {error}") from None
        if not port or (self.ports is not None and port not in self.ports):
            raise BadUrl(f"port {port} is not allowed")
        self._check_host(host, bracketed="[" in authority[1])
        return parsed

    def _check_host(self, host: str, *, bracketed: bool) -> None:
        if bracketed:
            if "%" in host or ":" not in host:
                raise BadUrl("not an IPv6 address without a zone")
            self._check_literal(host)
            return
        labels = host.removesuffix(".").split(".")
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
            raise BadUrl("not a host name")
        if _NUMBER.fullmatch(labels[-1]):
            self._check_literal(host)
        elif labels[-1] == "localhost" and self.denied("127.0.0.1") and self.denied("::1"):
            raise BadUrl(f"{host} is loopback{_CURE}")

    def _check_literal(self, host: str) -> None:
        if _judged(host)[0] is None:
            raise BadUrl(f"{host} is not an IP address in its usual form")
        if reason := self.denied(host):
            raise BadUrl(reason if "STREAMHOOKS_" in reason else f"{reason}{_CURE}")


@lru_cache(maxsize=16_384)
def _judged(address: str) -> tuple[IPv4Address | IPv6Address | None, str | None]:
    """Return the parsed address and why the deny list has it, or None; (None, reason) for an invalid address."""
    try:
        # The zone only names the interface.
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return None, "not an IP address"
    for reason, networks in _DENIED:
        if any(ip in network for network in networks):
            return ip, reason
    if isinstance(ip, IPv6Address):
        if (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return ip, "ISATAP"
        if ip not in _GLOBAL_UNICAST:
            return ip, "reserved"
    return ip, None


def _embedded_ipv4(ip: IPv4Address | IPv6Address) -> list[str]:
    """Return the IPv4 addresses that a translator may read in an address."""
    if isinstance(ip, IPv4Address) or ip in _NO_IPV4:
        return []
    if ip in _LOCAL_NAT64:
        return _embedded_by_nat64(int(ip))
    if any(ip in network for network in _EMBEDDING_AT_THE_END) or (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return [str(IPv4Address(int(ip) & 0xFFFF_FFFF))]
    embedded = ip.sixtofour or (ip.teredo and ip.teredo[1])
    return [str(embedded)] if embedded else []


def _embedded_by_nat64(ip: int) -> list[str]:
    """Return what translators with a prefix of 96, 64, 56 or 48 bits read (RFC 6052, 2.2): any may be in use."""
    # Without the bits 64 to 71, which are in the middle of the IPv4 address if the prefix is shorter.
    closed = (ip >> 64) << 56 | ip & (1 << 56) - 1
    found = [ip & 0xFFFF_FFFF, *(closed >> 88 - length & 0xFFFF_FFFF for length in (64, 56, 48))]
    read = [IPv4Address(one) for one in found]
    # The bits beside an IPv4 address are zeros. If there is nothing else, that is what is read: 0.0.0.0/8 leads nowhere
    # behind a translator.
    return [str(one) for one in read if one not in _THIS_NETWORK] or [str(read[0])]
