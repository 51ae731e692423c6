"""The settings about gateways, checked where they will be used."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from providers.gateway_hosts import HostRules
from providers.registry import GatewayAccess


def _host_rules(text: str) -> str:
    HostRules.read(text)
    return text


def _authorities(file: str) -> str:
    try:
        GatewayAccess(ca_file=file).ssl_context()
    except OSError as error:
        raise ValueError(f"must be a PEM file with certificates ({type(error).__name__})") from error
    return file


HostList = Annotated[str, AfterValidator(_host_rules)]
AuthorityFile = Annotated[str, AfterValidator(_authorities)]


def gateway_access(hosts: str | None, ca_file: str | None, *, insecure: bool) -> GatewayAccess:
    """Return where gateways may be, from the settings."""
    return GatewayAccess(HostRules.read(hosts or "", insecure=insecure), ca_file)
