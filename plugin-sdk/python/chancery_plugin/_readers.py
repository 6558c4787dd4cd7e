"""Bytes that lie in the host, as files of Python."""

from __future__ import annotations

import io
from collections.abc import Callable

#: The most that the host gives in one read.
_MAX_READ = 1024 * 1024


class Raw(io.RawIOBase):
    """Read-only, seekable; `read_at(offset, length)` gives bytes, fewer at the end."""

    def __init__(self, size: int, read_at: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._read_at = read_at
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readall(self) -> bytes:
        content = bytearray()
        while chunk := self._take(_MAX_READ):
            content += chunk
        return bytes(content)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        chunk = self._take(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _take(self, most: int) -> bytes:
        length = min(most, _MAX_READ, self._size - self._position)
        if length <= 0:
            return b""
        chunk = self._read_at(self._position, length)
        self._position += len(chunk)
        return chunk


def buffered(size: int, read_at: Callable[[int, int], bytes]) -> io.BufferedReader:
    """A file whose small reads are few questions to the host."""
    return io.BufferedReader(Raw(size, read_at), buffer_size=64 * 1024)
