"""Between the contract's functions and the author's class: parses what comes in, checks what goes out.

The classes here are the component's exports: `componentize-py` finds them by name in the module that
`_entry` fills.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from wit_world.exports import lifecycle
from wit_world.imports import blobs, config, contract

from . import _answers, _failure, _memory, _output, log
from ._answers import WrongAnswer
from ._host import Err, call
from ._text import said
from .audit import Event
from .errors import (
    CapabilityError,
    Denied,
    InvalidRequest,
    Misconfigured,
    NotFound,
    PluginError,
    Unavailable,
    milliseconds,
)
from .request import Holder, PollRequest, Request, Subject

#: The public text of every failure that is the plugin's own.
FAILED = "The plugin failed."

#: The most bytes that a blob takes at once.
_CHUNK = 1024 * 1024

_read = json.JSONDecoder().raw_decode

#: The author's class, the contract's types of its kind, and what it says of itself: set by `_entry`.
plugin: Any = None
kind: Any = None
description = ""


class Lifecycle:
    """`chancery:plugin/lifecycle`."""

    def describe(self) -> str:
        return description

    def validate_config(self, config: str) -> None:
        try:
            problems = _answers.problems(_made().validate(_object(config)))
        except BaseException as error:
            problems = [("", f"The check itself failed: {_detail(error)}")]
        finally:
            _output.finish()
        if problems:
            raise Err([lifecycle.ConfigProblem(path, message) for path, message in problems])

    def prepare(self) -> bytes:
        return _run(lambda: _answers.prepared(_made().prepare(_config())))

    def health(self) -> None:
        _run(lambda: _made().health(_config()))


class DataProvider:
    """`chancery:plugin/data-provider`."""

    def fetch(self, request: Any) -> Any:
        def fetch() -> Any:
            data = _made().fetch(_request(request), _config())
            claims, attachments, valid_until = _answers.data(data)
            return kind.Data(claims, [_attachment(*attachment) for attachment in attachments], valid_until)

        return _run(fetch)


class VcIssuance:
    """`chancery:plugin/vc-issuance`."""

    def issue(self, request: Any, holder: Any) -> Any:
        return _run(lambda: _issuance("issue", _made().issue(_request(request), _holder(holder), _config())))

    def poll(self, request: Any) -> Any:
        return _run(lambda: _issuance("poll", _made().poll(_poll_request(request), _config())))


class Audit:
    """`chancery:plugin/audit`."""

    def deliver(self, batch: list[Any]) -> Any:
        def deliver() -> Any:
            receipt = _made().deliver([_event(event) for event in batch], _config())
            delivered, rejected = _answers.receipt(receipt)
            return kind.Receipt(delivered, [kind.Rejection(*rejection) for rejection in rejected])

        return _run(deliver)


def _run(work: Callable[[], Any]) -> Any:
    """One call: its result, or its failure as the contract has it."""
    try:
        return work()
    except BaseException as error:
        failure = _failed(error)
    finally:
        _output.finish()
    raise Err(failure)


def _failed(error: BaseException) -> Any:
    """The failure as the contract has it. What is raised beyond this would end the sandbox without a word."""
    try:
        return _contract_error(error)
    except BaseException as defect:
        # The error itself is broken: a member that is not there, a property that raises.
        return contract.Error_Internal(contract.Problem(FAILED, _failure.describe(defect)))


def _contract_error(error: BaseException) -> Any:
    if isinstance(error, CapabilityError):
        place = _failure.place(error)
        error = error.as_plugin_error()
        error.detail = f"{error.detail} ({place})" if place else error.detail
    if not isinstance(error, PluginError):
        return contract.Error_Internal(contract.Problem(FAILED, _detail(error)))
    # An author's own class, or whoever sets the members later, may have put anything into them.
    detail = None if error.detail is None else _failure.cut(said(error.detail))
    problem = contract.Problem(_failure.cut(said(error.message)), detail)
    match error:
        case Unavailable():
            return contract.Error_Unavailable(contract.Retry(problem, _after(error.retry_after)))
        case NotFound():
            return contract.Error_NotFound(problem)
        case Denied():
            return contract.Error_Denied(problem)
        case InvalidRequest():
            return contract.Error_InvalidRequest(problem)
        case Misconfigured():
            return contract.Error_Misconfigured(problem)
        case _:
            return contract.Error_Internal(problem)


def _after(retry_after: Any) -> int | None:
    """Milliseconds. What is no duration counts as none: the host then decides, and the error stays what it is."""
    try:
        return None if retry_after is None else milliseconds(retry_after, 32)
    except (TypeError, ValueError) as error:
        log.warn("a retry_after that is no duration", reason=error)
        return None


def _detail(error: BaseException) -> str:
    """What an exception that nobody meant for the host says to the author."""
    return _failure.cut(str(error)) if isinstance(error, WrongAnswer) else _failure.describe(error)


def _object(text: str) -> Any:
    """A JSON object of the host's, which is always valid.

    Every page of memory that a call touches has to be copied for it, which is most of what a call of a few
    lines costs: so the reader is asked directly, without the regular expressions around it, or not at all.
    """
    return {} if text == "{}" else _read(text)[0]


def _made() -> Any:
    """A new one for each call, so that nothing of `__init__` is older than the call. It is how each call begins."""
    _memory.sweep()
    return plugin()


def _config() -> dict[str, Any]:
    return _object(config.all())


def _request(request: Any) -> Request:
    return Request(
        subject=Subject(request.subject.id, _object(request.subject.claims)),
        configuration_id=request.configuration_id,
        format=request.format,
        settings=_object(request.settings),
        requested_claims=request.requested_claims,
        locales=request.locales,
        context=_object(request.context),
        request_id=request.request_id,
        issuer_id=request.issuer_id,
        budget_ms=request.budget_ms,
    )


def _holder(holder: Any) -> Holder:
    key = None if holder.public_key_jwk is None else _object(holder.public_key_jwk)
    return Holder(holder.id, holder.proof_type, key)


def _poll_request(request: Any) -> PollRequest:
    return PollRequest(
        token=request.token,
        configuration_id=request.configuration_id,
        settings=_object(request.settings),
        context=_object(request.context),
        request_id=request.request_id,
        issuer_id=request.issuer_id,
        budget_ms=request.budget_ms,
    )


def _event(event: Any) -> Event:
    return Event(
        id=event.id,
        sequence=event.sequence,
        at_unix_ms=event.at_unix_ms,
        issuer_id=event.issuer_id,
        action=event.action,
        outcome=event.outcome.name.lower(),
        actor=event.actor,
        object=event.object,
        request_id=event.request_id,
        detail=_object(event.detail),
    )


def _attachment(name: str, media_type: str, content: bytes) -> Any:
    blob = blobs.Blob(media_type)
    for start in range(0, len(content), _CHUNK):
        call(blob.append, content[start : start + _CHUNK], otherwise=_too_large)
    return contract.Attachment(name, blob)


def _too_large(_: str, limit: int) -> WrongAnswer:
    return WrongAnswer(f"the attachments of one call may hold {limit} bytes together")


def _issuance(function: str, answer: object) -> Any:
    stands, members = _answers.issuance(function, answer)
    if stands == "issued":
        return kind.Issuance_Issued(kind.Credential(*members))
    return kind.Issuance_Pending(kind.Ticket(*members))
