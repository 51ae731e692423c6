"""Which elements of a queue Celery can work with; the others end a worker, or come back to it for ever.

All seen with Celery 5.7.0: a body of `5` or `null`, a body that is not the base64 it says, and a time limit that is no
pair ended every worker in turn, since each put the message back as it died; a body that is no call stayed without an
acknowledgement and came back every two minutes.
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

_BODY_ENCODINGS: Final = (None, "base64", "utf-8")
#: the only content that `accept_content` lets in.
_CONTENT_TYPE: Final = "application/json"


def is_task_message(message: object) -> bool:
    """Return whether `message` is a whole Celery message of protocol 2 with a JSON body."""
    match message:
        case {"body": str(body), "content-type": str(content_type), "headers": dict(headers), "properties": dict(more)}:
            return (
                content_type == _CONTENT_TYPE
                and _has_headers(headers)
                and _has_properties(more)
                and _is_call(body, more.get("body_encoding"))
            )
        case _:
            return False


def _has_headers(headers: dict[str, Any]) -> bool:
    limits = headers.get("timelimit")
    return (
        isinstance(headers.get("id"), str)
        and isinstance(headers.get("task"), str)
        and (limits is None or (isinstance(limits, list) and len(limits) == 2))  # noqa: PLR2004  # hard and soft
        and isinstance(headers.get("stamped_headers"), list | None)
        and isinstance(headers.get("stamps"), dict | None)
    )


def _has_properties(properties: dict[str, Any]) -> bool:
    return (
        isinstance(properties.get("delivery_tag"), str)
        and isinstance(properties.get("delivery_info"), dict | None)
        and properties.get("body_encoding") in _BODY_ENCODINGS
    )


def _is_call(body: str, encoding: str | None) -> bool:
    """Return whether the body holds arguments, named arguments, and what Celery keeps beside them."""
    try:
        call = json.loads(base64.b64decode(body, validate=True) if encoding == "base64" else body)
    except (ValueError, RecursionError):
        return False
    match call:
        case [list(), dict(), dict() | None]:
            return True
        case _:
            return False
