"""What kombu keeps of messages in hand, kept by the clock of Redis, and so that a full Redis does not end the worker.

kombu notes each message it takes, forgets it when it was worked on, and gives it back, in a transaction each. Redis at
its `maxmemory` refuses transactions, and Celery takes the refusal for "unrecoverable" and exits: seen with kombu 5.7.0.
The worker that a supervisor starts next does the same, so nothing recorded is sent and no memory becomes free. A script
that first removes something is let through, and moves the same bytes only.

kombu tells the age of a message by the clocks of two workers. One that was 10 minutes ahead put back, every 5 s, all
that the others had in hand.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from redis.exceptions import NoScriptError, OutOfMemoryError

from tasks.celery_tasks import DISPATCH, DISPATCH_MANY

_log = structlog.get_logger("trunkline.broker")


@dataclass(frozen=True, slots=True)
class _Script:
    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())

    def run(self, client: Any, names: list[str], arguments: list[Any]) -> None:
        """Run it; a server that does not hold it gets it whole."""
        try:
            client.evalsha(self.sha, len(names), *names, *arguments)
        except NoScriptError:
            client.eval(self.text, len(names), *names, *arguments)


#: KEYS: hash of messages in hand, sorted set of their tags by the time they were taken, in seconds since 1970.
#: ARGV: tag, the message.
_NOTE: Final = _Script("""
local time = redis.call('TIME')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[2], time[1] .. '.' .. string.format('%06d', time[2]), ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
""")
#: KEYS: the same two. ARGV: tag.
_FORGET: Final = _Script("""
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
""")
#: KEYS: the same two, and the lists the message goes back to. ARGV: tag, LPUSH or RPUSH, the message. A second run
#: finds no message.
_GIVE_BACK: Final = _Script("""
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HDEL', KEYS[1], ARGV[1]) == 1 then
  for place = 3, #KEYS do
    redis.call(ARGV[2], KEYS[place], ARGV[3])
  end
end
""")
#: The same for a message that Redis does not keep; the removal lets the rest run when Redis is full.
_PUT_BACK: Final = _Script("""
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
for place = 3, #KEYS do
  redis.call(ARGV[2], KEYS[place], ARGV[3])
end
""")


@dataclass(slots=True)
class _Pushes:
    """Stands for a transaction, to learn from kombu what it would push where.

    kombu prints a message whole, a submitted job's recipient and text too, if a real one refuses it.
    """

    lists: list[str] = field(default_factory=list)
    message: str = ""

    def push(self, name: str, message: str) -> None:
        self.lists.append(name)
        self.message = message

    lpush = rpush = push


class QoS(kombu_redis.QoS):
    """Notes and gives back messages, by the clock of Redis, also when Redis is full; nudges it only counts.

    A nudge that a killed worker had in hand is written again by the sweeper after 10 s, long before kombu would put it
    back, so noting it bought nothing for a fifth of the CPU of a job.
    """

    _ahead_s: float | None = None

    @property
    def visibility_timeout(self) -> float:
        """How long a message may stay unacknowledged, less how far Redis is ahead: kombu takes it from our clock."""
        return float(self.channel.visibility_timeout) - self._ahead()

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a message that was taken."""
        if not _is_nudge(message):
            self._note(message, delivery_tag)
        virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]  # kombu ships few types

    def _note(self, message: Any, delivery_tag: str) -> None:
        info = message.delivery_info
        kept = json.dumps([message._raw, info["exchange"], info["routing_key"]])  # noqa: SLF001  # as kombu does
        with self.channel.conn_or_acquire() as client:
            _NOTE.run(client, [self.unacked_key, self.unacked_index_key], [delivery_tag, kept])

    def ack(self, delivery_tag: str) -> None:
        """Forget a message that was worked on."""
        if self._nudge(delivery_tag) is None:
            with self.channel.conn_or_acquire() as client:
                _FORGET.run(client, [self.unacked_key, self.unacked_index_key], [delivery_tag])
        virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Forget a message, or give it back."""
        if requeue:
            self.restore_by_tag(delivery_tag, leftmost=True)
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
        else:
            self.ack(delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Give a message back to its queue, if it is still in hand: a nudge from memory."""
        nudge = self._nudge(tag)
        if nudge is not None:
            put_back(self.channel, nudge, client, leftmost)
            return
        with self.channel.conn_or_acquire(client) as client:  # noqa: PLR1704  # kombu's own idiom
            kept = client.hget(self.unacked_key, tag)
            if kept:
                _give_back(_GIVE_BACK, client, self.channel, tag, json.loads(kept), leftmost)
            else:
                client.zrem(self.unacked_index_key, tag)

    def _nudge(self, delivery_tag: str) -> Any | None:
        message = self._delivered.get(delivery_tag)
        return message if message is not None and _is_nudge(message) else None

    def restore_visible(self, *arguments: Any, **options: Any) -> None:
        """Give back what was taken too long ago; when Redis is full, later: the lock for it needs memory."""
        self._ahead_s = None
        try:
            super().restore_visible(*arguments, **options)  # type: ignore[no-untyped-call]
        except OutOfMemoryError:
            return

    def _ahead(self) -> float:
        """Return how far the clock of Redis is ahead of ours, in seconds, asked anew before each `restore_visible`."""
        if self._ahead_s is None:
            with self.channel.conn_or_acquire() as client:
                seconds, microseconds = client.time()
            self._ahead_s = seconds + microseconds / 1_000_000 - time.time()
        return self._ahead_s


class UnacknowledgedQoS(virtual.QoS):
    """Keeps nothing in Redis: what a killed process had in hand is gone."""

    def restore_unacked(self) -> list[Any]:
        """Put back what is in hand, as far as Redis answers.

        kombu would print what it cannot put back, and write it to a file: a submitted job's recipient and text.
        """
        unrestored = super().restore_unacked()  # type: ignore[no-untyped-call]  # kombu ships no types
        if unrestored:
            _log.warning("message.lost", count=len(unrestored), why="Redis did not take it back")
        return []


def put_back(channel: Any, message: Any, client: Any = None, leftmost: bool = False) -> None:
    """Write a message that Redis does not keep to its queue again, as it came.

    kombu would write what it made of the body, and that is no task message to the next worker.
    """
    info = message.delivery_info
    kept = [message._raw, info["exchange"], info["routing_key"]]  # noqa: SLF001  # as kombu does
    with channel.conn_or_acquire(client) as used:
        _give_back(_PUT_BACK, used, channel, message.delivery_tag, kept, leftmost)


def _give_back(script: _Script, client: Any, channel: Any, tag: str, kept: list[Any], leftmost: bool) -> None:
    """Run one of the two scripts for a message, its exchange and its routing key, as `QoS` keeps them."""
    pushes = _Pushes()
    channel._do_restore_message(*kept, pushes, leftmost)  # noqa: SLF001
    names = [channel.unacked_key, channel.unacked_index_key, *pushes.lists]
    script.run(client, names, [tag, "LPUSH" if leftmost else "RPUSH", pushes.message])


def _is_nudge(message: Any) -> bool:
    """Return whether a message only names jobs that the journal has."""
    return message.headers.get("task") in {DISPATCH, DISPATCH_MANY}
