"""Runs the SDK's own part of a call while the component is built.

Python rewrites its code as it first runs, to what suits the values it meets. That is done here, once, and
not again on a copy of those pages in each call.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import componentize_py_runtime as runtime
from componentize_py_types import Ok
from wit_world.imports import contract

from . import _component, _memory, log
from .audit import Receipt
from .credential import Credential
from .data import Data
from .errors import NotFound

#: Code is rewritten in its second run, and where it meets another kind of value once more later.
_RUNS = 8

_OBJECT = '{"a": [1, "b", null, 1.5], "c": {"d": true}}'


class _Sample:
    """Stands in the place of the author's class."""

    failing = False

    def fetch(self, request: Any, config: dict[str, Any]) -> Data:
        log.info("rehearsed", configuration=request.configuration_id)
        if self.failing:
            raise NotFound("Not here.", detail="not at all")
        return Data({"a": "b", "c": [1, None, {"d": 1.5}]})

    def issue(self, request: Any, holder: Any, config: dict[str, Any]) -> Credential:
        return Credential(request.format, b"a")

    def poll(self, request: Any, config: dict[str, Any]) -> Credential:
        return Credential("a", b"a")

    def deliver(self, events: list[Any], config: dict[str, Any]) -> Receipt:
        return Receipt.of_delivered(events)


def rehearse(kind: str) -> None:
    """All of a call but the author's code and the host."""
    host, plugin = runtime.call_import, _component.plugin
    # What the host answers: a text that is an object, wherever one is asked for.
    runtime.call_import = lambda *_: _OBJECT
    _component.plugin = _Sample
    try:
        for failing in [True] * 2 + [False] * _RUNS:
            _Sample.failing = failing
            for call in _CALLS[kind]:
                _survive(call)
            # The first thing in each sandbox.
            random.seed()
        if sql := sys.modules.get("chancery_plugin.sql"):
            _rehearse_sql(sql)
    finally:
        runtime.call_import, _component.plugin = host, plugin
        _memory.unused()


def _rehearse_sql(sql: Any) -> None:
    values = [sql._host.Value_Text("a"), sql._host.Value_Null(), sql._host.Value_Int(1), sql._host.Value_Bytes(b"a")]
    runtime.call_import = lambda *_: Ok(sql._host.Rows(["a", "b", "c", "d"], [values], False))
    for _ in range(_RUNS):
        sql.run("a").first()


def _survive(call: Callable[[], Any]) -> None:
    try:
        call()
    except _component.Err:
        pass


def _request() -> Any:
    subject = contract.Subject("a", _OBJECT)
    return contract.Request("a", "b", "c", "d", subject, [["a"]], ["en"], _OBJECT, _OBJECT, 5000)


def _poll_request() -> Any:
    return _component.kind.PollRequest("a", "b", "c", _OBJECT, b"d", _OBJECT, 5000)


def _holder() -> Any:
    return _component.kind.Holder("a", "jwt", _OBJECT)


def _event() -> Any:
    outcome = next(iter(_component.kind.Outcome))
    return _component.kind.Event("a", 1, 1, "b", "c", outcome, "d", "e", "f", _OBJECT)


_CALLS: dict[str, list[Callable[[], Any]]] = {
    "data-provider": [lambda: _component.DataProvider().fetch(_request())],
    "vc-issuance": [
        lambda: _component.VcIssuance().issue(_request(), _holder()),
        lambda: _component.VcIssuance().poll(_poll_request()),
    ],
    "audit": [lambda: _component.Audit().deliver([_event(), _event()])],
}
