"""The shape of a gateway in a configuration file, with the rules of its requests and numbers.

Words of enums are taken in any case, since the product we follow writes them in capitals. Rules of addresses and
headers are in `senders.gateway_rules`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator
from pydantic import model_validator as whole

from providers.gateway_settings import Gateway, GatewayRequest, HttpMethod, NumberFormat
from providers.protocol import NumberType
from senders.desired import SelectedNumber
from senders.file_gateway_auth import Address, AuthenticationEntry, Line, Part, hosts_of_context, lower, refuse
from senders.file_models import Channels, Countries, NumberEntry, SenderEntry
from senders.gateway_rules import (
    MANDATORY,
    address_problem,
    body_problem,
    header_problem,
    template_problem,
    uses_mandatory,
)
from trunkline_client.words import Channel


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower_all(values: object) -> object:
    return [lower(value) for value in values] if isinstance(values, list) else values


class RequestEntry(Part):
    """The request for one channel; a field is checked against those above it."""

    channel: Annotated[Channel, BeforeValidator(lower)]
    method: Annotated[HttpMethod, BeforeValidator(_upper)]
    url: Address
    headers: dict[str, str] = Field(default_factory=dict, max_length=20, validate_default=True)
    body: Annotated[str | None, StringConstraints(strip_whitespace=True, max_length=16_384)] = Field(
        default=None, validate_default=True
    )
    number_format: Annotated[NumberFormat, BeforeValidator(lower)] = NumberFormat.FULL
    before_tag: Line | None = None
    after_tag: Line | None = None

    @field_validator("url")
    @classmethod
    def _leads_to_the_gateway(cls, url: str, info: ValidationInfo) -> str:
        refuse(address_problem(url, hosts_of_context(info)) or template_problem(url))
        if info.data.get("method") is HttpMethod.GET and not uses_mandatory(url):
            raise ValueError(f"URL must have {MANDATORY} mandatory variables")
        return url

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        for name, value in headers.items():
            refuse(header_problem(name, value))
        if len({name.lower() for name in headers}) < len(headers):
            raise ValueError("a header is there twice: its name counts in any case")
        if info.data.get("method") is HttpMethod.POST and _content_type(headers) is None:
            raise ValueError(
                "a POST needs exactly one content-type header: application/x-www-form-urlencoded or application/json"
            )
        return headers

    @field_validator("body")
    @classmethod
    def _hands_over_the_message(cls, body: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("method") is HttpMethod.GET:
            refuse(None if body is None else "a GET has no body: put the variables into the URL")
            return body
        if "method" not in info.data or "headers" not in info.data:
            return body  # wrong already
        if body is None or not uses_mandatory(body):
            raise ValueError(f"Body must have {MANDATORY} mandatory variables")
        refuse(template_problem(body) or body_problem(body, _content_type(info.data["headers"]) or ""))
        return body

    @field_validator("before_tag", "after_tag")
    @classmethod
    def _only_spoken(cls, tag: str | None, info: ValidationInfo) -> str | None:
        if tag is not None and info.data.get("channel") is Channel.SMS:
            raise ValueError("is for the digits of a spoken code: an sms request has none")
        return tag

    def settings(self) -> GatewayRequest:
        """Return the request as data, its headers in order of their names."""
        return GatewayRequest(
            channel=self.channel,
            method=self.method,
            url=self.url,
            headers=tuple(sorted(self.headers.items())),
            body=self.body,
            number_format=self.number_format,
            before_tag=self.before_tag or "",
            after_tag=self.after_tag or "",
        )


class GatewayNumberEntry(NumberEntry):
    """A number of a gateway; its owner says what it is, since nobody else can."""

    type: Annotated[NumberType, BeforeValidator(lower)]
    capabilities: Annotated[Channels, BeforeValidator(_lower_all)]

    @whole(mode="after")
    def _has_the_countries_of_its_type(self) -> GatewayNumberEntry:
        refuse(_countries_problem(self.type, self.countries))
        return self


class GatewayEntry(SenderEntry):
    """A custom HTTP provider."""

    authentication: AuthenticationEntry
    requests: tuple[RequestEntry, ...]
    numbers: tuple[GatewayNumberEntry, ...] = Field(default=(), validate_default=True)

    @field_validator("requests")
    @classmethod
    def _one_for_each_channel(
        cls, requests: tuple[RequestEntry, ...], info: ValidationInfo
    ) -> tuple[RequestEntry, ...]:
        channels = [request.channel for request in requests]
        twice = next((channel for channel in channels if channels.count(channel) > 1), None)
        if twice is not None:
            raise ValueError(f"there are two requests for {twice}; a channel has exactly one")
        wanted = info.data.get("channels", frozenset(channels))
        if wanted != set(channels):
            raise ValueError(f"must have one request for each of the sender's channels, {', '.join(sorted(wanted))}")
        return requests

    @field_validator("numbers")
    @classmethod
    def _fit_the_requests(
        cls, numbers: tuple[GatewayNumberEntry, ...], info: ValidationInfo
    ) -> tuple[GatewayNumberEntry, ...]:
        listed = [one.number for one in numbers]
        if len(set(listed)) < len(listed):
            raise ValueError("a number is there twice")
        for request in info.data.get("requests", ()):
            settings = request.settings()
            if not numbers and settings.takes_from:
                raise ValueError(f"are required: the {settings.channel} request uses ${{from}}")
            if numbers and not any(settings.channel in one.capabilities for one in numbers):
                raise ValueError(f"none can carry {settings.channel}, which is a channel of the sender")
        return numbers

    @whole(mode="after")
    def _each_header_once(self) -> GatewayEntry:
        reserved = {"authorization", (self.authentication.header or "authorization").lower()}
        for request in self.requests:
            for name in sorted(reserved & {header.lower() for header in request.headers}):
                raise ValueError(f"the header {name} is for the authentication: leave it out of the requests")
        return self

    def gateway(self) -> Gateway:
        """Return the gateway as data, without its secret."""
        requests = sorted((request.settings() for request in self.requests), key=lambda one: one.channel)
        return Gateway(self.authentication.settings(), tuple(requests))

    def selection(self) -> tuple[SelectedNumber, ...]:
        """Return the numbers, in their order."""
        selected = (
            SelectedNumber(one.number, one.countries, one.type, one.capabilities, one.segments_per_second)
            for one in self.numbers
        )
        return tuple(sorted(selected, key=lambda one: one.number))


def _content_type(headers: dict[str, str]) -> str | None:
    """Return the content type in lower case without its parameters, None unless it is one of the two."""
    values = [
        value.partition(";")[0].strip().lower() for name, value in headers.items() if name.lower() == "content-type"
    ]
    known = {"application/x-www-form-urlencoded", "application/json"}
    return values[0] if len(values) == 1 and values[0] in known else None


def _countries_problem(number_type: NumberType, countries: Countries | None) -> str | None:
    match number_type:
        case NumberType.PHONE_NUMBER:
            return None if countries is None else "a phone_number serves every country: remove its countries"
        case NumberType.SHORT_CODE:
            one = countries is not None and len(countries) == 1
            return None if one else "a short_code needs exactly one country in countries"
        case NumberType.TOLL_FREE:
            return None if countries else "a toll_free number needs at least one country in countries"
