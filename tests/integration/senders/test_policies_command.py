"""`trunkline policies` over a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet

from senders.counter_key import load_digester
from senders.document import encode
from senders.model import Policy
from senders.secrets import KeyRing
from senders.store import ConfigStore, Replacement
from tests.support.cli import Ran, run_cli
from tests.support.flow import config, worker
from tests.support.journal import TextRedis, enqueue
from tests.support.limits import counters, per_user
from trunkline_client.connection import open_async

pytestmark = pytest.mark.integration

KEY = Fernet.generate_key().decode()


def with_redis(url: str, body: Callable[[TextRedis], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        client = open_async(url)
        try:
            return await body(client)
        finally:
            await client.aclose()

    return asyncio.run(run())


def save(url: str, policy: Policy) -> None:
    async def replace(redis: TextRedis) -> None:
        await ConfigStore(redis).replace({"acme": Replacement(0, encode(config(policy=policy)))}, token="t")

    with_redis(url, replace)


def command(url: str, *arguments: str, stdin: bytes = b"") -> Ran:
    env = {"TRUNKLINE_REDIS_URL": url, "TRUNKLINE_SECRET_KEYS": KEY, "COLUMNS": "160"}
    return run_cli(*arguments, env=env, stdin=stdin)


def reset(url: str, tenant: str = "acme", user: str = "user-17") -> Ran:
    return command(url, "policies", "reset-quota", "--tenant", tenant, "--user", user)


def test_a_users_quota_is_reset_and_nobody_elses(redis_url: str) -> None:
    save(redis_url, per_user(5))

    async def count(redis: TextRedis) -> None:
        digester = await load_digester(redis, KeyRing([KEY]), new_key=lambda: "key")
        for number, user in enumerate(("user-17", "user-17", "user-18")):
            await enqueue(redis, f"job-{number}", user=user)
        await worker(redis, config(policy=per_user(5)), digester=digester).serve()

    with_redis(redis_url, count)

    assert (reset(redis_url).code, reset(redis_url).out) == (0, "The user's quotas are reset.\n")
    assert with_redis(redis_url, counters) == {"unused": 1}


def test_a_user_without_counters_has_nothing_to_reset(redis_url: str) -> None:
    save(redis_url, per_user(5))

    assert (reset(redis_url).code, reset(redis_url).out) == (0, "Nothing was counted for this user.\n")


@pytest.mark.parametrize("line", [b"user-17\n", b"user-17\r\n", b"user-17"])
def test_a_private_user_is_given_through_standard_input(redis_url: str, line: bytes) -> None:
    save(redis_url, per_user(5))

    async def count(redis: TextRedis) -> None:
        digester = await load_digester(redis, KeyRing([KEY]), new_key=lambda: "key")
        await enqueue(redis, user="user-17")
        await worker(redis, config(policy=per_user(5)), digester=digester).serve()

    with_redis(redis_url, count)
    arguments = ("policies", "reset-quota", "--tenant", "acme", "--user", "-", "--json")

    assert command(redis_url, *arguments, stdin=line).json == {"tenant": "acme", "cleared": True}
    assert with_redis(redis_url, counters) == {}


def test_a_tenant_that_does_not_exist_ends_in_one_clear_line(redis_url: str) -> None:
    ran = reset(redis_url, tenant="nobody")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("trunkline: there is no tenant nobody")
    assert ran.err.count("\n") == 1


def test_a_user_that_no_job_could_name_is_bad_usage(redis_url: str) -> None:
    assert reset(redis_url, user="").code == 2


def test_explain_says_that_it_does_not_consult_cooldown_and_quotas(redis_url: str) -> None:
    save(redis_url, per_user(5))
    explained = command(redis_url, "explain", "--tenant", "acme", "--channel", "sms", "--to", "+14155550100")

    assert explained.code == 0
    assert "Cooldown and quotas of the policy default are not consulted" in explained.out
