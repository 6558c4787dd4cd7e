"""HTTP requests to the hosts that the operator granted.

    response = http.get("https://registry.example/people/" + http.quote(request.subject.id))
    if response.status == 404:
        raise NotFound("The registry does not know you.")
    person = response.json()

The host makes the connection, checks the address, adds the headers of the grant's `inject` and follows no
redirects. Bodies are whole: the grant's `request_max` and `response_max` bound them.
"""

from __future__ import annotations

import datetime
import json as _json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote as _quote

from . import _wire, trace
from ._httperror import HttpError
from ._text import content
from .jsontext import JsonError, parse

__all__ = ["HttpError", "Response", "get", "is_url", "post", "quote", "request"]

#: What is left for the plugin itself when no answer came, and the shortest wait, in seconds.
_RESERVE, _LEAST = 0.1, 0.001

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Response:
    """A response. A status such as 404 is one, too."""

    status: int
    #: Names in lower case and values, in order.
    headers: list[tuple[str, str]] = field(default_factory=list, repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """The first header of this name."""
        return next((value for known, value in self.headers if known == name.lower()), None)

    def text(self) -> str:
        """The body as UTF-8. Raises `HttpError` of the kind `protocol` when it is not."""
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise HttpError("protocol", f"the body is not UTF-8 at byte {error.start}") from None

    def json(self) -> Any:
        """The body as JSON, read strictly (see `jsontext.parse`).

        The content type must be `application/json` or end in `+json`. Raises `HttpError` of the kind
        `protocol` when it is not.
        """
        essence = (self.header("content-type") or "").split(";")[0].strip().lower()
        if essence != "application/json" and not (essence.startswith("application/") and essence.endswith("+json")):
            raise HttpError("protocol", f'the content type is "{essence[:100]}", not JSON')
        try:
            return parse(self.body)
        except JsonError as error:
            raise HttpError("protocol", f"the body is not JSON: {error}") from None

    def retry_after(self, now: datetime.datetime | None = None) -> float | None:
        """What header `Retry-After` says, in seconds; `None` when it says nothing that can be understood."""
        value = self.header("retry-after") or ""
        if value.isascii() and value.isdigit():
            # More digits than these are a very long time.
            return float(value[:15])
        at = _http_date(value)
        if at is None:
            return None
        return max(0.0, (at - (now or datetime.datetime.now(datetime.timezone.utc))).total_seconds())


def quote(value: str) -> str:
    """A value as one component of a URL: all but letters, digits, `-`, `.`, `_` and `~` is percent-encoded."""
    return _quote(value, safe="")


def is_url(value: object) -> bool:
    """Whether something is an address that requests can go to, for `validate`."""
    try:
        return isinstance(value, str) and bool(_wire.split(value))
    except HttpError:
        return False


def get(url: str, *, headers: Mapping[str, str] | None = None, timeout: float | None = None) -> Response:
    """A GET request; see `request`."""
    return request("GET", url, headers=headers, timeout=timeout)


def post(
    url: str,
    *,
    json: Any = None,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Response:
    """A POST request; see `request`."""
    return request("POST", url, json=json, body=body, headers=headers, timeout=timeout)


def request(
    method: str,
    url: str,
    *,
    json: Any = None,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> Response:
    """Sends a request and reads the whole answer.

    `json` is sent as a JSON body with its content type; `body` as it is. Headers that the grant injects, and
    those that belong to the connection (`host`, `content-length`, …), are the host's; `traceparent` is added
    where the host traces this call. `timeout` is for all of it, in seconds; by default what is left of the
    call (see `trace.remaining`) without the last tenth of a second, in which the plugin can still say that no
    answer came. The grant's own limit applies where that is shorter. Raises `HttpError`.
    """
    pairs = [(name.lower(), value) for name, value in (headers or {}).items()]
    present = {name for name, _ in pairs}
    sent = b"" if body is None else content(body, "the body")
    if json is not None:
        sent = _json.dumps(json, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
        if "content-type" not in present:
            pairs.append(("content-type", "application/json"))
    if "traceparent" not in present and (parent := trace.traceparent()):
        pairs.append(("traceparent", parent))
    limit = max(_LEAST, trace.remaining() - _RESERVE) if timeout is None else timeout
    status, fields, answer = _wire.send(method.upper(), url, pairs, sent, limit)
    # Header values are bytes; what is not ASCII in them has no agreed meaning, and Latin-1 loses none of it.
    return Response(status, [(name.lower(), value.decode("latin-1").strip()) for name, value in fields], answer)


def _http_date(value: str) -> datetime.datetime | None:
    """`Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms are not read."""
    # Not strptime, which follows the locale and imports what is not there in a call.
    match value.split(" "):
        case [_, day, month, year, clock, "GMT"] if month in _MONTHS and clock.count(":") == 2:
            numbers = [day, year, *clock.split(":")]
            if not all(number.isascii() and number.isdigit() for number in numbers):
                return None
            days, years, hours, minutes, seconds = map(int, numbers)
            try:
                at = datetime.datetime(years, _MONTHS.index(month) + 1, days, hours, minutes, min(seconds, 59))
            except ValueError:
                return None
            return at.replace(tzinfo=datetime.timezone.utc)
    return None
