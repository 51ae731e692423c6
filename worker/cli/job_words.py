"""The story of a job in words: what it waits for, what its marks mean, and why its attempts ended as they did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from providers.explanations import FAULT_WORDS, meaning_of, page_of
from providers.faults import Fault
from tasks.kept_content import Kept
from tasks.story import AttemptStory, Standing, Story
from trunkline_client.words import JobState, Place
from worker.cli.durations import length_text
from worker.cli.moments import utc_text

NO_RECEIPT: Final = "none: providers are not asked for receipts yet"
_RULE_WORDS: Final = {
    "policy": "the policy it names does not exist",
    "country": "the policy does not admit the recipient's country",
    "cooldown": "the policy wants more time between two messages",
    "quota": "the quota of the day is used up",
    "contract": "it breaks the contract of jobs",
}
_MARK_WORDS: Final = {
    "maybe_twice": "it may have been sent twice: it went on after an attempt that may have reached the provider",
    "maybe_sent": "it has ended otherwise, but an attempt of it may have reached the provider",
}
_CONTENT_WORDS: Final = {
    Kept.ERASED: "erased: nothing can send this job again",
    Kept.DAMAGED: "damaged: they cannot be read",
    Kept.SEALED: "encrypted: --reveal shows them",
}


def reason_line(story: Story) -> str | None:
    """Return why a job was rejected or failed, None if neither."""
    rule, fault = story.status["rule"], story.status["fault"]
    if rule:
        wrong = f": {', '.join(story.wrong)}" if story.wrong else ""
        return f"{_RULE_WORDS.get(rule, rule)}{wrong}"
    return fault_text(fault) if fault else None


def fault_text(fault: str) -> str:
    """Return a fault in plain words; one of a newer version as it is."""
    return FAULT_WORDS[Fault(fault)] if fault in list(Fault) else fault


def marks(story: Story) -> Iterator[tuple[str, str]]:
    """Yield the marks of a job, each with what it means."""
    for name, words in _MARK_WORDS.items():
        if story.status.get(name):
            yield name, words


def times(story: Story) -> Iterator[tuple[str, str, str]]:
    """Yield what happened when, and how long after what came before it."""
    yield "enqueued", utc_text(story.created), ""
    before = story.created
    # One that was first claimed before it was due was due at once: a replay has set the later time.
    if story.due is not None and story.created < story.due <= (story.claimed or story.due):
        yield "due", utc_text(story.due), _after(story.created, story.due)
        before = story.due if story.claimed else before
    for what, at in (("first claimed", story.claimed), ("finished", story.finished), ("code used", story.used)):
        if at is not None:
            yield what, utc_text(at), _after(before, at)
            before = at
    if story.finished is None and story.expires is not None:
        is_over = story.expires <= story.now
        yield (
            "life ends",
            utc_text(story.expires),
            "it is over" if is_over else f"in {length_text(story.expires - story.now)}",
        )
    if story.gone is not None:
        yield "kept until", utc_text(story.gone), ""


def standing_line(story: Story) -> str | None:
    """Return where an unfinished job is and what it waits for, None once it has ended."""
    at = story.standing
    if at is None:
        return None
    ahead = f", about {at.ahead} before it" if at.ahead else ""
    until = _until(at, story.now)
    match at.place:
        case Place.LANE:
            return f"in the lane {at.queue}{_for(at, story.now)}{ahead}: it waits for a worker"
        case Place.WAITING:
            return f"before the lane {at.queue}{ahead} of its tenant: it waits for room in the tenant's window"
        case Place.GATE:
            return _gate_line(at.gate or "", f"{_for(at, story.now)}{ahead}")
        case Place.ATTEMPT:
            return f"in a worker's hands; the lease ends {until}"
        case Place.HELD:
            return "held: it waits for an operator, who may settle, replay or cancel it"
        case Place.DELAYED:
            what = {JobState.SCHEDULED: "its time", JobState.RECONCILING: "the next lookup"}
            return f"delayed: it waits for {what.get(JobState(story.status['state']), 'a retry')} {until}"


def _for(at: Standing, now: datetime) -> str:
    return f" for {length_text(now - at.since)}" if at.since else ""


def _gate_line(gate: str, standing: str) -> str:
    what, _, whose = gate.partition(":")
    capacity = {
        "requests": f"a request of account {whose} to end",
        "calls": f"the rate at which account {whose} can call",
        "segments": f"the rate of number {whose.rpartition(':')[2]}",
    }
    return f"at a gate{standing}: it waits for {capacity.get(what, gate)}"


def content_line(story: Story) -> str:
    """Return what everybody may know of recipient and text."""
    content = story.content
    words = _CONTENT_WORDS.get(content.kept)
    return words or f"to {content.recipient}, {content.body_length} characters: --reveal shows them"


def explanations(attempt: AttemptStory) -> Iterator[str]:
    """Yield why an attempt ended as it did: our words, the provider's, its page, and what else is known."""
    if attempt.fault:
        yield f"{attempt.fault}: {fault_text(attempt.fault)}"
    elif attempt.outcome == "unknown":
        yield "nobody knows whether the provider took it"
    if attempt.is_settled:
        yield "an operator said how it ended"
    elif attempt.code:
        meaning = meaning_of(attempt.provider, attempt.code)
        yield f"{attempt.provider} {attempt.code}: {meaning}" if meaning else f"code {attempt.code}"
    page = page_of(attempt.provider, attempt.code)
    if page and not attempt.is_settled:
        yield page
    if attempt.request_id:
        yield f"request {attempt.request_id}"
    if attempt.not_honoured:
        yield f"not honoured: {', '.join(attempt.not_honoured)}"


def _until(at: Standing, now: datetime) -> str:
    if at.until is None:
        return "at an unknown time"
    left = at.until - now
    return f"in {length_text(left)}" if left.total_seconds() > 0 else "now"


def _after(before: datetime, at: datetime) -> str:
    return f"{length_text(at - before)} later" if at >= before else ""
