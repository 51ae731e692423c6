"""Jobs through every way of a worker, with recipients and texts found nowhere else, and the search for them."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final

from providers.simulators.faults import FaultKind, FaultPlan
from tests.support.system import ACME_SID, TOKENS, System
from trunkline_client import Handle
from trunkline_client.message import submit_message

ACCEPTED, REFUSED, LOST, REJECTED, SUBMITTED, FAILED, WAITING = (f"+1201555400{digit}" for digit in range(7))
WORDS: Final = "marmalade zeppelin"
CODE: Final = "770419"
BODY: Final = f"{WORDS} {CODE}"
SUBMITTED_BODY: Final = f"submitted {BODY}"
SECRETS: Final = (WORDS, CODE, "2015554", *TOKENS.values())
ONE: Final[dict[str, Any]] = {"tenant": "acme", "channel": "sms", "body": BODY, "priority": "urgent"}


@dataclass(frozen=True, slots=True)
class Traffic:
    """The ids of the jobs, by what becomes of them."""

    accepted: str
    fell_back: str
    lost: str
    failed: str
    called: str
    submitted: str
    bad: str


def found_in(text: str) -> list[str]:
    """Return what of ours a text shows."""
    return [secret for secret in SECRETS if secret in text]


def send_all(system: System) -> Traffic:
    """Send a job through every way of a worker and return when all have ended."""
    system.refuse(REFUSED, 21408)
    system.control.opt_out(ACME_SID, FAILED)
    system.control.arm(FaultPlan(kind=FaultKind.RESET, accept_first=True, recipient=LOST, method="POST", times=1))
    ids = (f"login-773{digit}" for digit in range(4))
    jobs = [{**ONE, "to": to, "id": job_id} for to, job_id in zip((ACCEPTED, REFUSED, LOST, FAILED), ids, strict=True)]
    more = {"channel": "voice", "user": WORDS, "metadata": {"note": WORDS}}
    jobs.append({**ONE, **more, "to": ACCEPTED, "id": "call-7734"})
    handles = [handle.id for handle in system.client.send_many(jobs) if isinstance(handle, Handle)]
    accepted, fell_back, lost, failed, called = handles
    submitted, bad = "order-7735", "order-7736"
    system.submit({**ONE, "to": SUBMITTED, "body": SUBMITTED_BODY}, submitted, "dispatch.urgent")
    system.submit({**ONE, "to": f"{REJECTED}1234567", "body": SUBMITTED_BODY}, bad, "dispatch.urgent")
    traffic = Traffic(accepted, fell_back, lost, failed, called, submitted, bad)
    # A producer's slip of the pen: Celery would print the whole message.
    mistaken = submit_message({**ONE, "to": SUBMITTED, "body": SUBMITTED_BODY}, str(uuid.uuid4()), "dispatch.urgent")
    mistaken["headers"]["task"] = "trunkline.sumbit"
    system.raw.lpush("dispatch.urgent", json.dumps(mistaken), json.dumps({"not": SUBMITTED_BODY}), SUBMITTED_BODY)
    for job_id in (*handles, submitted, bad):
        system.outcome(job_id)
    time.sleep(1.0)
    return traffic
