"""Reads what people type: each check returns the answer to use, or raises `click.BadParameter` with what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import click
from pydantic import BaseModel, TypeAdapter, ValidationError

from providers.protocol import FoundNumber, NumberType
from senders.countries import COUNTRIES
from trunkline_client.words import Channel

ALL: Final = "all"
NONE: Final = "none"
BOTH: Final = "both"

#: what people write between the digits of a number.
_SEPARATORS: Final = re.compile(r"[\s().-]+")


def one_of(words: Iterable[str]) -> Callable[[str], str]:
    """Return a check for one of these words, in any case."""
    known = {word.lower(): word for word in map(str, words)}

    def check(answer: str) -> str:
        word = known.get(answer.strip().lower())
        if word is None:
            raise click.BadParameter(f"must be one of {', '.join(known.values())}")
        return word

    return check


def form(kind: Any) -> Callable[[str], str]:
    """Return a check of answers by the rule of a field of the configuration file."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)

    def check(answer: str) -> str:
        try:
            adapter.validate_python(answer.strip())
        except ValidationError as error:
            raise click.BadParameter(_text(error.errors()[0]["msg"])) from None
        return answer.strip()

    return check


def field_of(
    model: type[BaseModel], so_far: Mapping[str, Any], field: str, context: Mapping[str, Any]
) -> Callable[[str], str]:
    """Return a check of one field of a part of the configuration file, given the fields above it.

    Args:
        model: the part.
        so_far: the fields that are answered already.
        field: the one that is asked for.
        context: what the rules of the part look up.
    """

    def check(answer: str) -> str:
        answer = answer.strip()
        problem = problem_of(model, {**so_far, field: answer}, field, context)
        if problem is not None:
            raise click.BadParameter(problem)
        return answer

    return check


def problem_of(model: type[BaseModel], fields: Mapping[str, Any], field: str, context: Mapping[str, Any]) -> str | None:
    """Return what the rules of a part say about one of its fields; what is missing below it does not matter yet."""
    try:
        model.model_validate(fields, context=dict(context))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        return next((_text(one["msg"]) for one in found if one["loc"][:1] == (field,)), None)
    return None


def channels(answer: str) -> list[str]:
    """Return the channels that `sms`, `voice` or `both` stands for."""
    word = one_of((*Channel, BOTH))(answer)
    return sorted(Channel) if word == BOTH else [word]


def countries(number_type: NumberType) -> Callable[[str], list[str]]:
    """Return a check of the countries of a toll-free number (several) or a short code (exactly one)."""

    def check(answer: str) -> list[str]:
        codes = list(dict.fromkeys(re.findall(r"[^\s,;]+", answer.upper())))
        unknown = [code for code in codes if code not in COUNTRIES]
        if unknown:
            raise click.BadParameter(
                f"{', '.join(unknown)}: must be valid two character country codes (ISO 3166-1 alpha-2), such as US"
            )
        if not codes:
            raise click.BadParameter("must name at least one country")
        if number_type is NumberType.SHORT_CODE and len(codes) > 1:
            raise click.BadParameter("a short code serves exactly one country")
        return codes

    return check


def numbers(fitting: Sequence[FoundNumber], others: Mapping[str, str]) -> Callable[[str], list[FoundNumber]]:
    """Return a check of a selection: numbers between commas, written as people write them, `all` or `none`.

    Args:
        fitting: what may be selected.
        others: the rest of the account's numbers, each with what it is unfit for.
    """
    by_name = {one.number: one for one in fitting}
    known = {bare(name): name for name in (*others, *by_name)}

    def check(answer: str) -> list[FoundNumber]:
        word = answer.strip().lower()
        if word in {ALL, NONE}:
            return list(fitting) if word == ALL else []
        parts = (part.strip() for part in answer.split(","))
        named = list(dict.fromkeys(name for part in parts if part for name in _named(part, known)))
        missing = [name for name in named if name not in by_name and name not in others]
        problems = [f"the account does not have {', '.join(missing)}"] if missing else []
        problems += [f"{name} {others[name]}" for name in named if name in others]
        if problems or not named:
            raise click.BadParameter("; ".join(problems) or "must name at least one number, all or none")
        return [by_name[name] for name in named]

    return check


def bare(number: str) -> str:
    """Return a number without what people write between its digits, and without its plus sign."""
    return _SEPARATORS.sub("", number).removeprefix("+")


def _named(part: str, known: Mapping[str, str]) -> list[str]:
    """Return the numbers one part of an answer names; spaces may be inside a number, or between two."""
    words, found = part.split(), list[str]()
    while words:
        end = next((end for end in range(len(words), 0, -1) if bare("".join(words[:end])) in known), None)
        if end is None:
            return [part]
        found.append(known[bare("".join(words[:end]))])
        del words[:end]
    return found


def _text(message: str) -> str:
    return message.removeprefix("Value error, ")
