"""Structured log lines. The host adds plugin name, plugin digest and request id.

    log.info("people looked up", source="registry", rows=1)

Personal data does not belong here. The host counts lines and bytes for each call (by default 64 lines,
16 KiB) and drops the rest. `print` and the standard library's `logging` go the same way.
"""

from __future__ import annotations

from ._host import INSIDE, interface
from ._text import said

_host = interface("log")

#: How many fields one line may have.
_MAX_FIELDS = 32


def trace(message: str, /, **fields: object) -> None:
    """Step-by-step detail, off by default."""
    _write("TRACE", message, fields)


def debug(message: str, /, **fields: object) -> None:
    """Detail that helps an author, off by default."""
    _write("DEBUG", message, fields)


def info(message: str, /, **fields: object) -> None:
    """Something worth knowing in normal operation."""
    _write("INFO", message, fields)


def warn(message: str, /, **fields: object) -> None:
    """Something is wrong, and the call goes on."""
    _write("WARN", message, fields)


def error(message: str, /, **fields: object) -> None:
    """The call fails."""
    _write("ERROR", message, fields)


def _write(level: str, message: str, fields: dict[str, object]) -> None:
    # A line never fails, whatever it is about.
    pairs = [(said(name), said(value)) for name, value in list(fields.items())[:_MAX_FIELDS]]
    if INSIDE:
        _host.write(_host.Level[level], said(message), pairs)
    else:
        # In a unit test: where a test runner shows it.
        print(level.lower(), said(message), *(f"{name}={value}" for name, value in pairs))
