"""Logging: JSON lines with event names and ids. Values from people never reach a logger."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog

# The last line of defence; the first is not to pass such a value at all.
_PERSONAL = re.compile(r"(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)|(?<!\d)\d{17}[\dXx](?!\d)")


def _redact(_logger: Any, _name: str, event: Any) -> Any:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _PERSONAL.sub("[redacted]", value)
    return event


def configure() -> None:
    """Send structlog and the standard library's warnings to stderr as one JSON line each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _redact,
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s")
