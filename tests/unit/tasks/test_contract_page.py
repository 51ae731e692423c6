from __future__ import annotations

import json
import re

from tasks.contract import validate
from tests.support.enqueue_page import PAGE, example
from trunkline_client import keys
from trunkline_client.limits import FIELDS, ID_FORM
from trunkline_client.message import submit_message


def test_the_example_hands_over_a_valid_job_in_the_message_the_builder_returns() -> None:
    queue, text = example()
    message = json.loads(text)
    ((job,), _, _) = json.loads(message["body"])
    assert validate(job).tenant == "acme"
    assert ID_FORM.fullmatch(message["headers"]["id"])
    assert message == submit_message(job, message["headers"]["id"], queue)


def test_the_example_uses_a_queue_of_producers() -> None:
    assert example()[0] in keys.DISPATCH_QUEUES


def test_the_page_describes_every_field_once() -> None:
    fields = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)
    assert sorted(fields) == sorted(FIELDS)
