"""Every setting of a Trunkline process, read from `TRUNKLINE_*` variables; all mistakes are reported at once.

`docs/settings.md` is generated from the fields below by `python -m worker.settings_doc`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from providers.registry import GatewayAccess
from senders.secrets import KeyRing
from trunkline_client.connection import parse
from trunkline_client.errors import SettingsInvalid
from trunkline_client.private import Token
from worker.addresses import is_loopback, split
from worker.environment import Environment, load, variable
from worker.gateway_access import AuthorityFile, HostList, gateway_access
from worker.pacing_settings import PacingSettings

#: what no origin or base path holds: after a `?` or `#` our paths would be no path, the rest breaks every request.
_NOT_IN_ADDRESS: Final = re.compile(r"[^!-~]|[?#\\]")

T = TypeVar("T")


class LogFormat(StrEnum):
    """How a process writes its log; `auto` is pretty on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    PRETTY = "pretty"


class Broker(StrEnum):
    """Who carries nudges and submitted jobs between Redis and the pool; `worker.broker` says how they differ."""

    OWN = "own"
    STOCK = "stock"
    STOCK_UNACKNOWLEDGED = "stock_unacknowledged"


def _redis_url(url: SecretStr) -> SecretStr:
    _check(parse, url.get_secret_value())
    return url


def _secret_keys(text: object) -> object:
    if not isinstance(text, str):
        return text
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    _check(KeyRing, keys)
    return tuple(Token(key) for key in keys)


def _check(use: Callable[[T], object], value: T) -> None:
    """Try a value where it will be used; pydantic gathers a ValueError with the other mistakes."""
    try:
        use(value)
    except SettingsInvalid as error:
        raise ValueError(str(error)) from None


class BrokerSettings(Environment):
    """What the Celery app is built from; Flower and `celery inspect` need no more, and no secret."""

    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description=(
            "Redis, for broker and journal: `redis://`, `rediss://` (TLS; `?ssl_ca_certs=`, `ssl_certfile=` and "
            "`ssl_keyfile=` name files) or `sentinel://[user:password@]host:port,host:port/SERVICE/db`."
        ),
    )
    concurrency: int = Field(
        default=250,
        ge=1,
        le=1000,
        description=(
            "How many jobs one process works on at a time; nearly all of them wait for a provider. More than one "
            "account may have running at once (`TRUNKLINE_CONCURRENT_REQUESTS`), or one that hangs can take every slot."
        ),
    )
    broker: Broker = Field(
        default=Broker.OWN,
        description=(
            "The transport under Celery: `own`, or kombu's, for comparison and as a way back: `stock`, "
            "`stock_unacknowledged` ([what differs](reliability.md#the-broker))."
        ),
    )


