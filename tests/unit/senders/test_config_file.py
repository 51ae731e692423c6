from __future__ import annotations

import re
from pathlib import Path

import pytest

from providers.faults import Fault
from providers.protocol import Kind
from senders.config_file import parse_file
from senders.desired import DesiredTenant, SelectedNumber
from senders.findings import ConfigRefused
from senders.model import Condition, CountryLimit, Originator
from tests.support.config_samples import ACME, ENVIRONMENT
from tests.support.sender_samples import ACCOUNT_SID, BOTH, SERVICE_SID, SMS
from trunkline_client.private import Token
from trunkline_client.words import OnUnknown

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def parse(text: str = ACME) -> DesiredTenant:
    return parse_file(text, ENVIRONMENT)["acme"]


def errors_of(text: str) -> dict[str, str]:
    with pytest.raises(ConfigRefused) as caught:
        parse_file(text, ENVIRONMENT)
    return {error.field.removeprefix("tenants.acme."): error.problem for error in caught.value.errors}


def with_sender(*lines: str, key: str = "one", kind: str = "twilio") -> str:
    """Return a file whose only sender has these lines besides or instead of valid ones."""
    valid = {"kind": kind, "name": "One", "channels": "[sms]", "account_sid": ACCOUNT_SID, "auth_token": "t"}
    if kind == "syniverse":
        valid = {"kind": kind, "name": "One", "channels": "[sms]", "access_token": "t"}
    if kind == "twilio_messaging_service":
        valid["messaging_service_sid"] = SERVICE_SID
    fields = valid | dict(line.split(": ", 1) for line in lines)
    text = "".join(f"\n        {name}: {value}" for name, value in fields.items() if value != "-")
    return f"tenants:\n  acme:\n    senders:\n      {key}:{text}\n"


def with_policy(policy: str, chain: str = "[]") -> str:
    return f"{ACME.split('    policies:')[0]}    policies:\n      default: {policy}\n".replace(
        "default_chain: [acme-twilio, acme-syniverse]", f"default_chain: {chain}"
    )


def test_the_sample_file_asks_for_its_senders() -> None:
    senders = parse().senders

    own, fallback = senders["acme-twilio"], senders["acme-syniverse"]
    assert (own.kind, own.name, own.channels, own.account_sid) == (Kind.TWILIO, "Acme Twilio", SMS, ACCOUNT_SID)
    assert own.token == Token("twilio-token-1")
    assert own.numbers == (
        SelectedNumber("+14155550100"),
        SelectedNumber("+18335550199", ("US", "CA")),
        SelectedNumber("88022"),
    )
    assert (fallback.kind, fallback.channels, fallback.consent_by) == (Kind.SYNIVERSE, BOTH, "ops@acme.example")
    assert fallback.originators == (
        Originator("channel:1KJPMkuHQkair", ("US", "GB"), SMS),
        Originator("channel:2LKQNlviRlbjs"),
    )


def test_the_sample_file_asks_for_its_chains() -> None:
    tenant = parse()

    assert tenant.default_chain == ("acme-twilio", "acme-syniverse")
    assert tenant.policies["default"].conditions == (
        Condition(("acme-syniverse",), frozenset({"GB"}), SMS),
        Condition(("acme-twilio", "acme-syniverse")),
    )


def test_a_token_does_not_show_in_what_was_read() -> None:
    assert "twilio-token-1" not in repr(parse())


