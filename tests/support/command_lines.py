"""Commands of `trunkline` as documents, examples and findings write them, compared with those there are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from worker.cli.main import trunkline


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Yield every command and group with its path, such as `jobs show`; first the whole command line, without one."""
    yield from _below("", trunkline)


def _below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _below(f"{path} {name}".strip(), found)


def code_of(text: str) -> Iterator[str]:
    """Yield every line of a fenced block, with its continuation lines, and every span of code."""
    fences = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    for block in fences.findall(text):
        yield from block.replace("\\\n", " ").splitlines()[1:-1]
    for span in re.findall(r"`([^`]+)`", fences.sub("", text)):
        yield " ".join(span.split())


def commands_of(text: str) -> Iterator[str]:
    for code in code_of(text):
        yield from re.findall(r"(?:^|[\s(])trunkline ([a-z][^|&#]*)", code)


def problem_of(line: str) -> str | None:
    """Return what is wrong with a command as a document writes it, None if nothing is."""
    words = line.split()
    command: click.Command | None = trunkline
    while isinstance(command, click.Group) and words and re.fullmatch("[a-z][a-z-]*", words[0]):
        command = command.get_command(click.Context(command), words.pop(0))
    if command is None:
        return f"trunkline {line}: there is no such command"
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = set(re.findall(r"--[a-z-]+", " ".join(words))) - known
    return f"trunkline {line}: it has no {sorted(unknown)}" if unknown else None
