"""Who may ask the simulated Twilio what: Basic credentials, account status, test credentials."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from providers.simulators.simulation import Simulation
from providers.simulators.twilio.errors import refused
from providers.simulators.wire import Refusal, WireRequest
from providers.simulators.world import AccountStatus, AccountType, SuspendedAnswer, TwilioAccount

FETCH_ACCOUNT: Final = "accounts.fetch"
_CREATES: Final = frozenset({"messages.create", "calls.create"})
_WRONG: Final = "Your AccountSid or AuthToken was incorrect."
_SUSPENDED_CODE: Final = {
    SuspendedAnswer.UNAUTHORIZED: 20003,
    SuspendedAnswer.NO_PERMISSION: 20403,
    SuspendedAnswer.NOT_ACTIVE: 20005,
}


def read_basic(header: bytes | None) -> tuple[str | None, str | None]:
    """Return user and password of an `Authorization` header; two Nones if it is no usable Basic one."""
    scheme, _, encoded = (header or b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None, None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, None
    return (user, password) if colon else (None, None)


def admitted(simulation: Simulation, request: WireRequest) -> TwilioAccount | Refusal:
    """Return the account that asks, or why it may not."""
    if request.account is None:
        return refused(20003)
    account = simulation.twilio.get(request.account)
    if account is None:
        return Refusal(401, 20003, "Authentication Error - invalid username")
    if account.token is None or account.token != request.token:
        return _unauthorized()
    if account.status is not AccountStatus.ACTIVE:
        readable = account.readable_when_suspended and request.operation == FETCH_ACCOUNT
        if not readable:
            code = _SUSPENDED_CODE[account.suspended_answer]
            return _unauthorized() if code == 20003 else refused(code)  # noqa: PLR2004 - the code above
    if request.path_values.get("account", account.sid) != account.sid:
        return refused(20404, request.path)
    if account.type is AccountType.TEST and request.operation not in _CREATES:
        return refused(20008)
    return account


def _unauthorized() -> Refusal:
    refusal = refused(20003)
    return Refusal(refusal.status, refusal.code, refusal.message, _WRONG)
