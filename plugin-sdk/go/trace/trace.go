// Package trace is the identity of the running call, for correlation with other systems.
package trace

import (
	"time"

	"chancery/internal/wit/chancery_host_trace"
)

// RequestID is what the host logs and the client also gets; empty while no request is at hand.
func RequestID() string { return chancery_host_trace.RequestId() }

// Traceparent is the W3C traceparent header value to send to a data source; empty where the host does not trace this
// call.
func Traceparent() string { return chancery_host_trace.Traceparent().SomeOr("") }

// Remaining is the wall-clock time left for this call. The host ends the call when it is used up.
func Remaining() time.Duration {
	return time.Duration(chancery_host_trace.RemainingMs()) * time.Millisecond
}
