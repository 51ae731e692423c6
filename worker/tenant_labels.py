"""Which tenants get a label of their own in metrics: a bounded number, so that 10,000 tenants make no 10,000 series."""

from __future__ import annotations

from typing import Final

#: stands for every tenant without a label of its own; no tenant can be called so, for names hold no space.
OTHERS: Final = "(all others)"


class TenantLabels:
    """Gives labels to those that come first, and keeps them: a counter whose label changed hands would lie.

    Each process decides for itself. So a tenant may have a label in one process and be among the others in the next,
    once there are more tenants than labels; sums over all tenants are exact in any case.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._named: set[str] = set()

    def label(self, tenant: str) -> str:
        """Return the tenant itself if it has one of the labels or one is left, else `OTHERS`."""
        if tenant in self._named:
            return tenant
        if len(self._named) < self._most:
            self._named.add(tenant)
            return tenant
        return OTHERS
