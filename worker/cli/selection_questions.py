"""The questions about the numbers of an account: which ones, and for which countries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import click

from providers.protocol import FoundNumber, Kind, NumberType
from senders.file_tree import Tree
from trunkline_client.words import Channel
from worker.cli import answers
from worker.cli.prompts import ask, tell

#: the types of number that serve only the countries they are given.
WITH_COUNTRIES: Final = frozenset({NumberType.TOLL_FREE, NumberType.SHORT_CODE})


def unfit(found: FoundNumber, kind: Kind, channels: Collection[str]) -> str | None:
    """Return why a number cannot carry the channels of a sender, None if it can.

    One of Twilio must carry each of them; an originator of Syniverse may be for one of two, and one whose account
    lists no capability is taken at its word.
    """
    able = {channel.value for channel in found.capabilities}
    partly = kind is Kind.SYNIVERSE and (not able or able & set(channels))
    if partly or able >= set(channels):
        return None
    return f"supports {', '.join(sorted(able))} only" if able else "supports neither sms nor voice"


def ask_channels(kind: Kind, found: Sequence[FoundNumber]) -> list[str]:
    """Return the channels to use, such that at least one number can carry them."""

    def check(answer: str) -> list[str]:
        channels = answers.channels(answer)
        if all(unfit(one, kind, channels) for one in found):
            raise click.BadParameter(f"no number of the account supports {' and '.join(channels)}")
        return channels

    return ask("Channels (sms, voice or both)", "--channel", check=check)


def ask_numbers(kind: Kind, found: Sequence[FoundNumber], channels: Collection[str]) -> list[FoundNumber]:
    """Return the numbers to select; those that cannot carry the channels are named, and refused."""
    problems = {one.number: unfit(one, kind, channels) for one in found}
    others = {number: problem for number, problem in problems.items() if problem is not None}
    fitting = [one for one in found if one.number not in others]
    if others:
        tell(f"Cannot be selected for {' and '.join(channels)}:")
    for number, problem in others.items():
        click.echo(f"  {number} {problem}", err=True)
    default = fitting[0].number if len(fitting) == 1 else None
    question = "Numbers (with commas between, all or none)"
    return ask(question, "--number", check=answers.numbers(fitting, others), default=default)


def ask_countries(number: str, number_type: NumberType) -> list[str] | None:
    """Return the countries of a toll-free number or short code, None for an ordinary number."""
    if number_type not in WITH_COUNTRIES:
        return None
    several = number_type is NumberType.TOLL_FREE
    what = f"{number_type.replace('_', ' ')}; {'separated by commas' if several else 'exactly one'}"
    return ask(f"Countries of {number} ({what})", "--number", check=answers.countries(number_type), default="US")


def originator(found: FoundNumber, channels: Collection[str]) -> Tree:
    """Return a Syniverse originator as a file has it, for those of the sender's channels that it can carry."""
    able = found.capabilities & {Channel(channel) for channel in channels}
    if not found.capabilities or len(able) == len(channels):
        return {"id": found.number}
    return {"id": found.number, "channels": sorted(able)}
