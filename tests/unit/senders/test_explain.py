from __future__ import annotations

from dataclasses import replace

from senders.explain import Explanation, explain
from senders.model import CountryLimit, Originator, Policy, TenantConfig
from senders.policy import Rule
from senders.routing import UnknownPolicy
from tests.support.sender_samples import phone, short_code, syniverse, tenant, twilio
from trunkline_client.private import Recipient
from trunkline_client.words import Channel

OWN = twilio(phone("+14155550100"), short_code("88022"))
ACME = tenant(OWN, syniverse(Originator("channel:a")), default_chain=("own", "fallback"))


def explained(
    config: TenantConfig = ACME, to: str = "+14155552671", channel: Channel = Channel.SMS, sender_id: str | None = None
) -> Explanation:
    found = explain(config, channel=channel, to=Recipient(to), sender_id=sender_id, policy_name=None)
    assert isinstance(found, Explanation)
    return found


def test_the_whole_chain_is_explained_with_exactly_the_promised_keys() -> None:
    assert explained().as_json() == {
        "chain": ["own", "fallback"],
        "sender": "own",
        "number": "88022",
        "candidates": ["88022", "+14155550100"],
        "passed_over": [],
        "then": [{"sender": "fallback", "number": "channel:a", "candidates": ["channel:a"], "passed_over": []}],
    }


def test_a_sender_without_an_eligible_number_has_none_and_says_why() -> None:
    answer = explained(channel=Channel.VOICE).as_json()

    assert answer["number"] is None
    assert {"number": "88022", "reason": "channel"} in answer["passed_over"]  # type: ignore[operator]


def test_the_sender_id_is_the_number_where_it_is_used() -> None:
    assert explained(to="+447400123456", sender_id="Acme").as_json()["number"] == "Acme"


def test_a_sender_that_may_not_be_used_is_passed_over_with_the_reason() -> None:
    answer = explained(replace(ACME, senders={**ACME.senders, "own": replace(OWN, enabled=False)})).as_json()

    assert (answer["number"], answer["candidates"]) == (None, [])
    assert answer["passed_over"] == [{"number": None, "reason": "disabled"}]


def test_a_job_without_a_chain_has_an_empty_explanation() -> None:
    nothing: dict[str, object] = {
        "chain": [],
        "sender": None,
        "number": None,
        "candidates": [],
        "passed_over": [],
        "then": [],
    }

    assert explained(tenant()).as_json() == nothing


def test_a_job_the_policy_would_reject_says_so_beside_its_chain() -> None:
    policy = Policy("default", country_limit=CountryLimit(allow=frozenset({"GB"})))

    assert explained(replace(ACME, policies={"default": policy})).admission.refused_by is Rule.COUNTRY


def test_an_unknown_policy_is_told_as_such() -> None:
    found = explain(ACME, channel=Channel.SMS, to=Recipient("+14155552671"), sender_id=None, policy_name="other")

    assert found == UnknownPolicy("other")
