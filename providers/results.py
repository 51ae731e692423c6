"""From the end of one HTTP call to the result of an attempt; shared by every provider."""

from __future__ import annotations

from collections.abc import Callable

from providers.fault_table import Verdict
from providers.faults import Fault, Outcome, ruling
from providers.http import Call, Exchange, InDoubt, NeverSent
from providers.protocol import AttemptResult
from trunkline_client.private import Body

Classify = Callable[[int, object], Verdict]


def result_of(ended: Call, *, id_field: str, classify: Classify, not_honoured: tuple[str, ...] = ()) -> AttemptResult:
    """Return the result of a create request.

    Only a 2xx whose body has a non-empty string under `id_field` is an acceptance; without a readable id the message
    exists, or not, and only a lookup can say.

    Args:
        ended: how the call ended.
        id_field: the field of the answer that holds the provider's id.
        classify: the provider's fault table.
        not_honoured: the job's wishes that this provider could not meet.
    """
    match ended:
        case NeverSent(code):
            return AttemptResult(
                outcome=Outcome.REFUSED, ruling=ruling(Fault.UNAVAILABLE), code=code, not_honoured=not_honoured
            )
        case InDoubt(code):
            return AttemptResult(outcome=Outcome.UNKNOWN, code=code, not_honoured=not_honoured)
        case Exchange():
            return _answered(ended, id_field, classify, not_honoured)


def refused_here(fault: Fault, code: str) -> AttemptResult:
    """Return the refusal of a request that no provider could take, so no call was made."""
    return AttemptResult(outcome=Outcome.REFUSED, ruling=ruling(fault), code=code)


def _answered(answer: Exchange, id_field: str, classify: Classify, not_honoured: tuple[str, ...]) -> AttemptResult:
    provider_id = answer.field(id_field)
    if answer.is_success and isinstance(provider_id, str) and provider_id.strip():
        return AttemptResult(
            outcome=Outcome.ACCEPTED,
            provider_id=provider_id.strip(),
            http_status=answer.status,
            request_id=answer.request_id,
            not_honoured=not_honoured,
        )
    verdict = classify(answer.status, answer.body)
    return AttemptResult(
        outcome=verdict.outcome,
        ruling=verdict.ruling,
        code=verdict.code,
        http_status=answer.status,
        retry_after_s=answer.retry_after_s,
        request_id=answer.request_id,
        not_honoured=not_honoured,
    )


def unencodable(body: Body) -> bool:
    """Whether a body holds half of a surrogate pair, which no wire format can carry."""
    try:
        body.reveal().encode()
    except UnicodeEncodeError:
        return True
    return False
