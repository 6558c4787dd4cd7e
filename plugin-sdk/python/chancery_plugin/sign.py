"""Signatures with keys that stay in the host.

A key is granted for one purpose, and each purpose allows exactly one of these functions.
"""

from __future__ import annotations

from typing import Any

from ._host import call, interface
from ._text import checked, content
from .errors import CapabilityError, Internal, Misconfigured, PluginError, Unavailable
from .jsontext import JsonError, render

_host = interface("sign")


class SignError(CapabilityError):
    """Why there is no signature. `kind` is `not-granted`, `wrong-purpose`, `bad-input` or `unavailable`."""

    def __init__(self, kind: str, carried: object = None) -> None:
        super().__init__(
            {
                "not-granted": "no such key is granted: add [grants.sign.keys.<name>]",
                "wrong-purpose": f'the key is granted for the purpose "{carried}"',
                "bad-input": f"the input is refused: {carried}",
            }.get(kind, f"the key does not answer: {carried}")
        )
        self.kind = kind

    def as_plugin_error(self) -> PluginError:
        classes = {"not-granted": Misconfigured, "wrong-purpose": Misconfigured, "bad-input": Internal}
        return classes.get(self.kind, Unavailable)("The request to the data source cannot be signed.", detail=self)


def jwt(key: str, claims: dict[str, Any]) -> str:
    """Purpose `jwt`: a compact JWT over `claims`.

    The host writes the header, the claims that the grant fixes, and always `iat`, `exp` and `jti`. At most
    16 KiB. Raises `SignError`.
    """
    try:
        text = render(claims, "claims")
    except JsonError as error:
        raise SignError("bad-input", error) from None
    return call(_host.jwt, checked(key, "the key"), text, otherwise=SignError)


def detached_jws(key: str, payload: bytes) -> str:
    """Purpose `detached-jws`: a compact JWS with detached payload (RFC 7515, appendix F). Raises `SignError`."""
    return call(_host.detached_jws, checked(key, "the key"), content(payload, "the payload"), otherwise=SignError)


def mac(key: str, message: bytes) -> bytes:
    """Purpose `mac`: HMAC-SHA-256. Raises `SignError`."""
    return call(_host.mac, checked(key, "the key"), content(message, "the message"), otherwise=SignError)
