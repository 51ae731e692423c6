"""`trunkline senders` as a person on a terminal meets it: questions, mistakes and interrupts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
from cryptography.fernet import Fernet

from providers.simulators.default_world import (
    EMPTY_SID,
    FULL_SID,
    GATEWAY_NAME,
    GATEWAY_SECRET,
    LOCAL_NUMBER,
    SERVICE_SID,
    SUSPENDED_SID,
    SYNIVERSE_TOKEN,
    TOLL_FREE_NUMBER,
    TWILIO_TOKEN,
)
from providers.simulators.faults import FaultKind, FaultPlan
from tests.support.cli import Ran, run_cli
from tests.support.simulator import Simulator, simulator
from tests.support.terminal import CTRL_C, CTRL_D, Terminal, terminal

pytestmark = pytest.mark.e2e

Open = Callable[..., AbstractContextManager[Terminal]]
Answers = Sequence[tuple[str, str]]

ADD = ("senders", "add", "--tenant", "acme")
START = [("Key of the new sender:", "own"), ("gateway):", "twilio"), ("Account SID:", FULL_SID)]
AFTER_VERIFYING = [
    ("for people [Example]:", ""),
    ("voice or both):", "sms"),
    ("all or none):", f"{LOCAL_NUMBER}, +1 (833) 555-0199"),
    ("separated by commas) [US]:", "us ca"),
    ("for the tenant? [y/N]:", "y"),
    ("or address) [ann]:", ""),
    ("default chain? [y/N]:", "y"),
    ("Save this? [y/N]:", "y"),
]
TOKEN = ("(not shown):", TWILIO_TOKEN)
TWILIO = [*START, TOKEN, *AFTER_VERIFYING]
CONSENT = [("for the tenant? [y/N]:", "y"), ("or address) [ann]:", "")]
SAVE = [("default chain? [y/N]:", "n"), ("Save this? [y/N]:", "y")]


@pytest.fixture(scope="module")
def providers() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def env(redis_url: str, providers: Simulator) -> dict[str, str]:
    providers.renew()
    return {
        **providers.environment,
        "TRUNKLINE_REDIS_URL": redis_url,
        "TRUNKLINE_SECRET_KEYS": Fernet.generate_key().decode(),
        "TRUNKLINE_GATEWAY_PRIVATE_HOSTS": "127.0.0.1",
        "TRUNKLINE_ACTOR": "ann",
    }


@pytest.fixture
def open_terminal(env: dict[str, str]) -> Open:
    return partial(terminal, env=env)


@pytest.fixture
def run(env: dict[str, str]) -> Callable[..., Ran]:
    return lambda *arguments: run_cli(*arguments, env=env | {"COLUMNS": "160"})


def answer(screen: Terminal, answers: Answers) -> None:
    for question, text in answers:
        screen.answer(question, text)


def saved(screen: Terminal) -> None:
    assert screen.end() == 0, screen.screen
    assert "Saved: acme" in screen.screen


def not_saved(screen: Terminal, run: Callable[..., Ran]) -> str:
    assert screen.end() == 1, screen.screen
    assert "Traceback" not in screen.screen
    assert run("tenants", "list", "--json").json == []
    return screen.screen


def shown(run: Callable[..., Ran], key: str = "own") -> dict[str, Any]:
    found: dict[str, Any] = run("senders", "show", key, "--tenant", "acme", "--json").json
    return found


def test_a_sender_is_added_step_by_step(open_terminal: Open, run: Callable[..., Ran]) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, TWILIO)
        saved(screen)

    sender = shown(run)
    numbers = {one["number"]: one["countries"] for one in sender["numbers"] if one["selected"]}
    assert numbers == {LOCAL_NUMBER: None, TOLL_FREE_NUMBER: ["US", "CA"]}
    assert (sender["state"], sender["named_by"], sender["consent"]["by"]) == ("ready", ["default_chain"], "ann")


def test_a_wrong_token_is_asked_for_again_and_none_is_ever_shown(open_terminal: Open) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, [*START, ("(not shown):", "wrong-token-1234")])
        screen.wait_for("Twilio refused the Account SID or auth token")
        answer(screen, [(f"Account SID [{FULL_SID}]:", ""), TOKEN, *AFTER_VERIFYING])
        saved(screen)

    assert "wrong-token-1234" not in screen.screen
    assert TWILIO_TOKEN not in screen.screen


@pytest.mark.parametrize(
    ("sid", "said"), [(EMPTY_SID, "the Twilio account has no numbers"), (SUSPENDED_SID, "account is suspended")]
)
def test_an_account_that_cannot_send_ends_it_with_its_own_error(
    open_terminal: Open, run: Callable[..., Ran], sid: str, said: str
) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, [*START[:2], ("Account SID:", sid), TOKEN])
        assert said in not_saved(screen, run)

    assert "nothing was saved" in screen.screen


@pytest.mark.parametrize("place", range(len(TWILIO)), ids=[question for question, _ in TWILIO])
def test_one_ctrl_c_ends_any_question_and_nothing_is_saved(
    open_terminal: Open, run: Callable[..., Ran], place: int
) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, TWILIO[:place])
        screen.press(CTRL_C, TWILIO[place][0])

        assert not_saved(screen, run).endswith("\nNothing was saved.\n")


@pytest.mark.parametrize("place", [0, 3, 8, 11], ids=["key", "token", "consent", "saving"])
def test_the_end_of_the_input_ends_it_like_ctrl_c(open_terminal: Open, run: Callable[..., Ran], place: int) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, TWILIO[:place])
        screen.press(CTRL_D, TWILIO[place][0])

        assert not_saved(screen, run).endswith("\nNothing was saved.\n")


def test_one_ctrl_c_ends_the_call_to_an_account_that_does_not_answer(
    open_terminal: Open, run: Callable[..., Ran], providers: Simulator
) -> None:
    providers.control.arm(FaultPlan(kind=FaultKind.HANG))
    with open_terminal(*ADD) as screen:
        answer(screen, [*START, TOKEN])
        screen.wait_for("Asking twilio about the account ...")
        screen.type(CTRL_C)

        assert not_saved(screen, run).endswith("\nNothing was saved.\n")


def test_saying_no_saves_nothing(open_terminal: Open, run: Callable[..., Ran]) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, [*TWILIO[:-1], ("Save this? [y/N]:", "")])

        assert not_saved(screen, run).endswith("\nNothing was saved.\n")


def test_verifying_asks_for_a_wrong_token_again_too(open_terminal: Open) -> None:
    with open_terminal("senders", "verify") as screen:
        answer(screen, [*START[1:], ("(not shown):", "wrong"), (f"Account SID [{FULL_SID}]:", ""), TOKEN])

        assert screen.end() == 0
    assert f"{FULL_SID} (Example): active, 5 numbers" in screen.screen


def test_a_dry_run_asks_everything_and_saves_nothing(open_terminal: Open, run: Callable[..., Ran]) -> None:
    with open_terminal(*ADD, "--dry-run") as screen:
        answer(screen, TWILIO[:-1])

        assert screen.end() == 0
    assert "default_chain: own\nNothing saved: this was a dry run." in screen.screen
    assert run("tenants", "list", "--json").json == []


def test_what_makes_no_sense_is_said_and_asked_again(open_terminal: Open, run: Callable[..., Ran]) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, [("new sender:", "two words"), ("new sender:", "\x1b[A"), ("new sender:", "\udcff")])
        answer(screen, [("new sender:", "own"), ("gateway):", "carrier pigeon"), ("gateway):", "TWILIO")])
        answer(
            screen, [("SID:", "AC12"), ("SID:", FULL_SID), ("shown):", "two words"), TOKEN, ("people [Example]:", "  ")]
        )
        answer(screen, [("people [Example]:", ""), ("or both):", "fax"), ("or both):", "both")])
        answer(screen, [("or none):", "all, none"), ("or none):", "88022, +1 212 555 0000"), ("or none):", "ALL")])
        answer(screen, [("[US]:", "UK, US"), ("[US]:", "CA"), ("[y/N]:", "perhaps"), ("[y/N]:", "n")])
        answer(screen, [("Save this? [y/N]:", "y")])
        saved(screen)

    for problem in (
        "begin with a letter or digit",
        "printable characters",
        "no text in this terminal's encoding",
        "must be one of twilio, twilio_messaging_service, syniverse, gateway",
        "34 characters long",
        "must be the token itself",
        "must be one of sms, voice, both",
        "the account does not have all, none",
        "does not have +1 212 555 0000; 88022 supports sms only",
        "UK: must be valid two character country codes",
        "Without consent it is a draft",
    ):
        assert problem in screen.screen
    assert shown(run)["state"] == "draft"


def test_a_sender_for_both_channels_is_offered_only_numbers_that_support_both(
    open_terminal: Open, run: Callable[..., Ran]
) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, [*START, TOKEN, ("for people [Example]:", ""), ("voice or both):", "both")])
        screen.wait_for("88022 supports sms only")
        answer(screen, [("all or none):", "all"), ("separated by commas) [US]:", ""), *CONSENT, *SAVE])
        saved(screen)

    selected = [one["number"] for one in shown(run)["numbers"] if one["selected"]]
    assert selected == [LOCAL_NUMBER, TOLL_FREE_NUMBER, "+442071838750"]


def test_without_a_selection_it_is_a_draft_and_no_chain_is_offered(
    open_terminal: Open, run: Callable[..., Ran]
) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, [*START, TOKEN, *AFTER_VERIFYING[:2], ("all or none):", "none"), *CONSENT, SAVE[-1]])
        saved(screen)

    assert "default chain?" not in screen.screen
    assert shown(run)["state"] == "draft"


def test_a_taken_key_is_refused_at_its_question(open_terminal: Open, run: Callable[..., Ran]) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, TWILIO)
        saved(screen)
    with open_terminal(*ADD) as screen:
        screen.answer("new sender:", "own")
        screen.wait_for("`trunkline senders replace` gives it a new credential")
        screen.press(CTRL_C, "new sender:")
        assert screen.end() == 1


def test_a_messaging_service_is_chosen_from_those_of_the_account(open_terminal: Open, run: Callable[..., Ran]) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, [START[0], ("gateway):", "twilio_messaging_service"), START[2], TOKEN, AFTER_VERIFYING[0]])
        answer(screen, [("messaging service [", "MG1"), (f"messaging service [{SERVICE_SID}]:", ""), *CONSENT, *SAVE])
        saved(screen)

    assert shown(run)["messaging_service_sid"] == SERVICE_SID


def test_an_originator_that_carries_one_channel_is_selected_for_that_one(
    open_terminal: Open, run: Callable[..., Ran]
) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, [START[0], ("gateway):", "syniverse"), ("Access token (not shown):", SYNIVERSE_TOKEN)])
        answer(screen, [("for people:", "Fallback"), ("voice or both):", "both"), ("all or none):", "all")])
        answer(screen, [*CONSENT, *SAVE])
        saved(screen)

    exported = run("export", "acme", "--json").json["tenants"]["acme"]["senders"]["own"]["originators"]
    assert {"id": "sender_id:caSender0001", "channels": ["sms"]} in exported


def test_a_gateway_is_added_step_by_step_and_given_a_new_secret(
    open_terminal: Open, run: Callable[..., Ran], providers: Simulator
) -> None:
    url = f"{providers.base_url}/gateway/{GATEWAY_NAME}"
    body = '{"to": "${to}", "message": "${message}", "from": "${from}"}'
    sms = [("sms: method", "get"), ("(https):", f"{url}/sms?to=${{to}}&message=${{message}}"), ("[full]:", "")]
    voice = [("voice: method", "POST"), ("(https):", f"{url}/voice"), ("(json, form):", "json"), ("voice: body", body)]
    tags = [("[full]:", "number_only"), ("before each", "<Say>"), ("after each", '</Say> <Pause length="1"/>')]
    number = [("no more):", "+1 415 555 0100"), ("[phone_number]:", ""), ("[both]:", ""), ("no more):", "")]
    again = [
        ("[oauth2]:", ""),
        (f"tokens [{url}/token]:", ""),
        (f"id [{GATEWAY_NAME}]:", ""),
        ("shown):", GATEWAY_SECRET),
    ]
    with open_terminal(*ADD) as screen:
        answer(screen, [START[0], ("gateway):", "gateway"), ("for people:", "Own"), ("or both):", "both")])
        answer(screen, [("custom_header):", "oauth2"), ("gives tokens:", "ftp://x"), ("gives tokens:", f"{url}/token")])
        answer(screen, [("Client id:", GATEWAY_NAME), ("Client secret (not shown):", "wrong-secret-1")])
        answer(screen, [sms[0], ("(https):", f"{url}/sms?to=${{to}}"), *sms[1:], *voice, *tags])
        answer(screen, [("no more):", ""), *number])
        screen.wait_for("gave no token (token_invalid_client)")
        answer(screen, [*again, *((question, "") for question in ("[GET]:", "message}]:", "[full]:", "[POST]:"))])
        answer(screen, [(question, "") for question in ("/voice]:", "[json]:", "}]:", "only]:", "Say>]:", "/>]:")])
        screen.wait_for("Its numbers so far: +14155550100")
        answer(screen, [("no more):", ""), *CONSENT, ("default chain?", "y"), SAVE[-1]])
        saved(screen)
    for problem in ("must be a valid HTTPS URL", "mandatory variables", "the voice request uses ${from}"):
        assert problem in screen.screen
    assert "wrong-secret-1" not in screen.screen
    assert GATEWAY_SECRET not in screen.screen

    assert "may be reached; oauth2: gave a token" in run("senders", "verify", "own", "--tenant", "acme").out
    with open_terminal("senders", "replace", "own", "other", "--tenant", "acme") as screen:
        answer(screen, [("New client secret (not shown):", "wrong"), ("New client secret", GATEWAY_SECRET), SAVE[-1]])
        saved(screen)
    assert shown(run, "other")["named_by"] == ["default_chain"]


def test_a_number_stays_whole_in_a_narrow_terminal(open_terminal: Open) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, TWILIO)
        saved(screen)
    with open_terminal("senders", "numbers", "own", "--tenant", "acme", columns=50) as screen:
        assert screen.end() == 0

    assert "│ +442071838750 │" in screen.screen


def test_of_two_who_replace_one_sender_at_once_one_wins_and_the_other_is_told(
    open_terminal: Open, run: Callable[..., Ran]
) -> None:
    with open_terminal(*ADD) as screen:
        answer(screen, TWILIO)
        saved(screen)
    replace = ("senders", "replace", "own")
    with (
        open_terminal(*replace, "anns", "--tenant", "acme") as ann,
        open_terminal(*replace, "bobs", "--tenant", "acme") as bob,
    ):
        for screen in (ann, bob):
            screen.answer("New auth token (not shown):", TWILIO_TOKEN)
        for screen in (ann, bob):
            screen.wait_for("Save this? [y/N]:")
        for screen in (ann, bob):
            screen.type("y\n")
        ended = {"anns": ann.end(), "bobs": bob.end()}

    assert sorted(ended.values()) == [0, 1]
    loser = bob if ended["bobs"] else ann
    assert "was changed meanwhile; nothing was saved" in loser.screen
    winner = next(key for key, code in ended.items() if code == 0)
    tenant = run("export", "acme", "--json").json["tenants"]["acme"]
    assert (list(tenant["senders"]), tenant["default_chain"]) == ([winner], [winner])
