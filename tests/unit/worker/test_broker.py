from __future__ import annotations

from typing import Any

import pytest
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from pydantic import SecretStr

from worker.broker import configuration, named_by_scheme, warning
from worker.kombu_fit import misfits
from worker.settings import Broker, BrokerSettings
from worker.transport import SentinelTransport, Transport

PLAIN = "redis://127.0.0.1:6379/0"
SENTINEL = "sentinel://127.0.0.1:26379/mymaster/0"


def settings(broker: Broker = Broker.OWN, url: str = PLAIN) -> BrokerSettings:
    return BrokerSettings(redis_url=SecretStr(url), broker=broker)


@pytest.mark.parametrize(
    ("broker", "url", "transport", "acknowledges"),
    [
        (Broker.OWN, PLAIN, "worker.transport:Transport", True),
        (Broker.OWN, SENTINEL, "worker.transport:SentinelTransport", True),
        (Broker.STOCK, PLAIN, None, True),
        (Broker.STOCK, SENTINEL, None, True),
        (Broker.STOCK_UNACKNOWLEDGED, PLAIN, None, False),
    ],
)
def test_a_choice_is_a_transport_and_whether_it_acknowledges(
    broker: Broker, url: str, transport: str | None, acknowledges: bool
) -> None:
    chosen = configuration(settings(broker, url))

    assert chosen.get("broker_transport") == transport
    assert chosen["broker_transport_options"]["ack_emulation"] is acknowledges
    assert chosen["broker_transport_options"]["visibility_timeout"] == 120


@pytest.mark.parametrize(("url", "transport"), [(PLAIN, Transport), (SENTINEL, SentinelTransport)])
def test_the_address_of_a_connection_over_our_transport_is_one_that_flower_knows(
    url: str, transport: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.broker.TRANSPORT_ALIASES", aliases := dict(TRANSPORT_ALIASES))
    chosen = named_by_scheme(configuration(settings(url=url)))
    monkeypatch.setattr("kombu.transport.TRANSPORT_ALIASES", aliases)
    monkeypatch.setattr("kombu.transport._transport_cache", {})

    connection: Any = Connection  # kombu ships no types
    opened = connection(chosen["broker_url"], transport_options=chosen["broker_transport_options"])

    assert opened.as_uri().startswith(url.partition(":")[0] + "://")
    assert opened.transport_cls == url.partition(":")[0]
    assert type(opened.transport) is transport


def test_an_operator_is_told_of_every_choice_but_the_default() -> None:
    assert [broker for broker in Broker if warning(settings(broker)) is None] == [Broker.OWN]


def test_the_warning_names_what_a_kill_loses() -> None:
    assert "trunkline.submit" in str(warning(settings(Broker.STOCK_UNACKNOWLEDGED)))


def test_the_kombu_at_hand_has_what_our_transport_overrides() -> None:
    assert misfits(kombu_redis) == []


class ChangedChannel(kombu_redis.Channel):
    """As a later version of kombu might be."""

    _get: Any = None

    def _brpop_start(self) -> None:  # type: ignore[override]
        """Take no timeout any more."""


class ChangedKombu:
    """A module with one class changed and one gone."""

    Channel = ChangedChannel
    SentinelChannel = kombu_redis.SentinelChannel
    QoS = kombu_redis.QoS
    Transport = kombu_redis.Transport
    SentinelTransport = kombu_redis.SentinelTransport


def test_what_is_missing_or_has_another_form_is_named() -> None:
    assert misfits(ChangedKombu) == ["Channel._brpop_start", "Channel._get", "MultiChannelPoller"]


def test_beside_a_kombu_that_does_not_fit_its_own_transport_is_used_and_an_operator_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.broker._misfits", lambda: ("Channel._get",))

    assert "broker_transport" not in configuration(settings())
    assert "Channel._get" in str(warning(settings()))
