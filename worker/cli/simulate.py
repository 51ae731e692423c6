"""`trunkline simulate`: simulated Twilio and Syniverse on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from trunkline_client.errors import TrunklineError

DEFAULT_PORT: Final = 8900
_EXTRA: Final = frozenset({"starlette", "uvicorn"})


class SimulatorsMissing(TrunklineError):
    """The simulators' libraries are not installed."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="IP address to listen on.")
@click.option("--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0: a free port.")
@click.option(
    "--world",
    "world_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file with the accounts to simulate; without it a small built-in world.",
)
@click.option("--allow-remote", is_flag=True, help="Accept a host that other machines reach (for containers).")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
def simulate(host: str, port: int, world_file: Path | None, *, allow_remote: bool, as_json: bool) -> None:
    """Run simulated Twilio and Syniverse until SIGTERM or Ctrl-C.

    Prints one line when ready: the base URL and the settings that point Trunkline at it.

    \b
    Example:
      trunkline simulate --port 8900
    """  # noqa: D301 - click needs the control character itself
    try:
        # Here and not above: `trunkline --help` must work without the extra.
        from providers.simulators import default_world, server, world  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise SimulatorsMissing(
            "the simulators are not installed: in Trunkline's repository, pip install ./client '.[simulators]'"
        ) from error

    def announce(addresses: server.Addresses) -> None:
        assignments = " ".join(f"{name}={value}" for name, value in addresses.environment.items())
        as_object = {"base_url": addresses.base_url, "environment": dict(addresses.environment)}
        click.echo(json.dumps(as_object) if as_json else f"simulators at {addresses.base_url}; {assignments}")

    accounts = world.load_world(world_file) if world_file else default_world.default_world()
    server.serve(server.listen(host, port, allow_remote=allow_remote), accounts, announce)
