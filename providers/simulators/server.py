"""Runs the simulators: in a thread of this process, or as a process of their own until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from providers.simulators.app import FAULTS, simulator_app
from providers.simulators.control import SimulatorControl
from providers.simulators.default_world import default_world
from providers.simulators.playing import TRANSPORT, reset
from providers.simulators.simulation import Simulation
from providers.simulators.syniverse.dialect import BASE_PATH
from providers.simulators.world import World
from trunkline_client.errors import TrunklineError

LOOPBACK: Final = "127.0.0.1"
_START_S: Final = 10.0


class CannotListen(TrunklineError):
    """The simulators cannot listen on the address asked for."""


class ThreadStuck(TrunklineError):
    """The simulators' thread did not start or stop in time."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where running simulators are."""

    base_url: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that point Trunkline at these simulators."""
        return {
            "TRUNKLINE_TWILIO_API_URL": self.base_url,
            "TRUNKLINE_TWILIO_MESSAGING_URL": self.base_url,
            "TRUNKLINE_SYNIVERSE_API_URL": f"{self.base_url}{BASE_PATH}",
        }


class SimulatorProtocol(H11Protocol):
    """A connection that its requests can reset, and that a fault can reset before anything is read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make the connection reachable as `scope["state"]["transport"]`."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}
        if self.app_state[FAULTS].strike_connection():
            reset(transport)


class _Server(uvicorn.Server):
    """A server that says when it is ready, leaves signals alone and stops at once."""

    def __init__(self, simulation: Simulation, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                simulator_app(simulation),
                http=SimulatorProtocol,
                loop="asyncio",  # uvicorn would take uvloop if it is there, which does not reset what is aborted
                ws="none",
                timeout_keep_alive=60,  # uvicorn's 5 s would close pooled connections under a pausing benchmark
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,  # the control API trusts the peer's address, so nobody may claim another
                server_header=False,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drop connections first: a hanging exchange would keep a polite server for ever."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Change no signal handler: uvicorn would raise a caught signal again and end the process by it."""
        yield


class RunningSimulator:
    """Simulators in a thread of this process; leaving its `with` block stops them."""

    def __init__(self, simulation: Simulation, listener: socket.socket) -> None:
        self.simulation = simulation
        self.addresses = _addresses(listener)
        self._ready = threading.Event()
        self._server = _Server(simulation, self._ready.set)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="simulators", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise ThreadStuck("the simulators did not start")

    @property
    def base_url(self) -> str:
        """Scheme, host and port."""
        return self.addresses.base_url

    def control(self) -> SimulatorControl:
        """Return a new client of the control API; the caller closes it."""
        return SimulatorControl(self.base_url)

    def stop(self) -> None:
        """Drop every connection and end the thread."""
        self._server.should_exit = True
        self._thread.join(_START_S)
        if self._thread.is_alive():
            raise ThreadStuck("the simulators did not stop")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(host: str = LOOPBACK, port: int = 0, world: World | None = None) -> RunningSimulator:
    """Start simulators in a thread and return them ready; port 0 takes a free one, no world the built-in one.

    Raises:
        CannotListen: the address is taken or not on loopback.
    """
    return RunningSimulator(Simulation(world or default_world()), listen(host, port))


def serve(listener: socket.socket, world: World, on_ready: Callable[[Addresses], None]) -> None:
    """Serve in this thread until SIGTERM or SIGINT; `on_ready` is told once requests are answered."""

    async def run() -> None:
        server = _Server(Simulation(world), lambda: on_ready(_addresses(listener)))

        def leave() -> None:
            server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, leave)
        await server.serve([listener])

    asyncio.run(run())


def listen(host: str, port: int, *, allow_remote: bool = False) -> socket.socket:
    """Return a listening socket.

    Args:
        host: an IP address of this machine.
        port: the port, 0 for a free one.
        allow_remote: also accept addresses that other machines reach, for containers.

    Raises:
        CannotListen: the address is no IP address, is taken, or may be reached from elsewhere.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise CannotListen(f"{host} is no IP address; use {LOOPBACK}") from error
    if not address.is_loopback and not allow_remote:
        raise CannotListen(f"{host} can be reached from other machines; use {LOOPBACK}, or allow remote callers")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET  # noqa: PLR2004 - the protocol's name
    # asyncio sets TCP_NODELAY only where the protocol is named; without it each answer waited 44 ms for a delayed ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise CannotListen(f"cannot listen on {host} port {port}: {error.strerror}") from error
    return listener


def _addresses(listener: socket.socket) -> Addresses:
    host, port = listener.getsockname()[:2]
    return Addresses(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
