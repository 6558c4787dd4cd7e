"""A small cache that outlives a call.

Keys live in a space of their own for each pair of issuer and plugin. An entry may vanish at any moment, and
the cache may not answer: a plugin then goes on without it.
"""

from __future__ import annotations

import datetime

from ._host import call, interface
from ._text import checked, content
from .errors import CapabilityError, Internal, Misconfigured, PluginError, Unavailable, milliseconds

_host = interface("kv")


class KvError(CapabilityError):
    """Why the cache did not answer.

    `kind` is `bad-key` (empty or longer than 512 bytes), `too-large` (the value) or `unavailable`.
    """

    def __init__(self, kind: str, carried: object = None) -> None:
        super().__init__(
            {
                "bad-key": "the key is empty or longer than 512 bytes",
                "too-large": f"a value may hold {carried} bytes",
            }.get(kind, f"the cache does not answer: {carried}")
        )
        self.kind = kind

    def as_plugin_error(self) -> PluginError:
        classes = {"bad-key": Internal, "too-large": Misconfigured}
        return classes.get(self.kind, Unavailable)("The plugin's cache cannot be used.", detail=self)


def get(key: str) -> bytes | None:
    """The value of a key; `None` when never set, expired or lost. Raises `KvError`."""
    return call(_host.get, checked(key, "the key"), otherwise=KvError)


def put(key: str, value: bytes | str, ttl: float | datetime.timedelta | None = None) -> None:
    """Sets a key for `ttl` seconds; the grant's maximum applies when absent or longer. Raises `KvError`."""
    kept = None if ttl is None else milliseconds(ttl, 64)
    call(_host.put, checked(key, "the key"), content(value, "the value"), kept, otherwise=KvError)


def delete(key: str) -> None:
    """Removes a key; removing an absent one succeeds. Raises `KvError`."""
    call(_host.delete, checked(key, "the key"), otherwise=KvError)
