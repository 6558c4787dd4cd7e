"""An append-only file for audit sinks.

Directory and name are the operator's, `[grants.journal]`. What was written can't be read back, changed or
removed.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import _text
from ._host import call, interface
from .errors import CapabilityError, Misconfigured, PluginError, Unavailable

_host = interface("journal")

#: The most that one `append` takes. One call may use `journal`, `sign` and `reveal` 64 times together.
MAX_APPEND = 1024 * 1024


class JournalError(CapabilityError):
    """Why nothing was written.

    `kind` is `full` (rotate first) or `unavailable` (the file system refused; the reason may name paths).
    """

    def __init__(self, kind: str, carried: object = None) -> None:
        super().__init__(f"max_file of [grants.journal] allows {carried} bytes a file" if kind == "full" else carried)
        self.kind = kind

    def as_plugin_error(self) -> PluginError:
        error = Misconfigured if self.kind == "full" else Unavailable
        return error("The journal cannot be written.", detail=self)


def append(content: bytes | str) -> None:
    """Appends whole lines, each with its newline; they are on disk when this returns.

    At most `MAX_APPEND` bytes. Raises `JournalError`.
    """
    call(_host.append, _text.content(content, "what is appended"), otherwise=JournalError)


def append_lines(lines: Iterable[str]) -> None:
    """Appends lines, to which it adds the newlines, as many at once as one `append` takes.

    Where it raises `JournalError`, some of them may be written.
    """
    pending = bytearray()
    for line in lines:
        content = _text.content(line, "a line") + b"\n"
        if pending and len(pending) + len(content) > MAX_APPEND:
            append(bytes(pending))
            pending.clear()
        pending += content
    if pending:
        append(bytes(pending))


def size() -> int:
    """How many bytes the file in use holds. Raises `JournalError`."""
    return call(_host.size, otherwise=JournalError)


def begun_at() -> int | None:
    """When the file in use was begun, in milliseconds since 1970-01-01T00:00:00Z; `None` while it is empty.

    Raises `JournalError`.
    """
    return call(_host.begun_at, otherwise=JournalError)


def rotate() -> None:
    """Closes the file in use and begins a new one. Nothing happens while it is empty. Raises `JournalError`."""
    call(_host.rotate, otherwise=JournalError)
