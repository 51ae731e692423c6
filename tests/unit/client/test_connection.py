from __future__ import annotations

import pytest

from trunkline_client.connection import RedisAddress, celery_broker, parse
from trunkline_client.errors import SettingsInvalid
from trunkline_client.private import Token

ONE = (("redis.internal", 6379),)
THREE = (("s1", 26379), ("s2", 26380), ("::1", 26379))

ADDRESSES = [
    ("redis://redis.internal", RedisAddress(ONE)),
    ("redis://redis.internal:6379/3", RedisAddress(ONE, database=3)),
    ("redis://:hidden@redis.internal/0", RedisAddress(ONE, password=Token("hidden"))),
    ("redis://app:p%40ss%2F1@redis.internal", RedisAddress(ONE, username="app", password=Token("p@ss/1"))),
    ("rediss://redis.internal/1", RedisAddress(ONE, database=1, tls=True)),
    (
        "rediss://redis.internal/1?ssl_ca_certs=/etc/ca.pem",
        RedisAddress(ONE, database=1, tls=True, tls_options=(("ssl_ca_certs", "/etc/ca.pem"),)),
    ),
    ("redis://[::1]:7000", RedisAddress((("::1", 7000),))),
    ("sentinel://s1:26379,s2:26380,[::1]/main/2", RedisAddress(THREE, database=2, service="main")),
    (
        "sentinel://app:hidden@s1/main",
        RedisAddress((("s1", 26379),), username="app", password=Token("hidden"), service="main"),
    ),
]

BAD_ADDRESSES = [
    "",
    "localhost:6379",
    "http://redis.internal",
    "redis://",
    "redis://:6379",
    "redis://redis.internal:hidden/0",
    "redis://redis.internal:0/0",
    "redis://redis.internal:70000/0",
    "redis://redis.internal/zero",
    "redis://redis.internal/0/1",
    "redis://app:hid#den@redis.internal/0",
    "redis://app:hid/den@redis.internal/0",
    "redis://redis.internal/0?password=hidden",
    "redis://redis.internal/0?ssl_ca_certs=/etc/ca.pem",
    "redis://a,b/0",
    "redis://hidden@redis.internal/0",
    "redis://[::1/0",
    "sentinel://s1:26379,s2:26379",
    "sentinel://s1:26379,,s2/main/0",
    "sentinel://s1/main/zero",
]


@pytest.mark.parametrize(("url", "expected"), ADDRESSES)
def test_an_address_is_read(url: str, expected: RedisAddress) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize("url", BAD_ADDRESSES)
def test_a_bad_address_is_refused_with_the_setting_and_the_forms(url: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"^REDIS_URL: .*; use redis://\[user:password@\]host:port/db, rediss://"):
        parse(url, name="REDIS_URL")


@pytest.mark.parametrize("url", BAD_ADDRESSES)
def test_the_error_never_quotes_the_address(url: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        parse(url)
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_text_form_hides_the_password() -> None:
    address = parse("redis://app:hidden@redis.internal/1")
    assert "hidden" not in repr(address) + str(address)
    assert str(address) == "redis://redis.internal:6379/1"


BROKERS = [
    ("redis://redis.internal/1", "redis://redis.internal:6379/1", {}),
    ("redis://app:p%40ss@redis.internal", "redis://app:p%40ss@redis.internal:6379/0", {}),
    ("rediss://:x@[::1]/0", "rediss://:x@[::1]:6379/0?ssl_cert_reqs=required", {}),
    ("sentinel://:x@s1:1,s2:2/main/4", "sentinel://:x@s1:1/4;sentinel://:x@s2:2/4", {"master_name": "main"}),
]


@pytest.mark.parametrize(("url", "broker_url", "options"), BROKERS)
def test_celery_gets_the_same_address_in_its_own_form(url: str, broker_url: str, options: dict[str, str]) -> None:
    translated, transport_options = celery_broker(url)
    assert translated == broker_url
    assert options.items() <= transport_options.items()
