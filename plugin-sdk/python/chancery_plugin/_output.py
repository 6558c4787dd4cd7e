"""What a plugin prints and logs, on its way to the host's log."""

from __future__ import annotations

import io
import sys
from typing import Any

from . import _failure, log
from ._text import said

#: The longest line that is kept together until it ends.
_MAX_LINE = 8192

#: Streams that hold something.
_unfinished: set[LogStream] = set()


class LogStream(io.TextIOBase):
    """A text stream whose lines are log lines."""

    def __init__(self, write_line: Any) -> None:
        self._write_line = write_line
        self._pending = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._pending = (self._pending + text).split("\n")
        for line in lines:
            self._emit(line)
        if len(self._pending) > _MAX_LINE:
            self.finish()
        if self._pending:
            _unfinished.add(self)
        return len(text)

    def finish(self) -> None:
        """Writes what has no newline yet: the call is over."""
        line, self._pending = self._pending, ""
        self._emit(line)

    def _emit(self, line: str) -> None:
        if line.strip():
            self._write_line(line.rstrip())


def redirect() -> None:
    """From here on stdout, stderr and, where it is in use, `logging` go to the host's log."""
    _failure.calling = True
    sys.stdout = LogStream(log.info)
    sys.stderr = LogStream(log.warn)
    if "logging" in sys.modules:
        _redirect_logging(sys.modules["logging"])


def finish() -> None:
    """The call is over."""
    while _unfinished:
        _unfinished.pop().finish()


def _redirect_logging(logging: Any) -> None:
    class HostHandler(logging.Handler):
        def emit(self, record: Any) -> None:
            fields: dict[str, object] = {"logger": record.name} if record.name != "root" else {}
            try:
                message = record.getMessage()
                if record.exc_info and record.exc_info[1] is not None:
                    fields["exception"] = _failure.describe(record.exc_info[1])
            except Exception as error:
                # Wrong arguments end no call anywhere in Python. Not the arguments: they may be about a person.
                message = f"a wrong call of logging: {said(record.msg)}"
                fields["at"] = f"{_failure.file(record.pathname)}:{record.lineno}"
                fields["reason"] = f"{type(error).__name__}: {said(error)}"
            _write_record(record.levelno, message, fields)

    root = logging.getLogger()
    if not any(isinstance(handler, HostHandler) for handler in root.handlers):
        # Handlers that write to a stream would only say it all again.
        root.handlers[:] = [HostHandler()]
    if root.level == logging.WARNING:
        # Python's own threshold: here the operator's log filter decides.
        root.setLevel(logging.INFO)


def _write_record(level: int, message: str, fields: dict[str, object]) -> None:
    thresholds = ((40, log.error), (30, log.warn), (20, log.info), (10, log.debug))
    write = next((write for threshold, write in thresholds if level >= threshold), log.trace)
    write(message, **fields)
