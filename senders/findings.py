"""What is wrong with a file, collected so that one run reports every field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from senders.shown import shown
from trunkline_client.errors import FieldError, TrunklineError

_Model = TypeVar("_Model", bound=BaseModel)
Spare = Callable[[Mapping[str, object], str], bool]

#: a reference in a value, or `$${`, which stands for a plain `${`.
_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
#: how Python shows bytes of the environment that are not UTF-8.
_BROKEN: Final = re.compile("[\ud800-\udfff]")
#: stands in a file for the credential that is stored already; it names no environment variable.
STORED_REFERENCE: Final = "${stored}"
#: the fields of a sender that hold its credential, whatever its kind.
CREDENTIAL_FIELDS: Final = frozenset(
    {"auth_token", "access_token", "password", "token", "client_secret", "header_value"}
)

#: pydantic's words in ours; what is not here is either written by us or clear as it is. No text quotes a value.
_PROBLEMS: Final = {
    "missing": "is missing",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def _nothing(_: Mapping[str, object], __: str) -> bool:
    return False


class FromEnvironment(str):
    """A text of a file with a variable of the environment in it. It may be a secret, so no error quotes it."""

    __slots__ = ()


class ConfigRefused(TrunklineError):
    """A configuration cannot be applied; `errors` names every wrong field, and nothing was saved."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors)
        count = f"{len(errors)} error{'' if len(errors) == 1 else 's'}, nothing was saved:"
        super().__init__("\n  ".join([count, *(shown(str(error)) for error in errors)]))


class Findings:
    """Collects errors, the first one of each field, in the order they were found."""

    def __init__(self, context: Mapping[str, object] | None = None) -> None:
        """Start without errors; `context` is what validators of models find in `info.context`."""
        self._problems: dict[str, str] = {}
        self._context = dict(context or {})

    def add(self, path: str, problem: str) -> None:
        """Record a problem of the field at `path`, unless it has one already."""
        self._problems.setdefault(path, problem)

    def refuse_if_any(self) -> None:
        """Raise `ConfigRefused` with everything found, if anything was."""
        if self._problems:
            raise ConfigRefused([FieldError(path, problem) for path, problem in self._problems.items()])

    def mapping(self, value: object, path: str, *, known: frozenset[str] | None = None) -> dict[str, object]:
        """Return `value` if it is a mapping, else an empty one; unknown keys are recorded."""
        if not isinstance(value, dict):
            self.add(path or "the file", _PROBLEMS["missing"] if value is None else _PROBLEMS["dict_type"])
            return {}
        for key in value:
            if known is not None and key not in known:
                self.add(at(path, key), _unknown_key(known))
        return cast("dict[str, object]", value)

    def model(self, model: type[_Model], value: object, path: str) -> _Model | None:
        """Return `value` as a model, or None with every wrong field recorded."""
        try:
            return model.model_validate(value, context=self._context)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                self.add(_path_of(path, detail), _problem_of(detail, model))
            return None

    def substitute(
        self, value: object, environment: Mapping[str, str], path: str = "", *, spare: Spare = _nothing
    ) -> object:
        """Return `value` with every `${NAME}` in a text replaced; missing variables are recorded.

        Args:
            value: the file, or a part of it.
            environment: where names are looked up.
            path: the path of the part.
            spare: tells of a mapping and one of its keys whether what is there keeps its `${...}`.
        """
        if isinstance(value, dict):
            return {
                key: item if spare(value, key) else self.substitute(item, environment, at(path, key), spare=spare)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self.substitute(item, environment, at(path, index), spare=spare) for index, item in enumerate(value)
            ]
        if not isinstance(value, str):
            return value
        if value == STORED_REFERENCE and path.rpartition(".")[2] in CREDENTIAL_FIELDS:
            return value
        filled = _REFERENCE.sub(lambda match: self._value_of(match, environment, path), value)
        return FromEnvironment(filled) if any(_REFERENCE.findall(value)) else filled

    def _value_of(self, match: re.Match[str], environment: Mapping[str, str], path: str) -> str:
        name = match.group(1)
        if name is None:
            return "${"
        if match.group() == STORED_REFERENCE:
            self.add(path, f"{STORED_REFERENCE} may only be the whole of a credential")
        elif not _VARIABLE.fullmatch(name):
            self.add(path, "${...} must hold the name of an environment variable; write $${ for a plain ${")
        elif name not in environment:
            self.add(path, f"the environment variable {name} is not set")
        elif not environment[name]:
            self.add(path, f"the environment variable {name} is empty")
        elif _BROKEN.search(environment[name]):
            self.add(path, f"the environment variable {name} is not text in UTF-8")
        return environment.get(name, "")


def at(path: str, part: str | int) -> str:
    """Return the path of a part of the field at `path`."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if path else part


def _path_of(path: str, detail: ErrorDetails) -> str:
    for part in detail["loc"]:
        if part != "[key]":  # pydantic's mark for a wrong key of a mapping
            path = at(path, part)
    return path


def _problem_of(detail: ErrorDetails, model: type[BaseModel]) -> str:
    if detail["type"] == "extra_forbidden":
        if len(detail["loc"]) == 1:
            return _unknown_key(frozenset(model.model_fields))
        return _unknown_key(_keys_of(model, detail["loc"][:-1]))
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    return _PROBLEMS.get(detail["type"]) or detail["msg"].replace("Input should be", "must be")


def _keys_of(model: type[BaseModel], path: tuple[str | int, ...]) -> frozenset[str]:
    """Return the keys of the model at `path` inside `model`, none if there is no model."""
    inner: Any = model
    for part in path:
        field = getattr(inner, "model_fields", {}).get(part)
        if field is not None:
            inner = next((kind for kind in _kinds(field.annotation) if hasattr(kind, "model_fields")), None)
    return frozenset(getattr(inner, "model_fields", ()))


def _kinds(annotation: Any) -> Iterator[Any]:
    """Yield the plain types inside an annotation."""
    inside = get_args(annotation)
    if not inside:
        yield annotation
    for one in inside:
        yield from _kinds(one)


def _unknown_key(known: frozenset[str]) -> str:
    return f"is no key that is known here ({', '.join(sorted(known))})" if known else "is no key that is known here"
