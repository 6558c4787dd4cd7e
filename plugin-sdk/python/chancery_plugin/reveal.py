"""Reads the value of a secret into the plugin: a grant of its own, `reveal = true` of `[grants.secrets]`.

headers = {"x-api-key": reveal("registry-token").expose_text()}
"""

from __future__ import annotations

from . import secrets
from ._host import interface

_host = interface("reveal")


class Revealed:
    """The value of a secret; never shown by `repr`, `print` or a log line."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Revealed(…)"

    def expose(self) -> bytes:
        """The bytes, for the one place that needs them."""
        return self._value

    def expose_text(self) -> str:
        """The same as text. Raises `UnicodeDecodeError`."""
        return self._value.decode("utf-8")


def reveal(secret: str | secrets.Secret) -> Revealed:
    """The value of a secret. The host records each use as an audit event. Raises `secrets.SecretError`."""
    handle = secret if isinstance(secret, secrets.Secret) else secrets.get(secret)
    return Revealed(_host.reveal(handle.handle))
