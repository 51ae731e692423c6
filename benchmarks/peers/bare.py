"""No queue at all: one loop that sends N messages with httpx over aiohttp, IN_FLIGHT at a time."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from benchmarks.peers import sending
from providers.transport import AiohttpTransport


async def main() -> None:
    """Send so many messages, then wait to be ended, as a worker would."""
    waiting = sending.bodies(int(sys.argv[1]))
    async with sending.asyncio_client(AiohttpTransport()) as client:

        async def send() -> None:
            for body in waiting:
                await sending.send_by_asyncio(client, body)

        await asyncio.gather(*(send() for _ in range(sending.IN_FLIGHT)))
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(main())
