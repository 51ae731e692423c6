"""What a channel has in hand, and what Redis knows of it; a full Redis does not end the worker.

`take.lua` notes in kombu's `unacked` each message that is the only copy of a job, as it takes it. Nudges are not noted:
one that a killed worker had in hand is written again by the sweeper after 10 s, long before kombu would put it back.
What is done is forgotten in one pipeline for each turn of the loop; a process that is killed before it gets its
messages delivered again, which the journal's claim makes harmless.

kombu tells the age of a message by the clocks of two workers. One that was 10 minutes ahead put back, every 5 s, all
that the others had in hand. Here both times are those of Redis.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import structlog
from kombu.asynchronous import get_event_loop
from kombu.transport import redis as kombu_redis
from redis.exceptions import OutOfMemoryError

from trunkline_client import keys
from worker.broker_scripts import GIVE_BACK
from worker.in_hand import InHand, Room, Taken

_log = structlog.get_logger("trunkline.broker")
#: of one call of the script.
_GIVEN_BACK_AT_ONCE: Final = 64


def wake_loop() -> None:
    """End the wait of Celery's loop, from any thread."""
    hub: Any = get_event_loop()
    if hub is not None:
        hub.call_soon(int)  # a call without effect


class QoS(kombu_redis.QoS):
    """Counts what is in hand by jobs, gives it back, and forgets what is done.

    `ack` and `reject` may be called from any thread; all else is for the thread of the loop.
    """

    def __init__(self, channel: Any, prefetch_count: int = 0) -> None:
        super().__init__(channel, prefetch_count)  # type: ignore[no-untyped-call]  # kombu ships few types
        self._in_hand = InHand()
        self._done: deque[str] = deque()
        self._to_forget: list[str] = []
        #: tags that are noted under us no more: by now another worker may have noted them for itself.
        self._not_ours: set[str] = set()
        self._loop_thread = threading.get_ident()
        self._ahead_s: float | None = None
        #: the tag of the message that is being delivered, and what it is.
        self.arriving: tuple[str, Taken] | None = None

    @property
    def visibility_timeout(self) -> float:
        """How long a message may stay unacknowledged, less how far Redis is ahead: kombu takes it from our clock."""
        return float(self.channel.visibility_timeout) - self._ahead()

    def can_consume(self) -> bool:
        """Return whether there is room for one more job."""
        return self.room().jobs > 0

    def can_consume_max_estimate(self) -> int:
        """Return for how many jobs there is room."""
        return self.room().jobs

    def room(self) -> Room:
        """Return the room there is."""
        self._flush()
        calls = self.channel.calls
        return self._in_hand.room(self.prefetch_count, None if calls is None else calls.count)

    def append(self, message: Any, delivery_tag: str) -> None:
        """Count a message that was delivered."""
        self._flush()
        taken = self._arrived(delivery_tag) or self._from_elsewhere(message)
        self._in_hand.add(delivery_tag, taken)
        self._delivered[delivery_tag] = message

    def ack(self, delivery_tag: str) -> None:
        """Let a message that was worked on be forgotten; Redis hears of it with the next turn of the loop."""
        self._done.append(delivery_tag)
        if threading.get_ident() != self._loop_thread:
            wake_loop()

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Let a message be forgotten, or give it back to the far end of its list, now or by and by."""
        message, taken = self._delivered.get(delivery_tag), self._in_hand.get(delivery_tag)
        try:
            if requeue and message is not None and taken is not None:
                self._not_ours.add(delivery_tag)
                self.give_back([(taken, delivery_tag, _again(message._raw))], is_next=False)  # noqa: SLF001
        finally:
            self.ack(delivery_tag)

    def forget_later(self, tag: str) -> None:
        """Take a noted message that is of no use out of `unacked` with the next `forget`."""
        self._to_forget.append(tag)

    def forget_unasked(self) -> None:
        """Let the message just delivered be forgotten if it was not counted, since nobody will acknowledge it."""
        arriving, self.arriving = self.arriving, None
        if arriving is not None and arriving[1].is_noted:
            self.forget_later(arriving[0])

    def forget(self) -> None:
        """Tell Redis of all messages that were worked on; without a transaction, which a full Redis refuses."""
        self._loop_thread = threading.get_ident()
        self._flush()
        if not self._to_forget:
            return
        tags = list(self._to_forget)
        with self.channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
            pipe.zrem(self.unacked_index_key, *tags)
            pipe.hdel(self.unacked_key, *tags)
            pipe.execute()
        del self._to_forget[: len(tags)]

    def restore_unacked_once(self, stderr: Any = None) -> None:
        """Forget what is done and give back the rest, as the channel closes."""
        try:
            self.forget()
            super().restore_unacked_once(stderr)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors as error:
            # What is noted comes back after the visibility timeout, and the sweeper writes the nudges again.
            _log.warning("message.unrestored", count=len(self._delivered), error=type(error).__name__)

    def restore_unacked(self, client: Any = None) -> None:
        """Give back all that is in hand, to be served next, in the order it came."""
        held = []
        for tag, message in self._delivered.items():
            taken = self._in_hand.remove(tag)
            if taken is not None:
                held.append((taken, tag, _again(message._raw)))  # noqa: SLF001
        self.give_back(held, is_next=True, client=client)
        self._delivered.clear()

    def restore_by_tag(self, tag: str | bytes, client: Any = None, leftmost: bool = False) -> None:
        """Give back a noted message that some process took too long ago."""
        with self.channel.conn_or_acquire(client) as client:  # noqa: PLR1704  # kombu's own idiom
            kept: bytes | None = client.hget(self.unacked_key, tag)
            name = tag.decode() if isinstance(tag, bytes) else tag
            found = _read(kept) if kept else None
            if found is None:
                # Nothing is kept, or what is kept is no message: whoever took it would have thrown it away.
                client.zrem(self.unacked_index_key, name)
                client.hdel(self.unacked_key, name)
                return
            payload, exchange, routing_key = found
            for queue in self.channel._lookup(exchange, routing_key):  # noqa: SLF001
                taken = Taken(queue, self._list_of(queue, payload), is_noted=True)
                self.give_back([(taken, name, _again(payload))], is_next=not leftmost, client=client)

    def give_back(self, held: Iterable[tuple[Taken, str, str | bytes]], *, is_next: bool, client: Any = None) -> None:
        """Write messages to their lists again.

        Args:
            held: what each is, its tag, and its text; the first is to be served first.
            is_next: whether they go to the end that is served next, else to the other.
            client: of redis-py, if one is at hand.
        """
        messages = list(held)
        if is_next:
            messages.reverse()
        for first in range(0, len(messages), _GIVEN_BACK_AT_ONCE):
            pairs: dict[str, int] = {}
            names = [self.unacked_key, self.unacked_index_key]
            arguments: list[Any] = ["RPUSH" if is_next else "LPUSH"]
            for taken, tag, text in messages[first : first + _GIVEN_BACK_AT_ONCE]:
                if taken.list_name not in pairs:
                    pairs[taken.list_name] = len(pairs) + 1
                    names += [taken.list_name, keys.bell(taken.queue)]
                arguments += [pairs[taken.list_name], tag if taken.is_noted else "", text]
            with self.channel.conn_or_acquire(client) as used:
                GIVE_BACK.run(used, names, arguments)

    def restore_visible(self, *arguments: Any, **options: Any) -> None:
        """Give back what was taken too long ago; when Redis is full, later: the lock for it needs memory."""
        self._ahead_s = None
        try:
            super().restore_visible(*arguments, **options)  # type: ignore[no-untyped-call]
        except OutOfMemoryError:
            return

    def _flush(self) -> None:
        """Count no more what is done; kombu's name."""
        while self._done:
            tag = self._done.popleft()
            self._delivered.pop(tag, None)
            taken = self._in_hand.remove(tag)
            if taken is not None and taken.is_noted and tag not in self._not_ours:
                self._to_forget.append(tag)
            self._not_ours.discard(tag)

    def _arrived(self, tag: str) -> Taken | None:
        """Return what the message is, if it is the one that is being delivered."""
        arriving, self.arriving = self.arriving, None
        return arriving[1] if arriving is not None and arriving[0] == tag else None

    def _from_elsewhere(self, message: Any) -> Taken:
        """Return what a message of a queue of Celery's own is: an answer to remote control."""
        queue = str((message.delivery_info or {}).get("routing_key") or "")
        return Taken(queue, self._list_of(queue, message._raw))  # noqa: SLF001

    def _list_of(self, queue: str, payload: Any) -> str:
        priority = self.channel._get_message_priority(payload, reverse=False)  # noqa: SLF001
        return str(self.channel._q_for_pri(queue, priority))  # noqa: SLF001

    def _ahead(self) -> float:
        """Return how far the clock of Redis is ahead of ours, in seconds, asked anew before each `restore_visible`."""
        if self._ahead_s is None:
            with self.channel.conn_or_acquire() as client:
                seconds, microseconds = client.time()
            self._ahead_s = seconds + microseconds / 1_000_000 - time.time()
        return self._ahead_s


def _again(payload: dict[str, Any]) -> str:
    """Return a message as kombu writes one that was delivered before."""
    payload.get("headers", {})["redelivered"] = True
    info = payload["properties"].get("delivery_info")
    if isinstance(info, dict):
        info["redelivered"] = True
    return json.dumps(payload)


def _read(kept: bytes) -> tuple[dict[str, Any], str, str] | None:
    try:
        payload, exchange, routing_key = json.loads(kept)
        payload["properties"]["delivery_tag"]  # a message has one
    except (ValueError, TypeError, KeyError, RecursionError):
        _log.error("message.discarded", why="what is kept of it is no message")
        return None
    return payload, exchange, routing_key
