"""What an address, a header, a body and a secret of a gateway may be. Each rule returns a problem, or None."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from providers.gateway_hosts import HostRules, is_readable
from providers.gateway_template import is_well_formed, json_problem, names_in, origin_of

#: the variables every message needs, as errors name them.
MANDATORY: Final = "`${to}` and `${message}`"

_NOT_HTTPS: Final = "URL must be a valid HTTPS URL"
_VISIBLE: Final = re.compile(r"[!-~]+", re.ASCII)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}))|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]{0,1022}[!-~])?", re.ASCII)
_SECRET: Final = re.compile(r"[^\x00-\x1f\x7f]{1,1024}")
_MOST_LINE: Final = 256
_TOKEN: Final = re.compile(r"[!-~]{1,1024}", re.ASCII)
#: the transport writes these itself, or they decide how the rest of a message is read.
_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def address_problem(url: str, hosts: HostRules) -> str | None:
    """Return what is wrong with an address, variables apart."""
    origin = origin_of(url)
    if "${" in origin:
        return "variables may stand after the host only"
    try:
        parts = urlsplit(origin)
        readable = parts.port != 0 and is_readable(origin)
    except ValueError:
        return _NOT_HTTPS
    host = parts.hostname or ""
    secure = parts.scheme == "https" or (parts.scheme == "http" and hosts.admits_plain_http(host))
    if not (secure and readable and _HOST.fullmatch(_without_port(parts.netloc)) and _VISIBLE.fullmatch(url)):
        return _NOT_HTTPS
    path = url[len(origin) :].partition("?")[0]
    if "#" in url or "\\" in url or {".", ".."} & set(path.split("/")):
        return "must have no #, no backslash and no part . or .. in its path"
    return None


def template_problem(template: str) -> str | None:
    """Return what is wrong with the variables of a template."""
    if is_well_formed(template):
        return None
    return "a variable is ${name}, of A-Z a-z 0-9 . _ -; write $${ for a plain ${"


def uses_mandatory(template: str) -> bool:
    """Return whether a template has both variables that every message needs, in whichever order."""
    return names_in(template) >= {"to", "message"}


def header_problem(name: str, value: str, *, is_credential: bool = False) -> str | None:
    """Return what is wrong with a header; that of a credential has its value checked as a secret."""
    if not _HEADER_NAME.fullmatch(name):
        return "a header's name must be 1 to 64 letters, digits and -"
    if name.lower() in _OURS or (is_credential and name.lower() == "content-type"):
        return f"the header {name.lower()} cannot be set"
    if is_credential:
        return None
    if not _HEADER_VALUE.fullmatch(value):
        return f"the value of {name} must be 1 to 1,024 printable ASCII characters"
    return f"the value of {name} holds no variables" if "${" in value else None


def body_problem(body: str, content_type: str) -> str | None:
    """Return what is wrong with a body of this content type."""
    if content_type == "application/json":
        return json_problem(body)
    pairs = body.split("&")
    if not _VISIBLE.fullmatch(body) or not all("=" in pair for pair in pairs):
        return "must be a form, name=value pairs joined by &, with a space written as +: to=${to}&text=${message}"
    return None


def line_problem(text: str) -> str | None:
    """Return what is wrong with one line of text."""
    fits = 0 < len(text) <= _MOST_LINE and text.isprintable()
    return None if fits else f"must be 1 to {_MOST_LINE} printable characters"


def secret_problem(field: str, secret: str) -> str | None:
    """Return what is wrong with a secret; those that stand in a header as they are have a narrower form."""
    match field:
        case "token":
            form, what = _TOKEN, "printable ASCII characters without spaces"
        case "header_value":
            form, what = _HEADER_VALUE, "printable ASCII characters, no space at the ends"
        case _:
            form, what = _SECRET, "printable characters"
    return None if form.fullmatch(secret) else f"must be 1 to 1,024 {what}"


def _without_port(netloc: str) -> str:
    return re.sub(r":[0-9]*$", "", netloc)
