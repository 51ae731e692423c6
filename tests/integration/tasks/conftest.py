"""What the tests of the journal share."""

from __future__ import annotations

import pytest

from tasks.journal import Journal
from tests.support.journal import TextRedis
from tests.support.replaying import Operator


@pytest.fixture
def journal(redis: TextRedis) -> Journal:
    """The journal on an empty server."""
    return Journal(redis, lease_ms=10_000)


@pytest.fixture
def replays(redis: TextRedis) -> Operator:
    """An operator who replays one job at a time."""
    return Operator(redis)
