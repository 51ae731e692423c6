"""`trunkline jobs settle`: what became of a held job, by the word of an operator who found out."""

from __future__ import annotations

import secrets

import click

from tasks.settle import WasNotSent, WasSent, settle
from worker.cli.support import acts, field_of_a_job, print_json, run_with_redis
from worker.settings import load_settings

_MOST_PROVIDER_ID = 256


def _provider_id(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    is_fine = text is None or (0 < len(text) <= _MOST_PROVIDER_ID and text.isprintable() and " " not in text)
    if not is_fine:
        raise click.BadParameter(f"must be 1 to {_MOST_PROVIDER_ID} printable characters without spaces")
    return text


@click.command("settle")
@click.argument("job_id", callback=field_of_a_job)
@click.option("--sent", "was_sent", is_flag=True, help="A message of it was sent: the job ends as sent.")
@click.option("--failed", "was_not_sent", is_flag=True, help="Nothing of it was sent: the job ends as failed.")
@click.option("--attempt", type=click.IntRange(min=1), help="With --sent: which attempt, if several are unknown.")
@click.option("--provider-id", callback=_provider_id, help="With --sent: the provider's id of the message.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@acts
def settle_job(
    *,
    job_id: str,
    was_sent: bool,
    was_not_sent: bool,
    attempt: int | None,
    provider_id: str | None,
    as_json: bool,
    actor: str,
) -> None:
    """End a held job, as sent or as failed.

    Which of the two it is you found out elsewhere, in the provider's console for example. With --failed its attempts
    count as refused, so a replay may take it. To have the provider asked once more, use `trunkline replay ID --unknown`
    instead.

    \b
    Example:
      trunkline jobs settle 5f0c1d --sent --provider-id SM5ef8732a3c49700934481addd5ce1659
      trunkline jobs settle 5f0c1d --failed
    """  # noqa: D301 - click needs the control character itself
    if was_sent == was_not_sent:
        raise click.UsageError("say what became of it: either --sent or --failed")
    if was_not_sent and (attempt or provider_id):
        raise click.UsageError("--attempt and --provider-id tell what was sent: they go with --sent")
    ending: WasSent | WasNotSent = WasNotSent()
    if was_sent:
        ending = WasSent(attempt, provider_id, keep_content=load_settings().keep_content)
    token = secrets.token_urlsafe(16)
    state = run_with_redis(lambda redis: settle(redis, job_id, ending, actor=actor, token=token))
    if as_json:
        print_json({"id": job_id, "state": state.value})
    else:
        click.echo(f"{job_id} settled: {state}")
