"""`trunkline doctor`: what is wrong with an installation, and how to mend it."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from worker.cli.support import field_of_a_job, print_json
from worker.finding import Checked, breaks_a_promise


@click.command()
@click.option("--senders", is_flag=True, help="Also ask the account of each sender whether it may still send.")
@click.option("--tenant", callback=field_of_a_job, help="With --senders: only the accounts of this tenant.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def doctor(*, senders: bool, tenant: str | None, as_json: bool) -> None:
    """Tell what is wrong here: settings, Redis, queues, workers, jobs, tenants, keys, and how to mend it.

    Nothing is changed. It looks with the settings of its own environment: run it with those of a worker. Takes up to
    10 s, and longer with --senders. Exits 1 if anything breaks what docs/reliability.md promises.

    \b
    Example:
      trunkline doctor
      trunkline doctor --senders --tenant acme
      trunkline doctor --json
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it
    if tenant is not None and not senders:
        raise click.UsageError("--tenant says whose accounts to ask: it goes with --senders")
    # Imported here: it brings Celery and the providers, which `--help` does not need.
    import structlog  # noqa: PLC0415

    from worker.doctor.examination import Wanted, examine  # noqa: PLC0415

    # The transport logs; by itself structlog would print that among the findings.
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    checks = examine(Wanted(senders=senders, tenant=tenant, tell=_tell))
    broken = breaks_a_promise(checks)
    if as_json:
        print_json({"ok": not broken, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            _print(check)
    if broken:
        sys.exit(1)


def _tell(progress: str) -> None:
    if sys.stderr.isatty():
        click.echo(progress, err=True)


def _print(check: Checked) -> None:
    if check.not_checked is not None:
        click.echo(f"{check.name}: not checked ({check.not_checked})")
        return
    click.echo(f"{check.name}: {'ok' if not check.findings else ''}".rstrip())
    for finding in check.findings:
        click.echo(f"  {finding.severity} {finding.name}: {finding.what}")
        click.echo(f"    why: {finding.why}")
        click.echo(f"    fix: {finding.fix}")
