"""Many small tenants with numbers that pacing does not hold up: the one place where that is decided.

A number may send so many segments a second, an account have so many requests open. What is measured here is what
Trunkline costs, so each tenant gets an account of its own and several short codes, all with limits that are counted as
always but never reached: without any limit a job would skip the work of counting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from redis.asyncio import Redis

from providers.protocol import Account, FoundNumber, NumberType, VerifiedAccount
from senders.apply import plan, save, verify
from senders.config_file import parse_file
from senders.secrets import KeyRing
from senders.store import ConfigStore
from tests.support.config_samples import FakeProvider
from tests.support.flow import BOTH
from trunkline_client.words import Channel

_SEGMENTS_PER_S: Final = 5_000
_CONCURRENT_REQUESTS: Final = 10_000
SHORT_CODES: Final = 5
#: a server is saved to once.
SAVED_ONCE: Final = "bench"
_ORIGINATOR: Final = "channel:1KJPMkuHQkair"
_SMS: Final = frozenset({Channel.SMS})


@dataclass(frozen=True, slots=True)
class Tenants:
    """Tenants that send by Twilio.

    Attributes:
        count: how many there are.
        fallback: whether Syniverse follows in their chain.
    """

    count: int
    fallback: bool = False

    def name(self, place: int) -> str:
        """Return the name of the tenant whose turn it is if they take turns."""
        return f"tenant-{place % self.count:05}"

    @staticmethod
    def account_sid(place: int) -> str:
        """Return the Twilio account of a tenant."""
        return f"AC{place:032}"

    def file(self) -> str:
        """Return the configuration file."""
        return "tenants:\n" + "".join(map(self._tenant, range(self.count)))

    def _tenant(self, place: int) -> str:
        codes = "".join(
            f'          - {{number: "{code}", segments_per_second: {_SEGMENTS_PER_S}}}\n'
            for code in _short_codes(place)
        )
        own = (
            f"      own:\n        kind: twilio\n        name: Own\n        account_sid: {self.account_sid(place)}\n"
            "        auth_token: a-token\n        consent: {by: ops@acme.example}\n        channels: [sms]\n"
            f"        concurrent_requests: {_CONCURRENT_REQUESTS}\n        numbers:\n{codes}"
        )
        other = (
            "      other:\n        kind: syniverse\n        name: Other\n        access_token: a-token\n"
            "        consent: {by: ops@acme.example}\n        channels: [sms]\n"
            f"        concurrent_requests: {_CONCURRENT_REQUESTS}\n"
            f'        originators: [{{id: "{_ORIGINATOR}"}}]\n'
        )
        chain, senders = ("own, other", own + other) if self.fallback else ("own", own)
        return f"  {self.name(place)}:\n    default_chain: [{chain}]\n    senders:\n{senders}"


class _Accounts(FakeProvider):
    """Has what a sender of the file asks for; no request is made."""

    async def verify(self, account: Account) -> VerifiedAccount:
        if account.account_sid is None:
            return VerifiedAccount("", (FoundNumber(_ORIGINATOR, NumberType.PHONE_NUMBER, BOTH),))
        codes = _short_codes(int(account.account_sid[2:]))
        return VerifiedAccount("", tuple(FoundNumber(code, NumberType.SHORT_CODE, _SMS) for code in codes))


async def apply(redis: Redis, tenants: Tenants, secret_key: str) -> None:
    """Save the configuration as `trunkline apply` does, without its requests to thousands of accounts."""
    ring, store = KeyRing([secret_key]), ConfigStore(redis)
    desired = parse_file(tenants.file(), {})
    planned = plan(desired, await store.load_all(desired), ring)
    numbers = await verify(planned, lambda _: _Accounts())
    await save(planned, numbers, store, ring, actor="bench", now=datetime.now(UTC), token=SAVED_ONCE)


def _short_codes(place: int) -> list[str]:
    """Return the short codes of a tenant; six digits are enough for 10,000 tenants with five each."""
    return [str(200_000 + place * SHORT_CODES + each) for each in range(SHORT_CODES)]
