"""Texts as the host can take them, and values as text."""

from __future__ import annotations

from typing import Any

#: More characters than any text that is for people may have in the host.
_MOST = 65_536


def said(value: object, otherwise: str | None = None) -> str:
    """What something says of itself, in characters that Unicode has. Never fails.

    Where its own `__str__` does, it is `otherwise`, or what kind of thing it is.
    """
    try:
        text = str(value)
    except BaseException:
        text = kind(value) if otherwise is None else otherwise
    return well_formed(text[:_MOST])


def well_formed(text: str) -> str:
    """Half a surrogate pair, which no reader could take, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def kind(value: object) -> str:
    """What something is, for a sentence: `None`, `a str`, `an int`."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name}"


def checked(value: Any, what: str) -> str:
    """A text of the author's for the host: another value would end the sandbox there, and say nothing."""
    if not isinstance(value, str):
        raise TypeError(f"{what} is {kind(value)}; a str is expected")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{what} has half of a surrogate pair, which is not Unicode") from None
    return value


def content(value: Any, what: str) -> bytes:
    """Bytes of the author's for the host; a text goes as UTF-8."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return checked(value, what).encode("utf-8")
    # `bytes(5)` would be five zeros.
    raise TypeError(f"{what} is {kind(value)}; bytes or a str are expected")
