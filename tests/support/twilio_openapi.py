"""Checks requests and answers against the facts of Twilio's official OpenAPI documents, kept in `tests/data`.

Every check returns its problems as sentences; an empty list means the exchange agrees with the documents.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from jsonschema import FormatChecker
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

DOCUMENT: Final = Path(__file__).parents[1] / "data" / "twilio_openapi.json"
_URN: Final = "urn:twilio"
_FORMATS: Final = FormatChecker(formats=())


def _is_rfc_2822(value: object) -> bool:
    return not isinstance(value, str) or parsedate_to_datetime(value).tzinfo is not None


_FORMATS.checks("date-time-rfc-2822", raises=(ValueError, TypeError))(_is_rfc_2822)


def check_request(method: str, path: str, form: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what is wrong with a request.

    Args:
        method: `GET` or `POST`.
        path: the path without its query, for example `/2010-04-01/Accounts/AC.../Messages.json`.
        form: the decoded form of a POST, or the decoded query of a GET, each name with all of its values.
    """
    found = _operation(method, path)
    if found is None:
        return [f"{method} {path}: no such operation"]
    operation, path_values = found
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    schema = operation["form"]["schema"] if method.upper() == "POST" else _query_schema(parameters)
    problems = [
        f"{name} in the path: {problem}"
        for name, value in path_values.items()
        for problem in _violations(parameters[name]["schema"], value)
    ]
    values: dict[str, Any] = {}
    for name, texts in form.items():
        if name not in schema["properties"]:
            problems.append(f"{name}: unknown field")
            continue
        values[name], cast_problem = _cast(schema["properties"][name], texts)
        problems += [f"{name}: {cast_problem}"] if cast_problem else []
    problems += _violations(schema, values)
    return problems + _conditional_problems(operation["conditional"], form)


def check_response(method: str, path: str, status: int, body: object) -> list[str]:
    """Return what is wrong with an answer; a refusal is checked against the documented error body."""
    found = _operation(method, path)
    if found is None:
        return [f"{method} {path}: no such operation"]
    if status >= 400:
        return _error_problems(status, body)
    schema = found[0]["responses"].get(str(status))
    if schema is None:
        return [f"status {status} is not declared"]
    return [*_violations(schema, body), *_unknown_fields(schema, body, "")]


def missing_fields(method: str, path: str, status: int, body: object) -> list[str]:
    """Return the fields the documents declare and `body` lacks; the documents themselves make none compulsory."""
    found = _operation(method, path)
    schema = found[0]["responses"].get(str(status)) if found else None
    return [] if schema is None else list(_missing(schema, body, ""))


@functools.cache
def _document() -> dict[str, Any]:
    text = DOCUMENT.read_text(encoding="utf-8").replace('"#/components/', f'"{_URN}#/components/')
    document: dict[str, Any] = json.loads(text)
    return document


@functools.cache
def _registry() -> Registry[Any]:
    registry: Registry[Any] = Registry().with_resource(_URN, DRAFT4.create_resource(_document()))
    return registry


@functools.cache
def _path_patterns() -> list[tuple[re.Pattern[str], str]]:
    # Literal paths first: `/Messages.json` must not be read as `/{Sid}.json`.
    ordered = sorted(_document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))), path) for path in ordered]


def _operation(method: str, path: str) -> tuple[dict[str, Any], dict[str, str]] | None:
    for pattern, template in _path_patterns():
        match = pattern.fullmatch(path)
        if match and method.lower() in _document()["paths"][template]:
            return _document()["paths"][template][method.lower()], match.groupdict()
    return None


def _query_schema(parameters: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    in_query = {name: parameter for name, parameter in parameters.items() if parameter["in"] == "query"}
    required = [name for name, parameter in in_query.items() if parameter.get("required")]
    properties = {name: parameter["schema"] for name, parameter in in_query.items()}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _cast(schema: Mapping[str, Any], texts: Sequence[str]) -> tuple[object, str | None]:
    """Return the value as the schema's type would read it, and a problem if the form cannot say it that way."""
    if schema.get("type") == "array":
        return list(texts), None
    if len(texts) != 1:
        return texts[0] if texts else "", f"{len(texts)} values of a single field"
    (text,) = texts
    if schema.get("type") == "boolean":
        return ({"true": True, "false": False}[text], None) if text in {"true", "false"} else (text, None)
    try:
        if schema.get("type") == "integer":
            return int(text), None
        if schema.get("type") == "number":
            return float(text), None
    except ValueError:
        return text, None  # the schema check that follows says it is no number
    return text, None


def _violations(schema: Mapping[str, Any], value: object) -> list[str]:
    validator = OAS30Validator(schema, registry=_registry(), format_checker=_FORMATS)
    return [
        f"{'.'.join(map(str, error.absolute_path)) or 'value'}: {error.message}"
        for error in validator.iter_errors(value)
    ]


def _conditional_problems(groups: Sequence[Sequence[str]], form: Mapping[str, Sequence[str]]) -> list[str]:
    given = {_snake_case(name) for name in form}
    return [f"one of {', '.join(group)} is needed" for group in groups if not given.intersection(group)]


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _error_problems(status: int, body: object) -> list[str]:
    if not isinstance(body, dict):
        return ["an error's body is a JSON object"]
    problems = [f"{name}: unknown field" for name in body.keys() - {"code", "message", "more_info", "status", "detail"}]
    problems += [] if isinstance(body.get("message"), str) else ["message: not a string"]
    problems += [] if isinstance(body.get("more_info"), str) else ["more_info: not a string"]
    problems += [] if isinstance(body.get("code"), int | None) else ["code: neither a number nor null"]
    return problems + ([] if body.get("status") == status else [f"status: not {status}"])


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    resolved: dict[str, Any] = _document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return resolved


def _children(schema: Mapping[str, Any], value: object, where: str) -> Iterator[tuple[Mapping[str, Any], object, str]]:
    """Yield every object inside `value` with the schema that describes it, and where it is."""
    schema = _resolved(schema)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from _children(schema["items"], item, f"{where}{index}.")
    elif isinstance(value, dict) and "properties" in schema:
        yield schema, value, where
        for name, item in value.items():
            yield from _children(schema["properties"].get(name, {}), item, f"{where}{name}.")


def _unknown_fields(schema: Mapping[str, Any], body: object, where: str) -> Iterator[str]:
    for described, value, place in _children(schema, body, where):
        assert isinstance(value, dict)
        yield from (f"{place}{name}: unknown field" for name in value.keys() - described["properties"].keys())


def _missing(schema: Mapping[str, Any], body: object, where: str) -> Iterator[str]:
    for described, value, place in _children(schema, body, where):
        assert isinstance(value, dict)
        yield from (f"{place}{name}: missing" for name in described["properties"].keys() - value.keys())
