"""What an administrator is told who ends a command."""

from __future__ import annotations

import asyncio

import click
import pytest

from worker.cli.administration import MaybeSaved, NothingSaved, saving, saying_that_nothing_was_saved


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
