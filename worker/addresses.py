"""Addresses in settings."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


def split(url: str) -> SplitResult | None:
    """Return the parts of an address whose port can be read; urlsplit's own errors quote what they could not read."""
    try:
        parts = urlsplit(url)
        readable = parts.port != 0
    except ValueError:
        return None
    return parts if readable else None


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or its address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
