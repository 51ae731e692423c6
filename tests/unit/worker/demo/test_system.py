"""What the demo says before it starts anything."""

from __future__ import annotations

import pytest

from worker.demo.processes import DemoFailed
from worker.demo.system import check_installed


def test_a_missing_extra_is_named_with_the_command_that_brings_it() -> None:
    with pytest.raises(
        DemoFailed, match=r"needs no_such_library: in Trunkline's repository, pip install \./client '\.\[demo\]'$"
    ):
        check_installed(("json", "no_such_library"))


def test_the_installed_extra_is_found() -> None:
    check_installed()
