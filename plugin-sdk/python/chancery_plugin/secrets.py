"""Secrets that the operator granted by name, as opaque handles.

Most plugins need no secret at all: the host puts them into HTTP headers (`inject` of `[grants.http]`) and
signs with them (`sign`). Reading a value is the module `reveal`, and a grant of its own.
"""

from __future__ import annotations

from typing import Any

from ._host import call, interface
from ._text import checked
from .errors import CapabilityError, Misconfigured, PluginError, Unavailable

_host = interface("secrets")


class SecretError(CapabilityError):
    """Why there is no handle. `kind` is `not-granted` or `unavailable` (its source gave nothing)."""

    def __init__(self, name: str, kind: str, carried: object = None) -> None:
        ungranted = f'no secret "{name}" is granted; add it to names of [grants.secrets]'
        super().__init__(ungranted if kind == "not-granted" else f"{name}: {carried}")
        self.kind = kind

    def as_plugin_error(self) -> PluginError:
        error = Misconfigured if self.kind == "not-granted" else Unavailable
        return error("A secret is not available.", detail=self)


class Secret:
    """One secret. Holding it does not show its value."""

    def __init__(self, name: str, handle: Any) -> None:
        #: The name that it was asked for by.
        self.name = name
        self.handle = handle

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"


def get(name: str) -> Secret:
    """A handle to the named secret. Raises `SecretError`."""
    name = checked(name, "the name")
    return Secret(name, call(_host.get, name, otherwise=lambda kind, carried: SecretError(name, kind, carried)))
