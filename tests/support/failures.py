"""Many failed jobs, written at once, for replays."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.support.journal import TextRedis
from tests.support.listed_jobs import Sample, write
from trunkline_client import keys
from trunkline_client.words import JobState

#: the end of their lives, in ms: far away.
LATER_MS: Final = 4_000_000_000_000
TRIED: Final = (("acme-twilio", "twilio"),)


def failure(number: int, **more: object) -> Sample:
    """Return job number `number`, which failed by `auth`; those of higher numbers are newer."""
    sample = Sample(
        id=f"job-{number:05}",
        created_ms=1_700_000_000_000 + number,
        state=JobState.FAILED,
        fault="auth",
        country="US",
        tried=TRIED,
    )
    return replace(sample, **more)  # type: ignore[arg-type]


async def fail(redis: TextRedis, *samples: Sample, opted_out: tuple[str, ...] = ()) -> list[str]:
    """Write jobs that can be replayed, but for those whose recipients opted out, and return the ids of all."""
    pipeline = redis.pipeline(transaction=False)
    for sample in samples:
        write(pipeline, sample)
        pipeline.hset(keys.job(sample.id), mapping={"content": "f1:x", "expires_ms": LATER_MS})
        if sample.id in opted_out:
            pipeline.hset(keys.job(sample.id), "result:1", '{"outcome":"refused","fault":"unsubscribed"}')
    await pipeline.execute()
    return [sample.id for sample in samples]
