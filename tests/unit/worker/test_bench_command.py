"""`trunkline bench`: what it refuses before anything is measured."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from worker.cli.bench import BenchmarksMissing, bench


def test_an_installed_trunkline_says_that_the_benchmarks_are_in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks", None)
    error = CliRunner().invoke(bench, ["--quick"]).exception
    assert isinstance(error, BenchmarksMissing)
    assert str(error) == "the benchmarks are not installed: in Trunkline's repository, make bench"


@pytest.mark.parametrize(
    ("only", "said"), [("single,nothing", "nothing: choose from single,"), (",", "it names no part")]
)
def test_a_part_that_there_is_not_is_bad_usage(only: str, said: str) -> None:
    ran = CliRunner().invoke(bench, ["--only", only])
    assert ran.exit_code == 2
    assert said in " ".join(ran.output.split())
