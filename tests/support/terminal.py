"""A command on a pseudo-terminal: a test reads what a person would see, and types what a person would."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

WAIT_S: Final = 60.0
CTRL_C, CTRL_D = "\x03", "\x04"
_BIN: Final = os.path.dirname(sys.executable)  # noqa: PTH120 - the link in .venv/bin, not what it leads to
#: makes the pseudo-terminal the controlling one, without which Ctrl-C interrupts nobody.
_TAKE_TERMINAL: Final = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A running command and its screen so far.

    Attributes:
        screen: everything that was printed, what was typed visibly included.
    """

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.screen = ""
        self._process = process
        self._descriptor = descriptor
        self._seen = 0

    def answer(self, question: str, text: str) -> None:
        """Wait for a question and answer it."""
        self.wait_for(question)
        self.type(f"{text}\n")

    def wait_for(self, text: str) -> None:
        """Return once the screen shows a text after the one that was waited for last."""
        while text not in self.screen[self._seen :]:
            if not self._read():
                raise AssertionError(f"it ended without {text!r}:\n{self.screen}")
        self._seen = self.screen.index(text, self._seen) + len(text)

    def type(self, keys: str) -> None:
        """Type keys."""
        os.write(self._descriptor, keys.encode("utf-8", "surrogateescape"))

    def press(self, key: str, question: str) -> None:
        """Press a key once a question waits for an answer: between printing and reading, Python overlooks a signal."""
        self.wait_for(f"{question} ")
        state = Path(f"/proc/{self._process.pid}/stat")
        while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "S":
            time.sleep(0.01)
        self.type(key)

    def end(self) -> int:
        """Return the exit code once the command has ended."""
        while self._read():
            pass
        return self._process.wait(WAIT_S)

    def _read(self) -> bool:
        """Add what is printed next to the screen; False at the end."""
        ready, _, _ = select.select([self._descriptor], [], [], WAIT_S)
        if not ready:
            raise AssertionError(f"nothing was printed any more:\n{self.screen}")
        read = b""
        with suppress(OSError):  # Linux says EIO when the other end is closed
            read = os.read(self._descriptor, 65536)
        self.screen += read.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(read)


@contextmanager
def terminal(*arguments: str, env: Mapping[str, str], columns: int = 160) -> Iterator[Terminal]:
    """Run `trunkline` with these arguments on a terminal; it is killed at the end of the block, should it still run."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, os.path.join(_BIN, "trunkline"), *arguments],  # noqa: PTH118 - as above
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", "PYTHONIOENCODING": "utf-8:strict", **env},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait(WAIT_S)
        os.close(ours)
