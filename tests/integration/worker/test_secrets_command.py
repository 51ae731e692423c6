"""`trunkline secrets`, over a real Redis: keys are rotated, and what they open is counted."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.fernet import Fernet

from senders.secrets import KeyRing
from senders.store import ConfigStore, Replacement
from tests.support.cli import run_cli
from tests.support.redis_server import free_port
from tests.support.sender_samples import tenant, twilio
from trunkline_client import keys
from trunkline_client.connection import open_async, open_sync
from trunkline_client.private import Private, Token

pytestmark = pytest.mark.integration

OLD, NEW, LOST = (Fernet.generate_key().decode() for _ in range(3))


def save(redis_url: str, key: str) -> None:
    """Save tenant acme with one sender, whose secret is sealed with `key`."""
    config = tenant(twilio(sealed_secret=KeyRing([key]).seal("acme", "own", {"token": Token("t")})))

    async def replace() -> None:
        client = open_async(redis_url)
        await ConfigStore(client).replace({"acme": Replacement.of(None, config)}, token="t1")
        await client.aclose()

    asyncio.run(replace())


def env(redis_url: str, *ring: str) -> dict[str, str]:
    return {"TRUNKLINE_REDIS_URL": redis_url, "TRUNKLINE_SECRET_KEYS": ",".join(ring)}


def test_a_rotation_frees_the_old_key_and_says_so(redis_url: str) -> None:
    save(redis_url, OLD)
    both = env(redis_url, NEW, OLD)

    assert run_cli("secrets", "status", "--json", env=both).json["keys"] == [
        {"key": 1, "opens": 0},
        {"key": 2, "opens": 1},
    ]
    first, second = (run_cli("secrets", "rotate", "--json", env=both) for _ in range(2))

    none = {"count": 0, "named": []}
    assert (first.code, first.json) == (0, {"resealed": 1, "already_current": 0, "unreadable": none})
    assert (second.code, second.json) == (0, {"resealed": 0, "already_current": 1, "unreadable": none})
    alone = run_cli("secrets", "status", "--json", env=env(redis_url, NEW))
    assert (alone.code, alone.json) == (0, {"keys": [{"key": 1, "opens": 1}], "unreadable": none})


def test_what_no_key_opens_is_named_and_makes_the_rotation_fail(redis_url: str) -> None:
    save(redis_url, LOST)
    with open_sync(redis_url) as client:
        client.sadd(keys.JOB_TENANTS, "acme")
        client.zadd(keys.jobs("acme"), {"job-1": 1})
        client.hset(keys.job("job-1"), "content", KeyRing([LOST]).seal_content("job-1", Private("private words")))

    ran = run_cli("secrets", "rotate", env=env(redis_url, NEW, OLD))

    assert (ran.code, ran.out) == (1, "Sealed anew with the first key: 0. Sealed with it before: 0.\n")
    assert ran.err.startswith("trunkline: 2 cannot be opened with TRUNKLINE_SECRET_KEYS")
    assert "sender acme/own, job job-1; add the key" in ran.err
    assert "No key opens: sender acme/own, job job-1" in run_cli("secrets", "status", env=env(redis_url, NEW)).out


def test_a_rotation_is_in_the_audit_under_the_name_of_who_asked_for_it(redis_url: str) -> None:
    save(redis_url, OLD)
    both = env(redis_url, NEW, OLD)
    run_cli("secrets", "rotate", "--as", "eve", env=both)

    (event,) = run_cli("audit", "--json", env=both).json
    assert (event["actor"], event["action"], event["tenant"]) == ("eve", "secrets.rotated", "acme")


@pytest.mark.parametrize("command", ["rotate", "status"])
def test_without_redis_it_ends_with_one_line(command: str) -> None:
    ran = run_cli("secrets", command, env=env(f"redis://127.0.0.1:{free_port()}/0", NEW))

    assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1)
