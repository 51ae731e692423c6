"""Who may ask a simulated gateway: each of the four ways to say a gateway's secret, and tokens for it."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_plus

from providers.simulators.endpoint import RequestHead
from providers.simulators.simulation import Simulation
from providers.simulators.twilio.access import read_basic

#: the header that carries the secret of a gateway with a custom header.
KEY_HEADER: Final = "x-gateway-key"


def secret_in(simulation: Simulation, head: RequestHead) -> tuple[str | None, str | None]:
    """Return the name and the secret a request gives; a token of the token endpoint stands for its gateway's."""
    key = head.header(KEY_HEADER.encode())
    if key is not None:
        return head.path_values.get("gateway"), key.decode("latin-1")
    authorization = head.header(b"authorization") or b""
    scheme, _, rest = authorization.partition(b" ")
    if scheme.lower() == b"bearer":
        bearer = rest.decode("latin-1")
        return simulation.gateway_tokens.get(bearer, (head.path_values.get("gateway"), bearer))
    name, password = read_basic(authorization)
    if head.operation == "token.create" and name is not None and password is not None:
        return unquote_plus(name), unquote_plus(password)
    return name, password
