"""What every command of `trunkline` has in common: help, an example that works, JSON for machines."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from tests.support.cli import run_cli
from tests.support.command_lines import every_command
from worker.cli.main import trunkline

EVERY = list(every_command())
COMMANDS = [(path, command) for path, command in EVERY if not isinstance(command, click.Group)]
#: It runs until it is told to stop, and prints a log, which has a setting for JSON.
WITHOUT_JSON = {"worker"}
#: What ends the words of our command in a line of a shell.
SHELL_WORDS = {"|", ">", "<", "&", "&&", "#"}


def examples_of(command: click.Command) -> list[str]:
    """Return the lines of the example in a command's help, continued ones joined."""
    _, _, example = (command.help or "").partition("Example:\n")
    lines = example.replace("\\\n", " ").split("\n\n")[0].splitlines()
    return [" ".join(line.split()) for line in lines if line.strip()]


def words_of(line: str) -> list[str]:
    words = shlex.split(line)
    return words[: next((place for place, word in enumerate(words) if word in SHELL_WORDS), len(words))]


def parse(words: list[str]) -> None:
    """Let click's own parser read a command; what it asks Redis or a file for is not looked at.

    Raises:
        click.UsageError: an option is unknown, or something is missing or too much.
    """
    command: click.Command = trunkline
    context = click.Context(command, info_name="trunkline")
    while isinstance(command, click.Group):
        name = words.pop(0)
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"there is no {name}")
        command, context = found, click.Context(found, info_name=name, parent=context)
    given, rest, _ = command.make_parser(context).parse_args(list(words))
    told = {name for name, value in given.items() if isinstance(value, str | tuple | list) and value}
    missing = [one.name for one in command.params if one.required and one.name not in told]
    if rest or missing:
        raise click.UsageError(f"too much: {rest}, missing: {missing}")


@pytest.mark.parametrize(("path", "command"), EVERY, ids=lambda one: one if isinstance(one, str) else "")
def test_every_command_says_in_a_sentence_what_it_does(path: str, command: click.Command) -> None:
    summary = (command.help or "").split("\n\n")[0]
    assert re.fullmatch(r"[A-Z].*\.", " ".join(summary.split())), summary


@pytest.mark.parametrize(("path", "command"), EVERY, ids=lambda one: one if isinstance(one, str) else "")
def test_every_command_has_an_example_of_itself_that_can_be_typed(path: str, command: click.Command) -> None:
    examples = examples_of(command)
    assert [line for line in examples if line.startswith(f"trunkline {path}".strip())] != []
    for line in examples:
        program, *words = words_of(line)
        assert program == "trunkline"
        parse(words)


@pytest.mark.parametrize(("path", "command"), EVERY, ids=lambda one: one if isinstance(one, str) else "")
def test_every_option_says_what_it_is_for(path: str, command: click.Command) -> None:
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not (one.help or "").strip()] == []


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda one: one if isinstance(one, str) else "")
def test_every_command_prints_json_for_machines(path: str, command: click.Command) -> None:
    flags = {option for one in command.params for option in one.opts}
    assert ("--json" in flags) == (path not in WITHOUT_JSON)


@pytest.mark.parametrize("path", [path for path, _ in EVERY])
def test_help_is_printed_with_the_example_whole(path: str) -> None:
    ran = run_cli(*path.split(), "--help", env={})
    assert (ran.code, ran.err) == (0, "")
    assert "\n  Example:\n    trunkline " in ran.out
    assert "\x1b" not in ran.out


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("doctor --no-such-option", "No such option"),
        ("jobs show", "missing"),
        ("jobs shows 1", "there is no"),
        ("tenants list x", "too much"),
    ],
)
def test_an_example_that_does_not_work_would_be_found(line: str, problem: str) -> None:
    with pytest.raises(click.UsageError, match=problem):
        parse(line.split())
