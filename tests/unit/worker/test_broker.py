from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from kombu.connection import Connection
from kombu.transport import TRANSPORT_ALIASES
from pydantic import SecretStr
from redis.exceptions import ConnectionError as RedisConnectionError

from worker.broker import configuration, named_by_scheme, warning
from worker.settings import Broker, BrokerSettings
from worker.transport import SentinelTransport, Transport
from worker.unacked import UnacknowledgedQoS

PLAIN = "redis://127.0.0.1:6379/0"
SENTINEL = "sentinel://127.0.0.1:26379/mymaster/0"


def settings(broker: Broker = Broker.OWN, url: str = PLAIN) -> BrokerSettings:
    return BrokerSettings(redis_url=SecretStr(url), broker=broker)


@pytest.mark.parametrize(
    ("broker", "url", "transport", "acknowledges"),
    [
        (Broker.OWN, PLAIN, "worker.transport:Transport", True),
        (Broker.OWN, SENTINEL, "worker.transport:SentinelTransport", True),
        (Broker.UNACKNOWLEDGED, PLAIN, "worker.transport:Transport", False),
        (Broker.UNACKNOWLEDGED, SENTINEL, "worker.transport:SentinelTransport", False),
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
    assert "trunkline.submit" in str(warning(settings(Broker.UNACKNOWLEDGED)))


@dataclass
class FakeChannel:
    """A channel whose server takes messages back, or is gone."""

    take_back: Callable[[Any], None]
    do_restore: bool = True
    taken: list[Any] = field(default_factory=list)

    def _restore(self, message: Any) -> None:
        self.take_back(message)
        self.taken.append(message)


def unacknowledged(channel: FakeChannel) -> Any:
    qos: Any = UnacknowledgedQoS  # kombu ships no types
    return qos(channel)


def test_what_is_in_hand_at_the_end_goes_back_to_its_queue() -> None:
    channel = FakeChannel(take_back=lambda _: None)
    qos = unacknowledged(channel)
    for tag in ("done", "in hand"):
        qos.append(f"message {tag}", tag)
    qos.ack("done")

    qos.restore_unacked_once()

    assert channel.taken == ["message in hand"]


def test_what_cannot_go_back_is_not_written_anywhere(capfd: pytest.CaptureFixture[str]) -> None:
    def gone(_: Any) -> None:
        raise RedisConnectionError("gone")

    qos = unacknowledged(FakeChannel(take_back=gone))
    qos.append("Your code is 493817", "tag")

    qos.restore_unacked_once()

    printed = capfd.readouterr()
    assert "493817" not in printed.out + printed.err
    assert "message.lost" in printed.out + printed.err
