"""Whatever a command of configuration is fed: it ends with a code and one message, and saves all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from senders.yaml_text import read_yaml
from tests.support.accounts_server import accounts_server
from tests.support.cli import Ran, run_cli
from tests.support.config_samples import ENVIRONMENT as TOKENS
from tests.support.mutations import ENVIRONMENT, EVERYTHING, as_yaml, damaged, mutated
from tests.support.redis_server import RedisServer
from tests.support.valid_files import POLICY, valid_file

pytestmark = pytest.mark.integration

ACME: Any = read_yaml(EVERYTHING)
POLICY_FILE, SENDER_FILE = (
    as_yaml(ACME["tenants"]["acme"][part][name])
    for part, name in [("policies", "default"), ("senders", "acme-gateway")]
)
Keys = dict[bytes, bytes]


class Installation:
    """A Redis with one configuration in it, to which every example comes back, and the commands over it."""

    def __init__(self, redis: Redis, env: dict[str, str], file: Path) -> None:
        self._redis = redis
        self._env = env
        self._file = file
        self.apply(local(EVERYTHING))
        self._saved = self.keys()

    def again(self) -> None:
        self._redis.flushall()
        for key, value in self._saved.items():
            self._redis.restore(key, 0, value)

    def keys(self) -> Keys:
        names: Any = self._redis.keys("*")
        return {name: self._dumped(name) for name in names}

    def apply(self, text: str) -> Ran:
        self._file.write_bytes(text.encode(errors="replace"))
        return self.run("apply", str(self._file), "--yes")

    def run(self, *arguments: str, stdin: bytes = b"") -> Ran:
        return run_cli(*arguments, env=self._env, stdin=stdin)

    def check(self, ran: Ran) -> None:
        """Check how a command ended, and what it left behind."""
        told = ran.out + ran.err
        assert ran.code in {0, 1, 2}, told
        assert "Traceback" not in told
        assert not any(secret in told for secret in TOKENS.values())
        assert told.replace("\n", "").isprintable(), ascii(told)
        if ran.code:
            assert self.keys() == self._saved, told
            return
        assert self.apply(self.run("export").out).out == "No changes.\n"

    def _dumped(self, name: bytes) -> bytes:
        found: Any = self._redis.dump(name)
        return bytes(found)


def local(text: str) -> str:
    """Return a file whose gateway has an address where there is no network."""
    return text.replace("gw.example", "127.0.0.1")


@pytest.fixture(scope="module")
def installation(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    if not redis_server.running:
        redis_server.start()
    redis_server.flush()
    with accounts_server() as accounts, Redis.from_url(redis_server.url) as redis:
        env = {
            **ENVIRONMENT,
            **TOKENS,
            **accounts.environment,
            "TRUNKLINE_REDIS_URL": redis_server.url,
            "TRUNKLINE_SECRET_KEYS": Fernet.generate_key().decode(),
            "TRUNKLINE_ACTOR": "ann",
            "TRUNKLINE_GATEWAY_PRIVATE_HOSTS": "127.0.0.1",
        }
        yield Installation(redis, env, tmp_path_factory.mktemp("fuzz") / "tenants.yaml")


@given(mutated(EVERYTHING).map(as_yaml) | damaged(EVERYTHING))
@settings(max_examples=150)
def test_apply_saves_a_broken_file_whole_or_not_at_all(installation: Installation, text: str) -> None:
    installation.again()
    installation.check(installation.apply(local(text)))


@given(valid_file().map(as_yaml))
@settings(max_examples=20)
def test_apply_saves_a_file_that_keeps_every_rule(installation: Installation, text: str) -> None:
    installation.again()
    ran = installation.apply(local(text))
    installation.check(ran)
    assert ran.code == 0, ran.err


@given(mutated(POLICY_FILE).map(as_yaml).map(str.encode) | POLICY.map(as_yaml).map(str.encode) | st.binary(max_size=20))
@settings(max_examples=60)
def test_policies_set_saves_a_whole_policy_or_nothing(installation: Installation, content: bytes) -> None:
    installation.again()
    installation.check(installation.run("policies", "set", "strict", "-", "--tenant", "acme", "--yes", stdin=content))


@given(mutated(SENDER_FILE).map(as_yaml).map(local).map(str.encode) | st.binary(max_size=20))
@settings(max_examples=60)
def test_senders_add_saves_a_whole_sender_or_nothing(installation: Installation, content: bytes) -> None:
    installation.again()
    add = ("senders", "add", "new", "--tenant", "acme", "--from", "-", "--yes", "--last-in-chain")
    installation.check(installation.run(*add, stdin=content))
