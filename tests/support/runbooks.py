"""Runs the commands of docs/operations.md as an operator would: one after the other, in the order of the page."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.system import WAIT_S, System

PAGE: Final = Path(__file__).parents[2] / "docs" / "operations.md"
_ENDS_OPEN: Final = ("|", "\\")
#: `redis-cli` for machines that have none; the words of its command go to the server as they are.
_REDIS_CLI: Final = f"""#!{sys.executable}
import os, sys
from redis import Redis
answer = Redis.from_url(os.environ["TRUNKLINE_REDIS_URL"], decode_responses=True).execute_command(*sys.argv[1:])
print(answer)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One command and what came of it."""

    line: str
    code: int
    out: str
    err: str


@dataclass(slots=True)
class Runbook:
    """The commands of one section; each is run once, and `is_done` when none is left."""

    system: System
    commands: list[str]
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, system: System, title: str) -> Runbook:
        """Return the runbook with this heading."""
        return cls(system, commands_of(title))

    @property
    def is_done(self) -> bool:
        return not self.commands

    def step(self, begins: str, **variables: str) -> Step:
        """Run the next command, which has to begin with these words.

        Args:
            variables: settings besides those of the installation.
        """
        line = self.commands.pop(0)
        assert line.startswith(begins), line
        for name, value in self.names.items():
            line = re.sub(rf"\b{name}\b", value, line)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            env=environment(self.system, variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.system.folder,
            timeout=WAIT_S,
            check=False,
        )
        return Step(line, done.returncode, done.stdout, done.stderr)


def environment(system: System, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of an operator's shell, in which there is a `redis-cli`."""
    folder = system.folder / "bin"
    folder.mkdir(exist_ok=True)
    client = folder / "redis-cli"
    client.write_text(_REDIS_CLI, encoding="utf-8")
    client.chmod(0o755)
    return {**system.environment, "PATH": f"{folder}:{system.environment['PATH']}", **variables}


def commands_of(title: str) -> list[str]:
    """Return the commands in the blocks of one section of the page, continued lines joined."""
    section = re.split(rf"^## {re.escape(title)}$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
    commands: list[str] = []
    is_open = False
    for line in "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)).splitlines():
        if is_open:
            commands[-1] += f"\n{line}"
        elif line.strip():
            commands.append(line)
        text = "\n".join(commands)
        is_open = line.rstrip().endswith(_ENDS_OPEN) or text.count("'") % 2 == 1
    return commands
