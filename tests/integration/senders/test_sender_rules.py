"""The rules of senders that need an account or a whole command, one test for each; `docs/rules.md` lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from providers.simulators.default_world import (
    EMPTY_SID,
    FULL_SID,
    SERVICE_SID,
    SUSPENDED_SID,
    SYNIVERSE_TOKEN,
    TWILIO_TOKEN,
    default_world,
)
from providers.simulators.world import AccountStatus, TwilioAccount, World
from tests.support.cli import Ran, run_cli
from tests.support.mutations import as_yaml
from tests.support.simulator import Simulator, simulator

pytestmark = pytest.mark.integration

Command = Callable[..., Ran]
KEY = Fernet.generate_key().decode()
CLOSED_SID = "AC" + "c" * 32
WORLD = default_world()
CLOSED = TwilioAccount(CLOSED_SID, TWILIO_TOKEN, status=AccountStatus.CLOSED)
WITH_A_CLOSED = World(twilio=(*WORLD.twilio, CLOSED), syniverse=WORLD.syniverse)
CONSENT = {"by": "ops@acme.example"}
NUMBERS = [{"number": "+14155550100"}]


@pytest.fixture(scope="module")
def server() -> Iterator[Simulator]:
    with simulator(WITH_A_CLOSED) as running:
        yield running


@pytest.fixture
def run(redis_url: str, server: Simulator) -> Command:
    tokens = {"GOOD": TWILIO_TOKEN, "BAD": "not-the-token", "SYNIVERSE": SYNIVERSE_TOKEN}
    env = {**server.environment, **tokens, "TRUNKLINE_REDIS_URL": redis_url, "TRUNKLINE_SECRET_KEYS": KEY}
    return lambda *arguments, **other: run_cli(*arguments, env=env, **other)


def twilio(sid: str = FULL_SID, token: str = "${GOOD}", **fields: Any) -> dict[str, Any]:
    sender = {"kind": "twilio", "name": "T", "account_sid": sid, "auth_token": token, "channels": ["sms"]}
    return sender | {"numbers": NUMBERS, "consent": CONSENT} | fields


def apply(run: Command, folder: Path, **tenant: Any) -> Ran:
    file = folder / "tenants.yaml"
    file.write_text(as_yaml({"tenants": {"acme": tenant}}))
    return run("apply", str(file), "--yes")


def refusal(run: Command, folder: Path, sender: dict[str, Any]) -> str:
    """Return why a sender was not saved, having checked that nothing was."""
    ran = apply(run, folder, senders={"own": sender})
    assert (ran.code, "Traceback" in ran.err) == (1, False)
    assert run("tenants", "list", "--json").json == []
    assert run("audit", "--json").json == []
    return ran.err


def test_a_wrong_token_is_an_error_of_its_own_and_saves_nothing(run: Command, tmp_path: Path) -> None:
    told = refusal(run, tmp_path, twilio(token="${BAD}"))
    assert "own.auth_token: Error receiving account information: Twilio refused" in told


def test_a_suspended_account_is_an_error_of_its_own_and_saves_nothing(run: Command, tmp_path: Path) -> None:
    assert "the Twilio account is suspended" in refusal(run, tmp_path, twilio(SUSPENDED_SID))


def test_a_closed_account_is_an_error_of_its_own_and_saves_nothing(run: Command, tmp_path: Path) -> None:
    assert "the Twilio account is closed" in refusal(run, tmp_path, twilio(CLOSED_SID))


def test_an_account_without_numbers_does_not_validate_and_saves_nothing(run: Command, tmp_path: Path) -> None:
    assert "the Twilio account has no numbers" in refusal(run, tmp_path, twilio(EMPTY_SID))


def test_a_number_that_the_account_lacks_cannot_be_selected(run: Command, tmp_path: Path) -> None:
    told = refusal(run, tmp_path, twilio(numbers=[{"number": "+14155559999"}]))
    assert "numbers[+14155559999]: the account does not have this number" in told


def test_every_number_of_an_account_is_imported_and_only_the_chosen_are_selected(run: Command, tmp_path: Path) -> None:
    assert apply(run, tmp_path, senders={"own": twilio()}).code == 0

    found = run("senders", "numbers", "own", "--tenant", "acme", "--json").json
    assert len(found) == 5
    assert [one["number"] for one in found if one["selected"]] == ["+14155550100"]


def test_one_messaging_service_of_the_account_is_selected_and_no_number(run: Command, tmp_path: Path) -> None:
    service = twilio(kind="twilio_messaging_service", messaging_service_sid=SERVICE_SID)
    del service["numbers"]
    assert apply(run, tmp_path, senders={"own": service}, default_chain=["own"]).code == 0

    select = ("senders", "select", "own", "--tenant", "acme")
    missing = "MG" + "9" * 32
    assert "exactly one messaging service is selected" in refused(run(*select, SERVICE_SID, missing))
    assert f"the Twilio account has no messaging service {missing}" in refused(run(*select, missing))
    assert run("senders", "numbers", "own", "--tenant", "acme", "--json").json == []


def test_consent_is_kept_with_who_gave_it_and_when(run: Command, tmp_path: Path) -> None:
    assert apply(run, tmp_path, senders={"own": twilio()}).code == 0

    consent = run("senders", "show", "own", "--tenant", "acme", "--json").json["consent"]
    assert consent["by"] == "ops@acme.example"
    assert consent["at"].endswith("Z")


def test_a_tenant_of_ten_senders_gets_a_new_token_but_no_eleventh_sender(run: Command, tmp_path: Path) -> None:
    senders = {f"s{index}": twilio() for index in range(10)}
    assert apply(run, tmp_path, senders=senders, default_chain=["s3", "s4"]).code == 0

    eleventh = apply(run, tmp_path, senders=senders | {"s10": twilio()})
    assert "has 11 senders; a tenant has at most 10" in refused(eleventh)
    new = ("s3-new", "--tenant", "acme", "--token-env", "GOOD", "--yes")
    assert run("senders", "replace", "s3", *new).code == 0
    exported = run("export", "acme", "--json").json["tenants"]["acme"]
    assert (len(exported["senders"]), exported["default_chain"]) == (10, ["s3-new", "s4"])

    del senders["s9"]
    assert apply(run, tmp_path, senders=senders | {"s10": twilio()}).code == 0


def test_a_sender_that_a_chain_names_is_not_removed_unless_the_chain_is_mended(run: Command, tmp_path: Path) -> None:
    both = {"own": twilio(), "other": twilio()}
    assert apply(run, tmp_path, senders=both, default_chain=["own", "other"]).code == 0

    remove = ("senders", "remove", "own", "--tenant", "acme", "--yes")
    assert "sender own is named by default_chain" in refused(run(*remove))
    left = apply(run, tmp_path, senders={"other": twilio()}, default_chain=["own", "other"])
    assert "there is no sender own" in refused(left)
    assert run(*remove, "--unchain").code == 0


def test_a_draft_is_saved_but_no_chain_can_name_it(run: Command, tmp_path: Path) -> None:
    draft = {"own": twilio(consent=None)}
    assert "is a draft, since it has no consent" in refused(apply(run, tmp_path, senders=draft, default_chain=["own"]))
    assert apply(run, tmp_path, senders=draft).code == 0
    assert run("senders", "list", "--tenant", "acme", "--json").json[0]["state"] == "draft"


def refused(ran: Ran) -> str:
    assert (ran.code, "Traceback" in ran.err) == (1, False), ran.out
    return ran.err
