"""Whatever template a file may have and whatever a message holds: the request keeps its host and structure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from providers.gateway_request import NotBuildable, build, names_of
from providers.gateway_settings import GatewayRequest
from providers.gateway_template import origin_of
from providers.gateway_values import sms_values
from providers.variables import Variables
from senders.file_gateway import RequestEntry
from tests.support.gateway_files import FORM, GET, JSON, POST
from tests.support.gateway_samples import ORIGIN
from tests.support.provider_samples import sms

CLIENT = httpx.AsyncClient()
#: what breaks out of something somewhere; half a surrogate pair, and what would be a variable again.
NASTY = [
    '"', "\\", "&", "=", "#", "?", "/", "%", "%2e", ".", "..", "+", " ", "\r\n", "\0", "{", "}", "@", ":",
    "//evil.example", "${to}", "${x}", "$${", "\ud83d", "\udcff", "\u2028", "💡", "é", '","a":"', "&to=1",
]  # fmt: skip
VALUES = st.lists(st.sampled_from(NASTY) | st.text(max_size=3), max_size=5).map("".join)
#: what the variables stand for; a body is text by the contract of jobs.
FILLINGS = st.fixed_dictionaries({"message": VALUES, "x": VALUES, "otp": VALUES, "user.name.given": VALUES})
PIECES = ["${to}", "${message}", "${x}", "${user.name.given}", "${none}", "$${", "$", "{", "}", "a", "1", "é", " "]
ADDRESS_PIECES = [
    "https://gw.example", "https://gw.example:8443", "https://a@gw.example", "https://${x}.example", "http://gw.example",
    "//", "/", "?", "&", "=", "#", "\\", "%", "%2e", "%2F", ".", "..", "@", ":", ";", "[::1]",
]  # fmt: skip
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z0-9_.-]+)\}")
JSON_PIECES = ['"', "\\", ":", ",", "[", "]", "\\u0022", "\\u0024{x}", "\n", "null", '"${to}"', '"${message}"', '{"a":']


def taken(**fields: Any) -> GatewayRequest | None:
    """Return a request as its file has it, None if the rules refuse it."""
    with suppress(ValidationError):
        return RequestEntry.model_validate(fields).settings()
    return None


def values_of(request: GatewayRequest, filling: Mapping[str, str]) -> Mapping[str, str]:
    message = replace(sms(ORIGIN, filling["message"]), variables=Variables(filling))
    return sms_values(request, message, names_of(request))


def built(request: GatewayRequest, values: Mapping[str, str]) -> httpx.Request | None:
    with suppress(NotBuildable):
        return build(CLIENT, request, values, {"Authorization": "Bearer t"})
    return None


def substituted(tree: Any, values: Mapping[str, str]) -> Any:
    """Return a tree with every variable in its texts replaced once."""
    match tree:
        case dict():
            return {substituted(key, values): substituted(item, values) for key, item in tree.items()}
        case list():
            return [substituted(item, values) for item in tree]
        case str():
            return _VARIABLE.sub(lambda one: values.get(one[1], "") if one[1] else "${", tree)
        case _:
            return tree


def shape(tree: Any) -> Any:
    match tree:
        case dict():
            return {key: shape(item) for key, item in tree.items()}
        case list():
            return [shape(item) for item in tree]
        case _:
            return "text" if isinstance(tree, str) else tree


def check_address(request: GatewayRequest, sent: httpx.Request) -> None:
    origin = httpx.URL(origin_of(request.url))
    assert (sent.url.scheme, sent.url.raw_host, sent.url.port) == ("https", origin.raw_host, origin.port)
    assert sent.headers["host"] == sent.url.netloc.decode()
    assert (sent.url.userinfo, sent.url.fragment) == (b"", "")
    rest = request.url[len(origin_of(request.url)) :]
    target = sent.url.raw_path.decode()
    path, query = (part.partition("?") for part in (rest, target))
    assert (path[0] or "/").count("/") == query[0].count("/")
    assert [path[2].count(one) for one in "&="] == [query[2].count(one) for one in "&="]
    assert not {".", ".."} & set(query[0].split("/"))


@given(st.lists(st.sampled_from([*PIECES, *ADDRESS_PIECES]), max_size=8), FILLINGS)
@settings(max_examples=300)
def test_no_message_leads_a_taken_address_to_another_host_or_place(pieces: list[str], filling: dict[str, str]) -> None:
    for url in ("".join(pieces), f"https://gw.example/${{to}}/x?m=${{message}}{''.join(pieces)}"):
        request = taken(**(GET | {"url": url}))
        sent = built(request, values_of(request, filling)) if request else None
        if request and sent:
            check_address(request, sent)


TREES = st.recursive(
    st.integers() | st.booleans() | st.none() | st.lists(st.sampled_from(PIECES), max_size=4).map("".join),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["p", "q r", "$${", '"']), inner),
    max_leaves=8,
)


@given(TREES, FILLINGS, st.booleans())
def test_a_json_body_is_filled_once_and_keeps_its_structure(tree: Any, filling: dict[str, str], ascii_: bool) -> None:
    whole = [tree, "${to}", {"text": "${message}"}]
    request = taken(**(POST | {"headers": JSON, "body": json.dumps(whole, ensure_ascii=ascii_)}))
    if request is None:  # an opening without a name
        return
    values = values_of(request, filling)
    sent = built(request, values)

    assert sent is not None
    assert json.loads(sent.content) == substituted(whole, values)


@given(st.lists(st.sampled_from([*PIECES, *JSON_PIECES]), max_size=12).map("".join), FILLINGS)
@settings(max_examples=200)
def test_whatever_json_is_taken_stays_json_of_its_shape(body: str, filling: dict[str, str]) -> None:
    for text in (body, f'["${{to}}${{message}}",{body}]', f'"${{to}}${{message}}{body}"'):
        request = taken(**(POST | {"headers": JSON, "body": text}))
        sent = built(request, values_of(request, filling)) if request else None
        if request and sent:
            assert shape(json.loads(sent.content)) == shape(json.loads(request.body or ""))


@given(st.lists(st.sampled_from([*PIECES, "=", "&", "%", "%26", "+", ";"]), max_size=10).map("".join), FILLINGS)
@settings(max_examples=200)
def test_whatever_form_is_taken_keeps_its_pairs(body: str, filling: dict[str, str]) -> None:
    request = taken(**(POST | {"headers": FORM, "body": f"to=${{to}}&m=${{message}}&{body}"}))
    if request is None:
        return
    values = values_of(request, filling)
    sent = built(request, values)

    assert sent is not None
    pairs = parse_qsl(sent.content.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == (request.body or "").count("&") + 1
    assert pairs[:2] == [("to", values["to"]), ("m", values["message"])]


@pytest.mark.parametrize("value", ["${to}", "${x}", "$${x}", "${message}${to}"])
def test_a_variable_in_a_message_is_text(value: str) -> None:
    filling = dict.fromkeys(["message", "x"], value)
    request = taken(**(POST | {"headers": FORM, "body": "to=${to}&a=${x}&b=${message}"}))

    assert request is not None
    sent = built(request, values_of(request, filling))
    assert sent is not None
    assert parse_qsl(sent.content.decode())[1:] == [("a", value), ("b", value)]
