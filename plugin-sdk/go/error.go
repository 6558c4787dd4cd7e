package chancery

import (
	"fmt"
	"time"
)

// Kind says what an [Error] means to the host.
type Kind string

// The kinds of the contract.
const (
	// KindNotFound: the source does not know this subject. Not a failure of the plugin.
	KindNotFound Kind = "not-found"
	// KindDenied: the source knows the subject and refuses. Not a failure of the plugin.
	KindDenied Kind = "denied"
	// KindInvalidRequest: the request cannot be answered as it is: a claim is missing, a setting does not fit.
	KindInvalidRequest Kind = "invalid-request"
	// KindUnavailable: the source does not answer now.
	KindUnavailable Kind = "unavailable"
	// KindMisconfigured: the operator has to change configuration, grant or source.
	KindMisconfigured Kind = "misconfigured"
	// KindInternal: a defect of the plugin. Any other error that a plugin answers, and a panic, becomes this.
	KindInternal Kind = "internal"
)

// Error is a failure as the host takes it.
type Error struct {
	Kind Kind
	// Message may be shown to the holder: one sentence, no personal data, no internals; the host cuts it at 512 bytes.
	Message string
	// Detail is for the operator's log only: the source's answer, a row number, a path.
	Detail string
	// RetryAfter says when another attempt makes sense, where the kind is unavailable; 0 where unknown.
	RetryAfter time.Duration
}

// NotFound is an error of [KindNotFound].
func NotFound(message string) *Error { return &Error{Kind: KindNotFound, Message: message} }

// Denied is an error of [KindDenied].
func Denied(message string) *Error { return &Error{Kind: KindDenied, Message: message} }

// InvalidRequest is an error of [KindInvalidRequest].
func InvalidRequest(message string) *Error { return &Error{Kind: KindInvalidRequest, Message: message} }

// Unavailable is an error of [KindUnavailable].
func Unavailable(message string) *Error { return &Error{Kind: KindUnavailable, Message: message} }

// Misconfigured is an error of [KindMisconfigured].
func Misconfigured(message string) *Error { return &Error{Kind: KindMisconfigured, Message: message} }

// Internal is an error of [KindInternal].
func Internal(message string) *Error { return &Error{Kind: KindInternal, Message: message} }

// With is the same error with a detail, formatted as by fmt.Sprintf.
func (e *Error) With(format string, arguments ...any) *Error {
	changed := *e
	changed.Detail = fmt.Sprintf(format, arguments...)
	return &changed
}

// Error is the public text only, so that formatting an error never gives the private one away.
func (e *Error) Error() string { return e.Message }

// CapabilityError is why a capability of the host did not do what it was asked for. One that a plugin answers as it
// is becomes the error that PluginError says.
type CapabilityError interface {
	error
	PluginError() *Error
}