@pytest.mark.parametrize(
    ("lines", "field", "problem"),
    [
        (("account_sid: AC123",), "account_sid", "Twilio account SID must be 34 characters long"),
        (("account_sid: -",), "account_sid", "is missing"),
        (("auth_token: ''",), "auth_token", "must be the token itself"),
        (("auth_token: 'two words'",), "auth_token", "must be the token itself"),
        (("auth_token: ${NOT_SET}",), "auth_token", "the environment variable NOT_SET is not set"),
        (("auth_token: pre${NOT SET}fix",), "auth_token", "must hold the name of an environment variable"),
        (("name: ''",), "name", "must not be empty"),
        (("name: [a]",), "name", "must be text"),
        ((r'name: "a\nb"',), "name", "must be printable characters, on one line"),
        ((r'consent: {by: "\e[2J"}',), "consent.by", "must be printable characters, on one line"),
        (("channels: []",), "channels", "must not be empty"),
        (("channels: [fax]",), "channels[0]", "must be 'sms' or 'voice'"),
        (("channels: sms",), "channels", "must be a list"),
        (("consent: yes",), "consent", "must be a mapping"),
        (("consent: {by: me, at: now}",), "consent.at", "is no key that is known here"),
        (("enabled: maybe",), "enabled", "must be true or false"),
        (("kind: carrier",), "kind", "must be one of gateway, syniverse, twilio, twilio_messaging_service"),
        (("kind: -",), "kind", "must be one of"),
        (("kind: [twilio]",), "kind", "must be one of"),
        (("kind: {twilio: 1}",), "kind", "must be one of"),
        (("access_token: x",), "access_token", "is no key that is known here (account_sid, auth_token, calls_"),
        (('numbers: [{number: "+1 415"}]',), "numbers[0].number", "must be a number in E.164"),
        (("numbers: [{number: 88}]",), "numbers[0].number", "short code of 3 to 8 digits"),
        (("numbers: [{number: 88022, countries: []}]",), "numbers[0].countries", "must not be empty"),
        (("numbers: [{number: 88022, countries: [US, CA]}]",), "numbers[0].countries", "exactly one country"),
        (("numbers: [{number: 88022, countries: [us]}]",), "numbers[0].countries[0]", "two character country code"),
        (("numbers: [{number: 88022, countries: [UK]}]",), "numbers[0].countries[0]", "upper case"),
        (("numbers: [{number: +18335550199, countries: [US, US]}]",), "numbers[0].countries", "US is there twice"),
        (("numbers: [{number: 88022}, {number: 88022}]",), "numbers", "the number 88022 is there twice"),
        (("numbers: [{number: 88022, segments_per_second: -1}]",), "numbers[0].segments_per_second", "greater than"),
        (("numbers: [{number: 88022, segments_per_second: nan}]",), "numbers[0].segments_per_second", "finite number"),
        (("concurrent_requests: 1.5",), "concurrent_requests", "valid integer"),
        (("calls_per_second: fast",), "calls_per_second", "valid number"),
    ],
)
def test_a_wrong_field_of_a_twilio_sender_is_named(lines: tuple[str, ...], field: str, problem: str) -> None:
    errors = errors_of(with_sender(*lines))

    assert list(errors) == [f"senders.one.{field}"]
    assert problem in errors[f"senders.one.{field}"]


