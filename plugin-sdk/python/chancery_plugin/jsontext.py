"""JSON, read and written strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import json
from typing import Any

from ._text import kind

#: How deep the host lets claims nest.
MAX_DEPTH = 32

#: Floats from here on do not tell neighbouring whole numbers apart.
_EXACT_FLOATS = 2.0**53

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class JsonError(ValueError):
    """Why a text is not taken, or a value cannot be written."""


def parse(text: str | bytes) -> Any:
    """Reads JSON of a source that is not trusted to be careful.

    Refuses a name that stands twice in one object, nesting beyond `MAX_DEPTH`, numbers that 64 bits do not
    hold, and `NaN`. The contract allows none of them in claims. Raises `JsonError`, which quotes nothing of it.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise JsonError(f"not UTF-8 at byte {error.start}") from None
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_int=_int, parse_float=_float, parse_constant=_constant
        )
    except RecursionError:
        raise JsonError(f"more than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as error:
        # Not its document: it is about a person.
        raise JsonError(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    _check_depth(value, MAX_DEPTH)
    return value


def render(value: Any, what: str) -> str:
    """A JSON object of what an author made. `what` names it: `claims`. Raises `JsonError`."""
    if not isinstance(value, dict):
        raise JsonError(f"{what} is {kind(value)}; a dict is expected")
    try:
        text = _encode(value)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        raise JsonError(_fault(value, what) or f"{what} cannot be written as JSON") from None
    return text


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # Which one is not said: names can be ids of people.
        raise JsonError("a name stands twice in one object")
    return members


def _int(digits: str) -> int:
    # Python would take any length, at a cost that grows with its square.
    if len(digits) <= 20 and -(2**63) <= int(digits) < 2**64:
        return int(digits)
    raise JsonError("a number is too large to be kept exactly")


def _float(text: str) -> float:
    number = float(text)
    if abs(number) >= _EXACT_FLOATS:
        raise JsonError("a number is too large to be kept exactly")
    return number


def _constant(name: str) -> Any:
    raise JsonError(f"{name} is not JSON")


def _check_depth(value: Any, left: int) -> None:
    if not isinstance(value, (dict, list)):
        return
    if left == 0:
        raise JsonError(f"more than {MAX_DEPTH} levels")
    for member in value.values() if isinstance(value, dict) else value:
        _check_depth(member, left - 1)


def _fault(value: Any, path: str, depth: int = 0) -> str | None:
    """Where a value stops being JSON, for its author."""
    if depth > MAX_DEPTH:
        return f"{path} is deeper than {MAX_DEPTH} levels"
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str):
                return f"{path} has {kind(name)} as a name ({name!r}); use texts"
            if fault := _fault(member, f"{path}.{name}", depth + 1):
                return fault
        return None
    if isinstance(value, (list, tuple)):
        faults = (_fault(member, f"{path}[{at}]", depth + 1) for at, member in enumerate(value))
        return next((fault for fault in faults if fault), None)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"{path} is {value}, which is not JSON"
    if isinstance(value, str):
        surrogate = any("\ud800" <= character <= "\udfff" for character in value)
        return f"{path} has half of a surrogate pair, which is not Unicode" if surrogate else None
    if value is None or isinstance(value, (bool, int, float)):
        return None
    return f"{path} is {kind(value)}, which JSON does not have{_advice(value)}"


def _advice(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return ": decode it, or use an Attachment"
    if isinstance(value, (set, frozenset)):
        return ": use a list"
    if hasattr(value, "isoformat"):
        return ": use .isoformat()"
    return ": use str(…)"
