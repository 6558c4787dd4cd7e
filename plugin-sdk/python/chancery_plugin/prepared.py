"""What `prepare` returned for this generation: an immutable index or table.

By default every call runs in a fresh sandbox, and what a plugin keeps in its own memory is gone with the
call. What is costly to build and the same for every subject is built once in `prepare` and read here.
"""

from __future__ import annotations

import io

from . import _readers
from ._host import interface

_host = interface("prepared")


def size() -> int:
    """How many bytes there are; 0 before `prepare` has returned and where it returned none."""
    return _host.size()


def read() -> bytes:
    """All of it. For what is large, `open` reads the parts that are needed."""
    with open() as file:
        return file.read()


def open() -> io.BufferedReader:
    """A binary file over it: `seek`, `read(n)`, lines."""
    return _readers.buffered(_host.size(), _host.read)
