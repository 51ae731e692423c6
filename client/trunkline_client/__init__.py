"""The producer's half of Trunkline and the owner of its wire contract.

`Trunkline` blocks, `AsyncTrunkline` awaits; both record jobs in Redis and nudge the workers.
"""

from trunkline_client.async_client import AsyncTrunkline
from trunkline_client.calls import Cancellation
from trunkline_client.errors import (
    FieldError,
    JobConflict,
    JobInvalid,
    NotAccepted,
    RedisUnavailable,
    SettingsInvalid,
    StatusUnreadable,
    TrunklineError,
)
from trunkline_client.job import JobFields
from trunkline_client.record import Handle, Status
from trunkline_client.sync_client import Trunkline

__all__ = [
    "AsyncTrunkline",
    "Cancellation",
    "FieldError",
    "Handle",
    "JobConflict",
    "JobFields",
    "JobInvalid",
    "NotAccepted",
    "RedisUnavailable",
    "SettingsInvalid",
    "Status",
    "StatusUnreadable",
    "Trunkline",
    "TrunklineError",
]
