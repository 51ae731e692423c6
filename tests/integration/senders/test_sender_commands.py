"""`trunkline senders` and `trunkline export` over a real Redis and a real account server, without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.support.accounts_server import AccountsServer, accounts_server
from tests.support.cli import Ran, run_cli
from tests.support.config_samples import ACME, ENVIRONMENT
from tests.support.sender_samples import ACCOUNT_SID

pytestmark = pytest.mark.integration

KEY = Fernet.generate_key().decode()
Command = Callable[..., Ran]
ADD = (
    "senders", "add", "new", "--tenant", "acme", "--kind", "twilio", "--name", "New", "--account-sid", ACCOUNT_SID,
    "--token-env", "ACME_TWILIO_TOKEN", "--channel", "sms", "--number", "+14155550100",
    "--number", "+18335550199=US,CA", "--consent-by", "me@acme.example", "--yes",
)  # fmt: skip


@pytest.fixture
def accounts() -> Iterator[AccountsServer]:
    with accounts_server() as server:
        yield server


@pytest.fixture
def run(redis_url: str, accounts: AccountsServer) -> Command:
    env = {
        **ENVIRONMENT,
        **accounts.environment,
        "TRUNKLINE_REDIS_URL": redis_url,
        "TRUNKLINE_SECRET_KEYS": KEY,
        "TRUNKLINE_ACTOR": "ann",
        "COLUMNS": "160",
    }
    return lambda *arguments, **other: run_cli(*arguments, env=env | other)


@pytest.fixture
def acme(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(ACME)
    assert run("apply", str(file), "--yes").code == 0


def done(ran: Ran) -> Ran:
    assert (ran.code, "Traceback" in ran.err) == (0, False), ran.err
    return ran


def refused(ran: Ran, code: int = 1) -> str:
    assert ran.code == code, ran.out
    assert "Traceback" not in ran.err
    return ran.err


def selected(run: Command, key: str = "acme-twilio") -> list[str]:
    found = done(run("senders", "numbers", key, "--tenant", "acme", "--selected", "--json")).json
    return [one["number"] for one in found]


def test_verify_shows_the_numbers_of_an_account_and_saves_nothing(run: Command) -> None:
    shown = done(
        run("senders", "verify", "--kind", "twilio", "--account-sid", ACCOUNT_SID, "--token-env", "ACME_TWILIO_TOKEN")
    )

    assert f"{ACCOUNT_SID} (Acme): active, 3 numbers" in shown.out
    assert "+18335550199" in shown.out
    assert "toll_free" in shown.out
    assert done(run("tenants", "list", "--json")).json == []


def test_verify_tells_a_wrong_token(run: Command) -> None:
    account = ("--kind", "twilio", "--account-sid", ACCOUNT_SID)

    error = refused(run("senders", "verify", *account, "--token-env", "WRONG", WRONG="no"))
    assert "Twilio refused the Account SID or auth token" in error


def test_a_stored_sender_can_be_verified_without_its_token(run: Command, acme: None) -> None:
    shown = done(run("senders", "verify", "acme-twilio", "--tenant", "acme", "--json")).json

    assert shown["status"] == "active"
    assert [one["number"] for one in shown["numbers"]] == ["+14155550100", "+18335550199", "88022"]


def test_a_sender_is_added_by_options_alone(run: Command) -> None:
    done(run(*ADD))

    shown = done(run("senders", "show", "new", "--tenant", "acme", "--json")).json
    assert (shown["kind"], shown["account"], shown["state"]) == ("twilio", ACCOUNT_SID, "ready")
    assert shown["consent"]["by"] == "me@acme.example"
    countries = {one["number"]: one["countries"] for one in shown["numbers"] if one["selected"]}
    assert countries == {"+14155550100": None, "+18335550199": ["US", "CA"]}


def test_adding_under_a_key_that_exists_is_refused_with_the_way_to_a_new_token(run: Command) -> None:
    done(run(*ADD))

    assert "trunkline senders replace" in refused(run(*ADD), 2)


def test_adding_without_a_terminal_names_what_is_missing(run: Command) -> None:
    incomplete = ("senders", "add", "a", "--tenant", "t", "--kind", "syniverse", "--yes")

    assert "--token-env or --token-file" in refused(run(*incomplete), 2)


@pytest.mark.parametrize("secret", list(ENVIRONMENT.values()))
def test_no_command_prints_a_credential(run: Command, acme: None, secret: str) -> None:
    shown = [
        run("senders", "list", "--tenant", "acme"),
        run("senders", "show", "acme-twilio", "--tenant", "acme", "--json"),
        run("export"),
        run("export", "--references", "environment"),
        run("senders", "disable", "acme-twilio", "--tenant", "acme", "--json"),
        run("audit", "--json"),
    ]

    assert not any(secret in ran.out + ran.err for ran in shown)


def test_numbers_are_selected_and_unselected(run: Command, acme: None, accounts: AccountsServer) -> None:
    accounts.asked.clear()
    done(run("senders", "unselect", "acme-twilio", "88022", "--tenant", "acme"))
    assert selected(run) == ["+14155550100", "+18335550199"]

    done(run("senders", "select", "acme-twilio", "--all", "--tenant", "acme"))
    assert selected(run) == ["+14155550100", "+18335550199", "88022"]
    assert accounts.asked == []


def test_unselecting_all_of_a_sender_that_a_chain_names_is_refused_since_it_would_be_a_draft(
    run: Command, acme: None
) -> None:
    error = refused(run("senders", "unselect", "acme-twilio", "--all", "--tenant", "acme"))

    assert "is a draft, since it selects no numbers" in error
    assert len(selected(run)) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("select", "acme-twilio", "+14155559999"), "numbers[+14155559999]: the account does not have this number"),
        (("unselect", "acme-twilio", "+14155559999"), "not selected in sender acme-twilio: +14155559999"),
        (("countries", "acme-twilio", "+14155550100", "US"), "is an ordinary number, which serves every country"),
        (("countries", "acme-twilio", "88022", "US", "CA"), "a short code serves exactly one country"),
        (("countries", "acme-twilio", "+18335550199", "UK"), "must be a valid two character country code"),
        (("countries", "acme-twilio", "+14155559999", "US"), "is not selected in sender acme-twilio: select it first"),
        (("enable", "nobody"), "there is no sender nobody; this tenant has: acme-syniverse, acme-twilio"),
        (("remove", "acme-twilio", "--yes"), "is named by default_chain, policies.default.conditions[1].chain"),
        (("remove", "acme-syniverse", "--unchain", "--yes"), "policies.default.conditions[0].chain: must not be empty"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out_and_changes_nothing(
    run: Command, acme: None, arguments: tuple[str, ...], told: str
) -> None:
    before = done(run("export", "acme")).out

    assert told in refused(run("senders", *arguments, "--tenant", "acme"))
    assert done(run("export", "acme")).out == before


def test_a_removed_sender_makes_way_for_another_in_every_chain(run: Command, acme: None) -> None:
    done(run("senders", "remove", "acme-twilio", "--repoint", "acme-syniverse", "--tenant", "acme", "--yes"))

    exported = done(run("export", "acme", "--json")).json["tenants"]["acme"]
    assert exported["default_chain"] == ["acme-syniverse"]
    assert list(exported["senders"]) == ["acme-syniverse"]
    assert [one["chain"] for one in exported["policies"]["default"]["conditions"]] == [["acme-syniverse"]] * 2


def test_a_new_token_makes_a_new_sender_in_the_place_of_the_old_one(
    run: Command, acme: None, accounts: AccountsServer
) -> None:
    accounts.twilio_token = "twilio-token-2"
    replace = ("senders", "replace", "acme-twilio", "acme-twilio-2", "--tenant", "acme", "--token-env", "NEW", "--yes")

    assert "Twilio refused" in refused(run(*replace, NEW="wrong"))
    done(run(*replace, NEW=accounts.twilio_token))

    exported = done(run("export", "acme", "--json")).json["tenants"]["acme"]
    assert exported["default_chain"] == ["acme-twilio-2", "acme-syniverse"]
    assert sorted(exported["senders"]) == ["acme-syniverse", "acme-twilio-2"]
    assert selected(run, "acme-twilio-2") == ["+14155550100", "+18335550199", "88022"]


def test_refreshing_marks_numbers_that_are_gone_and_adds_new_ones_unselected(
    run: Command, acme: None, accounts: AccountsServer
) -> None:
    accounts.numbers = ["+14155550111"]
    refreshed = done(run("senders", "refresh", "acme-twilio", "--tenant", "acme"))

    assert "numbers[+14155550100]: sms, voice, selected -> sms, voice, selected, gone" in refreshed.out
    found = done(run("senders", "numbers", "acme-twilio", "--tenant", "acme", "--json")).json
    told = {one["number"]: (one["selected"], one["available"]) for one in found}
    assert told["+14155550100"] == (True, False)
    assert told["+14155550111"] == (False, True)
    chosen = done(run("explain", "--tenant", "acme", "--channel", "sms", "--to", "+14155552671", "--json")).json
    assert chosen["number"] != "+14155550100"
    assert {"number": "+14155550100", "reason": "not_available"} in chosen["passed_over"]
    assert "the account does not have this number" in refused(
        run("senders", "select", "acme-twilio", "+14155550112", "--tenant", "acme")
    )


def test_refreshing_again_changes_nothing(run: Command, acme: None) -> None:
    assert "0 changed" in done(run("senders", "refresh", "acme-syniverse", "--tenant", "acme")).out


def test_an_export_is_taken_back_unchanged_without_any_secret_at_hand(
    run: Command, acme: None, tmp_path: Path, accounts: AccountsServer
) -> None:
    file = tmp_path / "exported.yaml"
    file.write_text(done(run("export")).out)
    accounts.asked.clear()

    assert done(run("apply", str(file), "--yes", ACME_TWILIO_TOKEN="", ACME_SYNIVERSE_TOKEN="")).out == "No changes.\n"
    assert accounts.asked == []


def test_an_export_for_another_installation_names_environment_variables(
    run: Command, acme: None, tmp_path: Path
) -> None:
    file = tmp_path / "exported.yaml"
    file.write_text(done(run("export", "acme", "--references", "environment")).out)
    given = {
        "ACME_ACME_TWILIO_SECRET": ENVIRONMENT["ACME_TWILIO_TOKEN"],
        "ACME_ACME_SYNIVERSE_SECRET": ENVIRONMENT["ACME_SYNIVERSE_TOKEN"],
    }

    assert done(run("apply", str(file), "--yes", **given)).out == "No changes.\n"
    assert "ACME_ACME_TWILIO_SECRET is not set" in refused(run("apply", str(file), "--yes"))


def test_every_change_is_in_the_audit_with_who_made_it(run: Command, acme: None) -> None:
    done(run("senders", "disable", "acme-twilio", "--tenant", "acme"))
    done(run("senders", "refresh", "acme-syniverse", "--tenant", "acme"))

    last = done(run("audit", "--json")).json[-1]
    assert (last["actor"], last["action"], last["subject"]) == ("ann", "sender.updated", "acme-twilio")
    assert last["changes"] == [{"field": "enabled", "before": "yes", "after": "no"}]


def test_an_unknown_tenant_is_said(run: Command) -> None:
    assert "there is no tenant nobody" in refused(run("senders", "list", "--tenant", "nobody"))
    assert "there is no tenant nobody" in refused(run("senders", "enable", "x", "--tenant", "nobody"))
    assert "there is no tenant nobody" in refused(run("export", "nobody"))


def test_adding_for_machines_prints_one_document(run: Command) -> None:
    assert done(run(*ADD, "--json")).json["saved"] == {"acme": 1}


def test_an_eleventh_sender_is_refused_before_its_account_is_asked(run: Command, accounts: AccountsServer) -> None:
    for index in range(10):
        done(run("senders", "add", f"s{index}", *ADD[3:]))
    accounts.asked.clear()

    assert "the tenant has 10 senders, the most it may have" in refused(run("senders", "add", "s10", *ADD[3:]))
    assert accounts.asked == []
