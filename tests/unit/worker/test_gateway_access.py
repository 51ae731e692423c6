from __future__ import annotations

import pytest

from providers.gateway_hosts import PUBLIC_ONLY
from trunkline_client.errors import SettingsInvalid
from worker.settings import Settings, load_settings

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in ({"SECRET_KEYS": KEY} | variables).items():
        monkeypatch.setenv(f"TRUNKLINE_{name}", value)
    return load_settings()


def test_gateways_are_at_public_hosts_unless_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).gateway_access.hosts == PUBLIC_ONLY


def test_the_named_hosts_are_read_and_plain_http_follows_the_setting_for_test_beds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strict = load(monkeypatch, GATEWAY_PRIVATE_HOSTS="gw.internal,10.0.0.0/8").gateway_access.hosts
    lax = load(monkeypatch, ALLOW_INSECURE_PROVIDERS="1").gateway_access.hosts

    assert strict.admits("gw.internal", "192.168.0.1")
    assert strict.admits("x", "10.1.1.1")
    assert (strict.admits_plain_http("gw.internal"), lax.admits_plain_http("gw.internal")) == (False, True)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("GATEWAY_PRIVATE_HOSTS", "http://gw.internal", "is no host name, address or CIDR block"),
        ("GATEWAY_CA_FILE", "/no/such/file", "must be a PEM file with certificates"),
        ("GATEWAY_CA_FILE", __file__, "must be a PEM file with certificates"),
    ],
)
def test_a_setting_about_gateways_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    with pytest.raises(SettingsInvalid, match=problem) as caught:
        load(monkeypatch, **{name: value})
    assert f"TRUNKLINE_{name}" in str(caught.value)


def test_without_a_file_the_systems_authorities_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch).gateway_access.ssl_context() is None
