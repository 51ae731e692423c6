"""What an administrator is told who ends a command, and that every Ctrl-C ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress

import click
import pytest

from worker.cli.administration import MaybeSaved, NothingSaved, saving, saying_that_nothing_was_saved
from worker.cli.interrupts import ended_by_ctrl_c


@pytest.mark.parametrize("ended", [click.Abort(), KeyboardInterrupt()])
def test_who_ends_a_command_is_told_that_nothing_was_saved(
    ended: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NothingSaved) as told, saying_that_nothing_was_saved():
        raise ended

    told.value.show()
    assert capsys.readouterr().err.strip() == "Nothing was saved."
    assert told.value.exit_code == 1


@pytest.mark.parametrize(
    ("tenant", "where"), [("acme", "`trunkline audit --tenant acme`"), (None, "`trunkline audit`")]
)
async def test_who_ends_it_while_it_saves_is_told_where_to_look(tenant: str | None, where: str) -> None:
    async def save() -> None:
        with saving(tenant):
            await asyncio.Event().wait()

    task = asyncio.create_task(save())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(MaybeSaved, match=where):
        await task


def test_a_ctrl_c_ends_a_task_that_loses_its_cancellation() -> None:
    async def body() -> None:
        with ended_by_ctrl_c():
            os.kill(os.getpid(), signal.SIGINT)
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(30)
            await asyncio.sleep(30)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(body())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def test_another_cancellation_stays_what_it_is() -> None:
    async def body() -> None:
        with ended_by_ctrl_c():
            await asyncio.sleep(30)

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_nothing_slow_is_imported_before_a_ctrl_c_is_heard() -> None:
    code = "import sys, worker.cli.main; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
