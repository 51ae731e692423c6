"""Our transports beside httpx's own pool: the same client, the same POST, the same server.

A worker posts without that client around its transport, which costs less than is measured here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import httpx

from benchmarks.measure import Measurement, Stopwatch, stopwatch
from benchmarks.simulated import provider
from providers.post_transport import PostTransport
from providers.transport import AiohttpTransport

IN_FLIGHT: Final = (50, 200)
FORM: Final = {"To": "+14155552671", "From": "+14155550100", "Body": "Your code is 493817"}
UNLIMITED: Final = httpx.Limits(max_connections=None, max_keepalive_connections=None)
TIMEOUT: Final = httpx.Timeout(10)

#: the baseline comes first.
TRANSPORTS: Final[dict[str, Callable[[], httpx.AsyncBaseTransport]]] = {
    "httpx's own pool": lambda: httpx.AsyncHTTPTransport(limits=UNLIMITED),
    "our transport": AiohttpTransport,
    "our transport for posts": lambda: PostTransport(connect_s=3, read_s=10),
}


def measure(seconds: float) -> Iterator[Measurement]:
    """Yield CPU and rate per POST for each transport and number of requests in flight, each over `seconds`."""
    with provider() as simulated:
        url = f"{simulated.url}/2010-04-01/Accounts/AC0/Messages.json"
        for in_flight in IN_FLIGHT:
            for way, transport in TRANSPORTS.items():
                watch = asyncio.run(_post_for(seconds, url, transport, in_flight))
                yield watch.measurement(f"POST, {in_flight} in flight", way)


async def _post_for(
    seconds: float, url: str, transport: Callable[[], httpx.AsyncBaseTransport], in_flight: int
) -> Stopwatch:
    async with httpx.AsyncClient(transport=transport(), timeout=TIMEOUT, auth=("AC0", "token")) as client:

        async def post_until(watch: Stopwatch, until_s: float) -> None:
            while watch.runs(until_s):
                (await client.post(url, data=FORM)).raise_for_status()
                watch.done += 1

        await asyncio.gather(*(post_until(Stopwatch(), 0.2) for _ in range(in_flight)))  # opens the connections
        with stopwatch() as watch:
            await asyncio.gather(*(post_until(watch, seconds) for _ in range(in_flight)))
        return watch
