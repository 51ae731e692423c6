from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import (
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from trunkline_client.failover import NoWrites, translated

IN_6_2 = "Error running script (call to f_4c7b): @user_script:12: @user_script: 12: "

NO_MASTER = [
    ReadOnlyError("You can't write against a read only replica."),
    MasterDownError("Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
    ResponseError(f"{IN_6_2}-READONLY You can't write against a read only replica."),
    ResponseError(f"{IN_6_2}-MASTERDOWN Link with MASTER is down."),
]
OTHERS = [ResponseError("wrong number of arguments"), NoScriptError("No matching script."), OutOfMemoryError("full")]


@pytest.mark.parametrize("error", NO_MASTER, ids=str)
def test_a_server_that_is_no_master_is_a_lost_connection(error: ResponseError) -> None:
    assert isinstance(translated(error), RedisConnectionError)


@pytest.mark.parametrize(
    "refusal", ["NOREPLICAS Not enough good replicas to write.", "MISCONF Errors writing to the AOF."]
)
@pytest.mark.parametrize("before", ["", f"{IN_6_2}-"])
def test_a_server_that_takes_no_writes_is_waited_for(before: str, refusal: str) -> None:
    assert isinstance(translated(ResponseError(before + refusal)), NoWrites)


def test_a_full_server_is_recognised_in_the_words_of_6_2() -> None:
    error = ResponseError(f"{IN_6_2}-OOM command not allowed when used memory > 'maxmemory'.")
    assert isinstance(translated(error), OutOfMemoryError)


@pytest.mark.parametrize(
    "text",
    [
        "ACL failure in script: User ro has no permissions to run the 'del' command script: on @user_script:1.",
        "ACL failure in script: No permissions to access a key script: on @user_script:1.",
        f"{IN_6_2}The user executing the script can't run this command or subcommand",
        f"{IN_6_2}The user executing the script can't access at least one of the keys mentioned",
    ],
)
def test_a_script_that_the_user_may_not_run_is_told_as_such(text: str) -> None:
    assert isinstance(translated(ResponseError(text)), NoPermissionError)


@pytest.mark.parametrize("error", OTHERS, ids=str)
def test_every_other_refusal_stays_what_it_is(error: ResponseError) -> None:
    assert translated(error) is error
