"""The changes an administrator makes to a policy, as edits of the tenant's part of a file."""

from __future__ import annotations

from typing import Any

from senders.file_tree import Tree
from senders.policy import DEFAULT_POLICY
from senders.sender_edits import Change
from trunkline_client.errors import TrunklineError


class PolicyNotRemovable(TrunklineError):
    """The policy is not there, or must stay."""


def put(name: str, policy: Any) -> Change:
    """Return the setting of a whole policy, new or not; its form is checked by the rules of the file."""

    def change(tree: Tree) -> None:
        tree.setdefault("policies", {})[name] = policy

    return change


def remove(name: str) -> Change:
    """Return the removal of a policy that is not the default one."""

    def change(tree: Tree) -> None:
        if name == DEFAULT_POLICY.name:
            raise PolicyNotRemovable(
                "cannot remove default notifications policy; `trunkline policies set default` changes it"
            )
        policies = tree.get("policies", {})
        if name not in policies:
            known = ", ".join(sorted({*policies, DEFAULT_POLICY.name}))
            raise PolicyNotRemovable(f"there is no policy {name}; this tenant has: {known}")
        del policies[name]

    return change
