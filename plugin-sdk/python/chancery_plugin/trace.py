"""The identity of the running call, for correlation with other systems."""

from __future__ import annotations

from ._host import interface

_host = interface("trace")


def request_id() -> str:
    """The request id that the host logs and that the client also gets; empty while none is at hand."""
    return _host.request_id()


def traceparent() -> str | None:
    """The W3C `traceparent` header value to send to a data source, where the host traces this call."""
    return _host.traceparent()


def remaining() -> float:
    """Seconds of wall-clock time left for this call. The host ends the call when they are used up."""
    return _host.remaining_ms() / 1000
