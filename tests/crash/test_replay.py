"""A replay by filter that is killed, loses Redis or runs twice at once: by the ledger each job is sent once."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from providers.simulators.faults import FaultKind, FaultPlan
from tests.support.system import BIN, System, running
from trunkline_client import keys

pytestmark = pytest.mark.crash

JOBS, OPTED_OUT = 150, 5
RATE = "200"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("replay"), aof=True) as system:
        system.apply()
        system.start_worker().wait_ready()
        yield system


def recipients(prefix: int) -> list[str]:
    return [f"+1201{prefix}{number:04}" for number in range(JOBS)]


def fail_jobs(system: System, to: Sequence[str]) -> None:
    """Let a job to each recipient fail: the own account for one of two reasons, the fallback for a third."""
    for recipient in to[:OPTED_OUT]:
        system.refuse(recipient, 21610)
    for code, share in ((20003, 0.5), (21408, 1.0)):
        plan = FaultPlan(kind=FaultKind.ANSWER, provider="twilio", method="POST", code=code, status=400, share=share)
        system.control.arm(plan)
    system.control.arm(FaultPlan(kind=FaultKind.ANSWER, provider="syniverse", method="POST", status=401))
    system.client.send_many([{"tenant": "acme", "channel": "sms", "to": one, "body": f"to {one}"} for one in to])
    while system.raw.zcard(keys.UNFINISHED):
        time.sleep(0.05)
    assert system.raw.zcard(keys.DEAD) >= JOBS
    system.control.clear_faults()


def start(system: System, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(BIN / "trunkline"), "replay", *arguments, "--rate", RATE, "--yes"],
        env=dict(system.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(system: System, run: str, jobs: int) -> None:
    while system.raw.llen(keys.replayed(run)) < jobs:
        time.sleep(0.01)


def how_to_go_on(run: str) -> str:
    return f"replay {run} was interrupted; to go on: trunkline replay --resume {run} --yes"


def assert_each_sent_once(system: System, to: Sequence[str]) -> None:
    while system.raw.zcard(keys.UNFINISHED):
        time.sleep(0.05)
    received = Counter(entry.to for entry in system.control.ledger().entries)
    assert {one: received[one] for one in to} == {one: int(one not in to[:OPTED_OUT]) for one in to}


def test_a_replay_that_is_killed_interrupted_and_cut_off_is_resumed_and_sends_each_job_once(system: System) -> None:
    to = recipients(555)
    fail_jobs(system, to)

    killed = start(system, "--tenant", "acme", "--since", "1h")
    while not (runs := system.raw.zrange(keys.REPLAYS, 0, -1)):
        time.sleep(0.01)
    wait_for(system, runs[0], 40)
    killed.kill()
    _, told = killed.communicate()
    assert told == f"replay {runs[0]}\n"

    interrupted = start(system, "--resume", runs[0])
    wait_for(system, runs[0], 80)
    interrupted.send_signal(signal.SIGINT)
    _, told = interrupted.communicate()
    assert (interrupted.returncode, told.splitlines()[-1]) == (1, how_to_go_on(runs[0]))

    cut_off = start(system, "--resume", runs[0])
    wait_for(system, runs[0], 110)
    system.redis.kill()
    _, told = cut_off.communicate()
    assert (cut_off.returncode, how_to_go_on(runs[0]) in told) == (1, True)
    system.redis.restart()

    done = system.run("replay", "--resume", runs[0], "--yes", "--follow")

    sent = JOBS - OPTED_OUT
    assert (done.returncode, done.stderr) == (1, f"replay {runs[0]}\n")
    assert f"replay {runs[0]}: {JOBS} selected, {sent} requeued, {OPTED_OUT} refused\n" in done.stdout
    assert f"{sent} of {sent} have an outcome: {sent} sent\n" in done.stdout
    assert_each_sent_once(system, to)


def test_two_operators_who_run_the_same_replay_at_once_send_each_job_once(system: System) -> None:
    to = recipients(666)
    fail_jobs(system, to)

    both = [start(system, "--tenant", "acme", "--since", "1h") for _ in range(2)]
    told = [process.communicate()[0] for process in both]

    assert_each_sent_once(system, to)
    counts = [re.findall(r"([0-9]+) requeued", one) for one in told]
    assert sum(int(number) for numbers in counts for number in numbers) == JOBS - OPTED_OUT
