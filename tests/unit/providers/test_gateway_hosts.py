from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.gateway_hosts import PUBLIC_ONLY, HostRules, is_public

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "169.253.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - the point of the test
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "100::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(ip_address(address))
    assert PUBLIC_ONLY.admits("gw.example", address)
    assert PUBLIC_ONLY.admits_literal(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_of_a_special_block_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not PUBLIC_ONLY.admits("gw.example", address)
    assert not PUBLIC_ONLY.admits_literal(address)


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_public(address: object) -> None:
    found = ip_address(str(address))
    if found.is_private and "64:ff9b::" not in str(found):
        assert not is_public(found)


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "1.2.3", "127.0.0.1.", "[::1]", "10.0.0.0x1"],
)
def test_an_address_in_disguise_is_refused(host: str) -> None:
    assert not PUBLIC_ONLY.admits_literal(host)


@pytest.mark.parametrize("host", ["gw.example", "a1", "1.example", "xn--bcher-kva.example", "0x.example"])
def test_a_name_is_left_to_the_resolver(host: str) -> None:
    assert PUBLIC_ONLY.admits_literal(host)


RULES = HostRules.read("gw.internal, 10.1.0.0/16,192.168.1.7,[fd00::1], localhost,127.0.0.1 , ::1")


@pytest.mark.parametrize(
    ("host", "address", "admitted"),
    [
        ("gw.internal", "10.9.9.9", True),
        ("GW.INTERNAL.", "fd00::9", True),
        ("other.internal", "10.9.9.9", False),
        ("other.internal", "10.1.2.3", True),
        ("other.internal", "::ffff:10.1.2.3", True),
        ("other.internal", "64:ff9b::a01:203", True),
        ("192.168.1.7", "192.168.1.7", True),
        ("192.168.1.8", "192.168.1.8", False),
        ("x.example", "fd00::1", True),
        ("x.example", "8.8.8.8", True),
        ("x.example", "no address", False),
    ],
)
def test_private_hosts_are_reached_where_the_operator_names_them(host: str, address: str, admitted: bool) -> None:
    assert RULES.admits(host, address) is admitted


@pytest.mark.parametrize(
    ("host", "safe", "insecure"),
    [
        ("localhost", True, True),
        ("127.0.0.1", True, True),
        ("[::1]", True, True),
        ("127.0.0.2", False, False),
        ("gw.internal", False, True),
        ("10.1.2.3", False, True),
        ("8.8.8.8", False, False),
        ("gw.example", False, False),
    ],
)
def test_plain_http_needs_a_named_host_that_is_here_or_a_test_bed(host: str, safe: bool, insecure: bool) -> None:
    lax = HostRules(RULES.names, RULES.networks, insecure=True)

    assert (RULES.admits_plain_http(host), lax.admits_plain_http(host)) == (safe, insecure)
    assert not PUBLIC_ONLY.admits_plain_http(host)


@pytest.mark.parametrize("text", ["http://gw", "gw internal", "10.0.0.0/8/8", "10.0.0.1/8", "a..b", "é.example", "*"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no host name, address or CIDR block"):
        HostRules.read(f"gw.internal,{text}")


def test_no_list_names_nobody() -> None:
    assert HostRules.read(" , ") == PUBLIC_ONLY