@pytest.mark.parametrize(
    ("kind", "line", "field", "problem"),
    [
        ("syniverse", "access_token: -", "access_token", "is missing"),
        ("syniverse", "originators: [{id: 1KJ}]", "originators[0].id", "must be channel:ID or sender_id:ID"),
        ("syniverse", "originators: [{id: 'channel:a', channels: [voice]}]", "originators", "lists a channel"),
        ("syniverse", "originators: [{id: 'channel:a', countries: []}]", "originators[0].countries", "not be empty"),
        ("syniverse", "numbers: []", "numbers", "is no key that is known here"),
        ("twilio_messaging_service", "messaging_service_sid: MG1", "messaging_service_sid", "34 characters long"),
        ("twilio_messaging_service", "channels: [sms, voice]", "channels", "carries sms only"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_another_kind_of_sender_is_named(kind: str, line: str, field: str, problem: str) -> None:
    errors = errors_of(with_sender(line, kind=kind))

    assert list(errors) == [f"senders.one.{field}"]
    assert problem in errors[f"senders.one.{field}"]


@pytest.mark.parametrize(
    ("policy", "field", "problem"),
    [
        ("{country_limit: {}}", "country_limit", "exactly one of allow and deny"),
        ("{country_limit: {allow: [US], deny: [GB]}}", "country_limit", "exactly one of allow and deny"),
        ("{country_limit: {allow: []}}", "country_limit.allow", "must not be empty"),
        ("{country_limit: {allow: [XX]}}", "country_limit.allow[0]", "two character country code"),
        ("{quota: 5}", "quota", "is no key that is known here (conditions, cooldown, country_limit, fallback, on_unk"),
        ("{fallback: {auth: false}}", "fallback.auth", "must be 'recipient', 'geo', 'body', 'parameter' or"),
        ("{fallback: {body: sometimes}}", "fallback.body", "must be true or false"),
        ("{on_unknown: shrug}", "on_unknown", "must be 'reconcile', 'hold' or 'resend'"),
        ("{conditions: [{chain: []}]}", "conditions[0].chain", "must not be empty"),
        ("{country_limit: {deny: []}}", "country_limit.deny", "empty"),
        ("{conditions: [{chain: [nobody]}]}", "conditions[0].chain[0]", "there is no sender nobody"),
        ("{conditions: [{countries: [GB], chain: [acme-twilio]}]}", "conditions[0]", "must have no countries"),
        ("{conditions: [{chain: [acme-twilio]}, {chain: [acme-twilio]}]}", "conditions[0]", "has no countries"),
        ("", "", "must be a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_policy_is_named(policy: str, field: str, problem: str) -> None:
    errors = errors_of(with_policy(policy))

    path = f"policies.default.{field}".rstrip(".")
    assert list(errors) == [path]
    assert problem in errors[path]


@pytest.mark.parametrize(
    "conditions",
    [
        "[]",
        "[{chain: [acme-twilio]}]",
        "[{channels: [voice], chain: [acme-syniverse]}, {channels: [sms], chain: [acme-twilio]}]",
        "[{channels: [sms], chain: [acme-twilio]}]",
    ],
)
def test_for_each_channel_the_last_condition_and_no_other_is_without_countries(conditions: str) -> None:
    assert parse(with_policy(f"{{conditions: {conditions}}}")).policies


def test_a_channel_whose_last_condition_has_countries_is_named() -> None:
    only_sms = "[{countries: [GB], chain: [acme-syniverse]}, {channels: [sms], chain: [acme-twilio]}]"

    errors = errors_of(with_policy(f"{{conditions: {only_sms}}}"))

    assert "is the last for voice" in errors["policies.default.conditions[0]"]


@pytest.mark.parametrize(
    ("chain", "field", "problem"),
    [
        ("[nobody]", "default_chain[0]", "there is no sender nobody; this tenant has: acme-syniverse, acme-twilio"),
        ("[acme-twilio, acme-twilio]", "default_chain[1]", "is there twice"),
        ("[[acme-twilio]]", "default_chain[0]", "must be text"),
        ("acme-twilio", "default_chain", "must be a list"),
    ],
)
def test_a_chain_names_senders_of_its_tenant_once(chain: str, field: str, problem: str) -> None:
    assert problem in errors_of(with_policy("{}", chain))[field]


@pytest.mark.parametrize(
    ("kind", "lines", "reason"),
    [
        ("twilio", ("numbers: [{number: 88022}]",), "has no consent"),
        ("twilio", ("consent: {by: me}",), "selects no numbers"),
        ("syniverse", ("consent: {by: me}", "originators: []"), "selects no originators"),
    ],
)
def test_a_draft_may_be_saved_but_not_named_by_a_chain(kind: str, lines: tuple[str, ...], reason: str) -> None:
    draft = with_sender(*lines, kind=kind)

    assert set(parse(draft).senders) == {"one"}
    errors = errors_of(f"{draft}    default_chain: [one]\n")
    assert reason in errors["default_chain[0]"]


@pytest.mark.parametrize(
    ("fallback", "stops"),
    [
        ("{}", {Fault.UNSUBSCRIBED}),
        ("{unsubscribed: true}", set()),
        ("{recipient: false, geo: false}", {Fault.UNSUBSCRIBED, Fault.RECIPIENT, Fault.GEO}),
        ("{body: true, unsubscribed: false}", {Fault.UNSUBSCRIBED}),
    ],
)
def test_a_policy_changes_only_the_faults_it_names(fallback: str, stops: set[Fault]) -> None:
    assert parse(with_policy(f"{{fallback: {fallback}}}")).policies["default"].no_fallback == stops


def test_a_policy_carries_its_country_limit_and_its_answer_to_unknown_outcomes() -> None:
    policy = parse(with_policy("{country_limit: {deny: [RU], channels: [voice]}, on_unknown: hold}")).policies[
        "default"
    ]

    assert policy.country_limit == CountryLimit(deny=frozenset({"RU"}), channels=BOTH - SMS)
    assert policy.on_unknown is OnUnknown.HOLD


def test_a_tenant_has_at_most_ten_senders() -> None:
    eleven = ACME + "".join(f"      s{index}: {{kind: gateway}}\n" for index in range(9))
    lines = eleven.split("    policies:")
    text = lines[0] + "".join(f"      s{index}: {{kind: twilio}}\n" for index in range(9))

    assert "has 11 senders; a tenant has at most 10" in errors_of(text)["senders"]


@pytest.mark.parametrize("name", ["a b", "-a", "x" * 65, "a/b", "\u00e4"])
def test_a_name_has_one_form_for_tenants_senders_and_policies(name: str) -> None:
    text = ACME.replace("  acme:", f'  "{name}":').replace("      default:", f'      "{name}":')
    errors = errors_of(text)

    assert {f"tenants.{name}", f"tenants.{name}.policies.{name}"} <= set(errors)
    assert f"senders.{name}" in errors_of(with_sender(key=f'"{name}"'))


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("[]", {"the file": "must be a mapping", "tenants": "is missing"}),
        ("tenants: {}", {"tenants": "must name at least one tenant"}),
        ("tenants: {acme: }", {"tenants.acme": "is missing"}),
        ("tenants: {acme: {senders: []}}", {"senders": "must be a mapping"}),
        ("tenants: {acme: {quotas: 1}}", {"quotas": "is no key that is known here (default_chain, policies, senders)"}),
        ("senders: {}", {"senders": "is no key that is known here (tenants)", "tenants": "is missing"}),
    ],
)
def test_a_file_of_another_shape_is_named_part_by_part(text: str, errors: dict[str, str]) -> None:
    assert errors_of(text) == errors


def test_every_wrong_field_of_every_part_is_reported_at_once() -> None:
    text = ACME.replace(ACCOUNT_SID, "AC1").replace("channel:2LKQNlviRlbjs", "2LKQ").replace("[GB]", "[UK]")
    text = text.replace("default_chain: [acme-twilio,", "default_chain: [nobody,")

    assert set(errors_of(text)) == {
        "senders.acme-twilio.account_sid",
        "senders.acme-syniverse.originators[1].id",
        "default_chain[0]",
        "policies.default.conditions[0].countries[0]",
    }


def test_an_error_quotes_no_value_that_came_from_the_environment() -> None:
    environment = ENVIRONMENT | {"SID": "very-secret", "ACME_TWILIO_TOKEN": "very secret"}

    with pytest.raises(ConfigRefused) as caught:
        parse_file(ACME.replace(ACCOUNT_SID, "${SID}").replace("[sms]", '["${SID}"]', 1), environment)

    assert not re.search("very.secret", str(caught.value))


@pytest.mark.parametrize(
    ("value", "token"),
    [("${A}", "one"), ("x-${A}-${B}", "x-one-two"), ("$${A}", "${A}"), ("$A", "$A"), ("${A}${A}", "oneone")],
)
def test_a_reference_stands_for_a_variable_wherever_it_is(value: str, token: str) -> None:
    tenant = parse_file(with_sender(f"auth_token: '{value}'"), {"A": "one", "B": "two"})["acme"]

    assert tenant.senders["one"].token == Token(token)


def test_a_value_from_the_environment_is_never_read_as_yaml() -> None:
    tenant = parse_file(with_sender("name: ${A}"), {"A": "x, kind: gateway}"})["acme"]

    assert tenant.senders["one"].name == "x, kind: gateway}"


def test_every_example_of_the_page_about_configuration_is_valid() -> None:
    whole, *conditions = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

    assert set(parse(whole).senders) == {"acme-twilio", "acme-syniverse"}
    for example in conditions:
        rows = ", ".join(re.findall(r"^  - (.*)$", example, re.MULTILINE))
        assert parse(with_policy(f"{{conditions: [{rows}]}}")).policies["default"].conditions


def test_ten_thousand_numbers_are_read_and_one_of_them_twice_is_found() -> None:
    numbers = [f'{{number: "+1415{index:07}"}}' for index in range(10_000)]
    selected = parse(with_sender(f"numbers: [{', '.join(numbers)}]")).senders["one"].numbers

    assert len({one.number for one in selected}) == 10_000
    assert errors_of(with_sender(f"numbers: [{', '.join([*numbers, numbers[0]])}]")) == {
        "senders.one.numbers": "the number +14150000000 is there twice"
    }
