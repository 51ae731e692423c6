"""What each operation of the simulated Syniverse does: plain functions of the state and one request."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from providers.simulators.simulation import Simulation
from providers.simulators.syniverse import bodies
from providers.simulators.syniverse.bodies import VOICE_PREFIX, MessageRequest
from providers.simulators.syniverse.errors import refused
from providers.simulators.syniverse.rules import send_refusal
from providers.simulators.wire import Answer, Refusal, WireRequest, as_json
from providers.simulators.world import SyniverseAccount

Handler = Callable[[Simulation, SyniverseAccount, WireRequest], Answer | Refusal]

PROVIDER: Final = "syniverse"
DEFAULT_LIMIT: Final = 20
_OK: Final = 200


def create_request(simulation: Simulation, account: SyniverseAccount, request: WireRequest) -> Answer | Refusal:
    """Accept a message request, or refuse it by the rules."""
    if not request.well_formed:
        return refused("4004", "body")
    fields, now = request.fields, simulation.clock()
    refusal = send_refusal(account, fields, now)
    if refusal is not None:
        return refusal
    external_id: str | None = fields.get("external_id")
    if account.unique_external_ids and simulation.requests.oldest_first(account.name, external_id or ""):
        return refused("1011")
    to: list[str] = fields["to"]
    accepted = MessageRequest(
        id=_identifier(request.request_id),
        account=account.name,
        sender=fields["from"],
        to=tuple(to),
        body=fields["body"],
        external_id=external_id,
        rejected=any(recipient.removeprefix(VOICE_PREFIX) in account.rejected_recipients for recipient in to),
        created_at=now,
        listed_at=now + request.listed_after_s,
    )
    simulation.requests.add(account.name, accepted.id, external_id, accepted)
    sequences = tuple(_write_down(simulation, accepted, recipient) for recipient in to)
    return Answer(_OK, as_json({"id": accepted.id}), accepted=sequences)


def list_requests(simulation: Simulation, account: SyniverseAccount, request: WireRequest) -> Answer | Refusal:
    """List the application's message requests, newest first, filtered by external_id, id, from, to and state."""
    query, now = request.query, simulation.clock()
    found = [
        bodies.request_body(accepted, now)
        for accepted in reversed(simulation.requests.oldest_first(account.name, query.get("external_id")))
        if accepted.listed_at <= now
        and query.get("id") in {None, accepted.id}
        and query.get("from") in {None, accepted.sender}
        and query.get("to") in {None, *accepted.to}
        and query.get("state") in {None, bodies.request_state(accepted, now)}
    ]
    return _page(found, query)


def fetch_request(simulation: Simulation, account: SyniverseAccount, request: WireRequest) -> Answer | Refusal:
    """Return one message request."""
    accepted = simulation.requests.get(account.name, request.path_values["id"])
    if accepted is None:
        return refused("4040")
    return Answer(_OK, as_json(bodies.request_body(accepted, simulation.clock())))


def list_messages(simulation: Simulation, account: SyniverseAccount, request: WireRequest) -> Answer | Refusal:
    """List the messages of one request."""
    accepted = simulation.requests.get(account.name, request.path_values["id"])
    if accepted is None:
        return refused("4040")
    return _page(bodies.message_bodies(accepted, simulation.clock()), request.query)


def list_sender_ids(_: Simulation, account: SyniverseAccount, request: WireRequest) -> Answer | Refusal:
    """List the application's sender ids, filtered by id, name, state and country."""
    found = [bodies.sender_id_body(sender_id) for sender_id in account.sender_ids]
    return _page(_filtered(found, request.query, ("id", "name", "state", "country")), request.query)


def list_channels(_: Simulation, account: SyniverseAccount, request: WireRequest) -> Answer | Refusal:
    """List the application's channels, filtered by id and name."""
    found = [bodies.channel_body(channel) for channel in account.channels]
    return _page(_filtered(found, request.query, ("id", "name")), request.query)


def answer_unknown(_: Simulation, __: SyniverseAccount, ___: WireRequest) -> Answer | Refusal:
    """Refuse a resource the simulator does not have."""
    return refused("4040")


def _write_down(simulation: Simulation, accepted: MessageRequest, recipient: str) -> int:
    return simulation.ledger.accept(
        accepted_at=accepted.created_at,
        provider=PROVIDER,
        account=accepted.account,
        channel="voice" if recipient.startswith(VOICE_PREFIX) else "sms",
        to=recipient.removeprefix(VOICE_PREFIX),
        sender=accepted.sender,
        body=accepted.body,
        provider_id=accepted.id,
        external_id=accepted.external_id,
    )


def _identifier(request_id: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(request_id)).decode().rstrip("=")


def _filtered(
    found: Sequence[dict[str, Any]], query: Mapping[str, str], names: tuple[str, ...]
) -> list[dict[str, Any]]:
    return [body for body in found if all(query.get(name) in {None, body[name]} for name in names)]


def _page(found: Sequence[dict[str, Any]], query: Mapping[str, str]) -> Answer | Refusal:
    limit, offset = query.get("limit", str(DEFAULT_LIMIT)), query.get("offset", "0")
    for name, text in (("limit", limit), ("offset", offset)):
        if not (text.isascii() and text.isdecimal()):
            return refused("4004", name)
    start, size = int(offset), int(limit)
    body = {"list": found[start : start + size], "limit": size, "offset": start, "total": len(found)}
    return Answer(_OK, as_json(body))
