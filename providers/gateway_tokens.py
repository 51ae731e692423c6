"""Access tokens of gateways: fetched with client credentials, kept until shortly before they end."""

from __future__ import annotations

import asyncio
import math
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus

import httpx

from providers.fault_table import first_code, judge
from providers.faults import Fault, Ruling, ruling
from providers.http import ADDRESS_NOT_ALLOWED, Exchange, call
from trunkline_client.private import Token

#: a token is renewed this long before its end, so that none ends on its way.
EARLY_S: Final = 30.0
#: RFC 6749 lets a server leave `expires_in` out.
_DEFAULT_LIFE_S: Final = 300.0
_LONGEST_LIFE_S: Final = 86_400.0
_MOST_TOKENS: Final = 1024
#: it becomes part of a header, so nothing that could end one.
_FORM: Final = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks for a token, and where."""

    auth_url: str
    client_id: str
    secret: Token


@dataclass(frozen=True, slots=True)
class NoToken:
    """Why there is no token; the message itself has not left us.

    Attributes:
        ruling: what that means for the message.
        code: the token endpoint's own code, or a name of ours.
        http_status: the status of its answer, None without one.
    """

    ruling: Ruling
    code: str
    http_status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    token: Token
    until_s: float


class TokenCache:
    """The tokens of one process, the most recently used ones; concurrent askers of one token share one request.

    Args:
        client: carries the requests.
        deadline_s: how long one request for a token may take, in seconds.
        monotonic: returns the time, in seconds.
    """

    def __init__(
        self, client: httpx.AsyncClient, *, deadline_s: float, monotonic: Callable[[], float], most: int = _MOST_TOKENS
    ) -> None:
        self._client = client
        self._deadline_s = deadline_s
        self._monotonic = monotonic
        self._most = most
        self._kept: OrderedDict[Client, _Kept] = OrderedDict()
        self._fetching: dict[Client, asyncio.Task[Token | NoToken]] = {}

    async def token(self, client: Client) -> Token | NoToken:
        """Return a token that is good for a while yet, or why there is none."""
        kept = self._kept.get(client)
        if kept is not None and self._monotonic() < kept.until_s:
            self._kept.move_to_end(client)
            return kept.token
        task = self._fetching.get(client)
        if task is None:
            task = asyncio.create_task(self._fetch(client))
            self._fetching[client] = task
        # one that gives up waiting must not take the token away from those who wait with it
        return await asyncio.shield(task)

    def drop(self, client: Client, refused: Token) -> None:
        """Forget a token that a gateway refused, unless another has taken its place already."""
        kept = self._kept.get(client)
        if kept is not None and kept.token == refused:
            del self._kept[client]

    async def aclose(self) -> None:
        """Give up the requests that are under way."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, client: Client) -> Token | NoToken:
        try:
            return await self._ask(client)
        finally:
            del self._fetching[client]

    async def _ask(self, client: Client) -> Token | NoToken:
        asked_s = self._monotonic()
        request = self._client.build_request(
            "POST", client.auth_url, data={"grant_type": "client_credentials"}, headers={"Accept": "application/json"}
        )
        ended = await call(self._client, request, auth=_basic(client), deadline_s=self._deadline_s)
        if not isinstance(ended, Exchange):
            refused = ended.code == ADDRESS_NOT_ALLOWED
            return NoToken(
                Ruling(Fault.UNAVAILABLE, retry=not refused), ended.code if refused else f"token_{ended.code}"
            )
        if not ended.is_success:
            return _refusal(ended)
        token = ended.field("access_token")
        if not isinstance(token, str) or not _FORM.fullmatch(token):
            return NoToken(ruling(Fault.AUTH), "token_missing", ended.status)
        self._keep(client, Token(token), asked_s + _life_s(ended.field("expires_in")) - EARLY_S)
        return Token(token)

    def _keep(self, client: Client, token: Token, until_s: float) -> None:
        self._kept[client] = _Kept(token, until_s)
        self._kept.move_to_end(client)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _basic(client: Client) -> httpx.BasicAuth:
    """Return the client's credentials, form-encoded first as RFC 6749 (2.3.1) asks."""
    return httpx.BasicAuth(quote_plus(client.client_id), quote_plus(client.secret.reveal()))


def _refusal(answer: Exchange) -> NoToken:
    verdict = judge({}, answer.status, first_code(answer.body, ("error",)))
    code = f"token_{verdict.code}"[:40]
    if verdict.ruling is None:
        return NoToken(ruling(Fault.UNAVAILABLE), code, answer.status)
    fault = Fault.THROTTLED if verdict.ruling.fault is Fault.THROTTLED else Fault.AUTH
    return NoToken(ruling(fault), code, answer.status, answer.retry_after_s)


def _life_s(expires_in: object) -> float:
    """Return how long a token lives; some servers write the number as text."""
    try:
        life_s = float(expires_in) if isinstance(expires_in, int | float | str) else math.nan
    except (ValueError, OverflowError):
        life_s = math.nan
    return min(max(life_s, 0.0), _LONGEST_LIFE_S) if math.isfinite(life_s) else _DEFAULT_LIFE_S
