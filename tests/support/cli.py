"""The command line as a person runs it: `worker.cli.main.main` with arguments, an environment and no terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from click.testing import CliRunner

from worker.cli.main import main


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


def run_cli(*arguments: str, env: Mapping[str, str], stdin: bytes = b"") -> Ran:
    """Run `trunkline` with these arguments in this process; every TRUNKLINE variable it may need is in `env`."""
    before = sys.argv
    sys.argv = ["trunkline", *arguments]
    try:
        with CliRunner().isolation(input=stdin, env=dict(env)) as (out, err, _):
            try:
                main()
                code: object = 0
            except SystemExit as ended:
                code = ended.code
            return Ran(code if isinstance(code, int) else int(code is not None), _text(out), _text(err))
    finally:
        sys.argv = before


def _text(stream: Any) -> str:
    sys.stdout.flush()
    return bytes(stream.getvalue()).decode()
