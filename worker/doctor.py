"""The checks of `trunkline doctor`: each looks at one thing and returns what it found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from redis.exceptions import RedisError

from trunkline_client.calls import reason
from trunkline_client.connection import VARIABLE, open_async, parse
from trunkline_client.errors import SettingsInvalid
from worker.redis_facts import read_facts
from worker.redis_health import Finding, ServerFacts, Severity, findings_of
from worker.settings import load_broker_settings, load_settings


@dataclass(frozen=True, slots=True)
class Checked:
    """One check that was made."""

    name: str
    findings: tuple[Finding, ...]


def examine() -> list[Checked]:
    """Make every check, and return each with what it found; none of them changes anything."""
    return [Checked(name, tuple(check())) for name, check in _CHECKS]


def breaks_a_promise(checks: list[Checked]) -> bool:
    """Return whether anything that was found must be mended."""
    return any(finding.severity is Severity.ERROR for check in checks for finding in check.findings)


def _settings() -> list[Finding]:
    try:
        load_settings()
    except SettingsInvalid as error:
        first, *mistakes = str(error).splitlines()
        return [_mistake(mistake.strip()) for mistake in mistakes or [first]]
    return []


def _mistake(text: str) -> Finding:
    variable, _, problem = text.partition(": ")
    return Finding(variable, Severity.ERROR, problem, "a worker does not start with it", "see docs/settings.md")


def _redis() -> list[Finding]:
    try:
        url = load_broker_settings().redis_url.get_secret_value()
    except SettingsInvalid:
        return []  # said by the check of the settings
    try:
        return findings_of(asyncio.run(_facts(url)))
    except RedisError as error:
        return [
            Finding(
                "reachable",
                Severity.ERROR,
                f"{parse(url)}: {reason(error)}",
                "nothing can be enqueued or sent",
                f"check that it runs, and that {VARIABLE} names it",
            )
        ]


async def _facts(url: str) -> ServerFacts:
    client = open_async(url, client_name="trunkline-cli")
    try:
        return await read_facts(client)
    finally:
        await client.aclose()


#: in the order in which they are made and shown.
_CHECKS: Final[tuple[tuple[str, Callable[[], list[Finding]]], ...]] = (("settings", _settings), ("redis", _redis))
