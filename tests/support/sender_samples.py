"""Senders, numbers and tenants to test with, each with the fewest words a test needs."""

from __future__ import annotations

from providers.gateway_settings import (
    AuthMethod,
    Gateway,
    GatewayAuthentication,
    GatewayRequest,
    HttpMethod,
)
from providers.protocol import Kind, NumberType
from senders.model import Consent, Number, Originator, Sender, TenantConfig
from trunkline_client.words import Channel

SMS = frozenset({Channel.SMS})
VOICE = frozenset({Channel.VOICE})
BOTH = SMS | VOICE
CONSENT = Consent(by="ops@acme.example", at="2026-01-01T00:00:00Z")
ACCOUNT_SID = "AC" + "0" * 32
SERVICE_SID = "MG" + "1" * 32


def phone(number: str, *, capabilities: frozenset[Channel] = BOTH, **fields: object) -> Number:
    return Number(number, NumberType.PHONE_NUMBER, capabilities, **fields)  # type: ignore[arg-type]


def toll_free(number: str, *countries: str, capabilities: frozenset[Channel] = BOTH) -> Number:
    return Number(number, NumberType.TOLL_FREE, capabilities, countries=countries or None)


def short_code(number: str, *countries: str) -> Number:
    return Number(number, NumberType.SHORT_CODE, SMS, countries=countries or None)


def twilio(*numbers: Number, key: str = "own", channels: frozenset[Channel] = SMS, **fields: object) -> Sender:
    settings: dict[str, object] = {"consent": CONSENT, "account_sid": ACCOUNT_SID, "sealed_secret": ""} | fields
    return Sender(key, Kind.TWILIO, "Own", channels, numbers=numbers, **settings)  # type: ignore[arg-type]


def service(*, channels: frozenset[Channel] = SMS) -> Sender:
    return Sender(
        "service",
        Kind.TWILIO_MESSAGING_SERVICE,
        "Service",
        channels,
        "",
        account_sid=ACCOUNT_SID,
        messaging_service_sid=SERVICE_SID,
        consent=CONSENT,
    )


def syniverse(*originators: Originator, key: str = "fallback", channels: frozenset[Channel] = BOTH) -> Sender:
    return Sender(key, Kind.SYNIVERSE, "Fallback", channels, "", originators=originators, consent=CONSENT)


def gateway_request(channel: Channel = Channel.SMS, **fields: object) -> GatewayRequest:
    settings: dict[str, object] = {
        "method": HttpMethod.POST,
        "url": f"https://gateway.example/{channel}",
        "headers": (("content-type", "application/json"),),
        "body": '{"to": "${to}", "text": "${message}"}',
    }
    return GatewayRequest(channel, **settings | fields)  # type: ignore[arg-type]


def gateway(*numbers: Number, key: str = "gateway", **fields: object) -> Sender:
    basic = GatewayAuthentication(AuthMethod.BASIC, username="acme")
    settings: dict[str, object] = {
        "consent": CONSENT,
        "sealed_secret": "",
        "channels": SMS,
        "gateway": Gateway(basic, (gateway_request(),)),
    }
    return Sender(key, Kind.GATEWAY, "Gateway", numbers=numbers, **settings | fields)  # type: ignore[arg-type]


def tenant(*senders: Sender, name: str = "acme", version: int = 1, **fields: object) -> TenantConfig:
    settings: dict[str, object] = {"policies": {}} | fields
    by_key = {sender.key: sender for sender in senders}
    return TenantConfig(name, version, senders=by_key, **settings)  # type: ignore[arg-type]
