"""Simulated providers for tests: one server, made new again for each test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from providers.simulators.control import SimulatorControl
from providers.simulators.default_world import default_world
from providers.simulators.server import RunningSimulator, start
from providers.simulators.world import World


@dataclass(frozen=True, slots=True)
class Simulator:
    """Running simulators and the client that controls them."""

    running: RunningSimulator
    control: SimulatorControl

    @property
    def base_url(self) -> str:
        """Scheme, host and port of both providers."""
        return self.running.base_url

    @property
    def syniverse_url(self) -> str:
        """Syniverse's base address, its path included."""
        return self.environment["TRUNKLINE_SYNIVERSE_API_URL"]

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that point Trunkline at these simulators."""
        return self.running.addresses.environment

    def renew(self, world: World | None = None) -> None:
        """Forget every message and fault and take `world`, or the built-in one."""
        self.control.clear_faults()
        self.control.forget_messages()
        self.control.use(world or default_world())


@contextmanager
def simulator(world: World | None = None) -> Iterator[Simulator]:
    """Run simulators on a free loopback port for the length of the block."""
    with start(world=world) as running, running.control() as control:
        yield Simulator(running, control)
