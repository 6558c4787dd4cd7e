"""Why there is no response."""

from __future__ import annotations

from .errors import CapabilityError, Internal, Misconfigured, PluginError, Unavailable

_WHAT = {
    "denied": "the grant does not allow this destination (allow, networks of [grants.http]), "
    "or the call has used up http_requests of [limits]",
    "dns": "the name cannot be resolved",
    "connection": "no connection",
    "connection-timeout": "no connection in time",
    "response-timeout": "no answer in time",
    "tls": "no secure connection",
    "request-too-large": "the request exceeds request_max of [grants.http]",
    "response-too-large": "the answer exceeds response_max of [grants.http]",
    "bad-request": "the request cannot be sent",
    "protocol": "the answer cannot be understood",
    "internal": "the host cannot send requests",
}

#: What may be over a moment later.
_PASSING = ("dns", "connection", "connection-timeout", "response-timeout", "protocol", "internal")

#: The codes of wasi:http, by what they mean to a plugin; those of names that begin alike stand in `kind_of`.
_CODES = {
    "http-request-denied": "denied",
    "destination-ip-prohibited": "denied",
    "dns-timeout": "dns",
    "dns-error": "dns",
    "destination-not-found": "dns",
    "destination-unavailable": "connection",
    "destination-ip-unroutable": "connection",
    "connection-refused": "connection",
    "connection-terminated": "connection",
    "connection-limit-reached": "connection",
    "connection-timeout": "connection-timeout",
    "connection-read-timeout": "response-timeout",
    "connection-write-timeout": "response-timeout",
    "http-response-timeout": "response-timeout",
    "http-request-length-required": "bad-request",
    "http-request-method-invalid": "bad-request",
    "http-request-uri-invalid": "bad-request",
    "http-request-uri-too-long": "request-too-large",
    "http-upgrade-failed": "protocol",
    "http-protocol-error": "protocol",
}


class HttpError(CapabilityError):
    """A request without a response.

    `kind` is `denied`, `dns`, `connection`, `connection-timeout`, `response-timeout`, `tls`,
    `request-too-large`, `response-too-large`, `bad-request`, `protocol` or `internal`.
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{_WHAT[kind]}: {detail}" if detail else _WHAT[kind])
        self.kind = kind

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.kind in _PASSING

    def as_plugin_error(self) -> PluginError:
        if self.may_pass:
            return Unavailable("The data source does not answer at the moment.", detail=self)
        error = Internal if self.kind == "bad-request" else Misconfigured
        return error("The data source cannot be used.", detail=self)

    @classmethod
    def of_code(cls, code: str, carried: object) -> HttpError:
        """What wasi:http reports: a case of its `error-code`, and what that carries."""
        if code == "internal-error":
            return cls("internal", str(carried or ""))
        if code in ("http-response-body-size", "http-request-body-size") and carried is not None:
            return cls(kind_of(code), f"{carried} bytes")
        # The names of wasi:http: an operator can look them up.
        return cls(kind_of(code), code)


def kind_of(code: str) -> str:
    """What a case of wasi:http's `error-code` means to a plugin."""
    if code in _CODES:
        return _CODES[code]
    if code.startswith("tls-"):
        return "tls"
    sized = code.endswith("-size")
    if code.startswith("http-request-"):
        return "request-too-large" if sized else "bad-request"
    if code.startswith("http-response-"):
        return "response-too-large" if sized else "protocol"
    return "internal"
