"""The plans of trouble: what is broken, how often, and what has to hold at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final

from providers.simulators.faults import Delay, FaultKind, FaultPlan
from tests.crash.troubles import (
    Trouble,
    answers_lost,
    at,
    at_random,
    everything,
    failover,
    most_strikes,
    redis_cut_off,
    redis_killed,
    redis_silent,
)
from tests.support.chaos.fleet import Mishap
from tests.support.chaos.producers import enqueue_and_be_killed
from tests.support.chaos.run import PAUSE_S, Run
from tests.support.chaos.tally import Tally
from tests.support.chaos.traps import Point
from tests.support.clocks import shifted_clock
from tests.support.system import ACME_SID
from worker.settings import Broker


class Promise(Enum):
    """What a plan must end with.

    ONCE: every job was sent, once. SETTLED: none is lost, and whatever was sent twice or may have been says so.
    HELD: the same, and nothing was sent twice, since what nobody knows is parked. NOT_LOST: none is lost; the provider
    has lied.
    """

    ONCE = auto()
    SETTLED = auto()
    HELD = auto()
    NOT_LOST = auto()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One plan.

    Attributes:
        name: a few words for the table.
        trouble: makes it while the jobs are sent.
        producer: enqueues the jobs in place of the test, and is killed while it does: `client` or `submit`.
        faults: what the providers do wrong all the while.
        is_refused: whether Twilio refuses everything, so that all goes to Syniverse.
        job: fields that the jobs have besides the usual ones.
        clocks_s: how far the clock of each worker is ahead of the right time, in seconds.
        has_sentinels: whether Redis is a master and a replica that Sentinels guard.
        twins: whether every two jobs have one recipient and one text.
        in_short: whether the short form, which is part of every test run, has it too.
    """

    name: str
    trouble: Trouble = lambda run: None
    producer: str | None = None
    faults: tuple[FaultPlan, ...] = ()
    is_refused: bool = False
    promise: Promise = Promise.ONCE
    job: Mapping[str, Any] = field(default_factory=dict)
    clocks_s: tuple[float, ...] = (0, 0)
    has_sentinels: bool = False
    twins: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    in_short: bool = False

    def make(self, number: int) -> dict[str, Any]:
        """Return job `number`: an urgent passcode with time enough for every lookup."""
        text = number // 2 if self.twins else number
        return {
            "tenant": "acme",
            "channel": "sms",
            "to": f"+1201555{text % 10_000:04d}",
            "body": f"Your code is {text:06d}",
            "priority": "urgent",
            "ttl": 900,
            **self.job,
        }

    def of_worker(self, index: int) -> Mapping[str, str]:
        """Return the settings of one worker."""
        return shifted_clock(self.clocks_s[index])

    def carry_out(self, run: Run) -> None:
        """Enqueue the jobs, and make the trouble."""
        if self.is_refused:
            run.system.control.revoke_token(ACME_SID)
        if self.producer:
            enqueue_and_be_killed(run, self.make, self.producer, most_strikes(run))
        else:
            run.enqueue(self.make, range(run.total))
        self.trouble(run)

    def is_kept(self, tally: Tally) -> bool:
        """Return whether the promise was kept."""
        if self.promise is Promise.ONCE:
            return tally.is_perfect
        if tally.lost or (self.promise is not Promise.NOT_LOST and tally.unmarked):
            return False
        return not (self.promise is Promise.HELD and tally.twice)


def twilio(kind: FaultKind, **fields: Any) -> FaultPlan:
    """Return a fault of new messages at the tenant's own account."""
    return FaultPlan(kind=kind, account=ACME_SID, method="POST", **fields)


_KILL, _PAUSE = Mishap(), Mishap(PAUSE_S)
#: Beyond the lease and the patience: by then others have found nothing and sent the message themselves.
_LONG_PAUSE: Final = Mishap(18.0)
_LOOKUPS_FAIL: Final = FaultPlan(kind=FaultKind.ANSWER, account=ACME_SID, method="GET", status=503)
#: Struck after the message was accepted, so that the worker cannot know.
_CUT_AFTER: Final = twilio(FaultKind.RESET, accept_first=True, share=0.05, seed=1)

