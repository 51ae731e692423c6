"""Syniverse's error codes as the simulator words them: status and text by code (`docs/simulators.md`, Syniverse)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from providers.simulators.wire import JSON_TYPE, Answer, Refusal, as_json
from providers.simulators.world import AnonymousBody

ERRORS: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {
        "4001": (400, "Required parameter {} is missing"),
        "4002": (400, "Parameter {} has a wrong type"),
        "4004": (400, "Invalid parameter {}"),
        "4010": (401, "Unauthorized: the access token is not valid for this resource"),
        "4020": (402, "Insufficient credit"),
        "4035": (403, "The sender is in the wrong state"),
        "4040": (404, "Resource not found"),
        "4045": (404, "No sender id for the country of the recipient"),
        "4046": (404, "Access token expired"),
        "1011": (409, "Unique key violated: external_id"),
        "40012": (400, "No sender is capable of this message"),
        "40015": (400, "Too many recipients"),
        "40018": (400, "Invalid sender id or address"),
        "40019": (400, "Several sender ids have this address"),
        "40024": (400, "Invalid recipient"),
    }
)


def refused(code: str, *values: str) -> Refusal:
    """Return the refusal of this code, its text filled with `values`."""
    status, text = ERRORS[code]
    return Refusal(status, code, text.format(*values))


def answer_refusal(refusal: Refusal) -> Answer:
    """Return the error body Syniverse answers."""
    code = str(refusal.code if refusal.code is not None else refusal.status).removeprefix("SCG_ERROR_")
    body = {"error_code": f"SCG_ERROR_{code}", "error_description": refusal.message}
    return Answer(refusal.status, as_json(body))


def answer_anonymous(body: AnonymousBody) -> Answer:
    """Return the 401 to a request without credentials, whose body is not documented."""
    if body is AnonymousBody.HTML:
        return Answer(401, b"<html><body>401 Authorization Required</body></html>", ((b"content-type", b"text/html"),))
    return answer_refusal(refused("4010")) if body is AnonymousBody.JSON else Answer(401, b"", (JSON_TYPE,))
