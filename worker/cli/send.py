"""`trunkline send`: enqueue one job by hand, through the same client other services use."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final

import click

from senders.editing import TenantUnknown
from senders.store import ConfigStore
from trunkline_client import Handle, JobInvalid, Status, Trunkline
from trunkline_client.calls import handle_of
from trunkline_client.limits import MOST_JOB_BYTES
from trunkline_client.words import Channel, JobState, Lane, OnUnknown
from worker.cli.support import field_of_a_job, run_with_redis
from worker.settings import load_broker_settings

_POLL_S: Final = 0.2
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2


@click.command()
@click.option("--tenant", required=True, callback=field_of_a_job, help="Whose message it is.")
@click.option(
    "--channel",
    type=click.Choice([one.value for one in Channel]),
    default="sms",
    show_default=True,
    help="How it is sent.",
)
@click.option("--to", required=True, help="The recipient's number in E.164.")
@click.option("--body", default="-", show_default=True, help="The text; - reads it from standard input.")
@click.option("--id", "job_id", help="The job's id; the same job under the same id is sent once.")
@click.option("--sender-id", help="An alphanumeric sender, where the country allows one (SMS).")
@click.option("--locale", help="The language of a voice call, for example en-GB.")
@click.option("--voice", help="The voice of a voice call.")
@click.option("--policy", help="One of the tenant's policies; by default its default one.")
@click.option(
    "--priority", type=click.Choice([one.value for one in Lane]), default="normal", show_default=True, help="Its lane."
)
@click.option("--send-at", help="When to send it, ISO 8601 with an offset.")
@click.option("--ttl", type=float, help="How long it may wait, in seconds.")
@click.option("--on-unknown", type=click.Choice([one.value for one in OnUnknown]), help="What to do when nobody knows.")
@click.option("--reference", help="Your own reference, shown in reports.")
@click.option("--wait", "wait_s", type=float, default=0, help="Wait up to this many seconds for the outcome.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def send(*, job_id: str | None, body: str, wait_s: float, as_json: bool, **given: Any) -> None:
    """Enqueue one message; print its job id.

    \b
    Example:
      trunkline send --tenant acme --to +12015550123 --body "Your code is 493817" --priority urgent --wait 20
    """  # noqa: D301 - click needs the control character itself
    text = _read_body() if body == "-" else body
    _check_tenant(given["tenant"])
    job = {name: value for name, value in {**given, "id": job_id, "body": text}.items() if value is not None}
    with Trunkline(load_broker_settings().redis_url.get_secret_value()) as trunkline:
        try:
            handle = handle_of(trunkline.send_many([job])[0])
        except JobInvalid as invalid:
            click.echo(f"trunkline: {invalid}", err=True)
            sys.exit(EXIT_USAGE)
        _report(handle, _wait(trunkline, handle.id, wait_s), as_json=as_json)


def _read_body() -> str:
    content = sys.stdin.buffer.read(MOST_JOB_BYTES + 1)
    if len(content) > MOST_JOB_BYTES:
        raise click.UsageError(f"the text on standard input is longer than any message: over {MOST_JOB_BYTES} bytes")
    try:
        return content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise click.UsageError("the text on standard input is not UTF-8") from error


def _check_tenant(tenant: str) -> None:
    version = run_with_redis(lambda redis: ConfigStore(redis).version(tenant))
    if not version:
        raise TenantUnknown(tenant)


def _wait(trunkline: Trunkline, job_id: str, wait_s: float) -> Status | None:
    give_up_at = time.monotonic() + wait_s
    while True:
        status = trunkline.status(job_id)
        # Not `>=`: a wait of NaN seconds would never end.
        if status is None or JobState(status["state"]).is_finished or not time.monotonic() < give_up_at:
            return status
        time.sleep(_POLL_S)


def _report(handle: Handle, status: Status | None, *, as_json: bool) -> None:
    state = status["state"] if status else handle.state.value
    if as_json:
        click.echo(json.dumps(status or {"id": handle.id, "state": state}))
    else:
        click.echo(f"{handle.id} {state}" + ("" if handle.created else " (enqueued before)"))
    if state in {JobState.REJECTED, JobState.FAILED, JobState.EXPIRED}:
        sys.exit(EXIT_FAILED)
