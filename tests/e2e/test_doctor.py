"""`trunkline doctor` on a whole installation: silent while it is well, and one finding for each thing broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.support.acl import create_users, url_of
from tests.support.redis_server import RedisServer
from tests.support.system import ACME_SID, GLOBEX_SID, TOKENS, System, running
from trunkline_client import keys

pytestmark = pytest.mark.e2e

CHECKS = ("settings", "redis", "broker", "queues", "workers", "jobs", "tenants", "keys", "senders")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("doctor")
    options = ("--hash-max-ziplist-value", "1024")
    with RedisServer(folder / "server", aof=True, options=options) as server, running(folder, redis=server) as system:
        system.apply()
        system.start_worker("--name", "first@%h").wait_ready()
        yield system


def found(system: System, *arguments: str, **variables: str) -> dict[str, list[dict[str, Any]]]:
    """Return the findings of each check that has some; no token may be in what was printed."""
    done = system.run("doctor", "--json", *arguments, **variables)
    assert not [token for token in TOKENS.values() if token in done.stdout + done.stderr]
    checks = json.loads(done.stdout)["checks"]
    return {check["name"]: check["findings"] for check in checks if check["findings"]}


def names(findings: list[dict[str, Any]]) -> list[str]:
    return [finding["name"] for finding in findings]


def test_a_healthy_installation_is_ok_all_over(system: System) -> None:
    done = system.run("doctor", "--senders")
    assert (done.returncode, done.stdout, done.stderr) == (0, "".join(f"{name}: ok\n" for name in CHECKS), "")


def test_a_key_that_opens_nothing_is_found_by_what_it_does_not_open(system: System) -> None:
    other = Fernet.generate_key().decode()

    lost = found(system, "--senders", TRUNKLINE_SECRET_KEYS=other)
    older = found(system, TRUNKLINE_SECRET_KEYS=f"{other},{system.environment['TRUNKLINE_SECRET_KEYS']}")

    assert names(lost["keys"]) == ["unreadable_secret", "counter_key"]
    assert "acme/acme-twilio" in lost["keys"][0]["what"]
    assert set(names(lost["senders"])) == {"not_asked"}
    assert names(older["keys"]) == ["older_key"]


def test_accounts_that_changed_are_told_each_by_its_sender(system: System) -> None:
    before = system.control.world()
    system.control.release_number(ACME_SID, "+12015550101")
    system.control.suspend(GLOBEX_SID)
    system.control.revoke_token("syniverse")

    acme = found(system, "--senders", "--tenant", "acme")["senders"]
    everybody = found(system, "--senders")["senders"]
    system.control.use(before)

    assert [(one["name"], one["what"].split(":")[0]) for one in acme] == [
        ("credentials", "sender acme/acme-syniverse"),
        ("number_gone", "sender acme/acme-twilio"),
    ]
    assert "+12015550101" in acme[1]["what"]
    assert sorted(names(everybody)) == ["account", "account", "credentials", "credentials", "number_gone"]


def test_the_user_of_a_worker_may_make_every_check(system: System) -> None:
    create_users(system.redis)

    some = found(system, TRUNKLINE_REDIS_URL=url_of(system.redis, "trunkline-worker"))

    assert {check: names(findings) for check, findings in some.items()} == {"redis": ["fsync"]}


def test_workers_that_are_not_as_they_should_be_are_told(system: System) -> None:
    system.workers[0].stop()
    assert names(found(system)["workers"]) == ["no_worker"]

    queues = [queue for queue in keys.ALL_QUEUES if queue != "fallback.syniverse"]
    second = system.start_worker(
        "--name", "second@%h", "--queues", ",".join(queues), clock_offset_s=60, variables={"TRUNKLINE_BROKER": "stock"}
    )
    second.wait_ready()

    workers = found(system)["workers"]

    assert names(workers) == ["unconsumed", "worker_clock", "worker_broker"]
    assert "fallback.syniverse" in workers[0]["what"]
    assert "(+60 s)" in workers[1]["what"]
    assert all("second@" in one["what"] for one in workers[1:])