PLANS: Final = (
    Plan(name="nothing is broken"),
    Plan(name="workers killed at random", trouble=at_random(_KILL)),
    *(Plan(name=f"killed {point}", trouble=at(point, _KILL), in_short=point is Point.WRITTEN) for point in Point),
    Plan(name=f"calls, killed {Point.WRITTEN}", trouble=at(Point.WRITTEN, _KILL), job={"channel": "voice"}),
    Plan(
        name=f"in fallback to Syniverse, killed {Point.WRITTEN}",
        trouble=at(Point.WRITTEN, _KILL),
        faults=(FaultPlan(kind=FaultKind.RESET, provider="syniverse", method="POST", accept_first=True, share=0.05),),
        is_refused=True,
    ),
    *(
        Plan(
            name=f"workers killed at random, broker {broker}",
            trouble=at_random(_KILL),
            variables={"TRUNKLINE_BROKER": broker.value},
            in_short=broker is Broker.STOCK_UNACKNOWLEDGED,
        )
        for broker in Broker
        if broker is not Broker.OWN
    ),
    Plan(name="workers frozen at random", trouble=at_random(_PAUSE)),
    *(
        Plan(name=f"frozen {point}", trouble=at(point, _PAUSE))
        for point in Point
        if point not in {Point.RECORD, Point.NOT_WRITTEN}
    ),
    Plan(name=f"frozen {Point.RECORD}, for 18 s", trouble=at(Point.RECORD, _LONG_PAUSE), in_short=True),
    Plan(name="Redis killed, restarted with AOF", trouble=redis_killed, in_short=True),
    Plan(name="Redis cut off for seconds", trouble=redis_cut_off),
    Plan(name="Redis silent for seconds", trouble=redis_silent),
    Plan(name="1 in 50 of Redis's answers lost", trouble=answers_lost, in_short=True),
    Plan(name="master killed, Sentinels fail over", trouble=failover, has_sentinels=True),
    Plan(
        name="clocks of workers 20 minutes apart, killed at random",
        trouble=at_random(_KILL),
        faults=(_CUT_AFTER,),
        clocks_s=(-600, 600),
    ),
    Plan(name="a client killed in send_many", producer="client", in_short=True),
    Plan(name="a producer of trunkline.submit killed", producer="submit"),
    Plan(name="provider hangs, message taken", faults=(twilio(FaultKind.HANG, accept_first=True, share=0.05, seed=2),)),
    Plan(name="provider hangs, message not taken", faults=(twilio(FaultKind.HANG, share=0.05, seed=3),)),
    Plan(name="connection reset after accept", faults=(_CUT_AFTER,)),
    Plan(
        name="500 after accept",
        faults=(twilio(FaultKind.ANSWER, accept_first=True, status=500, share=0.05, seed=4),),
    ),
    Plan(
        name="429 for a while",
        faults=(twilio(FaultKind.ANSWER, status=429, code=20429, retry_after_s=1, share=0.3, seed=5),),
    ),
    Plan(
        name="listed up to 4 s late",
        faults=(_CUT_AFTER, twilio(FaultKind.LATE_LISTING, delay=Delay(4.0))),
    ),
    Plan(
        name=f"twins, killed {Point.NOT_WRITTEN}, and resets",
        trouble=at(Point.NOT_WRITTEN, _KILL),
        faults=(_CUT_AFTER,),
        twins=True,
        in_short=True,
    ),
    Plan(
        name="provider cannot be asked, reconcile",
        faults=(_CUT_AFTER, _LOOKUPS_FAIL),
        promise=Promise.SETTLED,
    ),
    Plan(
        name="provider cannot be asked, hold",
        faults=(_CUT_AFTER, _LOOKUPS_FAIL),
        promise=Promise.HELD,
        job={"on_unknown": "hold"},
    ),
    Plan(name="resend", faults=(_CUT_AFTER,), promise=Promise.SETTLED, job={"on_unknown": "resend"}),
    Plan(
        name="listed after the patience",
        faults=(_CUT_AFTER, twilio(FaultKind.LATE_LISTING, delay=Delay(60.0))),
        promise=Promise.NOT_LOST,
    ),
    Plan(
        name="all mixed",
        trouble=everything,
        faults=(
            _CUT_AFTER,
            twilio(FaultKind.HANG, accept_first=True, share=0.01, seed=6),
            twilio(FaultKind.ANSWER, status=429, code=20429, share=0.05, seed=7),
            twilio(FaultKind.LATE_LISTING, delay=Delay(2.0)),
        ),
        in_short=True,
    ),
)
