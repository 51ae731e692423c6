"""`trunkline apply`, `explain` and `tenants` over a real Redis and real sockets."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import pty
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from senders.document import encode
from senders.store import ConfigStore, Replacement
from tests.support.accounts_server import AccountsServer, accounts_server
from tests.support.cli import Ran, run_cli
from tests.support.config_samples import ACME, ENVIRONMENT
from tests.support.redis_server import free_port
from tests.support.sender_samples import tenant, twilio
from trunkline_client import keys
from trunkline_client.connection import open_async
from worker.cli.apply import MOST_BYTES

pytestmark = pytest.mark.integration

KEY = Fernet.generate_key().decode()
Command = Callable[..., Ran]


@pytest.fixture
def accounts() -> Iterator[AccountsServer]:
    with accounts_server() as server:
        yield server


@pytest.fixture
def env(redis_url: str, accounts: AccountsServer) -> dict[str, str]:
    return {
        **ENVIRONMENT,
        **accounts.environment,
        "TRUNKLINE_REDIS_URL": redis_url,
        "TRUNKLINE_SECRET_KEYS": KEY,
        "COLUMNS": "160",
    }


@pytest.fixture
def run(env: dict[str, str]) -> Command:
    return lambda *arguments, **other: run_cli(*arguments, env=env | other)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.yaml"
    path.write_text(ACME)
    return path


def failed(ran: Ran, code: int = 1) -> str:
    """Return the one message of a command that failed cleanly."""
    assert (ran.code, ran.out) == (code, "")
    assert "Traceback" not in ran.err
    return ran.err


def test_apply_shows_what_it_saves_and_then_has_nothing_to_do(run: Command, file: Path) -> None:
    first, second = run("apply", str(file), "--yes"), run("apply", str(file), "--yes")

    assert first.code == second.code == 0
    assert "tenant acme (new)" in first.out
    assert "+ senders.acme-twilio.numbers[88022]: selected" in first.out
    assert "Saved: acme (version 1)" in first.out
    assert second.out == "No changes.\n"


def authors(run: Command) -> set[str]:
    return {event["actor"] for event in run("audit", "--json").json}


def test_what_apply_saves_is_in_the_audit_under_the_name_of_its_author(run: Command, file: Path) -> None:
    run("apply", str(file), "--yes", "--as", "eve@desk")
    run("apply", str(file), "--yes", "--as", "nothing changes, so nobody did it")

    actions = [event["action"] for event in run("audit", "--json").json]
    assert authors(run) == {"eve@desk"}
    assert (actions[0], len(actions)) == ("tenant.created", 5)
    assert "token-1" not in run("audit").out


def test_the_author_comes_from_the_environment_or_else_is_the_user_of_the_system(run: Command, file: Path) -> None:
    run("apply", str(file), "--yes", TRUNKLINE_ACTOR="pipeline")
    file.write_text(ACME.replace("Acme Twilio", "Other"))
    run("apply", str(file), "--yes")

    assert authors(run) == {"pipeline", f"{getpass.getuser()}@{socket.gethostname()}"}


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\x1b[2J"])
def test_an_author_that_cannot_be_shown_is_bad_usage(run: Command, file: Path, name: str) -> None:
    assert "printable characters" in failed(run("apply", str(file), "--yes", "--as", name), code=2)


def test_a_second_apply_calls_no_account(run: Command, file: Path, accounts: AccountsServer) -> None:
    run("apply", str(file), "--yes")
    accounts.asked.clear()
    run("apply", str(file), "--yes")

    assert accounts.asked == []


def test_a_dry_run_verifies_and_saves_nothing(run: Command, file: Path, accounts: AccountsServer) -> None:
    ran = run("apply", str(file), "--dry-run")

    assert ran.code == 0
    assert "Nothing saved" in ran.out
    assert accounts.asked
    assert run("tenants", "list", "--json").json == []


def test_apply_tells_machines_what_changed(run: Command, file: Path) -> None:
    answer = run("apply", str(file), "--yes", "--json").json

    chain = "acme-twilio then acme-syniverse"
    added = {"tenant": "acme", "change": "add", "field": "default_chain", "before": None, "after": chain}
    assert added in answer["changes"]
    assert answer["saved"] == {"acme": 1}


def test_apply_without_a_terminal_or_yes_is_bad_usage(run: Command, file: Path, accounts: AccountsServer) -> None:
    assert "say --yes to save" in failed(run("apply", str(file)), code=2)
    assert accounts.asked == []


def on_a_terminal(answer: str, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose standard input is a terminal that says `answer`."""
    controller, terminal = pty.openpty()
    os.write(controller, f"{answer}\n".encode())
    command = [str(Path(sys.executable).parent / "trunkline"), *arguments]
    try:
        return subprocess.run(
            command, stdin=terminal, capture_output=True, env=os.environ | env, check=False, timeout=60
        )
    finally:
        os.close(controller)
        os.close(terminal)


