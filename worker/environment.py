"""How settings are read: from `TRUNKLINE_*` variables only, with all mistakes reported at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from trunkline_client.errors import SettingsInvalid

PREFIX: Final = "TRUNKLINE_"
#: a variable this like a setting's name is taken for a slip of the pen.
_ALIKE: Final = 0.85


def variable(field: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + field.upper()


class Environment(BaseSettings):
    """Settings from the environment only: no files, so a worker started in a foreign folder reads nothing foreign."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        env_ignore_empty=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- pydantic-settings names and passes them all
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in order: values given in code, then the environment."""
        return (init_settings, env_settings)


SomeSettings = TypeVar("SomeSettings", bound=Environment)


def load(kind: type[SomeSettings], *, known: Iterable[str] = (), environment: Iterable[str] = ()) -> SomeSettings:
    """Return the settings of one class from the environment.

    Args:
        kind: the class.
        known: the fields that there are, for finding slips.
        environment: the names of the variables to look for slips in.

    Raises:
        SettingsInvalid: the text lists every variable that cannot be used, each with its fix.
    """
    mistakes = _slips(environment, [variable(field) for field in known])
    try:
        settings = kind()
    except ValidationError as error:
        mistakes[:0] = [_mistake(kind, detail) for detail in error.errors(include_url=False, include_input=False)]
    else:
        if not mistakes:
            return settings
    raise SettingsInvalid("\n  ".join(["these settings cannot be used:", *mistakes]))


def _mistake(kind: type[Environment], detail: ErrorDetails) -> str:
    field = str(detail["loc"][0])
    context: dict[str, Any] = detail.get("ctx") or {}
    if detail["type"] == "missing":
        problem = f"is missing. {kind.model_fields[field].description}"
    elif "error" in context:
        problem = str(context["error"])
    else:
        problem = detail["msg"].replace("Input should be", "must be", 1)
    return f"{variable(field)}: {problem.removeprefix(variable(field)).lstrip(': ')}"


def _slips(environment: Iterable[str], known: list[str]) -> list[str]:
    """Return a mistake for each variable that is nearly, but not quite, the name of a setting."""
    slips = []
    for name in sorted(set(environment)):
        if not name.startswith(PREFIX) or name in known:
            continue
        meant = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if meant:
            slips.append(f"{name}: there is no such setting; did you mean {meant[0]}?")
    return slips
