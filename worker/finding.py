"""What a check finds: what it is, why it matters, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: how many of many are named in one finding.
_MOST_NAMED: Final = 5


class Severity(StrEnum):
    """`error` breaks a promise, `warning` will or may, `hint` only tells, `unknown` could not be looked at."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know: what it is, why it matters, and what to do about it."""

    name: str
    severity: Severity
    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True)
class Checked:
    """One check, with its findings, the gravest first.

    Attributes:
        not_checked: why it was not made, None if it was.
    """

    name: str
    findings: tuple[Finding, ...] = ()
    not_checked: str | None = None


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings by their severity, and otherwise in their order."""
    return sorted(findings, key=lambda finding: list(Severity).index(finding.severity))


def breaks_a_promise(checks: Iterable[Checked]) -> bool:
    """Return whether anything that was found must be mended."""
    return any(finding.severity is Severity.ERROR for check in checks for finding in check.findings)


def named(names: Sequence[str], count: int | None = None) -> str:
    """Return the first few of some names, and how many there are besides.

    Args:
        names: the names, or the first of them.
        count: how many there are; by default those.
    """
    shown = names[:_MOST_NAMED]
    more = (len(names) if count is None else count) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
