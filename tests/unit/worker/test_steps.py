"""Which ways of running a worker are refused."""

from __future__ import annotations

import pytest
from celery.concurrency.base import BasePool
from celery.concurrency.solo import TaskPool as SoloPool

from worker.pool import DispatchPool
from worker.steps import refused


@pytest.mark.parametrize("name", ["gevent", "eventlet"])
def test_a_green_thread_pool_is_refused_by_name(name: str) -> None:
    pool = type("TaskPool", (BasePool,), {"__module__": f"celery.concurrency.{name}"})

    assert name in (refused(pool, autoscale=None) or "")


def test_autoscale_is_refused() -> None:
    assert "--autoscale" in (refused(DispatchPool, autoscale="10,1") or "")


@pytest.mark.parametrize("pool", [DispatchPool, SoloPool])
def test_our_pool_and_the_solo_pool_are_taken(pool: type[BasePool]) -> None:
    assert refused(pool, autoscale=None) is None
