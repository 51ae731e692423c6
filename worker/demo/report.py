"""What the demo shows: progress while it runs, then a table for people or one JSON document for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trunkline_client.words import JobState
from worker.demo.checks import Result, Verdict
from worker.demo.run import Outcome
from worker.demo.system import System

#: A table in a file or a pipe needs no folding at the 80 columns that rich takes when there is no terminal.
_WIDTH_WITHOUT_TERMINAL: Final = 160
_NAMES_SHOWN: Final = 3
_SID_LENGTH: Final = 34
_STYLES: Final = {
    JobState.SENT: "green",
    JobState.REJECTED: "yellow",
    JobState.EXPIRED: "yellow",
    JobState.CANCELLED: "yellow",
    JobState.FAILED: "red",
}


class Progress:
    """Shows how the demo goes: one moving line on a terminal, plain lines elsewhere. It is a `run.Watcher`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._ended: set[str] = set()

    def step(self, text: str) -> None:
        """Show what is done now."""
        if self._console.is_terminal:
            self._status.update(text)
            self._status.start()
        else:
            self._console.print(text, highlight=False)

    def rest(self) -> None:
        """Take the moving line away, until the next step."""
        self._status.stop()

    def waiting(self, results: Sequence[Result]) -> None:
        """Show how many jobs have ended, and which are still under way."""
        ended = [result for result in results if result.is_finished]
        if self._console.is_terminal:
            under_way = [result.scenario.name for result in results if not result.is_finished]
            more = f" and {len(under_way) - _NAMES_SHOWN} more" if len(under_way) > _NAMES_SHOWN else ""
            names = f"; under way: {', '.join(under_way[:_NAMES_SHOWN])}{more}" if under_way else ""
            self._status.update(f"{len(ended)} of {len(results)} jobs have ended{names}")
            return
        for result in ended:
            if result.scenario.job_id not in self._ended:
                self._ended.add(result.scenario.job_id)
                place = f"{len(self._ended)}/{len(results)}"
                self._console.print(f"{place} {result.scenario.name}: {_outcome(result)}", highlight=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rest()


def console(*, to_stderr: bool) -> Console:
    """Return where people read; standard error when standard output belongs to a machine."""
    found = Console(stderr=to_stderr)
    return found if found.is_terminal else Console(stderr=to_stderr, width=_WIDTH_WITHOUT_TERMINAL)


def show(out: Console, outcome: Outcome) -> None:
    """Print the table of jobs, the counts, and what differs."""
    table = Table("job", "route taken", "number", "account charged", "outcome", title="What became of every job")
    for result in outcome.results:
        status = result.status
        table.add_row(
            result.scenario.name,
            " -> ".join(result.route) or "-",
            _short(result.number or "-"),
            _short((status["account"] if status else None) or "-"),
            Text(_outcome(result, outcome.verdict), _style(result)),
        )
    out.print(table)
    _show_verdict(out, outcome)


def as_json(outcome: Outcome, system: System) -> str:
    """Return the document of `--json`."""
    document: dict[str, Any] = {
        "agreed": outcome.verdict.agreed,
        "counts": outcome.verdict.counts,
        "differences": list(outcome.verdict.overall),
        "jobs": [_job_as_json(result, outcome.verdict) for result in outcome.results],
        "seconds": round(outcome.seconds, 1),
        "folder": str(system.folder),
        "processes": system.processes.pids,
    }
    if system.flower is not None:
        flower = system.flower
        document["flower"] = {"url": flower.url, "user": flower.user, "password": flower.password}
        document["redis_url"] = system.redis_url
    return json.dumps(document, indent=2)


def show_kept(out: Console, system: System, environment_file: str) -> None:
    """Print where the running system can be looked at."""
    flower = system.flower
    lines = [
        "",
        "Everything keeps running until Ctrl-C.",
        *([f"Flower:  {flower.url}  user {flower.user}  password {flower.password}"] if flower else []),
        f"Logs:    {system.processes.logs}",
        "Look at it from another terminal:",
        f"  set -a; . {environment_file}; set +a",
        f"  {sys.argv[0]} jobs show demo.hanging-provider",
        f"  {sys.argv[0]} explain --tenant acme --channel sms --to +12015550199",
        f"  {sys.argv[0]} send --tenant acme --to +12015550199 --body Hello --wait 20",
    ]
    for line in lines:
        out.print(line, highlight=False, soft_wrap=True, markup=False)


def _show_verdict(out: Console, outcome: Outcome) -> None:
    verdict = outcome.verdict
    counted = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in verdict.counts.items())
    out.print(f"{counted}; {outcome.seconds:.0f} s", highlight=False)
    if verdict.agreed:
        out.print("[green]Agreed:[/] every sent job is in the providers' ledger once, and nothing else is.")
        return
    out.print("[red]Not agreed:[/]")
    names = {result.scenario.job_id: result.scenario.name for result in outcome.results}
    for job_id, differences in verdict.by_job.items():
        for difference in differences:
            out.print(f"  {names[job_id]}: {difference}", highlight=False, markup=False)
    for difference in verdict.overall:
        out.print(f"  {difference}", highlight=False, markup=False)


def _job_as_json(result: Result, verdict: Verdict) -> Mapping[str, Any]:
    status = result.status
    return {
        "id": result.scenario.job_id,
        "name": result.scenario.name,
        "state": status["state"] if status else None,
        "rule": status["rule"] if status else None,
        "fault": status["fault"] if status else None,
        "route": list(result.route),
        "number": result.number,
        "account": status["account"] if status else None,
        "provider_id": status["provider_id"] if status else None,
        "found_by_lookup": result.scenario.job_id in verdict.found_by_lookup,
        "differences": list(verdict.by_job.get(result.scenario.job_id, ())),
    }


def _outcome(result: Result, verdict: Verdict | None = None) -> str:
    if result.status is None:
        return "not recorded"
    why = result.status["fault"] or result.status["rule"]
    if verdict is not None and result.scenario.job_id in verdict.found_by_lookup:
        why = "found by lookup"
    return f"{result.status['state']} ({why})" if why else result.status["state"]


def _style(result: Result) -> str:
    return _STYLES.get(JobState(result.status["state"]), "magenta") if result.status else "magenta"


def _short(name: str) -> str:
    """Return a SID by its ends; the table is wide enough without its 34 characters."""
    return f"{name[:4]}..{name[-6:]}" if len(name) == _SID_LENGTH else name
