package http

import (
	"fmt"
	"strings"

	"chancery"
	witTypes "chancery/internal/bytecodealliance/types"
	"chancery/internal/wit/wasi_http_types"
	"chancery/internal/wit/wasi_io_error"
)

// Kind says why there is no response.
type Kind string

// What can go wrong.
const (
	Denied            Kind = "denied"
	DNS               Kind = "dns"
	Connection        Kind = "connection"
	ConnectionTimeout Kind = "connection-timeout"
	ResponseTimeout   Kind = "response-timeout"
	TLS               Kind = "tls"
	RequestTooLarge   Kind = "request-too-large"
	ResponseTooLarge  Kind = "response-too-large"
	BadRequest        Kind = "bad-request"
	Protocol          Kind = "protocol"
	Internal          Kind = "internal"
)

// Error is a request without a response.
type Error struct {
	Kind   Kind
	detail string
}

func (e *Error) Error() string {
	if e.detail == "" {
		return what(e.Kind)
	}
	return what(e.Kind) + ": " + e.detail
}

// MayPass says whether the same request may succeed a moment later.
func (e *Error) MayPass() bool {
	switch e.Kind {
	case DNS, Connection, ConnectionTimeout, ResponseTimeout, Protocol, Internal:
		return true
	default:
		return false
	}
}

// PluginError is what the host is told.
func (e *Error) PluginError() *chancery.Error {
	switch {
	case e.MayPass():
		return chancery.Unavailable("The data source does not answer at the moment.").With("%v", e)
	case e.Kind == BadRequest:
		return chancery.Internal("The data source cannot be used.").With("%v", e)
	default:
		return chancery.Misconfigured("The data source cannot be used.").With("%v", e)
	}
}

func failed(kind Kind, detail string) *Error { return &Error{Kind: kind, detail: detail} }

func what(kind Kind) string {
	switch kind {
	case Denied:
		return "the grant does not allow this destination (allow, networks of [grants.http]), or the call has used up " +
			"http_requests of [limits]"
	case DNS:
		return "the name cannot be resolved"
	case Connection:
		return "no connection"
	case ConnectionTimeout:
		return "no connection in time"
	case ResponseTimeout:
		return "no answer in time"
	case TLS:
		return "no secure connection"
	case RequestTooLarge:
		return "the request exceeds request_max of [grants.http]"
	case ResponseTooLarge:
		return "the answer exceeds response_max of [grants.http]"
	case BadRequest:
		return "the request cannot be sent"
	case Protocol:
		return "the answer cannot be understood"
	default:
		return "the host cannot send requests"
	}
}

// What wasi:http reports.
func ofCode(code wasi_http_types.ErrorCode) *Error {
	switch code.Tag() {
	case wasi_http_types.ErrorCodeInternalError:
		return failed(Internal, code.InternalError().SomeOr(""))
	case wasi_http_types.ErrorCodeHttpResponseBodySize:
		return failed(ResponseTooLarge, bytes(code.HttpResponseBodySize()))
	case wasi_http_types.ErrorCodeHttpRequestBodySize:
		return failed(RequestTooLarge, bytes(code.HttpRequestBodySize()))
	default:
		kind, name := kindOf(code.Tag())
		return failed(kind, name)
	}
}

func bytes(size witTypes.Option[uint64]) string {
	if size.IsNone() {
		return ""
	}
	return fmt.Sprintf("%d bytes", size.Some())
}

// What a code means to a plugin, and its name in wasi:http, which an operator can look up.
func kindOf(tag uint8) (Kind, string) {
	if int(tag) >= len(codes) {
		return Internal, ""
	}
	kind, name, _ := strings.Cut(codes[tag], " ")
	return Kind(kind), name
}

// In the order of wasi:http.
var codes = [...]string{
	"dns DNS-timeout",
	"dns DNS-error",
	"dns destination-not-found",
	"connection destination-unavailable",
	"denied destination-IP-prohibited",
	"connection destination-IP-unroutable",
	"connection connection-refused",
	"connection connection-terminated",
	"connection-timeout connection-timeout",
	"response-timeout connection-read-timeout",
	"response-timeout connection-write-timeout",
	"connection connection-limit-reached",
	"tls TLS-protocol-error",
	"tls TLS-certificate-error",
	"tls TLS-alert-received",
	"denied HTTP-request-denied",
	"bad-request HTTP-request-length-required",
	"request-too-large HTTP-request-body-size",
	"bad-request HTTP-request-method-invalid",
	"bad-request HTTP-request-URI-invalid",
	"request-too-large HTTP-request-URI-too-long",
	"request-too-large HTTP-request-header-section-size",
	"request-too-large HTTP-request-header-size",
	"request-too-large HTTP-request-trailer-section-size",
	"request-too-large HTTP-request-trailer-size",
	"protocol HTTP-response-incomplete",
	"response-too-large HTTP-response-header-section-size",
	"response-too-large HTTP-response-header-size",
	"response-too-large HTTP-response-body-size",
	"response-too-large HTTP-response-trailer-section-size",
	"response-too-large HTTP-response-trailer-size",
	"protocol HTTP-response-transfer-coding",
	"protocol HTTP-response-content-coding",
	"response-timeout HTTP-response-timeout",
	"protocol HTTP-upgrade-failed",
	"protocol HTTP-protocol-error",
	"internal loop-detected",
	"internal configuration-error",
	"internal internal-error",
}

func ofStream(err *wasi_io_error.Error) *Error {
	defer err.Drop()
	code := wasi_http_types.HttpErrorCode(err)
	if code.IsNone() {
		return failed(Connection, err.ToDebugString())
	}
	return ofCode(code.Some())
}
