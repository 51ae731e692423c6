"""No promise about a recorded job rests on the broker: workers killed while they send, on every transport there is."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.support.system import ACME_SID, System, running
from trunkline_client.words import JobState
from worker.settings import Broker

pytestmark = pytest.mark.crash

JOBS = 120


@pytest.mark.parametrize("broker", Broker)
def test_on_any_broker_killed_workers_lose_and_repeat_nothing(broker: Broker, tmp_path: Path) -> None:
    with running(tmp_path, TRUNKLINE_LEASE_S="3", TRUNKLINE_BROKER=broker.value) as system:
        system.apply()
        slow = FaultPlan(kind=FaultKind.DELAY, account=ACME_SID, accept_first=True, delay=Delay(0.1))
        system.control.arm(slow)
        job_ids = _enqueue(system)
        for kill in (1, 2):
            worker = system.start_worker("--queues", "dispatch.urgent", "--concurrency", "8")
            while len(system.control.ledger().entries) < 20 * kill:
                time.sleep(0.02)
            worker.stop(signal.SIGKILL)
        last = system.start_worker()

        assert Counter(system.outcome(job_id)["state"] for job_id in job_ids) == {JobState.SENT: JOBS}

        received = Counter(entry.to for entry in system.control.ledger().entries)
        assert (len(received), set(received.values())) == (JOBS, {1})
        assert bool(last.events("broker.unusual")) == (broker is not Broker.OWN)


def _enqueue(system: System) -> list[str]:
    job = {"tenant": "acme", "channel": "sms", "body": "hello", "priority": "urgent"}
    handles = system.client.send_many([job | {"to": f"+1201555{6000 + number}"} for number in range(JOBS)])
    return [handle.id for handle in handles if hasattr(handle, "id")]
