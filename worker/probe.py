"""Asks the process on this machine whether it is ready: `python -m worker.probe`, for health checks of containers."""

from __future__ import annotations

import http.client
import os
import sys
from typing import Final

#: the setting's own name; reading it through pydantic takes three times as long, every few seconds, in every container.
PORT_VARIABLE: Final = "TRUNKLINE_METRICS_PORT"
HOST_VARIABLE: Final = "TRUNKLINE_METRICS_HOST"
_ALL_ADDRESSES: Final = "0.0.0.0"  # noqa: S104 -- compared with, not listened on
_LOOPBACK: Final = "127.0.0.1"
_TIMEOUT_S: Final = 3.0
_OK: Final = 200


def probe(port: str, path: str = "/readyz", *, host: str = _LOOPBACK) -> tuple[bool, str]:
    """Return whether the process behind a port of this machine says that all is well, and its words."""
    connection = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status == _OK, answer.read().decode()
    except OSError as error:
        return False, f"no answer: {type(error).__name__}"
    finally:
        connection.close()


def main() -> int:
    """Return the exit code: 0 if it is ready or serves no health, 1 if not."""
    port = os.environ.get(PORT_VARIABLE)
    if not port:
        return 0
    host = os.environ.get(HOST_VARIABLE) or _LOOPBACK
    is_good, words = probe(port, host=_LOOPBACK if host == _ALL_ADDRESSES else host)
    sys.stdout.write(words.strip() + "\n")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
