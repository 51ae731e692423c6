"""Questions asked on a terminal from inside a running event loop; credentials never stand on a command line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
from pydantic import TypeAdapter, ValidationError

from trunkline_client.private import Token

_MOST_TOKEN_BYTES: Final = 4096


@contextmanager
def asking() -> Iterator[None]:
    """Let one Ctrl-C end a question: asyncio's own handler would only cancel the task behind it."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def confirm(question: str) -> bool:
    """Return whether the person says yes; raises `click.Abort` on Ctrl-C."""
    with asking():
        return click.confirm(question, err=True)


def ask(question: str, option: str, *, check: Callable[[str], str] | None = None, default: str | None = None) -> str:
    """Return an answer that `check` lets pass, asking again until it does.

    Args:
        question: what is asked.
        option: the option that would have said it, for where there is no terminal.
        check: returns the answer to use, or raises `click.BadParameter`.
        default: the answer to an empty line.

    Raises:
        click.UsageError: there is no terminal to ask on.
        click.Abort: Ctrl-C.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(f"{option} is missing, and there is no terminal to ask on")
    with asking():
        answer: str = click.prompt(question, default=default, value_proc=check, err=True)
        return answer


def ask_token(question: str) -> Token:
    """Return a credential typed without being shown."""
    if not sys.stdin.isatty():
        raise click.UsageError("the credential is missing: name where it is with --token-env or --token-file")
    with asking():
        return Token(click.prompt(question, hide_input=True, err=True).strip())


def form(kind: Any) -> Callable[[str], str]:
    """Return a check of answers by the rule of a field of the configuration file."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)

    def check(answer: str) -> str:
        try:
            return adapter.validate_python(answer.strip())
        except ValidationError as error:
            raise click.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from None

    return check


def given_token(variable: str | None, file: str | None) -> Token | None:
    """Return the credential an option points to, None if neither does.

    Args:
        variable: the name of an environment variable.
        file: a file's path, or `-` for standard input.
    """
    if variable is not None and file is not None:
        raise click.UsageError("--token-env and --token-file exclude each other")
    if variable is not None:
        if not os.environ.get(variable):
            raise click.UsageError(f"--token-env: the environment variable {variable} is not set")
        return Token(os.environ[variable].strip())
    if file is None:
        return None
    try:
        content = sys.stdin.buffer.read(_MOST_TOKEN_BYTES) if file == "-" else Path(file).read_bytes()
        return Token(content[:_MOST_TOKEN_BYTES].decode().strip())
    except OSError as error:
        raise click.UsageError(f"--token-file: {file} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise click.UsageError(f"--token-file: {file} is not text") from None
