"""What keeps a worker from starting, and what does not, over a real Redis."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from trunkline_client import keys
from worker.bootstrap import WorkerRuntime
from worker.settings import load_settings

pytestmark = pytest.mark.integration


def test_one_configuration_that_cannot_be_read_keeps_no_worker_from_starting(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_REDIS_URL", redis_url)
    monkeypatch.setenv("TRUNKLINE_SECRET_KEYS", Fernet.generate_key().decode())
    with Redis.from_url(redis_url) as redis:
        redis.hset(keys.config("acme"), mapping={"version": "1", "document": "{"})
        redis.sadd(keys.TENANTS, "acme")
    runtime = WorkerRuntime()

    runtime.start(load_settings(), lambda: False)
    runtime.stop()
