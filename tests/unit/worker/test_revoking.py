"""What `celery control revoke` does in a worker of ours, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from celery.worker import state
from celery.worker.control import Panel
from redis.exceptions import ConnectionError as RedisConnectionError

from tasks.revoke import Revocation
from worker.revoking import answered, register_commands


@dataclass(slots=True)
class Asked:
    """Revokes nothing; keeps what it was asked."""

    answer: Revocation | Exception
    asked: list[tuple[str, str]] = field(default_factory=list)

    def revoke(self, job_id: str, hop: str) -> Revocation:
        self.asked.append((job_id, hop))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    commands = dict(Panel.data)
    yield
    state.revoked.clear()
    Panel.data.update(commands)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Revocation.CANCELLED, "its job is cancelled"),
        (Revocation.BEFORE, "its job is cancelled"),
        (Revocation.TOO_LATE, "too late, its job goes on"),
        (Revocation.STALE, "served before, its job goes on"),
        (Revocation.UNKNOWN, "discarded when it is met"),
        (RedisConnectionError("x"), "asked again when it is met: Redis did not answer"),
    ],
)
def test_the_answer_says_what_became_of_the_job(answer: Revocation | Exception, words: str) -> None:
    assert answered(Asked(answer), ["job-1.2"]) == {"ok": f"job-1.2: {words}"}
    assert "job-1.2" in state.revoked


def test_a_task_that_is_no_nudge_is_only_noted() -> None:
    revoker = Asked(Revocation.CANCELLED)

    assert answered(revoker, ["7d9a", "job-1.1"]) == {
        "ok": "7d9a: discarded when it is met; job-1.1: its job is cancelled"
    }
    assert revoker.asked == [("job-1", "1")]
    assert "7d9a" in state.revoked


def test_a_redis_that_does_not_answer_is_asked_once_however_many_are_revoked() -> None:
    revoker = Asked(RedisConnectionError("x"))
    named = [f"job-{number}.1" for number in range(3000)]

    said = answered(revoker, [*named, "7d9a"])["ok"].split("; ")

    assert len(revoker.asked) == 1
    assert sum(one.endswith("asked again when it is met: Redis did not answer") for one in said) == 3000
    assert said[0] == "7d9a: discarded when it is met"
    assert all(one in state.revoked for one in named)


def test_of_very_many_the_rest_is_left_to_the_worker_that_meets_them() -> None:
    revoker = Asked(Revocation.CANCELLED)
    named = [f"job-{number:04}.1" for number in range(1_002)]

    said = answered(revoker, named)["ok"].split("; ")

    assert len(revoker.asked) == 1_000
    assert said[999:] == [
        "job-0999.1: its job is cancelled",
        "job-1000.1: asked again when it is met: too many at once",
        "job-1001.1: asked again when it is met: too many at once",
    ]
    assert all(one in state.revoked for one in named)


@pytest.mark.parametrize("options", [{}, {"terminate": True, "signal": "SIGKILL"}])
def test_revoke_ends_no_thread_whatever_it_is_told(options: dict[str, object]) -> None:
    revoker = Asked(Revocation.TOO_LATE)
    register_commands(revoker)

    # The first argument is Celery's state, with the pool in it: it is not looked at.
    assert Panel.data["revoke"](None, "job-1.1", **options) == {"ok": "job-1.1: too late, its job goes on"}
    assert Panel.data["terminate"](None, "SIGKILL", ["job-1.1"]) == {"ok": "job-1.1: too late, its job goes on"}
