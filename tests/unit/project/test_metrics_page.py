"""The page of metrics lists every series with its type and labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import Metric

from tests.support.metrics import families, labels_of

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
FAMILIES = families()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_series_is_on_its_page_with_its_type_and_labels(family: Metric) -> None:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    labels = ", ".join(f"`{label}`" for label in labels_of(family))

    assert f"| `{name}` | {family.type} | {labels}{' ' if labels else ''}|" in PAGE


def test_the_page_lists_no_series_that_does_not_exist() -> None:
    listed = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `trunkline_")}

    assert listed == {f"{one.name}_total" if one.type == "counter" else one.name for one in FAMILIES}
