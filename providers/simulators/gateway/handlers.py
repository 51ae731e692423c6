"""What the operations of a simulated gateway do."""

from __future__ import annotations

from typing import Final

from providers.simulators.numbers import is_phone_number
from providers.simulators.simulation import Simulation
from providers.simulators.wire import Answer, Refusal, WireRequest, as_json
from providers.simulators.world import SimulatedGateway

PROVIDER: Final = "gateway"
_ACCEPTED: Final = 202
_OK: Final = 200
#: these go into columns of the ledger, the rest of the fields into none.
_TO, _MESSAGE, _FROM = "to", "message", "from"


def take_message(
    channel: str, simulation: Simulation, gateway: SimulatedGateway, request: WireRequest
) -> Answer | Refusal:
    """Accept a message, or refuse one without a recipient or a text."""
    if not request.well_formed:
        return Refusal(400, "unreadable", "the body is neither a form nor a JSON object")
    fields = {**request.query, **request.fields}
    to = str(fields.get(_TO, ""))
    number = to if to.startswith("+") else f"+{to}"
    if not is_phone_number(number) or not fields.get(_MESSAGE):
        return Refusal(400, "invalid", "a message needs to, a phone number, and message, a text")
    identifier = simulation.new_hex()
    sequence = simulation.ledger.accept(
        accepted_at=simulation.clock(),
        provider=PROVIDER,
        account=gateway.name,
        channel=channel,
        to=number,
        sender=str(fields[_FROM]) if fields.get(_FROM) else None,
        body=str(fields[_MESSAGE]),
        provider_id=identifier,
    )
    return Answer(_ACCEPTED, as_json({"id": identifier}), accepted=(sequence,))


def give_token(simulation: Simulation, gateway: SimulatedGateway, request: WireRequest) -> Answer | Refusal:
    """Give an access token for client credentials."""
    if request.fields.get("grant_type") != "client_credentials":
        return Refusal(400, "unsupported_grant_type", "the grant type is client_credentials")
    token = simulation.new_hex()
    simulation.gateway_tokens[token] = (gateway.name, gateway.secret)
    body = {"access_token": token, "token_type": "Bearer", "expires_in": gateway.token_life_s}
    return Answer(_OK, as_json(body))
