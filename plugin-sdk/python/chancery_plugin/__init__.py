"""Chancery plugins in Python.

A plugin is one class, in `src/plugin.py`, that derives from `DataProvider`, `VcIssuer` or `AuditSink`.
Capabilities are modules of this package: `http`, `sql`, `kv`, `files`, `secrets`, `reveal`, `sign` and
`journal`, each for plugins whose `wit/world.wit` imports it; `log`, `prepared` and `trace` are for all.
"""

from . import _memory

# The rest lies together behind what this loads.
_memory.begin()

from .audit import Event, Receipt, Rejection
from .credential import Credential, Ticket
from .data import Attachment, Data
from .errors import Denied, Internal, InvalidRequest, Misconfigured, NotFound, PluginError, Unavailable
from .plugin import AuditSink, DataProvider, Plugin, Problem, VcIssuer, pointer
from .request import Holder, PollRequest, Request, Subject

__all__ = [
    "Attachment",
    "AuditSink",
    "Credential",
    "Data",
    "DataProvider",
    "Denied",
    "Event",
    "Holder",
    "Internal",
    "InvalidRequest",
    "Misconfigured",
    "NotFound",
    "Plugin",
    "PluginError",
    "PollRequest",
    "Problem",
    "Receipt",
    "Rejection",
    "Request",
    "Subject",
    "Ticket",
    "Unavailable",
    "VcIssuer",
    "pointer",
]
