"""What the tests of the journal share."""

from __future__ import annotations

import pytest

from tasks.journal import Journal
from tests.support.journal import TextRedis


@pytest.fixture
def journal(redis: TextRedis) -> Journal:
    """The journal on an empty server."""
    return Journal(redis, lease_ms=10_000)
