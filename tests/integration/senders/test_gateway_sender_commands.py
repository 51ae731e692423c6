"""`trunkline senders` for gateways, over a real Redis, without a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.support.cli import Ran, run_cli
from tests.support.sender_samples import ACCOUNT_SID

pytestmark = pytest.mark.integration

Command = Callable[..., Ran]

GATEWAY = """
kind: gateway
name: Own gateway
channels: [sms]
authentication: {method: BASIC, username: acme, password: "${GATEWAY_PASSWORD}"}
requests: [{channel: SMS, method: GET, url: "http://127.0.0.1/sms?to=${to}&text=${message}"}]
"""
KEY = Fernet.generate_key().decode()


@pytest.fixture
def run(redis_url: str) -> Command:
    env = {
        "TRUNKLINE_REDIS_URL": redis_url,
        "TRUNKLINE_SECRET_KEYS": KEY,
        "TRUNKLINE_GATEWAY_PRIVATE_HOSTS": "127.0.0.1",
        "GATEWAY_PASSWORD": "gateway-password-1",
        "NEW_PASSWORD": "gateway-password-2",
        "COLUMNS": "160",
    }
    return lambda *arguments, **other: run_cli(*arguments, env=env | other)


def done(ran: Ran) -> Ran:
    assert (ran.code, "Traceback" in ran.err) == (0, False), ran.err
    return ran


def refused(ran: Ran, code: int = 1) -> str:
    assert ran.code == code, ran.out
    assert "Traceback" not in ran.err
    return ran.err


@pytest.fixture
def gateway(run: Command, tmp_path: Path) -> str:
    file = tmp_path / "gateway.yaml"
    file.write_text(GATEWAY)
    own = ("own", "--tenant", "acme", "--from", str(file), "--consent-by", "ann", "--last-in-chain", "--yes")
    done(run("senders", "add", *own))
    return str(file)


def test_a_gateway_comes_from_a_file_and_its_consent_from_an_option(run: Command, gateway: str) -> None:
    shown = done(run("senders", "show", "own", "--tenant", "acme", "--json")).json

    assert (shown["state"], shown["consent"]["by"]) == ("ready", "ann")
    assert shown["gateway"]["authentication"] == "basic username=acme"
    assert "gateway-password-1" not in run("senders", "show", "own", "--tenant", "acme").out


def test_verifying_a_gateway_says_what_could_be_tried(run: Command, gateway: str) -> None:
    verify = ("senders", "verify", "own", "--tenant", "acme")

    told = done(run(*verify, "--json")).json
    assert (told["status"], told["credential_tried"]) == ("reachable", False)
    assert [address.rpartition(":")[0] for address in told["addresses"]] == ["http://127.0.0.1"]
    assert "first tried with a message" in done(run(*verify)).out
    assert "TRUNKLINE_GATEWAY_PRIVATE_HOSTS" in refused(run(*verify, TRUNKLINE_GATEWAY_PRIVATE_HOSTS=""))


def test_a_new_secret_of_a_gateway_goes_into_its_authentication(run: Command, gateway: str) -> None:
    replace = ("senders", "replace", "own", "other", "--tenant", "acme", "--token-env", "NEW_PASSWORD", "--yes")

    done(run(*replace))

    tenant = done(run("export", "acme", "--json")).json["tenants"]["acme"]
    authentication = {"method": "basic", "username": "acme", "password": "${stored}"}
    assert tenant["senders"]["other"]["authentication"] == authentication
    assert tenant["default_chain"][-1] == "other"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--from", "FILE", "--kind", "twilio"), "--kind is not for --from"),
        (("--from", "FILE", "--number", "+14155550100"), "--number is not for --from"),
        (("--from", "FILE", "--token-env", "GATEWAY_PASSWORD"), "the file of --from holds the credential"),
        (("--kind", "gateway"), "a gateway comes from a file: --from FILE"),
        (("--kind", "gateway", "--account-sid", ACCOUNT_SID), "--account-sid is not for a gateway"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    run: Command, gateway: str, options: tuple[str, ...], problem: str
) -> None:
    given = [gateway if one == "FILE" else one for one in options]

    assert problem in refused(run("senders", "add", "x", "--tenant", "acme", "--yes", *given), 2)


def test_a_gateway_is_not_verified_by_options(run: Command) -> None:
    assert "a gateway has more than a credential" in refused(run("senders", "verify", "--kind", "gateway"), 2)
