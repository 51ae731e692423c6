"""Nobody waits longer than the rules of the lanes say: counted in jobs, on the real scripts, and never in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import pytest
from redis import Redis

from tests.support.fairness import CHUNK, FALLBACK, HEAD_STARTS, QUIET, WINDOW, Served, Town
from trunkline_client import keys
from trunkline_client.connection import open_sync
from trunkline_client.words import Lane
from worker.lane_order import WEIGHTS

pytestmark = pytest.mark.integration

#: One process that takes a message at a time, one that takes many, and several.
CREWS: Final = [(1, 1), (1, 64), (4, 16)]
crews = pytest.mark.parametrize(("processes", "batch"), CREWS)
#: So many jobs of a flood that its window stays full for the few hundred claims of a test.
FLOOD: Final = WINDOW + CHUNK


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    """A client to an empty server."""
    with open_sync(redis_url) as client:
        yield client


def most(served: list[Served]) -> int:
    return max(one.waited for one in served)


@pytest.mark.parametrize(
    ("floods", "processes", "batch"), [(1, 1, 1), (1, 4, 16), (5, 1, 64), (5, 4, 16), (50, 1, 1), (50, 4, 16)]
)
def test_a_quiet_tenant_waits_for_what_is_in_hand_however_many_flood(
    client: Redis, floods: int, processes: int, batch: int
) -> None:
    town = Town(client, processes=processes, batch=batch)
    town.flood(floods, FLOOD if floods > 1 else 5 * WINDOW)
    town.serve(40)

    quiet: list[str] = []
    for _ in range(12):  # with many in hand, some come while others of theirs are unclaimed
        quiet += town.enqueue("quiet")
        town.serve(9)
    town.serve(town.most_in_hand)

    # Ahead of it stands only what processes have taken, and its own later ones.
    assert most(town.of(quiet)) <= town.most_in_hand + QUIET


@crews
@pytest.mark.parametrize("is_together", [True, False])
def test_the_few_jobs_of_a_quiet_tenant_at_once_all_have_their_head_start(
    client: Redis, processes: int, batch: int, is_together: bool
) -> None:
    town = Town(client, processes=processes, batch=batch)
    town.flood(5, 2 * WINDOW)
    town.serve(40)

    quiet: list[str] = []
    for _ in range(2):
        for _ in range(1 if is_together else QUIET):
            quiet += town.enqueue("quiet", QUIET if is_together else 1)
        town.serve(town.most_in_hand + QUIET)
    town.serve(QUIET)

    assert all(one.is_front for one in town.of(quiet))
    assert most(town.of(quiet)) <= town.most_in_hand + QUIET


def test_a_tenant_that_was_loud_is_quiet_again_when_its_jobs_are_served(client: Redis) -> None:
    town = Town(client)
    town.flood(2, 4 * WINDOW)
    town.serve(20)
    loud = town.enqueue("loud", 40)

    # Its jobs without a head start are behind two windows, and before each of those may go one with a head start.
    town.serve(2 * 2 * WINDOW + len(loud))
    assert all(one.waited <= 2 * one.behind + len(loud) + HEAD_STARTS for one in town.of(loud))

    again = town.enqueue("loud")
    town.serve(town.most_in_hand + QUIET)
    assert most(town.of(again)) <= town.most_in_hand


@pytest.mark.parametrize("come", [1, 2])
def test_five_hundred_tenants_that_trickle_neither_starve_floods_nor_each_other(client: Redis, come: int) -> None:
    """Two jobs are served in a step. Where two come, head starts for all would leave the floods nothing."""
    town = Town(client, processes=2, batch=4)
    floods, numbers, trickled = town.flood(5, 3 * WINDOW), count(), list[str]()

    def trickle() -> None:
        for _ in range(come):
            trickled.extend(town.enqueue(f"trickle-{next(numbers) % 500}"))

    town.serve(600, meanwhile=trickle)

    served = [one for one in town.served if one.tenant not in floods]
    fronts = [one for one in served if one.is_front]
    assert len(trickled) == 300 * come
    assert most(fronts) <= HEAD_STARTS + town.most_in_hand
    assert all(one.waited <= 2 * one.behind + HEAD_STARTS + 2 * town.most_in_hand for one in served)
    # A claim without a head start earns one back, so those with one are at most half, and those the lane began with.
    assert len(fronts) <= (600 + HEAD_STARTS) // 2
    # The floods' windows are ahead of everything else that has no head start.
    assert sum(town.shares()[name] for name in floods) >= min(5 * WINDOW, (600 - HEAD_STARTS) // 2)


@crews
def test_floods_share_a_lane_and_a_late_one_joins_within_one_round(client: Redis, processes: int, batch: int) -> None:
    window = 16
    client.hset(keys.TUNING, mapping={"lane_window": window, "chunk_jobs": 8})
    town = Town(client, processes=processes, batch=batch)
    names = town.flood(8, 100)
    town.serve(200)
    # No tenant is ahead of another by more than a window, and the first few jobs that had head starts.
    shares = town.shares()
    assert max(shares.values()) - min(shares[name] for name in names) <= window + QUIET

    since = len(town.served)
    town.enqueue("late", 100)
    town.serve(3 * 8 * window)
    shares = town.shares(since)
    assert min(shares[name] for name in (*names, "late")) >= window
    assert max(shares.values()) - shares["late"] <= 2 * window


@crews
def test_lanes_share_by_weight_in_jobs_and_a_quiet_tenant_has_its_head_start_in_each(
    client: Redis, processes: int, batch: int
) -> None:
    town = Town(client, processes=processes, batch=batch)
    for lane in Lane:
        town.flood(2, 3 * WINDOW, lane)
    town.serve(260)

    by_lane = Counter(one.lane for one in town.served)
    total = sum(WEIGHTS.values())
    for lane in Lane:  # a chunk of each process may be begun
        share = 260 * WEIGHTS[keys.dispatch_queue(lane)] / total
        assert abs(by_lane[lane] - share) <= (CHUNK + 1) * processes + batch, by_lane

    for lane in Lane:
        queue = keys.dispatch_queue(lane)
        quiet = town.enqueue("quiet", lane=lane)
        # Its lane comes next once the others have had their shares beside a chunk of its own.
        turn = CHUNK * total // WEIGHTS[queue] + CHUNK
        town.serve(town.most_in_hand + processes * turn)
        assert most(town.of(quiet, queue)) <= town.most_in_hand


@pytest.mark.parametrize(
    ("processes", "batch", "is_apart"), [(1, 1, False), (1, 64, False), (4, 16, False), (3, 16, True)]
)
def test_when_everything_falls_back_a_quiet_tenant_is_not_behind_the_floods_there_either(
    client: Redis, processes: int, batch: int, is_apart: bool
) -> None:
    """An outage of Twilio; where few processes serve the fallback queue, the floods fill that too."""
    town = Town(client, processes=processes, batch=batch, falls_back=True, is_apart=is_apart)
    floods = town.flood(5, 3 * WINDOW)
    town.serve(300)

    quiet: list[str] = []
    for _ in range(5):
        quiet += town.enqueue("quiet")
        town.serve(30)
    since = len(town.served)
    town.serve((processes + 1) * town.most_in_hand + 2 * CHUNK)

    assert most(town.of(quiet)) <= town.most_in_hand + QUIET
    assert most(town.of(quiet, FALLBACK)) <= town.most_in_hand + QUIET
    # The floods go on meanwhile.
    assert sum(town.shares(since)[name] for name in floods) > town.most_in_hand


def test_an_urgent_job_that_fell_back_goes_before_a_flood_of_others_that_did(client: Redis) -> None:
    town = Town(client, falls_back=True)
    town.flood(3, 2 * WINDOW, Lane.BULK)
    town.serve(200)
    urgent = town.enqueue("flood-0", lane=Lane.URGENT)
    town.serve(4 * CHUNK)

    assert most(town.of(urgent, FALLBACK)) <= 2 * CHUNK


def test_floods_that_fall_back_share_the_fallback_queue_by_the_weights_of_their_lanes(client: Redis) -> None:
    """One process serves what three let fall back. By priority alone, urgent jobs had all of it."""
    town = Town(client, processes=4, falls_back=True, is_apart=True)
    for lane in Lane:
        town.flood(2, 4 * WINDOW, lane)
    town.serve(800)

    fell = Counter(one.lane for one in town.served if one.queue == FALLBACK)
    for lane in Lane:  # a chunk may be begun
        share = fell.total() * WEIGHTS[keys.dispatch_queue(lane)] / sum(WEIGHTS.values())
        assert share - CHUNK < fell[lane] < share + CHUNK, fell


@pytest.mark.parametrize("lane", [Lane.NORMAL, Lane.URGENT])
def test_what_comes_back_of_a_loud_tenant_does_not_go_before_everybody(client: Redis, lane: Lane) -> None:
    """Its provider hangs, or says "later": lookups, and retries of urgent jobs."""
    town, come_back = Town(client), 3 * WINDOW
    town.enqueue("loud", come_back, lane)
    town.put_off(come_back, lane)
    names = town.flood(2, FLOOD, lane)
    quiet: list[str] = []
    for _ in range(3):
        town.serve(10, meanwhile=town.move_due)
        quiet += town.enqueue("quiet", lane=lane)
    town.serve(come_back, meanwhile=town.move_due)

    assert most(town.of(quiet, keys.dispatch_queue(lane))) <= HEAD_STARTS
    # Where each went in front, none of the others was served before all of them.
    assert sum(town.shares()[name] for name in names) >= WINDOW


def test_whoever_waits_with_full_windows_is_served_to_the_end(client: Redis) -> None:
    client.hset(keys.TUNING, mapping={"lane_window": 8})
    town = Town(client, processes=3, batch=8)
    for number in range(40):
        town.enqueue(f"tenant-{number}", 30 if number % 2 else 3)
    town.serve(10_000)

    assert len(town.served) == 20 * 33
    assert client.keys("tl:waiting:*") == client.keys("tl:window:*") == []


def _one_by_one(town: Town) -> None:
    for _ in range(FLOOD):
        town.enqueue("flood")


def _together(town: Town) -> None:
    town.enqueue("flood", FLOOD)


@pytest.mark.parametrize("flood", [_one_by_one, _together])
def test_however_a_flood_comes_its_jobs_are_served_in_order_but_for_its_first_head_starts(
    client: Redis, flood: Callable[[Town], None]
) -> None:
    town = Town(client)
    town.flood(1, 1)
    flood(town)
    town.serve(1_000)

    ids = [int(one.job_id.partition(".")[2]) for one in town.served if one.tenant == "flood" and not one.is_front]
    assert ids == sorted(ids)
    assert len(ids) >= FLOOD - QUIET
