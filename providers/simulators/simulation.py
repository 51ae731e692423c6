"""Everything the simulators remember: the world, accepted messages, the ledger, the armed faults."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping

from providers.simulators.faults import FaultBox
from providers.simulators.ledger import Ledger
from providers.simulators.records import Records
from providers.simulators.syniverse.bodies import MessageRequest
from providers.simulators.twilio.bodies import Call, Message
from providers.simulators.world import SimulatedGateway, SyniverseAccount, TwilioAccount, World


def new_hex() -> str:
    """Return 32 hex digits nobody got before."""
    return uuid.uuid4().hex


class Simulation:
    """The state behind the server. One event loop uses it, so it needs no locks.

    Attributes:
        clock: seconds since the epoch.
        new_hex: 32 fresh hex digits.
        gateway_tokens: the access tokens that gateways gave, each with the name and the secret it stands for.
    """

    def __init__(
        self, world: World, *, clock: Callable[[], float] = time.time, new_hex: Callable[[], str] = new_hex
    ) -> None:
        self.clock = clock
        self.new_hex = new_hex
        self.ledger = Ledger()
        self.faults = FaultBox()
        self.messages: Records[Message] = Records()
        self.calls: Records[Call] = Records()
        self.requests: Records[MessageRequest] = Records()
        self.gateway_tokens: dict[str, tuple[str | None, str | None]] = {}
        self.use(world)

    def use(self, world: World) -> None:
        """Take `world` as the accounts there are from now on; what was accepted stays."""
        self.world = world
        self.twilio: Mapping[str, TwilioAccount] = {account.sid: account for account in world.twilio}
        self.number_owners: Mapping[str, str] = {
            number.number: account.sid for account in world.twilio for number in account.numbers
        }
        self.syniverse_by_token: Mapping[str, SyniverseAccount] = {
            account.token: account for account in world.syniverse if account.token is not None
        }
        self.gateways: Mapping[str, SimulatedGateway] = {gateway.name: gateway for gateway in world.gateways}

    def forget_messages(self) -> None:
        """Empty the ledger and every list of messages and calls; the world and the faults stay."""
        self.ledger.clear()
        self.messages.clear()
        self.calls.clear()
        self.requests.clear()
