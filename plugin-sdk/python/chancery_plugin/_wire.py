"""The way to wasi:http and back."""

from __future__ import annotations

import time
from typing import Any

from ._host import INSIDE, Err, call, case, interface
from ._httperror import HttpError
from ._text import checked

_handler = interface("http", "outgoing_handler")
_types = interface("http", "http_types")
if INSIDE:
    # What wasi:http itself needs comes with it.
    from wit_world.imports import monotonic_clock, poll

#: How much is read or written at once.
_CHUNK = 64 * 1024

#: The longest that wasi:http can say, in nanoseconds.
_MAX_NANOSECONDS = 2**64 - 1

#: What a path or a query may hold as it is (RFC 3986); a percent sign begins an encoded byte.
_LITERAL = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=/:@?%")
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")


def send(
    method: str, url: str, headers: list[tuple[str, str]], body: bytes, timeout: float
) -> tuple[int, list[tuple[str, bytes]], bytes]:
    """Sends a request and reads the whole answer: status, headers, body."""
    https, authority, path = split(url)
    deadline = _Deadline(timeout)
    request = _request(method, https, authority, path, headers)
    outgoing = request.body()
    future = call(_handler.handle, request, _options(timeout), otherwise=HttpError.of_code)
    _write(outgoing, body, deadline)
    response = _response(future, deadline)
    with response:
        status = response.status()
        with response.headers() as fields:
            entries = fields.entries()
        return status, entries, _read(response, deadline)


def split(url: str) -> tuple[bool, str, str]:
    """An absolute URL as wasi:http wants it: whether it is https, host and port, path and query.

    What two readers could understand differently is refused: a user, a fragment, dot segments, and characters
    that have to be percent-encoded.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("https", "http"):
        raise HttpError("bad-request", "the URL must begin with https:// or http://")
    end = min((rest.find(mark) for mark in "/?#" if mark in rest), default=len(rest))
    authority, path = rest[:end], rest[end:]
    if "@" in authority:
        raise HttpError("bad-request", "the URL must have no user or password")
    if not authority or not all(letter.isascii() and (letter.isalnum() or letter in "-._:[]") for letter in authority):
        raise HttpError("bad-request", "the URL's host is not valid")
    for at, letter in enumerate(path):
        if letter not in _LITERAL or (letter == "%" and not _encodes(path[at + 1 : at + 3])):
            raise HttpError("bad-request", f"{letter!r} in the URL must be percent-encoded: use http.quote(value)")
    segments = path.split("?")[0].lower().replace("%2e", ".").split("/")
    if "." in segments or ".." in segments:
        raise HttpError("bad-request", "the URL's path must have no . or .. segments")
    return scheme.lower() == "https", authority.lower(), path if path.startswith("/") else f"/{path}"


def _encodes(digits: str) -> bool:
    return len(digits) == 2 and _HEXADECIMAL.issuperset(digits)


def _request(method: str, https: bool, authority: str, path: str, headers: list[tuple[str, str]]) -> Any:
    try:
        fields = [(checked(name, "a header's name"), checked(value, name).encode("utf-8")) for name, value in headers]
        request = _types.OutgoingRequest(_types.Fields.from_list(fields))
    except Err as failure:
        raise _header_error(failure.value) from None
    known = getattr(_types, f"Method_{method.capitalize()}", None)
    try:
        request.set_method(known() if known else _types.Method_Other(checked(method, "the method")))
        request.set_scheme(_types.Scheme_Https() if https else _types.Scheme_Http())
        request.set_authority(authority)
        request.set_path_with_query(path)
    except Err:
        raise HttpError("bad-request", "the method or the URL is not valid") from None
    return request


def _header_error(value: object) -> HttpError:
    reasons = {"forbidden": "a header may not be set by plugins", "immutable": "the headers are fixed"}
    return HttpError("bad-request", reasons.get(case(value)[0], "a header is not valid"))


def _options(timeout: float) -> Any:
    options = _types.RequestOptions()
    limit = _nanoseconds(timeout)
    try:
        options.set_connect_timeout(limit)
        options.set_first_byte_timeout(limit)
        options.set_between_bytes_timeout(limit)
    except Err:
        raise HttpError("internal", "no timeouts") from None
    return options


def _write(outgoing: Any, body: bytes, deadline: _Deadline) -> None:
    stream = outgoing.write()
    with stream:
        # The server may answer, or the host refuse, before all is written; the response tells which.
        complete = _write_all(stream, body, deadline)
    if complete:
        call(_types.OutgoingBody.finish, outgoing, None, otherwise=HttpError.of_code)


def _write_all(stream: Any, body: bytes, deadline: _Deadline) -> bool:
    """False when the other side takes no more."""
    written = 0
    try:
        while written < len(body):
            room = min(stream.check_write(), _CHUNK)
            if room == 0:
                deadline.wait(stream)
                continue
            stream.write(body[written : written + room])
            written += room
    except Err:
        return False
    return True


def _response(future: Any, deadline: _Deadline) -> Any:
    with future:
        while (result := future.get()) is None:
            deadline.wait(future)
    # An option of a result of a result: taken once, and made of HTTP.
    inner = result.value
    if isinstance(inner, Err):
        raise HttpError.of_code(*case(inner.value))
    return inner.value


def _read(response: Any, deadline: _Deadline) -> bytes:
    content = bytearray()
    with response.consume() as body, body.stream() as stream:
        while True:
            try:
                chunk = stream.read(_CHUNK)
            except Err as failure:
                kind, carried = case(failure.value)
                if kind == "closed":
                    return bytes(content)
                raise _stream_error(carried) from None
            if chunk:
                content += chunk
            else:
                deadline.wait(stream)


def _stream_error(error: Any) -> HttpError:
    with error:
        code = _types.http_error_code(error)
        return HttpError("connection", error.to_debug_string()) if code is None else HttpError.of_code(*case(code))


class _Deadline:
    """When the whole exchange has to be over."""

    def __init__(self, timeout: float) -> None:
        self._at = time.monotonic() + timeout

    def wait(self, source: Any) -> None:
        """Waits until `source` has something, or gives up."""
        left = _nanoseconds(self._at - time.monotonic())
        with source.subscribe() as ready, monotonic_clock.subscribe_duration(left) as timer:
            if 0 not in poll.poll([ready, timer]):
                raise HttpError("response-timeout")


def _nanoseconds(seconds: float) -> int:
    return max(0, min(int(seconds * 1e9), _MAX_NANOSECONDS))
