"""What an author's methods return, checked and as plain as the contract has it.

Whoever returns something else is told what it was and what is expected, instead of a conversion's error.
"""

from __future__ import annotations

import datetime
from typing import Any

from ._text import kind, well_formed
from .audit import Receipt, Rejection
from .credential import Credential, Ticket
from .data import Attachment, Data
from .errors import milliseconds
from .jsontext import JsonError, render
from .plugin import Problem


class WrongAnswer(Exception):
    """A method returned what the contract cannot carry."""


def problems(answer: Any) -> list[tuple[str, str]]:
    """Paths and messages of what `validate` found."""
    if answer is None or isinstance(answer, (str, bytes, dict)) or not hasattr(answer, "__iter__"):
        raise WrongAnswer(
            f"validate returned {kind(answer)}; a list of Problem(path, message) is expected, empty for none"
        )
    found = list(answer)
    for problem in found:
        _expect(problem, Problem, "validate", "a list of Problem(path, message)", "a list with ")
        _text("Problem.path", problem.path)
        _text("Problem.message", problem.message)
    return [(problem.path, problem.message) for problem in found]


def prepared(answer: Any) -> bytes:
    """What `prepare` returned."""
    if answer is None:
        return b""
    return _bytes("prepare returned", answer, text=False)


def data(answer: Any) -> tuple[str, list[tuple[str, str, bytes]], int | None]:
    """Claims as JSON, attachments, and until when they hold."""
    _expect(answer, Data, "fetch", "Data(claims)")
    claims = _object("Data.claims", answer.claims)
    if not isinstance(answer.attachments, (list, tuple)):
        raise WrongAnswer(f"Data.attachments is {kind(answer.attachments)}; a list is expected")
    attachments = []
    for attachment in answer.attachments:
        if not isinstance(attachment, Attachment):
            raise WrongAnswer(
                f"Data.attachments holds {kind(attachment)}; Attachment(name, media_type, content) is expected"
            )
        content = _bytes("Attachment.content is", attachment.content, text=False)
        name, media_type = (
            _text("Attachment.name", attachment.name),
            _text("Attachment.media_type", attachment.media_type),
        )
        attachments.append((name, media_type, content))
    return claims, attachments, _valid_until(answer.valid_until)


def issuance(function: str, answer: Any) -> tuple[str, tuple[Any, ...]]:
    """`issued` or `pending`, and the members of what goes with it."""
    if isinstance(answer, Ticket):
        token = _bytes("Ticket.token is", answer.token)
        return "pending", (token, _duration("Ticket.retry_after", answer.retry_after))
    _expect(answer, Credential, function, "Credential(format, body) or Ticket(token, retry_after)")
    external_id = None if answer.external_id is None else _text("Credential.external_id", answer.external_id)
    body = _bytes("Credential.body is", answer.body)
    metadata = _object("Credential.metadata", answer.metadata)
    return "issued", (_text("Credential.format", answer.format), body, external_id, metadata)


def receipt(answer: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """Ids of the delivered events, and ids of the rejected ones with the reasons."""
    _expect(answer, Receipt, "deliver", "Receipt(delivered, rejected)")
    for member in (answer.delivered, answer.rejected):
        if not isinstance(member, (list, tuple)):
            raise WrongAnswer(f"Receipt holds {kind(member)}; lists are expected")
    delivered = [_text("Receipt.delivered[…]", event) for event in answer.delivered]
    rejected = []
    for rejection in answer.rejected:
        if not isinstance(rejection, Rejection):
            raise WrongAnswer(f"Receipt.rejected holds {kind(rejection)}; Rejection(id, reason) is expected")
        rejected.append((_text("Rejection.id", rejection.id), _text("Rejection.reason", rejection.reason)))
    return delivered, rejected


def _expect(answer: Any, expected: type, function: str, shown: str, inside: str = "") -> None:
    if not isinstance(answer, expected):
        raise WrongAnswer(f"{function} returned {inside}{kind(answer)}; {shown} is expected")


def _object(name: str, value: Any) -> str:
    try:
        return render(value, name)
    except JsonError as error:
        raise WrongAnswer(str(error)) from None


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return well_formed(value)
    raise WrongAnswer(f"{name} is {kind(value)}; a str is expected")


def _bytes(what: str, value: Any, *, text: bool = True) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if text and isinstance(value, str):
        return value.encode("utf-8", "replace")
    raise WrongAnswer(f"{what} {kind(value)}; bytes are expected")


def _duration(name: str, value: Any) -> int:
    try:
        return milliseconds(value, 32)
    except (TypeError, ValueError):
        raise WrongAnswer(f"{name} is {kind(value)}; seconds or a timedelta are expected") from None


def _valid_until(value: Any) -> int | None:
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise WrongAnswer("Data.valid_until has no time zone; use datetime.timezone.utc")
        value = int(value.timestamp())
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**64:
        return value
    raise WrongAnswer(
        f"Data.valid_until is {kind(value)} ({value}); seconds since 1970 as an int, or a datetime, are expected"
    )
