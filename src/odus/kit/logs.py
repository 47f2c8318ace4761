"""The log: one JSON object a line, without personal data."""

import sys
from collections.abc import MutableMapping
from typing import Any  # what structlog hands to a processor

import msgspec
import structlog

from odus.settings import LogLevel

log = structlog.stdlib.get_logger("odus")


def configure_logs(level: LogLevel) -> None:
    """Log one JSON object a line to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def _json(event: MutableMapping[str, Any], **_: object) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)
