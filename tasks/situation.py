"""What has happened at the present sender so far, from the journal and from this pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from providers.faults import Fault
from providers.protocol import AttemptResult
from senders.model import Sender
from tasks.in_hand import InHand
from tasks.next_step import Situation
from tasks.record import AttemptRecord
from tasks.services import Services


@dataclass(frozen=True, slots=True)
class Progress:
    """The attempts at one sender in this life of the job.

    Attributes:
        tried: the originators not to be used again: those refused as such, and in this pass those with a full queue. A
            wait at the gate of another number goes on with the pass.
        unavailable: whether the sender could not be reached once.
        last_fault: the fault of the latest attempt, None before the first.
    """

    tried: frozenset[str]
    unavailable: bool
    last_fault: Fault | None

    @classmethod
    def of(cls, hand: InHand, sender: Sender) -> Progress:
        """Return the progress the journal shows."""
        made = hand.record.attempts_at(sender.key)
        return cls(
            tried=frozenset(
                one.origin.value
                for one in made
                if one.origin and (one.fault is Fault.NUMBER or (one is made[-1] and _was_left(hand, one)))
            ),
            unavailable=any(one.fault is Fault.UNAVAILABLE and one.code != "lease_lost" for one in made),
            last_fault=made[-1].fault if made else None,
        )

    def plus(self, originator: str, result: AttemptResult) -> Progress:
        """Return the progress after one more attempt from `originator`."""
        refused_as_such = result.ruling is not None and result.ruling.another_number
        return Progress(
            tried=self.tried | {originator} if refused_as_such else self.tried,
            unavailable=self.unavailable or result.fault is Fault.UNAVAILABLE,
            last_fault=result.fault,
        )


def _was_left(hand: InHand, attempt: AttemptRecord) -> bool:
    """Whether the job has left the number of this attempt, whose queue was full, and waited for another since."""
    gate = hand.record.waited_at or ""
    number = attempt.origin.value if attempt.origin else ""
    is_of_a_number = gate.startswith("segments:")
    return attempt.fault is Fault.THROTTLED and is_of_a_number and not gate.endswith(f":{number}")


def situation(services: Services, hand: InHand, progress: Progress, *, has_other_number: bool) -> Situation:
    """Return what `next_step.after_attempt` needs to know."""
    record = hand.record
    throttled_for = None
    if record.throttled_ms is not None:
        throttled_for = timedelta(milliseconds=hand.hold.now_ms() - record.throttled_ms)
    return Situation(
        lane=record.lane,
        other_numbers_tried=len(progress.tried),
        other_numbers_allowed=services.settings.other_numbers,
        has_other_number=has_other_number,
        unavailable_before=progress.unavailable,
        throttled_for=throttled_for,
        retries=record.retries,
        life_left=hand.life_left(),
        no_fallback=hand.policy.no_fallback,
        on_unknown=hand.on_unknown,
        jitter=services.random(),
    )
