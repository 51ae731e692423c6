"""Reads the job out of its journal record and validates it in full."""

from __future__ import annotations

import json
from typing import Any

from tasks.contract import Job, validate
from tasks.record import JobRecord
from tasks.services import ContentBox
from trunkline_client.errors import FieldError, JobInvalid
from trunkline_client.job import TRACE_FIELD
from trunkline_client.record import CLEAR_CONTENT


def read_job(record: JobRecord, box: ContentBox) -> Job:
    """Return the validated job of a record.

    Raises:
        JobInvalid: the job breaks the contract, or its content is gone; names every wrong field.
        SecretUnreadable: no key of this worker opens the content.
    """
    if not record.content:
        raise JobInvalid([FieldError("body", "the content of this job was erased")])
    clear = (
        record.content
        if record.content.startswith(CLEAR_CONTENT)
        else box.open_content(record.id, record.content).reveal()
    )
    try:
        content = json.loads(clear.removeprefix(CLEAR_CONTENT))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise JobInvalid([FieldError("body", "the content of this job cannot be read")]) from None
    job: dict[str, Any] = {
        "id": record.id,
        "tenant": record.tenant,
        "channel": record.channel.value,
        "priority": record.lane.value,
        # A trace decides nothing, so one that cannot be read must not either.
        **{name: value for name, value in record.options.items() if name != TRACE_FIELD},
        **{name: value for name, value in content.items() if value is not None},
    }
    return validate(job)
