"""The options that select jobs, the same for every command that takes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import update_wrapper
from typing import Any, Final

import click

from providers.faults import Fault
from senders.countries import COUNTRIES
from senders.policy import Rule
from tasks.dispatch import CONTRACT_RULE
from tasks.wanted import Wanted
from trunkline_client.keys import FALLBACK_PROVIDERS
from trunkline_client.limits import RULES
from trunkline_client.words import Channel, JobState, Lane
from worker.cli.moments import FORMS, moment
from worker.cli.support import field_of_a_job


def selects_jobs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that select jobs; what they say arrives as `wanted`, a `Wanted`."""
    return selects_jobs_with("--priority")(command)


def selects_jobs_with(lane_option: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the same for a command with a `--priority` of its own: its option that selects by lane has this name."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        def select(**given: Any) -> Any:
            wanted = _wanted(**{name: given.pop(name) for name in _NAMES})
            return command(wanted=wanted, **given)

        selecting = update_wrapper(select, command)
        of_lane = click.option(lane_option, "in_lane", type=_choice(Lane), help="Only of this priority.")
        for option in reversed((*_OPTIONS, of_lane)):
            selecting = option(selecting)
        return selecting

    return decorate


def _wanted(
    *,
    states: tuple[str, ...],
    fault: str | None,
    channel: str | None,
    in_lane: str | None,
    since: datetime | None,
    until: datetime | None,
    **as_given: str | None,
) -> Wanted:
    if since and until and since > until:
        raise click.BadParameter("ends before it begins: --since must be the earlier moment", param_hint="--until")
    return Wanted(
        states=frozenset(map(JobState, states)),
        fault=Fault(fault) if fault else None,
        channel=Channel(channel) if channel else None,
        lane=Lane(in_lane) if in_lane else None,
        since=since,
        until=until,
        **as_given,
    )


def sender_key(_: click.Context, __: click.Parameter, key: str | None) -> str | None:
    """Return the value of an option if a sender could be called so; raises `click.BadParameter`."""
    problem = None if key is None else RULES["tenant"].problem(key)  # the same form
    if problem is not None:
        raise click.BadParameter(problem)
    return key


def _country(_: click.Context, __: click.Parameter, code: str | None) -> str | None:
    code = None if code is None else code.upper()
    if code is not None and code not in COUNTRIES:
        raise click.BadParameter("must be a two character country code (ISO 3166-1 alpha-2), such as US")
    return code


def _choice(words: Any) -> click.Choice[str]:
    return click.Choice([str(word) for word in words], case_sensitive=False)


_OPTIONS: Final[tuple[Callable[[Any], Any], ...]] = (
    click.option("--tenant", callback=field_of_a_job, help="Only jobs of this tenant."),
    click.option(
        "--state", "states", multiple=True, type=_choice(JobState), help="Only in this state; may be given again."
    ),
    click.option("--fault", type=_choice(Fault), help="Only those that failed by this fault."),
    click.option("--rule", type=_choice((*Rule, CONTRACT_RULE)), help="Only those that were rejected by this rule."),
    click.option(
        "--provider", type=_choice(FALLBACK_PROVIDERS), help="Only those it accepted, or was tried for if nobody did."
    ),
    click.option(
        "--sender", callback=sender_key, metavar="KEY", help="Only those sent over it, or tried over it if not sent."
    ),
    click.option("--country", callback=_country, metavar="CODE", help="Only to recipients in this country: US, DE."),
    click.option("--channel", type=_choice(Channel), help="Only of this channel."),
    click.option("--reference", callback=field_of_a_job, help="Only those with this reference of their producer."),
    click.option("--since", callback=moment, metavar="WHEN", help=f"Enqueued from this moment on: {FORMS}."),
    click.option("--until", callback=moment, metavar="WHEN", help="Enqueued up to this moment; as --since."),
)
_NAMES: Final = (
    *("tenant", "states", "fault", "rule", "provider", "sender", "country", "channel", "in_lane", "reference"),
    *("since", "until"),
)
