from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from providers.protocol import NumberType
from tasks.patience import schedule, time_for_lookup
from trunkline_client.errors import SettingsInvalid
from trunkline_client.words import Lane
from worker.settings import Settings, load_broker_settings, load_settings
from worker.settings_doc import render

KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
OTHER_KEY = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="

Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the settings from the given variables only."""

    def load_from(**variables: str) -> Settings:
        for name in [name for name in os.environ if name.startswith("TRUNKLINE_")]:
            monkeypatch.delenv(name)
        for name, value in ({"SECRET_KEYS": KEY} | variables).items():
            monkeypatch.setenv(f"TRUNKLINE_{name}", value)
        return load_settings()

    return load_from


def test_only_the_secret_keys_are_required(load: Load) -> None:
    settings = load()
    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"
    assert (settings.connect_s, settings.attempt_urgent_s, settings.attempt_s) == (3, 8, 15)


def test_the_newest_secret_key_comes_first(load: Load) -> None:
    assert load(SECRET_KEYS=f" {OTHER_KEY}, {KEY},").secret_key_texts == (OTHER_KEY, KEY)


def test_without_settings_accounts_and_numbers_are_paced_as_twilio_documents_them(load: Load) -> None:
    pacing = load().pacing

    assert (pacing.concurrent_requests, pacing.calls_per_second) == (100, 1)
    assert pacing.segments_per_second == {
        NumberType.PHONE_NUMBER: 1,
        NumberType.TOLL_FREE: 3,
        NumberType.SHORT_CODE: 100,
    }
    assert pacing.ahead_s == {Lane.URGENT: 60, Lane.NORMAL: 20, Lane.BULK: 2}


@pytest.mark.parametrize("lane", Lane)
def test_an_account_whose_calls_and_lookups_all_hang_leaves_slots_of_one_process_to_others(
    load: Load, lane: Lane
) -> None:
    settings = load()
    attempt_s = settings.attempt_urgent_s if lane is Lane.URGENT else settings.attempt_s
    lookups_s = sum(time_for_lookup(lane, lookups=one).total_seconds() for one in range(len(schedule(lane))))

    # each of the attempts that run at once leaves one unknown outcome behind, to be asked about, in the time it takes
    assert settings.concurrent_requests * (1 + lookups_s / attempt_s) < settings.concurrency


BAD = [
    ("CONCURRENT_REQUESTS", "-1", "greater than or equal to 0"),
    ("SEGMENTS_PER_SECOND_SHORT_CODE", "nan", "less than or equal to 1000000"),
    ("REDIS_URL", "http://redis", "its scheme is none of"),
    ("SECRET_KEYS", "", "is missing"),
    ("SECRET_KEYS", f"{KEY},short", "key 2 of 2 is not 32 bytes"),
    ("SECRET_KEYS", ",", "needs at least one key"),
    ("TWILIO_API_URL", "http://api.twilio.com", "must be https"),
    ("TWILIO_API_URL", "https://api.twilio.com/2010-04-01", "an origin without a path"),
    ("TWILIO_API_URL", "https://AC1:hidden@api.twilio.com", "no credentials"),
    ("TWILIO_API_URL", "https://@api.twilio.com", "no credentials"),
    ("TWILIO_API_URL", "https://api.twilio.com?", "an address like https://api.twilio.com"),
    ("TWILIO_API_URL", "https://api.twilio.com#", "an address like https://api.twilio.com"),
    ("TWILIO_API_URL", "https://api twilio.com", "an address like https://api.twilio.com"),
    ("SYNIVERSE_API_URL", "https://api.syniverse.com/scg api", "an address like https://api.syniverse.com/scg-ext"),
    ("TWILIO_MESSAGING_URL", "messaging.twilio.com", "an address like https://messaging.twilio.com"),
    ("TWILIO_MESSAGING_URL", "https://messaging.twilio.com:hidden", "an address like"),
    ("SYNIVERSE_API_URL", "https://[::1/hidden", "an address like"),
    ("SYNIVERSE_API_URL", "https://api.syniverse.com/?x=1", "an address like"),
    ("CONNECT_S", "0", "greater than 0"),
    ("ATTEMPT_S", "2", "at least TRUNKLINE_CONNECT_S"),
    ("CONCURRENCY", "many", "a valid integer"),
    ("LEASE_S", "1", "greater than or equal to 3"),
    ("OTHER_NUMBERS", "-1", "greater than or equal to 0"),
    ("KEEP_CONTENT", "maybe", "a valid boolean"),
    ("LOG_FORMAT", "xml", "must be 'auto', 'json' or 'pretty'"),
    ("BROKER", "rabbitmq", "must be 'own', 'stock' or 'stock_unacknowledged'"),
    ("LOG_LEVEL", "loud", "must be 'debug'"),
]


@pytest.mark.parametrize(("name", "value", "problem"), BAD)
def test_a_bad_value_is_refused_with_its_variable_and_the_fix(load: Load, name: str, value: str, problem: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load(**{name: value})
    assert f"TRUNKLINE_{name}: " in str(caught.value)
    assert problem in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_all_mistakes_are_reported_at_once(load: Load) -> None:
    bad = {"REDIS_URL": "x", "SECRET_KEYS": "x", "TWILIO_API_URL": "x", "CONCURRENCY": "x", "LOG_LEVEL": "x"}
    with pytest.raises(SettingsInvalid) as caught:
        load(**bad)
    assert all(f"TRUNKLINE_{name}: " in str(caught.value) for name in bad)


def test_a_slip_in_a_name_is_reported_with_the_name_that_was_meant(load: Load) -> None:
    with pytest.raises(SettingsInvalid, match=r"TRUNKLINE_CONCURENCY: .* did you mean TRUNKLINE_CONCURRENCY"):
        load(CONCURENCY="32")


def test_a_variable_unlike_any_setting_is_left_alone(load: Load) -> None:
    assert load(TEST_REDIS_SERVER="/usr/bin/redis-server").concurrency == 250


@pytest.mark.parametrize("around", [" {}", "{}\n", "{}/ "])
def test_blanks_around_an_address_are_no_part_of_it(load: Load, around: str) -> None:
    address = "https://api.twilio.com"
    assert load(TWILIO_API_URL=around.format(address)).twilio_api_url == address


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000/"])
def test_plain_http_is_accepted_on_this_machine(load: Load, url: str) -> None:
    assert load(TWILIO_API_URL=url).twilio_api_url == url.rstrip("/")


def test_plain_http_elsewhere_needs_permission(load: Load) -> None:
    settings = load(SYNIVERSE_API_URL="http://simulators:8000/api/v1", ALLOW_INSECURE_PROVIDERS="1")
    assert settings.syniverse_api_url == "http://simulators:8000/api/v1"


def test_the_broker_needs_no_secret(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    load(REDIS_URL="redis://redis.internal/1")
    monkeypatch.delenv("TRUNKLINE_SECRET_KEYS")
    assert load_broker_settings().redis_url.get_secret_value() == "redis://redis.internal/1"


def test_settings_show_no_secret(load: Load) -> None:
    shown = repr(load(REDIS_URL="redis://:hidden@redis.internal"))
    assert "hidden" not in shown
    assert KEY not in shown


def test_the_settings_page_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == render()
