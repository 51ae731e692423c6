"""Makes every check, each on its own: one that fails or takes too long hides no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from senders.secrets import KeyRing
from senders.store import ConfigStore
from trunkline_client.calls import reason
from trunkline_client.connection import VARIABLE, open_async, parse
from trunkline_client.errors import SettingsInvalid, TrunklineError
from trunkline_client.message import RECORD_VERSION
from worker import redis_health
from worker.doctor import accounts, configurations, keys, remote, stray, waiting, workers
from worker.doctor.background import in_background
from worker.doctor.configurations import Met
from worker.doctor.workers import Expected
from worker.finding import Checked, Finding, Severity, gravest_first
from worker.provider_access import providers_of
from worker.redis_facts import read_facts
from worker.redis_health import ServerFacts
from worker.settings import BrokerSettings, Settings, load_broker_settings, load_settings

#: How long one check may take, in seconds, that of the accounts apart: these are other people's to answer.
MOST_S: Final = 5.0
#: How long the walk over the configurations may go on, so that it has something to tell in time.
_WALK_S: Final = 4.0
_NO_REDIS: Final = "Redis does not answer"
_NO_SETTINGS: Final = "the settings are wrong"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for besides what is always looked at.

    Attributes:
        senders: whether to ask the senders' accounts.
        tenant: whose; None means everybody's.
        tell: is told now and then how far that is.
    """

    senders: bool = False
    tenant: str | None = None
    tell: Callable[[str], None] = lambda _: None


@dataclass(slots=True)
class _AtHand:
    """What the checks work with."""

    redis: Redis
    facts: ServerFacts
    broker: BrokerSettings
    settings: Settings | None
    wanted: Wanted
    _made: dict[object, asyncio.Task[Any]] = field(default_factory=dict, init=False)

    @property
    def ring(self) -> KeyRing | None:
        return KeyRing(self.settings.secret_key_texts) if self.settings else None

    async def once(self, look: Callable[[_AtHand], Coroutine[Any, Any, T]]) -> T:
        """Return what `look` returns; it is made once for all who ask, and goes on if one of them stops waiting."""
        task: asyncio.Task[T] = self._made.get(look) or asyncio.create_task(look(self))
        self._made[look] = task
        return await asyncio.shield(task)


class NotMade(TrunklineError):
    """A check cannot be made; the text says why."""


@dataclass(frozen=True, slots=True)
class _Check:
    """One check that needs Redis.

    Attributes:
        look: makes it.
        most_s: how long it may take, in seconds; None for ever.
        why_not: why it is not made, None if it is.
    """

    name: str
    look: Callable[[_AtHand], Awaitable[Iterable[Finding]]]
    most_s: float | None = MOST_S
    why_not: Callable[[_AtHand], str | None] = lambda _: None


def examine(wanted: Wanted) -> list[Checked]:
    """Make every check, and return each with what it found; none of them changes anything."""
    try:
        settings, mistakes = load_settings(), []
    except SettingsInvalid as error:
        settings, mistakes = None, _mistakes(error)
    return [Checked("settings", tuple(mistakes)), *_of_redis(settings, wanted)]


def _mistakes(error: SettingsInvalid) -> list[Finding]:
    first, *mistakes = str(error).splitlines()
    return [_mistake(mistake.strip()) for mistake in mistakes or [first]]


def _mistake(text: str) -> Finding:
    variable, _, problem = text.partition(": ")
    return Finding(variable, Severity.ERROR, problem, "a worker does not start with it", "see docs/settings.md")


def _of_redis(settings: Settings | None, wanted: Wanted) -> list[Checked]:
    try:
        broker = settings or load_broker_settings()
    except SettingsInvalid:
        return _without_redis(Checked("redis", not_checked=_NO_SETTINGS), _NO_SETTINGS)
    return asyncio.run(_with_redis(broker, settings, wanted))


async def _with_redis(broker: BrokerSettings, settings: Settings | None, wanted: Wanted) -> list[Checked]:
    url = broker.redis_url.get_secret_value()
    redis = open_async(url, client_name="trunkline-cli")
    try:
        try:
            async with asyncio.timeout(MOST_S):
                facts = await read_facts(redis)
        except (RedisError, TimeoutError) as error:
            why = reason(error) if isinstance(error, RedisError) else f"no answer within {MOST_S:.0f} s"
            return _without_redis(Checked("redis", (_unreachable(f"{parse(url)}: {why}"),)), _NO_REDIS)
        first = Checked("redis", tuple(redis_health.findings_of(facts)))
        return [first, *await _make_all(_AtHand(redis, facts, broker, settings, wanted))]
    finally:
        await redis.aclose()


