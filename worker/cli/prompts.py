"""Questions asked on a terminal from inside a running event loop; credentials never stand on a command line."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import click

from trunkline_client.private import Token

_MOST_TOKEN_BYTES: Final = 4096

_Answer = TypeVar("_Answer")


@contextmanager
def asking(*, shown: bool = True) -> Iterator[None]:
    """Let one Ctrl-C end a question: asyncio's own handler would only cancel the task behind it.

    The line of the question is ended then, so that what is printed next has its own; click does it where nothing is
    `shown`.
    """
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except click.Abort:
        click.echo(nl=shown, err=True)
        raise
    finally:
        signal.signal(signal.SIGINT, handler)


def tell(text: str) -> None:
    """Print a sentence beside the questions, folded between words."""
    click.echo(click.wrap_text(text, width=shutil.get_terminal_size().columns), err=True)


def confirm(question: str) -> bool:
    """Return whether the person says yes; raises `click.Abort` on Ctrl-C or the end of the input."""
    while True:
        try:
            with asking():
                return click.confirm(question, err=True)
        except UnicodeDecodeError:
            _refuse_bytes()


def ask(
    question: str, option: str, *, check: Callable[[str], _Answer], default: str | None = None, shown: bool = True
) -> _Answer:
    """Return an answer that `check` lets pass, asking again until it does.

    Args:
        question: what is asked.
        option: the option that would have said it, for where there is no terminal.
        check: returns the answer to use, or raises `click.BadParameter`.
        default: the answer to an empty line.
        shown: whether what is typed can be seen.

    Raises:
        click.UsageError: there is no terminal to ask on.
        click.Abort: Ctrl-C, or the end of the input.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(f"{option} is missing, and there is no terminal to ask on")
    while True:
        try:
            with asking(shown=shown):
                answer: str = click.prompt(
                    question, default=default, show_default=bool(default), hide_input=not shown, err=True
                )
            if not answer.isprintable():
                raise click.BadParameter("must be printable characters; arrow keys do not edit here")
            return check(answer)
        except UnicodeDecodeError:
            _refuse_bytes()
        except click.UsageError as wrong:
            tell(f"Error: {wrong.message}")


def ask_token(question: str, check: Callable[[str], str] = str.strip) -> Token:
    """Return a credential typed without being shown."""
    return Token(ask(question, "the credential (--token-env or --token-file)", check=check, shown=False))


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


def _refuse_bytes() -> None:
    tell("Error: what was typed is no text in this terminal's encoding")
