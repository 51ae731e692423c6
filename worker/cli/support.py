"""What commands share: a Redis client around an asynchronous body, and Redis's errors in one line."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

import click
from redis.asyncio import Redis
from redis.exceptions import RedisError

from trunkline_client.calls import reason
from trunkline_client.connection import VARIABLE, open_async, parse
from trunkline_client.errors import TrunklineError
from trunkline_client.limits import RULES
from worker.settings import load_broker_settings

#: names who makes a change where `--as` does not.
ACTOR_VARIABLE: Final = "TRUNKLINE_ACTOR"
MOST_ACTOR_LENGTH: Final = 128

_Result = TypeVar("_Result")
_Command = TypeVar("_Command", bound=Callable[..., object])


class RedisUnavailable(TrunklineError):
    """Redis did not answer a command, or refused it."""


def run_with_redis(body: Callable[[Redis], Awaitable[_Result]]) -> _Result:
    """Run the asynchronous body of a command with a client to the Redis of the settings, and return its result.

    Raises:
        SettingsInvalid: the address of Redis cannot be used.
        RedisUnavailable: Redis did not answer, or refused a command.
    """
    url = load_broker_settings().redis_url.get_secret_value()
    try:
        return asyncio.run(_with_client(url, body))
    except RedisError as error:
        raise RedisUnavailable(f"{reason(error)} ({VARIABLE} names {parse(url)})") from error


def field_of_a_job(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return the value of an option or argument if a job could carry it in its field of this name.

    Raises:
        click.BadParameter: it could not; the contract's own rule says what is wrong with it.
    """
    name = (parameter.name or "").removeprefix("job_")  # JOB_ID is the field `id`
    problem = None if value is None else RULES[name].problem(value)
    if problem is not None:
        raise click.BadParameter(problem)
    return value


def acts(command: _Command) -> _Command:
    """Give a command that changes something the option `--as`, which arrives as `actor`: who does it, for the audit."""
    return click.option(
        "--as",
        "actor",
        metavar="NAME",
        envvar=ACTOR_VARIABLE,
        default=_os_user,
        callback=actor_name,
        help=f"Who makes this change, for the audit; default {ACTOR_VARIABLE}, else the user of the operating system.",
    )(command)


def actor_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """Return the value of an option if it can be the author of a change; raises `click.BadParameter`."""
    name = None if name is None else name.strip()
    if name is not None and not (0 < len(name) <= MOST_ACTOR_LENGTH and name.isprintable()):
        raise click.BadParameter(f"must be 1 to {MOST_ACTOR_LENGTH} printable characters")
    return name


def print_json(value: object) -> None:
    """Print a value as one JSON document, for machines."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _os_user() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may run under a number without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


async def print_json_list(items: AsyncIterator[object]) -> None:
    """Print one JSON array for machines, each item as soon as it is there; nothing if the first cannot be had."""
    before = "["
    async for item in items:
        click.echo(f"{before}\n  {json.dumps(item, ensure_ascii=False)}", nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


async def _with_client(url: str, body: Callable[[Redis], Awaitable[_Result]]) -> _Result:
    client = open_async(url, client_name="trunkline-cli")
    try:
        return await body(client)
    finally:
        await client.aclose()
