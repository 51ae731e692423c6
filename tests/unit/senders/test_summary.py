from __future__ import annotations

import json

import pytest

from senders.document import DocumentUnreadable, encode
from senders.model import Policy
from senders.summary import TenantSummary, summarize
from tests.support.sender_samples import phone, syniverse, tenant, twilio

CONFIG = tenant(
    twilio(phone("+14155550100")),
    syniverse(),
    policies={"default": Policy("default")},
    default_chain=("own", "fallback"),
)


def test_a_summary_has_the_names_of_a_configuration() -> None:
    summary = TenantSummary("acme", 7, ("fallback", "own"), ("default",), ("own", "fallback"))

    assert summarize("acme", 7, encode(CONFIG)) == summary


@pytest.mark.parametrize(
    ("document", "unfit"),
    [
        (json.dumps(json.loads(encode(CONFIG)) | {"v": 2}), "unfit: v"),
        (json.dumps(json.loads(encode(CONFIG)) | {"senders": []}), "unfit: senders"),
        (encode(CONFIG)[:-5], "unfit"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_by_tenant(document: str, unfit: str) -> None:
    with pytest.raises(DocumentUnreadable, match=f"tenant acme.*{unfit}"):
        summarize("acme", 7, document)