class Settings(PacingSettings, BrokerSettings):
    """Every setting of a worker and of the commands that talk to providers."""

    _URLS: ClassVar = ("twilio_api_url", "twilio_messaging_url", "syniverse_api_url")

    secret_keys: Annotated[tuple[Token, ...], NoDecode, BeforeValidator(_secret_keys)] = Field(
        description=(
            "The keys that seal credentials and content at rest: 32 bytes each in url-safe base64, comma-separated, "
            "newest first. Make one with `python -c 'from cryptography.fernet import Fernet; "
            "print(Fernet.generate_key().decode())'`."
        ),
    )
    allow_insecure_providers: bool = Field(
        default=False,
        description="Accept provider addresses with plain http that are not on this machine. For simulators only.",
    )
    twilio_api_url: str = Field(
        default="https://api.twilio.com", description="Twilio's main API: the origin; version paths are ours."
    )
    twilio_messaging_url: str = Field(
        default="https://messaging.twilio.com", description="Twilio's messaging services: the origin."
    )
    syniverse_api_url: str = Field(
        default="https://api.syniverse.com/scg-external-api/api/v1",
        description="Syniverse's SCG API, with its base path.",
    )
    gateway_private_hosts: HostList | None = Field(
        default=None,
        description=(
            "Hosts that gateways may be reached at though they are not public: comma-separated names, addresses or "
            "CIDR blocks. Those on this machine may be plain http."
        ),
    )
    gateway_ca_file: AuthorityFile | None = Field(
        default=None,
        description="A PEM file of certificate authorities that gateways are trusted by, besides the system's.",
    )
    connect_s: float = Field(
        default=3.0, gt=0, le=30, description="How long connecting to a provider may take, in seconds."
    )
    attempt_urgent_s: float = Field(
        default=8.0, gt=0, le=60, description="How long one whole attempt may take for an urgent job, in seconds."
    )
    attempt_s: float = Field(
        default=15.0, gt=0, le=60, description="How long one whole attempt may take for other jobs, in seconds."
    )
    lease_s: float = Field(
        default=10.0,
        ge=3,
        le=60,
        description="How long a worker holds a job without renewing, in seconds; a dead worker's jobs wait this long.",
    )
    stop_s: float = Field(
        default=20.0,
        ge=0,
        le=3600,
        description=(
            "How long a worker that was told to stop works on what it has in hand, in seconds; then it gives the rest "
            "back. Its supervisor must wait 5 s longer before it kills."
        ),
    )
    other_numbers: int = Field(
        default=2,
        ge=0,
        le=10,
        description="How many other numbers of a sender are tried after the provider refused one; 0 goes straight on.",
    )
    keep_content: bool = Field(
        default=False,
        description="Keep recipient and text of a job after a provider accepted it. Otherwise they are erased.",
    )
    finished_keep_days: float = Field(
        default=7.0, gt=0, le=365, description="How long the record of a finished job is kept, in days."
    )
    failed_keep_days: float = Field(
        default=30.0, gt=0, le=365, description="How long the record of a failed job is kept for replay, in days."
    )
    audit_events: int = Field(
        default=200_000,
        ge=1_000,
        le=100_000_000,
        description="About how many events the audit of configuration changes keeps; the oldest are dropped.",
    )
    events: int = Field(
        default=100_000,
        ge=0,
        le=100_000_000,
        description="About how many events of jobs are kept for other services; 0 writes none ([events](events.md)).",
    )
    log_format: LogFormat = Field(
        default=LogFormat.AUTO, description="`json`, `pretty`, or `auto`: pretty on a terminal, JSON elsewhere."
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(lambda level: level.lower() if isinstance(level, str) else level),
    ] = Field(default="info", description="The least severe log lines that are written.")
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description=(
            "The port of this process's [metrics and health](metrics.md); 0 takes any that is free, and logs it. "
            "Without it neither is served. Processes on one host need one each."
        ),
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="The address that port is opened on. Nothing there asks for a password."
    )
    metrics_tenants: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description="How many tenants get a label of their own in the metrics of a process; the others share one.",
    )
    tracing: bool = Field(
        default=False,
        description=(
            "Send OpenTelemetry spans of every job ([tracing.md](tracing.md)); needs the extra `tracing`, and is "
            "configured by the `OTEL_*` variables."
        ),
    )
    public_url: str | None = Field(
        default=None, description="Reserved for delivery receipts: where providers can reach Trunkline. Not used yet."
    )

    @field_validator(*_URLS)
    @classmethod
    def _provider_url(cls, url: str, info: ValidationInfo) -> str:
        """Return the address without a trailing slash, if it is one a credential may be sent to."""
        url = url.strip()
        parts = None if _NOT_IN_ADDRESS.search(url) else split(url)
        if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ValueError(f"must be an address like {cls.model_fields[info.field_name or ''].default}")
        if "@" in parts.netloc:
            raise ValueError("must carry no credentials; those belong to the tenants' senders")
        if parts.path.strip("/") and info.field_name != "syniverse_api_url":
            raise ValueError("must be an origin without a path: the version paths are ours")
        if parts.scheme == "http" and not (info.data.get("allow_insecure_providers") or is_loopback(parts.hostname)):
            raise ValueError(f"must be https (or set {variable('allow_insecure_providers')}=1 for a simulator)")
        return url.rstrip("/")

    @field_validator("attempt_urgent_s", "attempt_s")
    @classmethod
    def _longer_than_connecting(cls, attempt_s: float, info: ValidationInfo) -> float:
        if attempt_s < info.data.get("connect_s", 0):
            raise ValueError(f"must be at least {variable('connect_s')}: connecting is part of an attempt")
        return attempt_s

    @property
    def gateway_access(self) -> GatewayAccess:
        """Where gateways may be."""
        insecure = self.allow_insecure_providers
        return gateway_access(self.gateway_private_hosts, self.gateway_ca_file, insecure=insecure)

    @property
    def secret_key_texts(self) -> tuple[str, ...]:
        """The keys in clear, newest first, for the key ring only."""
        return tuple(key.reveal() for key in self.secret_keys)


def load_broker_settings() -> BrokerSettings:
    """Return the broker's settings from the environment.

    Raises:
        SettingsInvalid: the address cannot be used; the text names the variable and the fix.
    """
    return load(BrokerSettings)


def load_settings() -> Settings:
    """Return every setting from the environment.

    Raises:
        SettingsInvalid: the text lists every variable that cannot be used, each with its fix.
    """
    return load(Settings, known=Settings.model_fields, environment=os.environ)
