"""Broken configuration files: a valid one with parts dropped, replaced, doubled and retyped."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from senders.yaml_text import read_yaml
from tests.support.config_samples import ACME

#: stands in the environment and in files where a credential does; no error may show it.
CANARY = "c4n4ry-credential"
ENVIRONMENT = {
    "ACME_TWILIO_TOKEN": f"{CANARY}-1",
    "ACME_SYNIVERSE_TOKEN": f"{CANARY}-2",
    "ACME_GATEWAY_SECRET": f"{CANARY}-3",
    "EMPTY": "",
    "BROKEN": "half a surrogate \udcff",
    "CONTROLS": "line\r\nbreak \x1b[2J",
}
SECRETS = ("${ACME_TWILIO_TOKEN}", "${ACME_SYNIVERSE_TOKEN}", "${ACME_GATEWAY_SECRET}")

#: a file that uses every kind of sender but one, and everything a policy can say.
EVERYTHING = ACME.replace(
    "    policies:\n      default:\n",
    """
      acme-gateway:
        kind: gateway
        name: Own
        channels: [sms, voice]
        authentication: {method: basic, username: acme, password: "${ACME_GATEWAY_SECRET}"}
        requests:
          - channel: sms
            method: POST
            url: https://gw.example/sms
            headers: {content-type: application/json}
            body: '{"to": "${to}", "text": "${message}", "from": "${from}"}'
          - {channel: voice, method: GET, url: "https://gw.example/call?to=${to}&text=${message}", before_tag: <s>}
        numbers:
          - {number: "+18335550111", type: toll_free, capabilities: [sms, voice], countries: [US]}
    policies:
      strict: {quotas: [{per: tenant, total: 1000, channels: [sms]}]}
      default:
        country_limit: {deny: [KP, NO], channels: [voice]}
        fallback: {recipient: false, unsubscribed: true}
        on_unknown: hold
        quotas: [{per: user, used: 15, unused: 10}]
        cooldown: {by: user, sms: {periods: [45s, 2m, 5m], resend_limit: 3}, voice: {enabled: false}}
""",
)

_Place = tuple[str | int, ...]
_REFERENCES = [
    *SECRETS,
    "${EMPTY}",
    "${BROKEN}",
    "${CONTROLS}",
    "${MISSING}",
    "${stored}",
    "${",
    "${}",
    "$${x}",
    "${a b}",
]
_ODD_TEXT = [
    "", " ", "\n", "\0", "\x1b[31m", "\u202e", "\u2028", "\ufeff", "é", "e\u0301", "💡", "٣", "x" * 300, "+", "NO", "0",
    "-1", "1e400", "9" * 400, "0x10", "+14155550100", "88022", "sms", "SMS", "US", "us", "ÜS", "default", "acme-twilio",
    "45s", "10m", "11m", "https://gw.example/?to=${to}&text=${message}", "https://gw..example/", "https://[::1]/",
    f"https://{'a' * 70}.example/", "https://xn--a/", "//x", '{"${to}": "${message}"}',
]  # fmt: skip
_LEAVES = st.sampled_from([*_REFERENCES, *_ODD_TEXT]) | st.text(max_size=6) | st.booleans() | st.none()
_SMALL = st.lists(_LEAVES, max_size=2) | st.dictionaries(st.sampled_from(["number", "kind", "chain", "a b"]), _LEAVES)
_DEEP = st.integers(1, 60).map(lambda levels: json.loads("[" * levels + "]" * levels))
_KEYS = st.sampled_from(
    ["kind", "numbers", "consent", "chain", "tenants", "a b", "", "ä", "x" * 65, "__class__", "\x1b["]
)
VALUES = _LEAVES | _SMALL | _DEEP


def as_yaml(tree: object) -> str:
    """Return a tree as JSON that is YAML too: no pairs of surrogates."""
    return json.dumps(tree, ensure_ascii=False).encode(errors="replace").decode()


@st.composite
def mutated(draw: st.DrawFn, text: str) -> Any:
    """Return the tree of a file with one to four of its parts changed."""
    tree: Any = copy.deepcopy(read_yaml(text))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(tree))
        if not places:
            return tree
        place = draw(st.sampled_from(places))
        holder = _at(tree, place[:-1])
        match draw(st.sampled_from(["drop", "replace", "retype", "double", "move", "rename"])):
            case "drop":
                del holder[place[-1]]
            case "replace":
                holder[place[-1]] = draw(VALUES)
            case "retype":
                holder[place[-1]] = _retyped(holder[place[-1]])
            case "move":
                holder[place[-1]] = copy.deepcopy(_at(tree, draw(st.sampled_from(places))))
            case "rename" if isinstance(holder, dict):
                holder[draw(_KEYS)] = holder.pop(place[-1])
            case _:
                _double(holder, place[-1], draw(_KEYS))
    return tree


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """Return the text of a file with characters and lines changed."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 12))
        text = text[:start] + draw(st.text(st.characters(codec="utf-8"), max_size=4) | _SYNTAX) + text[end:]
    return text


_SYNTAX = st.sampled_from(
    [
        *"{}[]:,&*!|>%@`#-?'\"", ": ", "- ", "\n", "\t", "\n  ", "---\n", "...\n", "<<: *a", "!!python/name:os x",
        "&a ", "*a", "? ", "\\", *SECRETS, "${stored}",
    ]
)  # fmt: skip


def _places(tree: object, place: _Place = ()) -> Iterator[_Place]:
    items: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*place, key)
        yield from _places(value, (*place, key))


def _at(tree: Any, place: _Place) -> Any:
    for part in place:
        tree = tree[part]
    return tree


def _retyped(value: object) -> object:
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    if isinstance(value, dict):
        return list(value.values())
    return [value]


def _double(holder: Any, part: Any, key: str) -> None:
    if isinstance(holder, list):
        holder.insert(part, copy.deepcopy(holder[part]))
    else:
        holder[key] = copy.deepcopy(holder[part])
