"""`trunkline demo`: everything on this machine, with nothing installed but Python, checked to the last message."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from worker.demo import report
from worker.demo.processes import DemoStopped, StopRequest
from worker.demo.run import Outcome, run
from worker.demo.system import System, running

_EXIT_FAILED: Final = 1
_CHECK_EVERY_S: Final = 0.5


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
@click.option("--keep", is_flag=True, help="Leave everything running, with Flower, until Ctrl-C.")
def demo(*, as_json: bool, keep: bool) -> None:
    """Run all of Trunkline here: embedded server, simulated providers, workers, three tenants.

    Needs neither Redis nor Docker. Exits 0 only if every job ended as it must and the providers' ledger agrees.

    \b
    Example:
      trunkline demo --keep
    """  # noqa: D301 - click needs the control character itself
    stop_request = StopRequest()
    # A closed terminal and a polite kill end the demo as Ctrl-C does: in order, with nothing left behind.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_request)
    out = report.console(to_stderr=as_json)
    with report.Progress(out) as progress:
        progress.step("Starting an embedded server, simulated providers and workers")
        with running(stop_request, with_flower=keep) as system:
            progress.step("Enqueueing jobs of three tenants")
            outcome = run(system, progress)
            progress.rest()
            _show(out, outcome, system, as_json=as_json)
            if keep:
                _keep(out, system)
            progress.step("Stopping")
    if not outcome.verdict.agreed:
        sys.exit(_EXIT_FAILED)


def _show(out: Console, outcome: Outcome, system: System, *, as_json: bool) -> None:
    if as_json:
        click.echo(report.as_json(outcome, system))
    else:
        report.show(out, outcome)


def _keep(out: Console, system: System) -> None:
    """Return when the operator says so."""
    file = _write_environment(system)
    report.show_kept(out, system, str(file))
    with suppress(DemoStopped):
        while True:
            system.processes.check()
            time.sleep(_CHECK_EVERY_S)


def _write_environment(system: System) -> Path:
    """Write the variables that lead other commands to this system; the folder is readable by its owner only."""
    file = system.folder / "environment"
    file.write_text("".join(f"{name}='{value}'\n" for name, value in sorted(system.environment.items())), "utf-8")
    return file