@pytest.mark.parametrize(("answer", "code", "tenants"), [("y", 0, ["acme"]), ("n", 1, [])])
def test_apply_asks_on_a_terminal(
    run: Command, env: dict[str, str], file: Path, answer: str, code: int, tenants: list[str]
) -> None:
    ended = on_a_terminal(answer, "apply", str(file), env=env)

    assert ended.returncode == code
    assert b"Save this?" in ended.stderr
    assert [one["tenant"] for one in run("tenants", "list", "--json").json] == tenants


def test_apply_shows_what_it_asks_about_even_when_its_output_is_for_machines(env: dict[str, str], file: Path) -> None:
    ended = on_a_terminal("y", "apply", str(file), "--json", env=env)

    assert ended.stderr.index(b"tenant acme (new)") < ended.stderr.index(b"Save this?")
    assert json.loads(ended.stdout)["saved"] == {"acme": 1}


def test_no_credential_is_printed(run: Command, file: Path) -> None:
    shown = [run("apply", str(file), "--yes"), run("apply", str(file), "--yes", ACME_TWILIO_TOKEN="other-token-1")]

    assert not any("token-1" in ran.out + ran.err for ran in shown)


def test_a_wrong_token_is_told_and_nothing_is_saved(run: Command, file: Path, accounts: AccountsServer) -> None:
    accounts.twilio_token = "another"

    assert "senders.acme-twilio.auth_token: Error receiving account information: Twilio refused" in failed(
        run("apply", str(file), "--yes")
    )
    assert run("tenants", "list", "--json").json == []


def test_a_number_the_account_lacks_is_told(run: Command, file: Path) -> None:
    file.write_text(ACME.replace("88022", "88033"))

    assert "numbers[88033]: the account does not have this number" in failed(run("apply", str(file), "--yes"))


def test_another_secret_key_is_told_with_the_sender_and_the_fix(run: Command, file: Path) -> None:
    run("apply", str(file), "--yes")
    ran = run("apply", str(file), "--yes", TRUNKLINE_SECRET_KEYS=Fernet.generate_key().decode())

    message = failed(ran)
    assert "sender acme-twilio of tenant acme" in message
    assert "TRUNKLINE_SECRET_KEYS" in message


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"tenants:\n  acme: [\n", "tenants.yaml: line 3, column 1:"),
        (b"tenants:\n  acme: {}\n  acme: {}\n", "tenants.yaml: line 3, column 3: the key acme is there twice"),
        (b"\xff\xfe", "tenants.yaml: it is not text in UTF-8"),
        (b"", "tenants.yaml: it is empty"),
        (b"# nothing yet\n", "tenants.yaml: it is empty"),
        (b"a: \0", "tenants.yaml: it contains characters that YAML does not allow"),
        (b"#" * (MOST_BYTES + 1), "tenants.yaml: it is larger than 16 MiB"),
        (b"tenants: {acme: {quotas: 1}}", "tenants.acme.quotas: is no key that is known here"),
    ],
    ids=range(8),
)
def test_a_file_that_cannot_be_used_gets_one_clear_message(
    run: Command, file: Path, content: bytes, problem: str
) -> None:
    file.write_bytes(content)

    assert problem in failed(run("apply", str(file), "--yes"))


def test_a_file_that_fails_while_it_is_read_gets_one_clear_message(run: Command) -> None:
    assert "/proc/self/mem: it cannot be read" in failed(run("apply", "/proc/self/mem", "--yes"))


def test_a_file_that_is_not_there_is_bad_usage(run: Command) -> None:
    assert "does not exist" in failed(run("apply", "nowhere.yaml", "--yes"), code=2)


def test_missing_settings_are_named(run: Command, file: Path) -> None:
    assert "TRUNKLINE_SECRET_KEYS" in failed(run("apply", str(file), "--yes", TRUNKLINE_SECRET_KEYS=""))


@pytest.mark.parametrize(
    "arguments",
    [("tenants", "list"), ("explain", "--tenant", "acme", "--channel", "sms", "--to", "+14155550100")],
)
def test_redis_down_is_one_line_and_no_traceback(run: Command, arguments: tuple[str, ...]) -> None:
    url = f"redis://:hidden@127.0.0.1:{free_port()}/0"

    message = failed(run(*arguments, TRUNKLINE_REDIS_URL=url, TRUNKLINE_SECRET_KEYS=""))
    assert message.count("\n") == 1
    assert "Redis cannot be reached (TRUNKLINE_REDIS_URL names redis://127.0.0.1" in message
    assert "hidden" not in message


