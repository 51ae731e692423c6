"""Which hosts a gateway may be reached at: public ones, and the private ones an operator names.

A tenant's administrator writes the address, but the request leaves from inside the operator's network. So every address
a name resolves to is checked, and only what was checked is connected to: the answer to a second question is never used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: RFC 6890 and the registry it founded: every block of IPv4 that is not the public internet.
_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
#: public IPv6 lies in this block only, apart from the exceptions below it (Teredo, ORCHID, benchmarks, documentation).
_PUBLIC_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_NAT64: Final = IPv6Network("64:ff9b::/96")
#: what the system's resolver takes for an IPv4 address though it is none in its proper form.
_ENDS_IN_A_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$", re.ASCII)


class AddressNotAllowed(httpx.ConnectError):
    """The host is no public one, and no setting allows it; nothing was sent."""


@dataclass(frozen=True, slots=True)
class HostRules:
    """The operator's exceptions.

    Attributes:
        names: hosts, in lower case, that may have private addresses.
        networks: blocks of addresses that may be reached.
        insecure: whether plain http is accepted for private hosts that are not on this machine.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    insecure: bool = False

    @classmethod
    def read(cls, text: str, *, insecure: bool = False) -> Self:
        """Return the rules of a comma-separated list of host names, addresses and CIDR blocks.

        Raises:
            ValueError: an item is none of these.
        """
        names: set[str] = set()
        networks: list[Network] = []
        for item in filter(None, (part.strip().strip("[]").lower() for part in text.split(","))):
            try:
                networks.append(ip_network(item))
            except ValueError:
                names.add(_name(item))
        return cls(frozenset(names), tuple(networks), insecure)

    def admits(self, host: str, address: str) -> bool:
        """Return whether a connection for `host` may go to `address`, one of those it resolves to."""
        found = _address(address)
        if found is None:
            return False
        return is_public(found) or plain(host) in self.names or self._in_a_network(found)

    def admits_literal(self, host: str) -> bool:
        """Return whether `host` is a name, or an address that may be reached; `127.1` and `0x7f000001` are neither."""
        name = plain(host)
        if _address(name) is None:
            return not _ENDS_IN_A_NUMBER.search(name)
        return self.admits(host, name)

    def admits_plain_http(self, host: str) -> bool:
        """Return whether a request to `host` may go without TLS: it is named, and on this machine or in a test bed."""
        name = plain(host)
        found = _address(name)
        named = name in self.names or (found is not None and self._in_a_network(found))
        return named and (self.insecure or name == "localhost" or (found is not None and found.is_loopback))

    def _in_a_network(self, address: Address) -> bool:
        forms = {address, _unwrapped(address)}
        return any(form in network for form in forms for network in self.networks)


PUBLIC_ONLY: Final = HostRules()


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public internet; one of IPv4 inside one of IPv6 counts as itself."""
    inner = _unwrapped(address)
    if isinstance(inner, IPv4Address):
        return not any(inner in block for block in _NOT_PUBLIC_4)
    return inner in _PUBLIC_6 and not any(inner in block for block in _NOT_PUBLIC_6)


def is_readable(origin: str) -> bool:
    """Return whether the HTTP client takes scheme and authority of an address; `08.8.8.8` and `xn--a` are no hosts."""
    try:
        return bool(httpx.URL(origin).host)
    except (httpx.InvalidURL, UnicodeError):
        return False


def plain(host: str) -> str:
    """Return a host in the form it is compared in: lower case, without brackets and without a final dot."""
    return host.strip("[]").lower().rstrip(".")


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _name(text: str) -> str:
    name = plain(text)
    labels = name.split(".")
    if not all(label and label.replace("-", "").replace("_", "").isalnum() and label.isascii() for label in labels):
        raise ValueError(f"{text} is no host name, address or CIDR block")
    return name
