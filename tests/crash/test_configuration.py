"""Commands of configuration that are killed, or lose their connection, in the middle: all of the change or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from tests.support.accounts_server import AccountsServer, accounts_server
from tests.support.cli import Ran, run_cli
from tests.support.config_samples import ACME, ENVIRONMENT
from tests.support.cut_connection import Cut, Lost, cutting_proxy
from tests.support.redis_server import RedisServer
from trunkline_client import keys

pytestmark = pytest.mark.crash

TRUNKLINE = Path(sys.executable).parent / "trunkline"
TWO_TENANTS = ACME + ACME.removeprefix("\ntenants:\n").replace("  acme:\n", "  beta:\n", 1)
REPLACE = (
    "senders", "replace", "acme-twilio", "acme-twilio-2", "--tenant", "acme", "--token-env", "NEW_TOKEN", "--yes",
)  # fmt: skip
#: an `apply` sends seven pieces on a new connection, the last three for its script, which the server does not know yet.
MOST_PIECES = 10
MOMENTS_OF_A_KILL = range(4, 8)
EXIT_KILLED = -9


@dataclass(frozen=True)
class State:
    """What a configuration is, as far as a half-done change would show."""

    versions: tuple[str | None, ...]
    keys_of_senders: tuple[tuple[str, ...], ...]
    chains: tuple[tuple[str, ...], ...]
    events: int


@dataclass
class Installation:
    """A Redis server, two accounts, and the commands over them."""

    server: RedisServer
    redis: Redis
    env: dict[str, str]
    file: Path

    def state(self) -> State:
        documents: list[Any] = [self.redis.hget(keys.config(one), "document") for one in ("acme", "beta")]
        found = [json.loads(one) if one else {} for one in documents]
        versions: list[Any] = [self.redis.hget(keys.config(one), "version") for one in ("acme", "beta")]
        events: Any = self.redis.xlen(keys.AUDIT)
        return State(
            tuple(versions),
            tuple(tuple(sorted(one.get("senders", ()))) for one in found),
            tuple(tuple(one.get("default_chain", ())) for one in found),
            events,
        )

    def run(self, *arguments: str, url: str | None = None) -> Ran:
        return run_cli(*arguments, env=self.env | {"TRUNKLINE_REDIS_URL": url or self.server.url})

    def killed(self, *arguments: str, cut: Cut) -> int:
        """Run a command of its own process that is killed at the cut, and return how it ended."""
        with cutting_proxy(self.server.port, cut) as url:
            env = os.environ | self.env | {"TRUNKLINE_REDIS_URL": url}
            with subprocess.Popen([TRUNKLINE, *arguments], env=env, stdout=subprocess.DEVNULL) as process:
                cut.then = process.kill
                return process.wait()

    def prepare(self, command: tuple[str, ...]) -> State:
        """Begin anew with what a command works on, and return that state."""
        self.server.flush()
        if command == REPLACE:
            assert self.run("apply", str(self.file), "--yes").code == 0
        return self.state()

    def undisturbed(self, command: tuple[str, ...]) -> State:
        """Return the state that a command leads to when nothing disturbs it."""
        self.prepare(command)
        assert self.run(*command).code == 0
        return self.state()


@pytest.fixture(scope="module")
def accounts() -> Iterator[AccountsServer]:
    with accounts_server() as server:
        yield server


@pytest.fixture
def here(redis_server: RedisServer, redis_url: str, accounts: AccountsServer, tmp_path: Path) -> Iterator[Installation]:
    file = tmp_path / "tenants.yaml"
    file.write_text(TWO_TENANTS)
    env = {
        **ENVIRONMENT,
        **accounts.environment,
        "NEW_TOKEN": ENVIRONMENT["ACME_TWILIO_TOKEN"],
        "TRUNKLINE_SECRET_KEYS": Fernet.generate_key().decode(),
        "TRUNKLINE_ACTOR": "ann",
    }
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        yield Installation(redis_server, redis, env, file)


def command_of(here: Installation, name: str) -> tuple[str, ...]:
    return REPLACE if name == "replace" else ("apply", str(here.file), "--yes")


@pytest.mark.parametrize("name", ["apply", "replace"])
@pytest.mark.parametrize("lost", Lost)
def test_a_lost_request_or_answer_changes_everything_once_and_records_it_once(
    here: Installation, name: str, lost: Lost
) -> None:
    command = command_of(here, name)
    after = here.undisturbed(command)
    for at in range(1, MOST_PIECES + 1):
        here.prepare(command)
        cut = Cut(at, lost)
        with cutting_proxy(here.server.port, cut) as url:
            ran = here.run(*command, url=url)

        assert (ran.code, here.state()) == (0, after), ran.err
    assert cut.seen < MOST_PIECES


@pytest.mark.parametrize("name", ["apply", "replace"])
@pytest.mark.parametrize("lost", Lost)
@pytest.mark.parametrize("at", MOMENTS_OF_A_KILL)
def test_a_command_killed_at_any_moment_has_changed_everything_or_nothing(
    here: Installation, name: str, lost: Lost, at: int
) -> None:
    command = command_of(here, name)
    after, before = here.undisturbed(command), here.prepare(command)
    ended = here.killed(*command, cut=Cut(at, lost))

    assert ended in {EXIT_KILLED, 0}
    found = here.state()
    assert found in (before, after)
    if found == before:
        assert here.run(*command).code == 0
        assert here.state() == after
