"""The users of docs/redis.md, read from the page itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from redis import Redis

from tests.support.redis_server import HOST, RedisServer

PAGE: Final = Path(__file__).parents[2] / "docs" / "redis.md"
#: the rules of each user by name, as the page prints them.
USERS: Final = {
    name: rules.split()
    for name, rules in re.findall(r"^user (trunkline-[a-z]+) (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
}


def create_users(server: RedisServer) -> None:
    """Create the page's users on a running server."""
    with Redis(host=HOST, port=server.port) as redis:
        for name, rules in USERS.items():
            redis.execute_command("ACL", "SETUSER", name, *rules)


def url_of(server: RedisServer, user: str) -> str:
    """Return the address as `TRUNKLINE_REDIS_URL` takes it, for one of the page's users."""
    password = next(rule[1:] for rule in USERS[user] if rule.startswith(">"))
    return f"redis://{user}:{password}@{HOST}:{server.port}/0"
