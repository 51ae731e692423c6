"""A tenant's configuration as the JSON document that Redis keeps.

The same configuration always gives the same bytes. The version lies beside the document and not in it, since Redis
counts it (`senders.store`); secrets are in it in their sealed form only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from senders.model import Policy, Sender, TenantConfig
from senders.stored_number import as_number
from trunkline_client.errors import TrunklineError

#: the form of the document; a reader refuses every other one, so a rule it does not know is never passed over.
DOCUMENT_VERSION: Final = 1
#: where the rest of a configuration lies: in the key and in a field of its own.
_BESIDE: Final = frozenset({"tenant", "version"})
#: left out where nothing is configured, which keeps the document as small, and as old versions can read it.
_IF_SET: Final = frozenset({"segments_per_second", "concurrent_requests", "calls_per_second"})


class DocumentUnreadable(TrunklineError):
    """The stored configuration of a tenant is not one this version of Trunkline can read."""

    def __init__(self, tenant: str, unfit: str) -> None:
        super().__init__(
            f"the stored configuration of tenant {tenant} cannot be read by this version of Trunkline "
            f"(it reads form v={DOCUMENT_VERSION}; unfit: {unfit}); run the version that wrote it"
        )


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    v: Literal[1]
    senders: dict[str, Sender]
    policies: dict[str, Policy]
    default_chain: tuple[str, ...]
    retired: tuple[Sender, ...]


def encode(config: TenantConfig) -> str:
    """Return the document of a configuration."""
    content = {name: value for name, value in _fields_of(config).items() if name not in _BESIDE}
    return json.dumps(
        {"v": DOCUMENT_VERSION, **content},
        default=_plain,
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
    )


def decode(tenant: str, version: int, document: str) -> TenantConfig:
    """Return the configuration in a document.

    Raises:
        DocumentUnreadable: it is damaged, or of another form.
    """
    try:
        found = _Document.model_validate(json.loads(document, object_hook=as_number))
    except (ValueError, RecursionError) as error:
        # not chained: the error's text quotes the document
        raise DocumentUnreadable(tenant, unfit_fields(error)) from None
    return TenantConfig(
        tenant,
        version,
        senders=found.senders,
        policies=found.policies,
        default_chain=found.default_chain,
        retired=found.retired,
    )


def unfit_fields(error: ValueError | RecursionError) -> str:
    """Return which fields of a document an error is about; none of their values."""
    if not isinstance(error, ValidationError):
        return "the whole, which is no JSON"
    return ", ".join(sorted({".".join(map(str, one["loc"])) for one in error.errors()}))


def _plain(value: object) -> object:
    """Return sets as sorted lists, and our data and mappings that are no dict as one."""
    if isinstance(value, AbstractSet):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value):
        return _fields_of(value)
    raise TypeError(f"{type(value).__name__} has no place in a configuration document")


def _fields_of(value: object) -> dict[str, object]:
    """Return the fields of our data; `asdict` would copy everything in them too, at three times the cost."""
    fields = {name: getattr(value, name) for name in value.__dataclass_fields__}  # type: ignore[attr-defined]
    return {name: one for name, one in fields.items() if one is not None or name not in _IF_SET}
