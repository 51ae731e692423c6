"""Logging: structlog events as JSON in production and pretty on a terminal, foreign log lines included.

Our own events do not pass through `logging`, which costs more than to render them (55 us of CPU for the event of an
attempt, 23 without it); the lines of libraries do. Every line is written when it is logged, so a crash loses none.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any, Final, TextIO

import structlog
from celery.worker.consumer import consumer

from worker.settings import LogFormat

_CONSUMER: Final = "celery.worker.consumer.consumer"
_COMPLAINTS: Final = {
    consumer.UNKNOWN_FORMAT: "a message that is no Celery message was discarded",
    consumer.UNKNOWN_TASK_ERROR: "a message for a task that Trunkline does not have was discarded",
    consumer.INVALID_TASK_ERROR: "a message that breaks Celery's protocol was discarded",
    consumer.MESSAGE_DECODE_ERROR: "a message whose body cannot be decoded was discarded",
}
#: Libraries that narrate every request at INFO, with addresses that may carry account names.
_QUIET: Final = ("httpx", "httpcore", "aiohttp", "asyncio", "kombu", "redis", "amqp")

#: made once, where `json.dumps` with an option makes one for each line. What JSON does not know is told by its `repr`.
_ENCODER: Final = json.JSONEncoder(default=repr)


def configure(
    log_format: LogFormat, level: str, *, celery_level: int | None = None, stream: TextIO | None = None
) -> None:
    """Send every log line of this process to `stream` in one format.

    Args:
        level: the least severe of our own lines, by name.
        celery_level: the same for Celery's own lines; None for WARNING.
        stream: standard error by default; nowhere if the process was started without one.
    """
    target = stream or sys.stderr or _Nowhere()
    pretty = log_format is LogFormat.PRETTY or (log_format is LogFormat.AUTO and target.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _drop_empty,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(pretty=pretty)],
    )
    handler = _Silent(target)
    handler.setFormatter(formatter)
    logging.getLogger().handlers[:] = [handler]
    _set_levels(level, celery_level or logging.WARNING)
    structlog.configure(
        processors=[*shared, *_rendering(pretty=pretty)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=partial(LineLogger, target, handler.lock),
        cache_logger_on_first_use=False,  # it would save 2 us, and keep what was configured before
    )


class _Nowhere(io.StringIO):
    """Keeps nothing."""

    def write(self, text: str) -> int:
        """Return that all of it was written."""
        return len(text)


class _Silent(logging.StreamHandler[TextIO]):
    """Loses a line that cannot be written."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Tell nobody: by default all arguments are printed, where Celery has those of the task beside what it says."""


class LineLogger:
    """Writes each rendered event as a line of its own, at once.

    Like a handler of `logging`, it never raises: a full disk under the log must not come between an answer and its
    record.

    Args:
        turns: the lock of all who write to this stream. Without it threads mix lines of more than 4 KiB (what a pipe
            takes in one piece), as tracebacks are.
    """

    def __init__(self, stream: TextIO, turns: AbstractContextManager[object] | None, name: str = "") -> None:
        self.name = name
        self._stream = stream
        self._turns = turns or nullcontext()

    def msg(self, line: str) -> None:
        """Write one event."""
        # ValueError: the stream is closed. RuntimeError: a signal's handler logs in the middle of a write.
        with suppress(OSError, ValueError, RuntimeError), self._turns:
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def _set_levels(level: str, celery_level: int) -> None:
    logging.getLogger().setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery").setLevel(celery_level)
    # At DEBUG the pool prints the whole message it hands to a thread, and `submit` messages carry content.
    logging.getLogger("celery.pool").setLevel(max(logging.INFO, celery_level))
    logging.getLogger(_CONSUMER).addFilter(hide_bodies)


def hide_bodies(record: logging.LogRecord) -> bool:
    """Take the message's body out of Celery's complaints about messages it cannot use; always True.

    Celery prints the full body of such a message, and that may be a job somebody meant to submit.
    """
    complaint = _COMPLAINTS.get(str(record.msg))
    if complaint:
        record.msg, record.args, record.exc_info, record.exc_text = complaint, (), None, None
    return True


def _rendering(*, pretty: bool) -> list[Any]:
    """Return the last processors. Tracebacks are plain: rich ones print local variables, which may be private."""
    if pretty:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumped)]


def _dumped(event: dict[str, Any], **_: Any) -> str:
    return _ENCODER.encode(event)


def _drop_empty(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Leave out keys without a value: a wide event has many that do not apply."""
    return {key: value for key, value in event.items() if value is not None}
