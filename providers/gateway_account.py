"""Checking a gateway before it is saved: its hosts, and its credentials where they can be tried without a message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from providers.faults import Fault
from providers.gateway_hosts import AddressNotAllowed
from providers.gateway_settings import AuthMethod, Gateway
from providers.gateway_template import origin_of
from providers.gateway_tokens import Client, NoToken, TokenCache
from providers.http import ADDRESS_NOT_ALLOWED
from providers.protocol import (
    Account,
    HostNotAllowed,
    ProviderUnreachable,
    VerificationFailed,
    VerifiedAccount,
    WrongCredentials,
)

#: checks the host of an address; raises `AddressNotAllowed`, or an OSError if it has no address.
CheckHost = Callable[[httpx.URL], Awaitable[None]]


async def verify(account: Account, tokens: TokenCache, check_host: CheckHost, *, deadline_s: float) -> VerifiedAccount:
    """Return the configured numbers, once every host may be reached and a token was given where one is needed.

    Args:
        account: the gateway with its secret.
        tokens: fetches the token of an `oauth2` gateway.
        check_host: resolves and checks the host of an address.
        deadline_s: how long resolving one host may take, in seconds.

    Raises:
        VerificationFailed: in the form that says why.
    """
    gateway = account.gateway
    if gateway is None:
        raise ValueError("an account of kind gateway has the settings of one")
    for url in gateway.urls:
        await _check(check_host, httpx.URL(origin_of(url)), deadline_s)
    if gateway.authentication.method is AuthMethod.OAUTH2:
        await _try_credentials(gateway, account, tokens)
    return VerifiedAccount("", account.numbers)


async def _check(check_host: CheckHost, url: httpx.URL, deadline_s: float) -> None:
    host = url.raw_host.decode("ascii")
    if not _is_readable(url):
        raise HostNotAllowed(f"the gateway's host {host} is no valid name in Punycode")
    try:
        async with asyncio.timeout(deadline_s):
            await check_host(url)
    except AddressNotAllowed as refusal:
        raise HostNotAllowed(
            f"the gateway's host {host} is not allowed: {refusal}; gateways are reached at public https hosts, "
            "and at those that TRUNKLINE_GATEWAY_PRIVATE_HOSTS names"
        ) from refusal
    except (OSError, UnicodeError) as error:  # no such name, no name server, too late; or a label of 64 characters
        raise ProviderUnreachable(f"the gateway's host {host} has no address ({type(error).__name__})") from error


def _is_readable(url: httpx.URL) -> bool:
    """Return whether httpx can build a request for the host; it decodes every label that begins with xn--."""
    try:
        return bool(url.host)
    except UnicodeError:
        return False


async def _try_credentials(gateway: Gateway, account: Account, tokens: TokenCache) -> None:
    authentication = gateway.authentication
    client = Client(authentication.auth_url or "", authentication.client_id or "", account.token)
    found = await tokens.token(client)
    if isinstance(found, NoToken):
        raise _reason(found)


def _reason(problem: NoToken) -> VerificationFailed:
    if problem.code == ADDRESS_NOT_ALLOWED:
        return HostNotAllowed("the host of the gateway's auth_url is not allowed")
    if problem.ruling.fault is Fault.AUTH:
        return WrongCredentials(
            f"the gateway's auth_url gave no token ({problem.code}); check client_id, client_secret and auth_url"
        )
    return ProviderUnreachable(f"the gateway's auth_url gave no usable answer ({problem.code}); try again later")
