"""`trunkline explain`: which senders and numbers a job would use, and why, without sending it."""

from __future__ import annotations

import click
from redis.asyncio import Redis

from senders.editing import TenantUnknown
from senders.explain import Explanation, Step
from senders.explain import explain as explain_job
from senders.model import TenantConfig
from senders.routing import RouteSource, UnknownPolicy
from senders.store import ConfigStore
from trunkline_client.errors import TrunklineError
from trunkline_client.private import Recipient
from trunkline_client.words import Channel
from worker.cli.support import field_of_a_job, print_json, run_with_redis
from worker.cli.tables import console, print_table


class PolicyUnknown(TrunklineError):
    """The tenant has no policy of this name."""


@click.command()
@click.option("--tenant", required=True, callback=field_of_a_job, help="Whose configuration to use.")
@click.option(
    "--channel", type=click.Choice([channel.value for channel in Channel]), required=True, help="sms or voice."
)
@click.option("--to", required=True, callback=field_of_a_job, help="The recipient in E.164, for example +14155550100.")
@click.option("--sender-id", callback=field_of_a_job, help="The alphanumeric sender the job asks for.")
@click.option("--policy", callback=field_of_a_job, help="The policy the job names; else the tenant's default one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")
def explain(tenant: str, channel: str, to: str, sender_id: str | None, policy: str | None, as_json: bool) -> None:
    """Show the chain of a job, and what each sender would send it from. Nothing is sent.

    Cooldown and quotas are not consulted, since they depend on what was sent before.

    \b
    Example:
      trunkline explain --tenant acme --channel sms --to +14155550100
    """  # noqa: D301 - the \b is meant: click does not wrap what follows it

    async def load(redis: Redis) -> TenantConfig | None:
        return await ConfigStore(redis).load(tenant)

    config = run_with_redis(load)
    if config is None:
        raise TenantUnknown(tenant)
    explained = explain_job(config, channel=Channel(channel), to=Recipient(to), sender_id=sender_id, policy_name=policy)
    if isinstance(explained, UnknownPolicy):
        raise PolicyUnknown(f"tenant {tenant} has no policy {explained.name}; such a job is rejected")
    if as_json:
        print_json(explained.as_json())
    else:
        _show(explained)
    if explained.admission.refused_by is not None:
        refused = f"the policy {explained.route.policy.name} rejects this job (rule: {explained.admission.refused_by})"
        click.echo(refused, err=True)


def _show(explained: Explanation) -> None:
    out = console()
    sources = {
        RouteSource.CONDITION: f"a condition of the policy {explained.route.policy.name}",
        RouteSource.DEFAULT_CHAIN: "the tenant's default chain",
        RouteSource.NONE: "nothing: the job would fail (no_chain)",
    }
    out.print(f"Country: {explained.country or 'unknown'}", highlight=False)
    out.print(f"Chain from {sources[explained.route.source]}", highlight=False)
    if explained.route.policy.quotas or explained.route.policy.cooldown:
        policy = explained.route.policy.name
        out.print(f"Cooldown and quotas of the policy {policy} are not consulted", highlight=False)
    if not explained.steps:
        return
    print_table(("sender", "kind", "sends from", "then", "passed over"), map(_row, explained.steps))


def _row(step: Step) -> tuple[str, ...]:
    return (
        step.key,
        step.sender.kind if step.sender else "",
        f"({step.unusable})" if step.unusable else _origin(step),
        "\n".join(step.choice.candidates[1:]),
        "\n".join(f"{passed.number}: {passed.reason}" for passed in step.choice.passed_over),
    )


def _origin(step: Step) -> str:
    return step.choice.origin.value if step.choice.origin else "(no_number)"