def _without_redis(redis: Checked, why: str) -> list[Checked]:
    return [redis, *(Checked(check.name, not_checked=why) for check in CHECKS)]


def _unreachable(what: str) -> Finding:
    return Finding(
        "reachable",
        Severity.ERROR,
        what,
        "nothing can be enqueued or sent",
        f"check that it runs, and that {VARIABLE} names it",
    )


async def _make_all(at_hand: _AtHand) -> list[Checked]:
    made = await asyncio.gather(*(_make(check, at_hand) for check in CHECKS), return_exceptions=True)
    return [
        one if isinstance(one, Checked) else Checked(check.name, not_checked=_failure(one))
        for check, one in zip(CHECKS, made, strict=True)
    ]


async def _make(check: _Check, at_hand: _AtHand) -> Checked:
    why_not = check.why_not(at_hand)
    if why_not is not None:
        return Checked(check.name, not_checked=why_not)
    try:
        async with asyncio.timeout(check.most_s):
            return Checked(check.name, tuple(gravest_first(await check.look(at_hand))))
    except TimeoutError:
        return Checked(check.name, not_checked=f"it took longer than {check.most_s:.0f} s")


def _failure(error: BaseException) -> str:
    """Return why a check could not be made: in our own words where there are any, for others may quote a value."""
    if isinstance(error, RedisError):
        return reason(error)
    return str(error) if isinstance(error, TrunklineError) else f"it failed ({type(error).__name__})"


async def _broker(at_hand: _AtHand) -> list[Finding]:
    return await at_hand.once(_probe)


async def _probe(at_hand: _AtHand) -> list[Finding]:
    try:
        came_back = await in_background(lambda: remote.probe(at_hand.broker))
    except Exception as error:  # noqa: BLE001 - kombu lets through what redis-py, sockets and itself raise
        return [_not_writable(reason(error) if isinstance(error, RedisError) else type(error).__name__)]
    return [] if came_back else [_not_writable("a message that was put into a queue was not there")]


def _not_writable(why: str) -> Finding:
    return Finding(
        "broker",
        Severity.ERROR,
        f"Celery cannot use this Redis as its broker: {why}",
        "workers get no messages, and trunkline.submit is refused",
        "look at what Redis refuses: memory that is full, rights of its user (docs/redis.md), a replica",
    )


async def _queues(at_hand: _AtHand) -> Iterable[Finding]:
    return stray.findings_of(await stray.stray_lists(at_hand.redis))


async def _workers(at_hand: _AtHand) -> list[Finding]:
    if await at_hand.once(_probe):
        raise NotMade("through this broker no worker can answer")
    expected = Expected(version("trunkline"), RECORD_VERSION)
    return workers.findings_of(await in_background(lambda: remote.ask_workers(at_hand.broker)), expected)


async def _jobs(at_hand: _AtHand) -> list[Finding]:
    return waiting.findings_of(await waiting.read(at_hand.redis), at_hand.facts)


async def _walk(at_hand: _AtHand) -> Met:
    return await configurations.walk(ConfigStore(at_hand.redis), at_hand.ring, most_s=_WALK_S, monotonic=time.monotonic)


async def _tenants(at_hand: _AtHand) -> list[Finding]:
    return configurations.findings_of(await at_hand.once(_walk))


async def _keys(at_hand: _AtHand) -> list[Finding]:
    met = await at_hand.once(_walk)
    if at_hand.ring is None:
        return []
    return keys.findings_of(await keys.sealed_things(at_hand.redis, at_hand.ring, met.secrets), met)


async def _senders(at_hand: _AtHand) -> list[Finding]:
    if at_hand.settings is None or at_hand.ring is None:
        return []
    providers = providers_of(at_hand.settings)
    try:
        store = ConfigStore(at_hand.redis)
        wanted = at_hand.wanted
        return await accounts.findings(store, at_hand.ring, providers.for_kind, wanted.tenant, wanted.tell)
    finally:
        await providers.aclose()


def _needs_settings(at_hand: _AtHand) -> str | None:
    return None if at_hand.settings else _NO_SETTINGS


def _needs_the_flag(at_hand: _AtHand) -> str | None:
    asks = "--senders asks each account whether it may still send"
    return _needs_settings(at_hand) if at_hand.wanted.senders else asks


#: in the order in which they are shown; all are made at once.
CHECKS: Final = (
    _Check("broker", _broker),
    _Check("queues", _queues),
    _Check("workers", _workers),
    _Check("jobs", _jobs),
    _Check("tenants", _tenants),
    _Check("keys", _keys, why_not=_needs_settings),
    _Check("senders", _senders, most_s=None, why_not=_needs_the_flag),
)
