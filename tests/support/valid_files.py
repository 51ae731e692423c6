"""Configuration files that keep every rule, as hypothesis draws them: each must be taken."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.support.sender_samples import ACCOUNT_SID

Tree = dict[str, Any]

_PRINTABLE = st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="$") | st.just(" ")
TEXT = st.text(_PRINTABLE, min_size=1, max_size=20)
_NAME = TEXT | st.sampled_from(["$${x} costs $5", "a: b #c", "'\"", "true", "0123", "~"])
_COUNTRIES = st.lists(st.sampled_from(["US", "CA", "GB", "NO", "DE"]), min_size=1, max_size=3, unique=True)
_CHANNELS = st.sampled_from([["sms"], ["voice"], ["sms", "voice"]])
_CHAIN = st.permutations(["acme-twilio", "acme-syniverse", "acme-gateway"]).flatmap(
    lambda keys: st.integers(1, 3).map(lambda most: list(keys[:most]))
)
_PERIOD = st.integers(10, 600).map(lambda s: f"{s}s") | st.integers(1, 10).map(lambda m: f"{m}m")
_AMOUNT = st.integers(1, 1_000_000).map(str)
_RATE = st.floats(0, 10_000).map(str) | st.integers(0, 10_000).map(str)
#: what a body may hold between its variables; `${price}` is a variable too, and `$${` none.
_BODY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="$"), max_size=8) | st.sampled_from(
    ["${price}", "$${", "${user.name.given}", "%", "\\"]
)


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    return st.fixed_dictionaries({}, optional=fields)


def _quota(per: str) -> st.SearchStrategy[Tree]:
    total = st.fixed_dictionaries({"per": st.just(per), "total": _AMOUNT}, optional={"channels": _CHANNELS})
    halves = {"per": st.just(per), "used": _AMOUNT, "unused": _AMOUNT}
    return total | st.fixed_dictionaries(halves, optional={"channels": _CHANNELS})


_QUOTAS = st.lists(st.sampled_from(["user", "tenant"]), unique=True).flatmap(
    lambda scopes: st.tuples(*map(_quota, scopes)).map(list)
)
_CHANNEL_COOLDOWN = st.just({"enabled": False}) | st.fixed_dictionaries(
    {"periods": st.lists(_PERIOD, min_size=3, max_size=3), "resend_limit": st.integers(1, 10).map(str)}
)
_COOLDOWN = st.fixed_dictionaries(
    {"sms": _CHANNEL_COOLDOWN, "voice": _CHANNEL_COOLDOWN}, optional={"by": st.sampled_from(["address", "user"])}
)
_LIMIT = st.sampled_from(["allow", "deny"]).flatmap(
    lambda verb: st.fixed_dictionaries({verb: _COUNTRIES}, optional={"channels": _CHANNELS})
)
_CONDITIONS = st.lists(
    st.fixed_dictionaries({"countries": _COUNTRIES, "chain": _CHAIN}, optional={"channels": _CHANNELS}), max_size=3
).flatmap(lambda rows: _CHAIN.map(lambda last: [*rows, {"chain": last}]))
POLICY = _some(
    quotas=_QUOTAS,
    cooldown=_COOLDOWN,
    country_limit=_LIMIT,
    conditions=_CONDITIONS,
    on_unknown=st.sampled_from(["reconcile", "hold", "resend"]),
    fallback=_some(**dict.fromkeys(["recipient", "geo", "body", "parameter", "unsubscribed"], st.booleans())),
)


@st.composite
def gateway_requests(draw: st.DrawFn) -> list[Tree]:
    """Return the two requests of a gateway, in any of the forms that are allowed."""
    sms: Tree = {"channel": "sms", "method": "POST", "url": draw(st.sampled_from(_PLAIN_URLS))}
    body: Tree
    before, between = draw(_BODY_TEXT), draw(_BODY_TEXT)
    if draw(st.booleans()):
        body = {"to": "${to}", "text": f"{before}${{message}}{between}", "fixed": [1, None, {"a": before}]}
        sms |= {
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(body, indent=draw(st.none() | st.just(1))),
        }
    else:
        form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        sms |= {"headers": form, "body": "text=a+${message}&to=${to}&price=${price}%25$${"}
    voice = {"channel": "voice", "method": "GET", "url": draw(st.sampled_from(_FULL_URLS))}
    tags = draw(_some(before_tag=TEXT, after_tag=st.just("<p/>")))
    return [sms, voice | tags | draw(_some(number_format=st.sampled_from(["full", "NUMBER_ONLY"])))]


_PLAIN_URLS = [
    "https://gw.example/sms",
    "https://gw.example:8443/a/${to}/b?x=${otp}",
    "https://[2001:4860::1]/${message}",
]
_FULL_URLS = [
    "https://gw.example?to=${to}&m=${message}",
    "https://gw.example/${to}/x${message}y/?v=${voice}&l=${locale}",
]


@st.composite
def valid_file(draw: st.DrawFn) -> Tree:
    """Return the tree of a file with one tenant, three senders and any policies."""
    twilio: Tree = {
        "kind": "twilio",
        "account_sid": ACCOUNT_SID,
        "auth_token": "${ACME_TWILIO_TOKEN}",
        "channels": ["sms"],
    }
    numbers: list[Tree] = [
        {"number": "+14155550100", **draw(_some(segments_per_second=_RATE))},
        {"number": "+18335550199", "countries": draw(_COUNTRIES)},
        {"number": "88022"},
    ]
    twilio["numbers"] = draw(st.lists(st.sampled_from(numbers), min_size=1, unique_by=lambda one: one["number"]))
    ids = draw(st.lists(st.sampled_from(["channel:1KJPMkuHQkair", "channel:2LKQNlviRlbjs"]), min_size=1, unique=True))
    originators = [{"id": one, **draw(_some(countries=_COUNTRIES, channels=_CHANNELS))} for one in ids]
    syniverse: Tree = {"kind": "syniverse", "access_token": "${ACME_SYNIVERSE_TOKEN}", "originators": originators}
    gateway: Tree = {
        "kind": "gateway",
        "authentication": {"method": "basic", "username": "acme", "password": "${ACME_GATEWAY_SECRET}"},
        "requests": draw(gateway_requests()),
    }
    senders: dict[str, Tree] = {
        "acme-twilio": twilio,
        "acme-syniverse": syniverse | {"channels": ["sms", "voice"]},
        "acme-gateway": gateway | {"channels": ["voice", "sms"]},
    }
    for sender in senders.values():
        sender |= {"name": draw(_NAME), "consent": {"by": draw(_NAME)}, "enabled": draw(st.booleans())}
        sender.update(draw(_some(concurrent_requests=st.integers(0, 10_000).map(str), calls_per_second=_RATE)))
    policies = draw(st.dictionaries(st.sampled_from(["default", "NO", "x" * 64, "1.5"]), POLICY, max_size=2))
    tenant = {"senders": senders, "policies": policies, **draw(_some(default_chain=_CHAIN))}
    return {"tenants": {"acme": tenant}}
