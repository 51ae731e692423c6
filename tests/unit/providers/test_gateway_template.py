from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.gateway_template import (
    UnfitValue,
    fill_form,
    fill_json,
    fill_url,
    is_well_formed,
    json_problem,
    names_in,
    origin_of,
)

#: what breaks out of something somewhere.
NASTY = ['"', "\\", "&", "=", "#", "?", "/", "%", "+", " ", "\r\n", "\0", "{", "}", "${to}", "$${", "é", "\u2028", "💡"]
VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.sampled_from(NASTY)).map("".join)
NAMES = st.text("abcXYZ019_.-", min_size=1, max_size=8)
SNIPPETS = st.sampled_from(
    ["${a}", "${b}", "$${", "$", "{", "}", '"', "\\", ":", ",", "[", "]", "\\u0022", "1", "x", " "]
)


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("to=${a}", "to=1+%26+2"),
        ("to=${a}${a}", "to=1+%26+21+%26+2"),
        ("to=$${a}", "to=${a}"),
        ("to=${unknown}.", "to=."),
        ("to=${a.b-c_1}", "to=dotted"),
        ("$a {a} ${} ${a", "$a {a} ${} ${a"),
    ],
)
def test_a_form_is_filled_with_encoded_values(template: str, filled: str) -> None:
    assert fill_form(template, {"a": "1 & 2", "a.b-c_1": "dotted"}) == filled


def test_an_address_keeps_its_origin_and_gets_percent_encoded_values() -> None:
    url = "https://gw.example:8443/x/${a}?m=${a}&n=$${"

    assert fill_url(url, {"a": "a/b?c d"}) == "https://gw.example:8443/x/a%2Fb%3Fc%20d?m=a%2Fb%3Fc%20d&n=${"


@pytest.mark.parametrize("value", ["..", "."])
def test_a_value_cannot_climb_a_path(value: str) -> None:
    with pytest.raises(UnfitValue):
        fill_url("https://gw.example/a/${a}/b", {"a": value})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://gw.example", "https://gw.example"),
        ("https://gw.example?x=//y", "https://gw.example"),
        ("https://${host}/x", "https://${host}"),
        ("no address", ""),
    ],
)
def test_the_origin_of_an_address_ends_where_its_path_begins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("template", ["", "x", "${a}", "$${", "$${a}", "${user.name.given}", "$", "{a}"])
def test_a_template_may_hold_variables_and_plain_openings(template: str) -> None:
    assert is_well_formed(template)


@pytest.mark.parametrize("template", ["${", "${}", "${ a}", "${a", '${a"b}', "${a${b}}", "${\n}", "x${é}"])
def test_an_opening_without_a_name_is_no_template(template: str) -> None:
    assert not is_well_formed(template)


def test_the_names_of_a_template_are_those_it_uses() -> None:
    assert names_in("${to}$${not}${user.name.given} ${to") == {"to", "user.name.given"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('{"a": "${to} ${message}"}', None),
        ('["${to}", {"b": "x${message}"}]', None),
        ('"${to}"', None),
        ('{"a": ${to}}', "must be valid JSON"),
        ('{"a": "${to}",}', "must be valid JSON"),
        ('{"a": NaN}', "must be valid JSON"),
        ("", "must be valid JSON"),
        ("[" * 100_000, "must be valid JSON"),
        ('{"${to}": 1}', "not in names of fields"),
        ('[{"a": {"x${to}": 1}}]', "not in names of fields"),
    ],
)
def test_a_json_body_is_json_with_its_variables_inside_strings(body: str, problem: str | None) -> None:
    found = json_problem(body)

    assert (found is None) if problem is None else (found is not None and problem in found)


def substituted(tree: Any, values: dict[str, str]) -> Any:
    match tree:
        case dict():
            return {key: substituted(item, values) for key, item in tree.items()}
        case list():
            return [substituted(item, values) for item in tree]
        case str():
            return tree.replace("${a}", values["a"]).replace("${b}", values["b"]) if "$" in tree else tree
        case _:
            return tree


TREES = st.recursive(
    st.integers() | st.booleans() | st.none() | st.sampled_from(["${a}", "x${b}y", "plain", 'q"${a}', "\\${b}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("pqr"), inner, max_size=3),
    max_leaves=8,
)


@given(TREES, VALUES.filter(lambda value: "${" not in value), VALUES.filter(lambda value: "${" not in value))
def test_no_value_breaks_out_of_json(tree: Any, first: str, second: str) -> None:
    values = {"a": first, "b": second}

    assert json.loads(fill_json(json.dumps(tree), values)) == substituted(tree, values)


def shape(tree: Any) -> Any:
    match tree:
        case dict():
            return {key: shape(item) for key, item in tree.items()}
        case list():
            return [shape(item) for item in tree]
        case str():
            return "text"
        case _:
            return tree


@given(st.lists(SNIPPETS).map("".join), VALUES, VALUES)
def test_whatever_template_of_json_is_accepted_keeps_its_shape(template: str, first: str, second: str) -> None:
    if json_problem(template) is not None:
        return

    assert shape(json.loads(fill_json(template, {"a": first, "b": second}))) == shape(json.loads(template))


@given(VALUES, VALUES)
def test_no_value_breaks_out_of_a_form(first: str, second: str) -> None:
    filled = fill_form("to=${a}&text=x${b}&end=1", {"a": first, "b": second})

    assert parse_qsl(filled, keep_blank_values=True) == [("to", first), ("text", f"x{second}"), ("end", "1")]


@given(VALUES, VALUES)
def test_no_value_breaks_out_of_the_query_of_an_address(first: str, second: str) -> None:
    parts = urlsplit(fill_url("https://gw.example:1/p/x${a}y?to=${a}&text=${b}", {"a": first, "b": second}))

    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "gw.example:1", "")
    assert parts.path.count("/") == 2
    assert parse_qsl(parts.query, keep_blank_values=True) == [("to", first), ("text", second)]


@given(NAMES, VALUES)
def test_every_plain_name_can_be_a_variable(name: str, value: str) -> None:
    assert parse_qsl(fill_form(f"a=${{{name}}}", {name: value}), keep_blank_values=True) == [("a", value)]
