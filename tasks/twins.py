"""Attempts that send the same to the same recipient: a provider's list cannot tell their messages apart."""

from __future__ import annotations

from senders.limits import Digester
from tasks.contract import Job
from trunkline_client import keys
from trunkline_client.words import Channel


def twins_of(job: Job, account: str, digester: Digester) -> str:
    """Return the key of the open attempts whose messages would look like this job's in the lists of `account`.

    A call has no text there, so every call to the recipient looks like it.
    """
    looks = [job.to.reveal()] if job.channel is Channel.VOICE else [job.to.reveal(), job.body.reveal()]
    return keys.calling(digester.digest("calling", account, job.channel, *looks))
