"""What a listing shows of a configuration, read without its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ValidationError

from senders.document import DocumentUnreadable, unfit_fields


@dataclass(frozen=True, slots=True)
class TenantSummary:
    """A configuration's names; `senders` and `policies` are sorted."""

    tenant: str
    version: int
    senders: tuple[str, ...]
    policies: tuple[str, ...]
    default_chain: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the summary as `trunkline tenants list --json` shows it."""
        return {
            "tenant": self.tenant,
            "version": self.version,
            "senders": list(self.senders),
            "policies": list(self.policies),
            "default_chain": list(self.default_chain),
        }


class _Unread(BaseModel):
    """An object whose fields are skipped: pydantic makes no Python objects of what it ignores."""


class _Names(BaseModel):
    v: Literal[1]
    senders: dict[str, _Unread]
    policies: dict[str, _Unread]
    default_chain: tuple[str, ...]


def summarize(tenant: str, version: int, document: str) -> TenantSummary:
    """Return the summary of the configuration in a document; raises `DocumentUnreadable`."""
    try:
        names = _Names.model_validate_json(document)
    except ValidationError as error:
        # not chained: the error's text quotes the document
        raise DocumentUnreadable(tenant, unfit_fields(error)) from None
    return TenantSummary(
        tenant, version, tuple(sorted(names.senders)), tuple(sorted(names.policies)), names.default_chain
    )
