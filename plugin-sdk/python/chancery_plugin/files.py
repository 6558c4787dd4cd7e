"""Read-only files that the operator granted with `[[grants.files]]`.

    with files.open("/people.csv") as file:
        rows = csv.DictReader(io.TextIOWrapper(file, "utf-8"))

A file is a snapshot: every call of a generation reads the same bytes. When the file changes on disk, the
host prepares a new generation. Python's own `open` finds no file at all.
"""

from __future__ import annotations

import io

from . import _readers
from ._host import call, interface
from ._text import checked
from .errors import CapabilityError, Misconfigured, PluginError

_host = interface("files")


class FileError(CapabilityError):
    """No file is granted under this guest path."""

    def __init__(self, path: str, granted: list[str]) -> None:
        super().__init__(
            f'no file is granted as "{path}" (granted: {", ".join(granted) or "none"}); '
            f'add [[grants.files]] with guest = "{path}" to the grant file'
        )
        self.path = path
        #: The guest paths that are granted.
        self.granted = granted

    def as_plugin_error(self) -> PluginError:
        return Misconfigured("The data file is not available.", detail=self)


def open(path: str) -> io.BufferedReader:
    """Opens a file by its guest path, compared byte for byte with `guest` of the grant, for reading bytes.

    Raises `FileError`.
    """
    path = checked(path, "the path")
    file = call(_host.open, path, otherwise=lambda _, granted: FileError(path, granted))
    return _readers.buffered(file.size(), file.read)


def read(path: str) -> bytes:
    """All bytes of a file. Raises `FileError`."""
    with open(path) as file:
        return file.read()


def read_text(path: str) -> str:
    """All of a UTF-8 file, without a byte order mark. Raises `FileError`, `UnicodeDecodeError`."""
    return read(path).decode("utf-8-sig")
