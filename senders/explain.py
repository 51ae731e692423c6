"""What a job would do, without sending it: its chain, and what every sender of it would send from."""

from __future__ import annotations

from dataclasses import dataclass

from senders.choice import Choice
from senders.countries import country_of
from senders.model import Sender, TenantConfig
from senders.policy import Admission, check_country
from senders.routing import Route, UnknownPolicy, Unusable, route, unusable
from senders.selection import choose
from trunkline_client.private import Recipient
from trunkline_client.words import Channel


@dataclass(frozen=True, slots=True)
class Step:
    """One sender of the chain.

    Attributes:
        sender: None where the key names no sender.
        unusable: why it gets no attempt, None if it may.
        choice: what it would send from; empty where it is unusable.
    """

    key: str
    sender: Sender | None
    unusable: Unusable | None
    choice: Choice

    def as_json(self) -> dict[str, object]:
        """Return the step as `trunkline explain --json` shows it."""
        passed_over: list[dict[str, str | None]] = [
            {"number": passed.number, "reason": passed.reason.value} for passed in self.choice.passed_over
        ]
        if self.unusable is not None:
            passed_over = [{"number": None, "reason": self.unusable.value}]
        return {
            "sender": self.key,
            "number": self.choice.origin.value if self.choice.origin else None,
            "candidates": list(self.choice.candidates),
            "passed_over": passed_over,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a job would do.

    Attributes:
        country: the recipient's country, None if unknown.
        route: the chain and where it came from.
        admission: whether the policy admits the job at all.
        steps: every sender of the chain, in order.
    """

    country: str | None
    route: Route
    admission: Admission
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, object]:
        """Return the explanation as `trunkline explain --json` shows it."""
        nothing: dict[str, object] = {"sender": None, "number": None, "candidates": [], "passed_over": []}
        steps = [step.as_json() for step in self.steps]
        return {"chain": list(self.route.chain), **(steps[0] if steps else nothing), "then": steps[1:]}


def explain(
    config: TenantConfig, *, channel: Channel, to: Recipient, sender_id: str | None, policy_name: str | None
) -> Explanation | UnknownPolicy:
    """Return what a job of this tenant would do, or that the policy it names does not exist."""
    country = country_of(to.reveal())
    found = route(config, policy_name=policy_name, channel=channel, country=country)
    if isinstance(found, UnknownPolicy):
        return found
    steps = []
    for key in found.chain:
        sender = config.senders.get(key)
        reason = unusable(sender)
        choice = Choice(None, (), ())
        if sender is not None and reason is None:
            choice = choose(sender, channel=channel, to=to, country=country, sender_id=sender_id)
        steps.append(Step(key, sender, reason, choice))
    admission = check_country(found.policy, channel=channel, country=country)
    return Explanation(country, found, admission, tuple(steps))
