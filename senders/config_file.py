"""The configuration file: YAML with `${ENV}` references -> what every tenant in it asks for.

All wrong fields are reported at once, each by its path and with its mend. So each part is checked by itself, and the
rules between parts look at what the file says even where a part has another error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import SecretStr

from providers.gateway_hosts import PUBLIC_ONLY, HostRules
from providers.protocol import Kind
from senders.desired import Credential, DesiredSender, DesiredTenant, SelectedNumber
from senders.file_gateway import GatewayEntry
from senders.file_gateway_auth import HOSTS
from senders.file_models import (
    MessagingServiceEntry,
    PolicyEntry,
    SenderEntry,
    SyniverseEntry,
    TwilioAccountEntry,
    TwilioEntry,
)
from senders.file_policies import check_chain, check_conditions, policy_of
from senders.findings import STORED_REFERENCE, Findings, at
from senders.model import Originator, Policy
from senders.yaml_text import FileUnreadable, read_yaml
from trunkline_client.limits import TENANT_FORM
from trunkline_client.private import Token

MAX_SENDERS: Final = 10

_NAME_HINT: Final = "the name must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit"

_ENTRIES: Final[Mapping[Kind, type[SenderEntry]]] = {
    Kind.TWILIO: TwilioEntry,
    Kind.TWILIO_MESSAGING_SERVICE: MessagingServiceEntry,
    Kind.SYNIVERSE: SyniverseEntry,
    Kind.GATEWAY: GatewayEntry,
}
#: what a sender of a kind selects; without it the sender is a draft. A gateway may be without numbers.
_SELECTION: Final = {
    Kind.TWILIO: "numbers",
    Kind.TWILIO_MESSAGING_SERVICE: "messaging_service_sid",
    Kind.SYNIVERSE: "originators",
}
_FILE_KEYS: Final = frozenset({"tenants"})
_TENANT_KEYS: Final = frozenset({"senders", "policies", "default_chain"})


def parse_file(
    text: str, environment: Mapping[str, str], *, hosts: HostRules = PUBLIC_ONLY
) -> dict[str, DesiredTenant]:
    """Return what a configuration file asks for, per tenant.

    Args:
        text: the file's content.
        environment: where `${NAME}` is looked up.
        hosts: where gateways may be reached without https.

    Raises:
        FileUnreadable: it is empty, or no YAML; the text names the line.
        ConfigRefused: it breaks a rule; every wrong field is named.
    """
    findings = Findings({HOSTS: hosts})
    tree = read_yaml(text)
    if tree is None:
        raise FileUnreadable("it is empty")
    return _tenants(findings, findings.substitute(tree, environment, spare=is_template))


def parse_tree(tree: object, *, hosts: HostRules = PUBLIC_ONLY) -> dict[str, DesiredTenant]:
    """Return what the content of a file asks for, with every reference but `${stored}` filled in already.

    Args:
        tree: mappings, lists, text and booleans, as `senders.file_tree.tree_of` returns them.
        hosts: where gateways may be reached without https.

    Raises:
        ConfigRefused: it breaks a rule; every wrong field is named.
    """
    return _tenants(Findings({HOSTS: hosts}), tree)


def _tenants(findings: Findings, tree: object) -> dict[str, DesiredTenant]:
    root = findings.mapping(tree, "", known=_FILE_KEYS)
    tenants = findings.mapping(root.get("tenants"), "tenants")
    if not tenants:
        findings.add("tenants", "must name at least one tenant")
    desired = {name: _tenant(findings, name, content) for name, content in tenants.items()}
    findings.refuse_if_any()
    return desired


def is_template(fields: Mapping[str, object], key: str) -> bool:
    """Return whether a field holds the variables of messages, not of the environment."""
    return key == "requests" and fields.get("kind") == Kind.GATEWAY


def _tenant(findings: Findings, name: str, content: object) -> DesiredTenant:
    path = at("tenants", name)
    if not TENANT_FORM.fullmatch(name):
        findings.add(path, _NAME_HINT)
    parts = findings.mapping(content, path, known=_TENANT_KEYS)
    raw_senders = findings.mapping(parts.get("senders", {}), at(path, "senders"))
    if len(raw_senders) > MAX_SENDERS:
        findings.add(at(path, "senders"), f"has {len(raw_senders)} senders; a tenant has at most {MAX_SENDERS}")
    found = [_sender(findings, key, raw, at(at(path, "senders"), key)) for key, raw in raw_senders.items()]
    drafts = {key: _draft_reason(raw) for key, raw in raw_senders.items()}
    chain = check_chain(findings, parts.get("default_chain"), at(path, "default_chain"), drafts)
    return DesiredTenant(
        name,
        {sender.key: sender for sender in found if sender},
        _policies(findings, parts.get("policies", {}), at(path, "policies"), drafts),
        chain,
    )


def _policies(findings: Findings, raw: object, path: str, drafts: Mapping[str, str | None]) -> dict[str, Policy]:
    policies: dict[str, Policy] = {}
    for name, content in findings.mapping(raw, path).items():
        own = at(path, name)
        if not TENANT_FORM.fullmatch(name):
            findings.add(own, _NAME_HINT)
        entry = findings.model(PolicyEntry, content, own)
        check_conditions(findings, content, own, drafts)
        if entry is not None:
            policies[name] = policy_of(name, entry)
    return policies


def _sender(findings: Findings, key: str, raw: object, path: str) -> DesiredSender | None:
    if not TENANT_FORM.fullmatch(key):
        findings.add(path, _NAME_HINT)
    fields = dict(findings.mapping(raw, path))
    if not fields:
        return None
    kind = _kind(findings, fields.pop("kind", None), at(path, "kind"))
    if kind is None:
        return None
    entry = findings.model(_ENTRIES[kind], fields, path)
    return None if entry is None else _desired(key, kind, entry)


def _kind(findings: Findings, value: object, path: str) -> Kind | None:
    kinds = ", ".join(sorted(_ENTRIES))
    if not isinstance(value, str) or value not in set(_ENTRIES):
        findings.add(path, f"must be one of {kinds}")
    else:
        return Kind(value)
    return None


def _desired(key: str, kind: Kind, entry: SenderEntry) -> DesiredSender:
    sender = DesiredSender(
        key=key,
        kind=kind,
        name=entry.name,
        channels=entry.channels,
        consent_by=entry.consent.by if entry.consent else None,
        enabled=entry.enabled,
        concurrent_requests=entry.concurrent_requests,
        calls_per_second=entry.calls_per_second,
    )
    if isinstance(entry, TwilioAccountEntry):
        sender = replace(sender, account_sid=entry.account_sid, token=_token(entry.auth_token))
    match entry:
        case TwilioEntry():
            selected = (
                SelectedNumber(one.number, one.countries, segments_per_second=one.segments_per_second)
                for one in entry.numbers
            )
            return replace(sender, numbers=tuple(sorted(selected, key=lambda one: one.number)))
        case MessagingServiceEntry():
            return replace(sender, messaging_service_sid=entry.messaging_service_sid)
        case SyniverseEntry():
            originators = tuple(Originator(one.id, one.countries, one.channels) for one in entry.originators)
            return replace(sender, originators=originators, token=_token(entry.access_token))
        case GatewayEntry():
            token = _token(entry.authentication.secret)
            return replace(sender, gateway=entry.gateway(), numbers=entry.selection(), token=token)
    raise TypeError(f"{type(entry).__name__} is no sender of a known kind")


def _token(secret: SecretStr) -> Token | Credential:
    text = secret.get_secret_value()
    return Credential.STORED if text == STORED_REFERENCE else Token(text)


def _draft_reason(raw: object) -> str | None:
    """Return what makes a sender in the file a draft, None if nothing does; other errors do not matter here."""
    if not isinstance(raw, dict):
        return None
    if not raw.get("consent"):
        return "has no consent"
    selection = next((field for kind, field in _SELECTION.items() if kind == raw.get("kind")), None)
    return None if selection is None or raw.get(selection) else f"selects no {selection}"
