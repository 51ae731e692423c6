"""`trunkline doctor`: what is wrong with the settings and with Redis, and how to mend it."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from worker.cli.support import print_json
from worker.doctor import Checked, breaks_a_promise, examine


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def doctor(*, as_json: bool) -> None:
    """Check the settings, and the Redis that they name; nothing is changed.

    Exits 1 if anything breaks what docs/reliability.md promises.

    \b
    Example:
      trunkline doctor --json
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    checks = examine()
    broken = breaks_a_promise(checks)
    if as_json:
        print_json({"ok": not broken, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            _print(check)
    if broken:
        sys.exit(1)


def _print(check: Checked) -> None:
    click.echo(f"{check.name}: {'ok' if not check.findings else ''}".rstrip())
    for finding in check.findings:
        click.echo(f"  {finding.severity} {finding.name}: {finding.what}")
        click.echo(f"    why: {finding.why}")
        click.echo(f"    fix: {finding.fix}")
