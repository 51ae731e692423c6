"""Whatever a file holds: it is read and survives its export, or refused in one error that shows no credential."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.protocol import NumberType
from senders.apply import plan
from senders.compose import Composer, path_of
from senders.config_file import parse_file
from senders.desired import DesiredSender, DesiredTenant, desired_of
from senders.document import decode, encode
from senders.file_tree import tree_of
from senders.findings import ConfigRefused
from senders.model import Number, TenantConfig
from senders.secrets import KeyRing, SecretUnreadable
from senders.yaml_text import FileUnreadable
from senders.yaml_writing import write_yaml
from tests.support.mutations import CANARY, ENVIRONMENT, EVERYTHING, as_yaml, damaged, mutated
from tests.support.sender_samples import BOTH
from tests.support.valid_files import valid_file

RING = KeyRing([Fernet.generate_key().decode()])
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def read(text: str) -> dict[str, DesiredTenant] | None:
    """Return what a file asks for, None if it is refused as it should be."""
    try:
        desired = parse_file(text, ENVIRONMENT)
        plan(desired, {}, RING)
    except (ConfigRefused, FileUnreadable, SecretUnreadable) as refusal:
        told = str(refusal)
        assert CANARY not in told
        assert told.replace("\n  ", "").isprintable(), ascii(told)
        return None
    return desired


def stored(tenant: DesiredTenant) -> TenantConfig:
    numbers = {path_of(tenant.tenant, key): numbers_of(sender) for key, sender in tenant.senders.items()}
    return Composer(numbers, RING, NOW).config(tenant, None)


def numbers_of(sender: DesiredSender) -> tuple[Number, ...]:
    return tuple(
        Number(
            one.number,
            one.type or NumberType.TOLL_FREE,
            one.capabilities or BOTH,
            countries=one.countries,
            segments_per_second=one.segments_per_second,
        )
        for one in sender.numbers
    )


def check(text: str) -> bool:
    """Return whether a file was read; then it must survive being stored and exported."""
    desired = read(text)
    for name, tenant in (desired or {}).items():
        config = stored(tenant)
        document = encode(config)
        assert CANARY not in document or CANARY in repr(tenant)
        assert decode(name, config.version, str(document.encode(), "utf-8")) == config
        assert desired_of(config) == tenant

        exported = write_yaml(tree_of([config]))
        again = parse_file(exported, {})
        assert again == {name: tenant}
        assert plan(again, {name: config}, RING).is_empty
    return desired is not None


@given(valid_file().map(as_yaml))
@settings(max_examples=100)
def test_a_file_that_keeps_every_rule_is_read_and_survives_its_export(text: str) -> None:
    assert check(text)


@given(mutated(EVERYTHING).map(as_yaml))
@settings(max_examples=300)
def test_a_file_with_changed_parts_is_read_or_refused_and_survives_its_export(text: str) -> None:
    check(text)


@given(damaged(EVERYTHING))
@settings(max_examples=200)
def test_a_file_with_changed_characters_is_read_or_refused_and_survives_its_export(text: str) -> None:
    check(text)


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_read_or_refused(text: str) -> None:
    check(text)
