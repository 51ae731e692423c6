from __future__ import annotations

import json
from dataclasses import replace

import pytest

from providers.faults import Fault
from senders.document import DocumentUnreadable, decode, encode
from senders.model import (
    ChannelCooldown,
    Condition,
    Cooldown,
    CooldownKey,
    CountryLimit,
    Originator,
    Policy,
    Quota,
    QuotaScope,
)
from tests.support.sender_samples import BOTH, SMS, phone, service, short_code, syniverse, tenant, toll_free, twilio
from trunkline_client.words import OnUnknown

POLICY = Policy(
    "default",
    conditions=(Condition(("fallback",), countries=frozenset({"GB", "FR"}), channels=SMS), Condition(("own",))),
    country_limit=CountryLimit(deny=frozenset({"RU"}), channels=BOTH),
    no_fallback=frozenset({Fault.BODY, Fault.UNSUBSCRIBED}),
    on_unknown=OnUnknown.HOLD,
    quotas=(Quota(QuotaScope.USER, SMS, total=10), Quota(QuotaScope.TENANT, used=15, unused=10)),
    cooldown=Cooldown(CooldownKey.USER, ChannelCooldown((45, 120, 300), 3), None),
)
OWN = twilio(phone("+14155550100"), toll_free("+18335550199", "US", "CA"), short_code("88022"), channels=BOTH)
CONFIG = tenant(
    OWN,
    service(),
    syniverse(Originator("channel:a", ("US",), SMS), Originator("channel:b")),
    version=7,
    policies={"default": POLICY, "plain": Policy("plain", country_limit=CountryLimit(allow=frozenset({"US"})))},
    default_chain=("own", "fallback"),
    retired=(replace(OWN, key="former"),),
)


def test_a_configuration_comes_back_whole() -> None:
    assert decode("acme", 7, encode(CONFIG)) == CONFIG


def test_the_same_configuration_always_gives_the_same_document() -> None:
    reordered = replace(CONFIG, senders=dict(sorted(CONFIG.senders.items(), reverse=True)))

    assert encode(reordered) == encode(CONFIG)


def test_a_document_has_a_form_and_neither_the_tenant_nor_the_version() -> None:
    document = json.loads(encode(CONFIG))

    assert document["v"] == 1
    assert not {"tenant", "version"} & set(document)


@pytest.mark.parametrize(
    ("document", "unfit"),
    [
        (json.dumps(json.loads(encode(CONFIG)) | {"v": 2}), "unfit: v"),
        (json.dumps(json.loads(encode(CONFIG)) | {"quotas": []}), "unfit: quotas"),
        (encode(CONFIG)[:-5], "unfit"),
    ],
)
def test_a_document_of_another_form_or_damaged_is_refused_by_tenant(document: str, unfit: str) -> None:
    with pytest.raises(DocumentUnreadable, match="tenant acme") as caught:
        decode("acme", 7, document)

    assert unfit in str(caught.value)


def test_an_attempt_finds_the_sender_it_was_made_with_even_after_its_deletion() -> None:
    former = replace(OWN, account_sid="AC" + "9" * 32)
    config = replace(CONFIG, retired=(former,))

    assert config.sender_of_attempt("own", OWN.account_name) is OWN
    assert config.sender_of_attempt("own", former.account_name) is former
    assert config.sender_of_attempt("own", "AC" + "8" * 32) is None
    assert config.sender_of_attempt("fallback", "fallback") is CONFIG.senders["fallback"]
