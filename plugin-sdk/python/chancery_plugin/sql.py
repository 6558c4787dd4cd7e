"""Named SQL statements, run by the host on pooled connections.

    person = sql.run("person_by_id").first()

The statements stand in the grant file; a plugin never sends SQL text. Parameters that the grant binds
(`@subject.id`) are filled by the host from the call at hand, and not passed here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ._host import call, interface
from ._text import checked
from ._text import kind as kind_of
from .errors import CapabilityError, InvalidRequest, Misconfigured, PluginError, Unavailable
from .jsontext import JsonError, parse

_host = interface("sql")

#: SQLSTATE classes of failures that pass: connection, rollback (deadlock, serialisation), resources, operator
#: intervention, system error.
_PASSING = ("08", "40", "53", "57", "58")


class SqlError(CapabilityError):
    """Why a statement gave no rows.

    `kind` is `unknown-statement`, `bad-parameter`, `timeout`, `unavailable`, `database` or `too-large`;
    or `bad-json`: `jsontext.parse` does not take what a JSON column holds.
    """

    def __init__(self, kind: str, carried: Any = None) -> None:
        super().__init__(_text(kind, carried))
        self.kind = kind
        #: The SQLSTATE, or the driver's code where there is none, where the kind is `database`.
        self.code: str = carried.code if kind == "database" else ""

    def as_plugin_error(self) -> PluginError:
        if self.kind in ("timeout", "unavailable") or _class_of(self.code) in _PASSING:
            return Unavailable("The data source does not answer at the moment.", detail=self)
        # Class 22 is about the values at hand: a text that is no number, a date out of range.
        if self.code.startswith("22"):
            return InvalidRequest("The data source cannot look this subject up.", detail=self)
        return Misconfigured("The data source is not set up correctly.", detail=self)


@dataclass(frozen=True)
class Rows:
    """What a statement returned. Iterating gives one dict a row, by column name."""

    #: Column names in the order of the statement.
    columns: list[str]
    #: One tuple of values a row, in the order of `columns`. NULL is `None`, a JSON column what
    #: `jsontext.parse` makes of it; decimals, dates, times and UUIDs are texts, ready for claims.
    rows: list[tuple[Any, ...]]
    #: True when the statement had more rows than the grant's `max_rows`.
    truncated: bool = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def first(self) -> dict[str, Any] | None:
        """The first row, or `None` where there is none."""
        return next(iter(self), None)


def run(statement: str, *parameters: Any) -> Rows:
    """Runs the named statement. `parameters` fill those that the grant leaves to the plugin, in order.

    They may be `None`, `bool`, `int`, `float`, `str`, `bytes`, `Decimal`, `date`, `time`, `datetime`, `UUID`;
    a `dict` or `list` goes as JSON. Raises `SqlError`.
    """
    name = checked(statement, "the statement")
    found = call(_host.run, name, [_parameter(value) for value in parameters], otherwise=SqlError)
    rows = [tuple(map(_value, row, found.columns)) for row in found.rows]
    return Rows(found.columns, rows, found.truncated)


def _parameter(value: Any) -> Any:
    if value is None:
        return _host.Value_Null()
    name = next((name for name, classes in _classes().items() if isinstance(value, classes)), None)
    if name is None:
        raise SqlError("bad-parameter", f"{kind_of(value)} is no database value")
    if name == "Int" and not -(2**63) <= value < 2**63:
        raise SqlError("bad-parameter", "a whole number needs more than 64 bits")
    if name in ("Date", "Time", "Timestamp"):
        value = value.isoformat()
    elif name == "Numeric":
        value = format(value, "f")
    elif name == "Uuid":
        value = str(value)
    elif name == "Bytes":
        value = bytes(value)
    elif name == "Json":
        value = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if name in ("Text", "Json"):
        value = checked(value, "a parameter")
    return getattr(_host, f"Value_{name}")(value)


def _classes() -> dict[str, tuple[type, ...]]:
    """Which Python classes go as which value, the more special first: a `bool` is an `int` too.

    A value of a module that nobody imported can't be at hand, so none is imported here.
    """

    def of(module: str, name: str) -> tuple[type, ...]:
        loaded = sys.modules.get(module)
        return (getattr(loaded, name),) if loaded else ()

    return {
        "Boolean": (bool,),
        "Int": (int,),
        "Float": (float,),
        "Text": (str,),
        "Bytes": (bytes, bytearray, memoryview),
        "Numeric": of("decimal", "Decimal"),
        "Timestamp": of("datetime", "datetime"),
        "Date": of("datetime", "date"),
        "Time": of("datetime", "time"),
        "Uuid": of("uuid", "UUID"),
        "Json": (dict, list),
    }


def _value(value: Any, column: str) -> Any:
    carried = getattr(value, "value", None)
    if type(value) is not _host.Value_Json:
        return carried
    try:
        return parse(carried)
    except JsonError as error:
        raise SqlError("bad-json", f"{column} cannot be read: {error}") from None


def _text(kind: str, carried: Any) -> str:
    if kind == "unknown-statement":
        known = f"no such statement is granted, only {', '.join(carried)}"
        return known if carried else "no statement is granted: add [grants.sql.statements.<name>]"
    if kind == "database":
        # SQLSTATE class 42 is syntax, names, rights. Messages of the others quote values: the key that exists
        # already, the text that is no number.
        about_statement = _class_of(carried.code) == "42"
        shown = carried.message if about_statement else "(its message may quote data and is not shown)"
        return f"the database refused the statement: {carried.code} {shown}"
    return {
        "bad-parameter": f"the parameters do not fit: {carried}",
        "bad-json": f"the JSON of column {carried}",
        "timeout": "the statement ran longer than its timeout",
        "too-large": f"the rows hold more than max_bytes, {carried} bytes",
    }.get(kind, f"the database does not answer: {carried}")


def _class_of(sqlstate: str) -> str:
    return sqlstate[:2] if len(sqlstate) == 5 else ""
