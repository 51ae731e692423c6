"""The changes an administrator makes to a sender, as edits of the tenant's part of a file.

Each function returns a change for `senders.editing.Edit`. What the result must fulfil is checked by the rules of the
file, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final

from senders.file_tree import Tree
from trunkline_client.errors import TrunklineError

Change = Callable[[Tree], None]

_SELECTIONS: Final = {"twilio": "numbers", "syniverse": "originators"}
_NO_SELECTION: Final = {
    "twilio_messaging_service": "Twilio picks the number",
    "gateway": "its numbers are those of its configuration, which `trunkline apply` changes",
}


class SenderUnknown(TrunklineError):
    """The tenant has no sender of this key."""


class SenderExists(TrunklineError):
    """The tenant has a sender of this key already."""


class SenderInUse(TrunklineError):
    """Chains name the sender, so it cannot just be removed."""


class NothingToSelect(TrunklineError):
    """What is to be selected or given countries is not there to be."""


def add(key: str, sender: Tree) -> Change:
    """Return the addition of a new sender."""

    def change(tree: Tree) -> None:
        senders = tree.setdefault("senders", {})
        if key in senders:
            raise SenderExists(
                f"there is a sender {key} already; its credential cannot change: use `trunkline senders replace {key}`"
            )
        senders[key] = sender

    return change


def set_field(key: str, field: str, value: Any) -> Change:
    """Return the setting of one field of a sender."""

    def change(tree: Tree) -> None:
        sender_in(tree, key)[field] = value

    return change


def select(key: str, numbers: Collection[str]) -> Change:
    """Return the selection of numbers, besides those that are selected."""

    def change(tree: Tree) -> None:
        sender = sender_in(tree, key)
        if sender["kind"] == "twilio_messaging_service":
            _select_service(key, sender, numbers)
            return
        field, name = _selection_of(key, sender)
        selected = sender.setdefault(field, [])
        there = {one[name] for one in selected}
        selected.extend({name: number} for number in numbers if number not in there)

    return change


def unselect(key: str, numbers: Collection[str] | None) -> Change:
    """Return the end of the selection of numbers, or of all for None."""

    def change(tree: Tree) -> None:
        sender = sender_in(tree, key)
        field, name = _selection_of(key, sender)
        selected = sender.get(field, [])
        missing = sorted(set(numbers or ()) - {one[name] for one in selected})
        if missing:
            raise NothingToSelect(f"not selected in sender {key}: {', '.join(missing)}")
        sender[field] = [] if numbers is None else [one for one in selected if one[name] not in numbers]

    return change


def set_countries(key: str, number: str, countries: Sequence[str] | None) -> Change:
    """Return the countries of a selected number, or None for its default."""

    def change(tree: Tree) -> None:
        sender = sender_in(tree, key)
        selected = (*sender.get("numbers", ()), *sender.get("originators", ()))
        found = next((one for one in selected if number in {one.get("number"), one.get("id")}), None)
        if found is None:
            raise NothingToSelect(f"{number} is not selected in sender {key}: select it first")
        found.pop("countries", None)
        if countries is not None:
            found["countries"] = list(countries)

    return change


def remove(key: str, *, repoint: str | None = None, unchain: bool = False) -> Change:
    """Return the removal of a sender.

    Args:
        key: the sender.
        repoint: the sender that takes its place in every chain.
        unchain: take it out of every chain that has another sender.
    """

    def change(tree: Tree) -> None:
        sender_in(tree, key)
        naming = [path for path, chain in chains(tree) if key in chain]
        if naming and repoint is None and not unchain:
            raise SenderInUse(
                f"sender {key} is named by {', '.join(naming)}: put another in its place with --repoint KEY, or take "
                "it out with --unchain"
            )
        _repoint(tree, key, repoint)
        del tree["senders"][key]

    return change


def replace(key: str, new_key: str, sender: Callable[[Tree], Tree]) -> Change:
    """Return the replacement of a sender by a new one, in every chain too.

    Args:
        key: the sender.
        new_key: the key of the one that takes its place.
        sender: returns the new sender from the old one.
    """

    def change(tree: Tree) -> None:
        new = sender(dict(sender_in(tree, key)))
        add(new_key, new)(tree)
        _repoint(tree, key, new_key)
        del tree["senders"][key]

    return change


def sender_in(tree: Tree, key: str) -> Tree:
    """Return the sender of a tenant's tree; raises `SenderUnknown`."""
    senders: Tree = tree.get("senders", {})
    if key not in senders:
        raise SenderUnknown(f"there is no sender {key}; this tenant has: {', '.join(sorted(senders)) or 'none'}")
    sender: Tree = senders[key]
    return sender


def chains(tree: Tree) -> Iterator[tuple[str, list[str]]]:
    """Yield every chain of a tenant's tree with its path."""
    if "default_chain" in tree:
        yield "default_chain", tree["default_chain"]
    for name, policy in tree.get("policies", {}).items():
        for index, condition in enumerate(policy.get("conditions", ())):
            yield f"policies.{name}.conditions[{index}].chain", condition["chain"]


def _repoint(tree: Tree, key: str, to: str | None) -> None:
    """Put `to` in the place of `key` in every chain; nobody stands in a chain twice."""
    for _, chain in chains(tree):
        renamed = [to if one == key else one for one in chain]
        chain[:] = [one for one in dict.fromkeys(renamed) if one is not None]
    if tree.get("default_chain") == []:
        del tree["default_chain"]


def _selection_of(key: str, sender: Tree) -> tuple[str, str]:
    """Return the field of a sender's selection, and what names one of it."""
    kind = sender["kind"]
    if kind in _NO_SELECTION:
        raise NothingToSelect(f"sender {key} has no selection to change: {_NO_SELECTION[kind]}")
    return _SELECTIONS[kind], "id" if kind == "syniverse" else "number"


def _select_service(key: str, sender: Tree, services: Collection[str]) -> None:
    if len(services) != 1:
        raise NothingToSelect(f"exactly one messaging service is selected in sender {key}, not {len(services)}")
    (sender["messaging_service_sid"],) = services
