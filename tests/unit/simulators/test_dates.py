from __future__ import annotations

from datetime import UTC, datetime

import pytest

from providers.simulators.twilio.dates import within_days

AT = datetime(2026, 1, 31, 23, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("query", "passes"),
    [
        ({}, True),
        ({"DateSent": "2026-01-31"}, True),
        ({"DateSent": "2026-02-01"}, False),
        ({"DateSent>": "2026-01-31"}, True),
        ({"DateSent>": "2026-02-01"}, False),
        ({"DateSent<": "2026-01-31T00:00:00Z"}, True),
        ({"DateSent<": "2026-01-30"}, False),
        ({"DateSent>": "2026-01-30", "DateSent<": "2026-02-01"}, True),
        ({"DateSent": "yesterday"}, True),
        ({"StartTime": "2020-01-01"}, True),
    ],
)
def test_date_filters_work_by_whole_days(query: dict[str, str], passes: bool) -> None:
    assert within_days(AT, "DateSent", query) is passes


def test_what_was_not_sent_yet_passes_no_date_filter() -> None:
    assert within_days(None, "DateSent", {})
    assert not within_days(None, "DateSent", {"DateSent": "2026-01-31"})
