"""Which tenants get a label of their own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline_client.limits import RULES
from worker.tenant_labels import OTHERS, TenantLabels

TENANTS = st.sampled_from([f"t{number}" for number in range(8)])


@given(st.integers(0, 10), st.lists(TENANTS))
def test_a_bounded_number_of_tenants_is_named_and_keeps_its_label(most: int, seen: list[str]) -> None:
    labels = TenantLabels(most)
    given_: dict[str, str] = {}
    for tenant in seen:
        assert labels.label(tenant) == given_.setdefault(tenant, labels.label(tenant))
    named = [tenant for tenant, label in given_.items() if label != OTHERS]
    assert named == list(given_)[:most]
    assert all(given_[tenant] == tenant for tenant in named)


def test_no_tenant_can_be_called_like_the_others() -> None:
    assert RULES["tenant"].problem(OTHERS) is not None
