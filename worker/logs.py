"""Logging: structlog events as JSON in production and pretty on a terminal, foreign log lines included."""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import Any, Final, TextIO

import structlog

from worker.settings import LogFormat

#: Libraries that narrate every request at INFO, with addresses that may carry account names.
_QUIET: Final = ("httpx", "httpcore", "aiohttp", "asyncio", "kombu", "redis", "amqp")


def configure(
    log_format: LogFormat, level: str, *, celery_level: int | None = None, stream: TextIO | None = None
) -> None:
    """Send every log line of this process to `stream` in one format.

    Args:
        level: the least severe of our own lines, by name.
        celery_level: the same for Celery's own lines; None for WARNING.
        stream: standard error by default.
    """
    target = stream or sys.stderr
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
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _renderer(pretty=pretty),
        ],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("celery").setLevel(celery_level or logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _renderer(*, pretty: bool) -> Any:
    if pretty:
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer()


def _drop_empty(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Leave out keys without a value: a wide event has many that do not apply."""
    return {key: value for key, value in event.items() if value is not None}
