// Package http sends requests to the hosts that the operator granted.
//
//	response, err := http.Send(http.Request{URL: base + "/people/" + http.Escape(request.Subject.ID)})
//
// The host makes the connection, checks the address, adds the headers of the grant's inject and follows no redirects.
// Bodies are whole: the grant's request_max and response_max bound them. Go's own net/http reaches nothing.
package http

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"chancery"
	"chancery/trace"
)

const (
	// What is left for the plugin itself when no answer came.
	reserve = 100 * time.Millisecond
	// The shortest wait.
	least = time.Millisecond
	// More digits of seconds than these are a very long time.
	maxDigits = 9
)

// Request is one request.
type Request struct {
	// Method is GET where it is empty.
	Method string
	// URL is absolute.
	URL string
	// Headers are names and values. Those that the grant injects, and those that belong to the connection (host,
	// content-length, …), are the host's; traceparent is added where the host traces this call.
	Headers map[string]string
	// JSON is sent as encoding/json writes it, with its content type; nil is no body.
	JSON any
	// Body is sent as it is, where JSON is nil.
	Body []byte
	// Timeout is for all of it; by default what is left of the call (see trace.Remaining) without the last tenth of a
	// second, in which the plugin can still say that no answer came. The grant's own limit applies where that is
	// shorter.
	Timeout time.Duration
}

// Response is a response. A status such as 404 is one, too.
type Response struct {
	Status int
	// Headers are in order, with names in lower case.
	Headers []Header
	Body    []byte
}

// Header is one header.
type Header struct{ Name, Value string }

// Send sends a request and reads the whole answer. Its error is an *[Error].
func Send(request Request) (*Response, error) {
	method := strings.ToUpper(request.Method)
	if method == "" {
		method = "GET"
	}
	headers := make([]Header, 0, len(request.Headers)+2)
	present := map[string]bool{}
	for name, value := range request.Headers {
		lower := strings.ToLower(name)
		present[lower] = true
		headers = append(headers, Header{Name: lower, Value: value})
	}
	body := request.Body
	if request.JSON != nil {
		text, err := chancery.WriteJSON(request.JSON)
		if err != nil {
			return nil, failed(BadRequest, "the body cannot be written as JSON: "+err.Error())
		}
		body = text
		if !present["content-type"] {
			headers = append(headers, Header{Name: "content-type", Value: "application/json"})
		}
	}
	if parent := trace.Traceparent(); parent != "" && !present["traceparent"] {
		headers = append(headers, Header{Name: "traceparent", Value: parent})
	}
	timeout := request.Timeout
	if timeout <= 0 {
		timeout = max(least, trace.Remaining()-reserve)
	}
	return exchange(method, request.URL, headers, body, timeout)
}

// Escape is a value as one component of a URL: all but letters, digits, -, ., _ and ~ is percent-encoded.
func Escape(value string) string {
	var escaped strings.Builder
	for index := range len(value) {
		letter := value[index]
		if isAlphanumeric(letter) || strings.IndexByte("-._~", letter) >= 0 {
			escaped.WriteByte(letter)
		} else {
			fmt.Fprintf(&escaped, "%%%02X", letter)
		}
	}
	return escaped.String()
}

// CheckURL answers an error where a text is no address that requests can go to, for Validate.
func CheckURL(url string) error {
	if _, err := split(url); err != nil {
		return err
	}
	return nil
}

// Header is the first header of this name; empty where there is none.
func (response *Response) Header(name string) string {
	for _, header := range response.Headers {
		if header.Name == strings.ToLower(name) {
			return header.Value
		}
	}
	return ""
}

// Text is the body as UTF-8. Its error is an *[Error] of the kind [Protocol].
func (response *Response) Text() (string, error) {
	if !utf8.Valid(response.Body) {
		return "", failed(Protocol, "the body is not UTF-8")
	}
	return string(response.Body), nil
}

// JSON is the body as JSON, read strictly (see chancery.ParseJSON). The content type must be application/json or end in
// +json. Its error is an *[Error] of the kind [Protocol].
func (response *Response) JSON() (any, error) {
	essence, _, _ := strings.Cut(response.Header("content-type"), ";")
	essence = strings.ToLower(strings.TrimSpace(essence))
	structured := strings.HasPrefix(essence, "application/") && strings.HasSuffix(essence, "+json")
	if essence != "application/json" && !structured {
		return nil, failed(Protocol, fmt.Sprintf("the content type is %.100q, not JSON", essence))
	}
	value, err := chancery.ParseJSON(response.Body)
	if err != nil {
		return nil, failed(Protocol, "the body is not JSON: "+err.Error())
	}
	return value, nil
}

// RetryAfter is what the header Retry-After says, as seconds; 0 when it says nothing that can be understood.
func (response *Response) RetryAfter() time.Duration {
	value := response.Header("retry-after")
	for index := range len(value) {
		if value[index] < '0' || value[index] > '9' {
			return 0
		}
	}
	seconds, err := strconv.Atoi(value[:min(len(value), maxDigits)])
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
