"""The blocking client."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, Unpack

from redis import Redis
from redis.exceptions import RedisError

from trunkline_client import calls, keys
from trunkline_client.calls import Call, Cancellation, Jobs, NewId, Sent
from trunkline_client.connection import open_sync
from trunkline_client.job import JobFields
from trunkline_client.record import Handle, Status
from trunkline_client.tracing import enqueueing
from trunkline_client.words import Channel


class Trunkline:
    """Enqueues jobs and asks about them; safe to share between threads.

    Args:
        redis_url: as `trunkline_client.connection.parse` takes it.
        redis: a client to use instead of opening one; it stays open when this object is closed.
        new_id: makes the id of a job that names none.

    Raises:
        SettingsInvalid: the address cannot be used.
    """

    def __init__(self, redis_url: str = "", *, redis: Redis | None = None, new_id: NewId = calls.random_id) -> None:
        self._owned = redis is None
        self._redis = open_sync(redis_url, name="redis_url") if redis is None else redis
        self._new_id = new_id

    def send_sms(self, **job: Unpack[JobFields]) -> Handle:
        """Enqueue one SMS; returns once Redis holds it.

        Raises:
            JobInvalid: names every wrong field; nothing was recorded.
            JobConflict: another job has this id; nothing was recorded.
            NotAccepted: Redis did not confirm; send it again with the id of the error.
        """
        return calls.handle_of(self.send_many([{**job, "channel": Channel.SMS}])[0])

    def send_voice(self, **job: Unpack[JobFields]) -> Handle:
        """Enqueue one voice call; as `send_sms` otherwise."""
        return calls.handle_of(self.send_many([{**job, "channel": Channel.VOICE}])[0])

    def send_many(self, jobs: Jobs) -> list[Sent]:
        """Enqueue many jobs in few round trips; each names its `channel`.

        Returns:
            For each job, in order, its handle or its error. When Redis is lost on the way, every job it did not confirm
            gets `NotAccepted` with the id to send it again with.
        """
        sent: list[Sent] = []
        lost: RedisError | None = None
        for batch in calls.batches(jobs):
            prepared = [calls.prepare(job, self._new_id) for job in batch]
            with enqueueing(len(batch)) as span:
                wanted = calls.enqueue_calls(span.carried(prepared))
                answers = [lost] * len(wanted) if lost else self._run(wanted)
                settled = calls.settle(prepared, answers)
                span.ended(settled)
            lost = lost or calls.loss(answers)
            sent += settled
        return sent

    def status(self, job_id: str) -> Status | None:
        """Return what is known about a job, None if there is no such job.

        Raises:
            RedisUnavailable: Redis did not answer.
            StatusUnreadable: the job's record is damaged, or of a version this client does not know.
        """
        try:
            record: Any = self._redis.hgetall(keys.job(job_id))
        except RedisError as error:
            raise calls.unavailable(error) from error
        return calls.read_status(job_id, record)

    def cancel(self, job_id: str) -> Cancellation:
        """End a job that nothing was sent of, and may not have been; the answer is true only if it is cancelled.

        Raises:
            RedisUnavailable: Redis did not confirm; cancelling again is safe.
        """
        return calls.cancelled(calls.answer_of(self._run([calls.cancel_call(job_id)])))

    def used(self, job_id: str) -> bool:
        """Note that the recipient used the code of a job; False if there is no such job. The first time counts.

        Raises:
            RedisUnavailable: Redis did not confirm; calling again is safe.
        """
        return bool(calls.answer_of(self._run([calls.used_call(job_id)])))

    def close(self) -> None:
        """Close the connections, if this object opened them."""
        if self._owned:
            self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, wanted: Sequence[Call]) -> list[Any]:
        """Return the answer to each call; an error in the place of one that failed."""
        try:
            answers = self._pipeline(wanted)
            again = calls.forgotten(answers)
            if again:
                for text in calls.texts(wanted):
                    self._redis.script_load(text)
                retried = self._pipeline([wanted[place] for place in again])
                for place, answer in zip(again, retried, strict=True):
                    answers[place] = answer
        except RedisError as error:
            return [error] * len(wanted)
        return answers

    def _pipeline(self, wanted: Sequence[Call]) -> list[Any]:
        with self._redis.pipeline(transaction=False) as pipeline:
            for call in wanted:
                pipeline.execute_command("EVALSHA", *call.command())
            return pipeline.execute(raise_on_error=False)