def test_explain_tells_the_chain_without_any_secret(run: Command, file: Path) -> None:
    run("apply", str(file), "--yes")
    sms = ("explain", "--tenant", "acme", "--channel", "sms", "--json", "--to")

    answer = run(*sms, "+14155552671", TRUNKLINE_SECRET_KEYS="").json
    assert list(answer) == ["chain", "sender", "number", "candidates", "passed_over", "then"]
    assert (answer["sender"], answer["number"]) == ("acme-twilio", "88022")
    assert answer["then"][0]["number"] == "channel:1KJPMkuHQkair"
    assert run(*sms, "+447400123456").json["chain"] == ["acme-syniverse"]
    assert run(*sms, "+33612345678", "--sender-id", "Acme").json["number"] == "Acme"


def test_explain_shows_a_table_to_people(run: Command, file: Path) -> None:
    run("apply", str(file), "--yes")
    ran = run("explain", "--tenant", "acme", "--channel", "voice", "--to", "+14155552671")

    assert ran.code == 0
    assert "Country: US" in ran.out
    assert "(no_number)" in ran.out
    assert "channel:2LKQNlviRlbjs" in ran.out


def test_explain_says_when_the_policy_would_reject_the_job(run: Command, file: Path) -> None:
    file.write_text(ACME.replace("      default:", "      default:\n        country_limit: {allow: [GB]}"))
    run("apply", str(file), "--yes")
    ran = run("explain", "--tenant", "acme", "--channel", "sms", "--to", "+14155552671", "--json")

    assert ran.json["chain"]
    assert "the policy default rejects this job (rule: country)" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("--tenant", "nobody", "--channel", "sms", "--to", "+14155552671"), 1, "there is no tenant nobody"),
        (("--tenant", "acme", "--channel", "sms", "--to", "4155552671"), 2, "must be a number in E.164"),
        (("--tenant", "acme", "--channel", "sms", "--to", "+1415WORDS"), 2, "must be a number in E.164"),
        (("--tenant", "acme", "--channel", "fax", "--to", "+14155552671"), 2, "--channel"),
        (("--tenant", "acme", "--channel", "sms", "--to", "+1", "--sender-id", "1"), 2, "--to"),
        (("--tenant", "acme", "--channel", "sms"), 2, "--to"),
    ],
)
def test_explain_refuses_what_no_job_could_be(
    run: Command, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    assert problem in failed(run("explain", *arguments), code=code)


def test_explain_with_an_unknown_policy_fails(run: Command, file: Path) -> None:
    run("apply", str(file), "--yes")
    ran = run("explain", "--tenant", "acme", "--channel", "sms", "--to", "+14155552671", "--policy", "none")

    assert "tenant acme has no policy none" in failed(ran)


def test_tenants_are_listed_for_people_and_machines(run: Command, file: Path) -> None:
    assert "No tenant is configured" in run("tenants", "list").out
    run("apply", str(file), "--yes")

    assert "acme-twilio" in run("tenants", "list").out
    assert run("tenants", "list", "--json").json == [
        {
            "tenant": "acme",
            "version": 1,
            "senders": ["acme-syniverse", "acme-twilio"],
            "policies": ["default"],
            "default_chain": ["acme-twilio", "acme-syniverse"],
        }
    ]


async def save(redis_url: str, *names: str) -> None:
    redis = open_async(redis_url)
    store = ConfigStore(redis)
    await store.replace({name: Replacement(0, encode(tenant(twilio(), name=name))) for name in names}, token="t1")
    await redis.aclose()


def test_many_tenants_are_listed_in_order_none_left_out(run: Command, redis_url: str) -> None:
    names = [f"tenant-{index:03}" for index in range(450)]
    asyncio.run(save(redis_url, *names))

    assert [one["tenant"] for one in run("tenants", "list", "--json").json] == names
    assert re.findall(r"tenant-\d{3}", run("tenants", "list").out) == names


def test_a_damaged_configuration_fails_a_listing_by_its_name(run: Command, redis_url: str) -> None:
    asyncio.run(save(redis_url, "acme"))
    redis = Redis.from_url(redis_url)
    redis.hset(keys.config("acme"), "document", "{}")
    redis.close()

    for arguments in ([], ["--json"]):
        assert "the stored configuration of tenant acme cannot be read" in failed(run("tenants", "list", *arguments))


@pytest.mark.parametrize("command", [("apply",), ("explain",), ("tenants",), ("tenants", "list")])
def test_every_command_helps(run: Command, command: tuple[str, ...]) -> None:
    ran = run(*command, "--help")

    assert ran.code == 0
    assert "Usage: trunkline" in ran.out
    if command != ("tenants",):
        assert "\n  Example:\n    trunkline" in ran.out
