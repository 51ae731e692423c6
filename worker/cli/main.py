"""The entry point of `trunkline`: loads a command's module when it is needed, and turns errors into exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from trunkline_client.errors import TrunklineError

EXIT_FAILED: Final = 1

#: command name -> "module:attribute"; a command pays for its own imports only.
COMMANDS: Final = {
    "apply": "worker.cli.apply:apply",
    "audit": "worker.cli.audit:audit",
    "bench": "worker.cli.bench:bench",
    "demo": "worker.cli.demo:demo",
    "doctor": "worker.cli.doctor:doctor",
    "export": "worker.cli.export:export",
    "exporter": "worker.cli.exporter:exporter",
    "explain": "worker.cli.explain:explain",
    "jobs": "worker.cli.jobs:jobs",
    "replay": "worker.cli.replay:replay",
    "secrets": "worker.cli.secrets:secrets",
    "policies": "worker.cli.policies:policies",
    "send": "worker.cli.send:send",
    "senders": "worker.cli.senders:senders",
    "simulate": "worker.cli.simulate:simulate",
    "tenants": "worker.cli.tenants:tenants",
    "worker": "worker.cli.worker:worker",
}


class LazyGroup(click.Group):
    """A click group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name, sorted."""
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, importing its module, or None if there is none of this name."""
        target = COMMANDS.get(cmd_name)
        if target is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{target} is no click command")
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trunkline", prog_name="trunkline")
def trunkline() -> None:
    """Send SMS and voice messages for many tenants: Twilio first, Syniverse as the fallback.

    \b
    Example:
      trunkline doctor
    """  # noqa: D301 - click needs the control character itself


def main() -> None:
    """Run the command line; exit 0 done, 1 refused or failed, 2 bad usage."""
    try:
        trunkline.main(standalone_mode=True)
    except _our_errors() as error:
        click.echo(f"trunkline: {error}", err=True)
        sys.exit(EXIT_FAILED)
    except OSError as error:  # a full disk under the output, a file that cannot be read; click sees to a closed pipe
        click.echo(f"trunkline: {error.strerror or type(error).__name__}", err=True)
        # What could not be written is still buffered; Python would try again as it ends, complain and exit with 120.
        sys.stdout = None
        sys.exit(EXIT_FAILED)


def _our_errors() -> type[TrunklineError]:
    """Return what our errors have in common, imported when one is there.

    With it come redis and what that needs, up to half a second in which a Ctrl-C would end with a traceback.
    """
    return importlib.import_module("trunkline_client.errors").TrunklineError  # type: ignore[no-any-return]
