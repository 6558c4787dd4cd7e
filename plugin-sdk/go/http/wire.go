package http

import (
	"strings"
	"time"
	"unicode/utf8"

	witTypes "chancery/internal/bytecodealliance/types"
	"chancery/internal/wit/wasi_clocks_monotonic_clock"
	"chancery/internal/wit/wasi_http_outgoing_handler"
	"chancery/internal/wit/wasi_http_types"
	"chancery/internal/wit/wasi_io_poll"
	"chancery/internal/wit/wasi_io_streams"
)

// How much is read or written at once.
const chunk = 64 * 1024

func exchange(method, url string, headers []Header, body []byte, timeout time.Duration) (*Response, error) {
	target, refused := split(url)
	if refused != nil {
		return nil, refused
	}
	until := deadline{at: time.Now().Add(timeout)}
	request, refused := outgoing(method, target, headers)
	if refused != nil {
		return nil, refused
	}
	content := request.Body().Ok()
	handled := wasi_http_outgoing_handler.Handle(request, witTypes.Some(options(timeout)))
	if handled.IsErr() {
		content.Drop()
		return nil, ofCode(handled.Err())
	}
	future := handled.Ok()
	defer future.Drop()
	if err := send(content, body, until); err != nil {
		return nil, err
	}
	response, err := answered(future, until)
	if err != nil {
		return nil, err
	}
	defer response.Drop()
	return received(response, until)
}

func outgoing(method string, target address, headers []Header) (*wasi_http_types.OutgoingRequest, *Error) {
	fields := wasi_http_types.MakeFields()
	for _, header := range headers {
		if refused := add(fields, header); refused != nil {
			fields.Drop()
			return nil, refused
		}
	}
	scheme := wasi_http_types.MakeSchemeHttp()
	if target.https {
		scheme = wasi_http_types.MakeSchemeHttps()
	}
	request := wasi_http_types.MakeOutgoingRequest(fields)
	if !utf8.ValidString(method) ||
		request.SetMethod(methodOf(method)).IsErr() ||
		request.SetScheme(witTypes.Some(scheme)).IsErr() ||
		request.SetAuthority(witTypes.Some(target.authority)).IsErr() ||
		request.SetPathWithQuery(witTypes.Some(target.path)).IsErr() {
		request.Drop()
		return nil, failed(BadRequest, "the method or the URL is not valid")
	}
	return request, nil
}

func add(fields *wasi_http_types.Fields, header Header) *Error {
	if !utf8.ValidString(header.Name) {
		return failed(BadRequest, "a header's name is not UTF-8")
	}
	result := fields.Append(header.Name, []byte(header.Value))
	switch {
	case !result.IsErr():
		return nil
	case result.Err().Tag() == wasi_http_types.HeaderErrorForbidden:
		return failed(BadRequest, header.Name+" is a header that plugins may not set")
	default:
		return failed(BadRequest, header.Name+": the header is not valid")
	}
}

func methodOf(method string) wasi_http_types.Method {
	switch method {
	case "GET":
		return wasi_http_types.MakeMethodGet()
	case "HEAD":
		return wasi_http_types.MakeMethodHead()
	case "POST":
		return wasi_http_types.MakeMethodPost()
	case "PUT":
		return wasi_http_types.MakeMethodPut()
	case "DELETE":
		return wasi_http_types.MakeMethodDelete()
	case "OPTIONS":
		return wasi_http_types.MakeMethodOptions()
	case "PATCH":
		return wasi_http_types.MakeMethodPatch()
	default:
		return wasi_http_types.MakeMethodOther(method)
	}
}

func options(timeout time.Duration) *wasi_http_types.RequestOptions {
	options := wasi_http_types.MakeRequestOptions()
	limit := witTypes.Some(uint64(timeout))
	// A host that has no such limit still has the deadline.
	options.SetConnectTimeout(limit)
	options.SetFirstByteTimeout(limit)
	options.SetBetweenBytesTimeout(limit)
	return options
}

func send(content *wasi_http_types.OutgoingBody, body []byte, until deadline) error {
	stream := content.Write().Ok()
	complete, err := write(stream, body, until)
	stream.Drop()
	if err != nil || !complete {
		content.Drop()
		return err
	}
	if finished := wasi_http_types.OutgoingBodyFinish(content, witTypes.None[*wasi_http_types.Fields]()); finished.IsErr() {
		return ofCode(finished.Err())
	}
	return nil
}

// False when the other side takes no more: the server may answer, or the host refuse, before all is written; the
// response tells which.
func write(stream *wasi_io_streams.OutputStream, body []byte, until deadline) (bool, error) {
	for len(body) > 0 {
		room := stream.CheckWrite()
		if room.IsErr() {
			return false, nil
		}
		length := int(min(room.Ok(), chunk, uint64(len(body))))
		if length == 0 {
			if err := until.wait(stream.Subscribe()); err != nil {
				return false, err
			}
			continue
		}
		if stream.Write(body[:length]).IsErr() {
			return false, nil
		}
		body = body[length:]
	}
	return true, nil
}

func answered(future *wasi_http_types.FutureIncomingResponse, until deadline) (*wasi_http_types.IncomingResponse, error) {
	for {
		result := future.Get()
		if result.IsNone() {
			if err := until.wait(future.Subscribe()); err != nil {
				return nil, err
			}
			continue
		}
		// An option of a result of a result: taken once, and made of HTTP.
		if inner := result.Some().Ok(); inner.IsErr() {
			return nil, ofCode(inner.Err())
		} else {
			return inner.Ok(), nil
		}
	}
}

func received(response *wasi_http_types.IncomingResponse, until deadline) (*Response, error) {
	found := &Response{Status: int(response.Status())}
	fields := response.Headers()
	for _, entry := range fields.Entries() {
		value := strings.TrimSpace(latin1(entry.F1))
		found.Headers = append(found.Headers, Header{Name: strings.ToLower(entry.F0), Value: value})
	}
	fields.Drop()
	body := response.Consume().Ok()
	defer body.Drop()
	stream := body.Stream().Ok()
	defer stream.Drop()
	for {
		part := stream.Read(chunk)
		switch {
		case !part.IsErr() && len(part.Ok()) > 0:
			found.Body = append(found.Body, part.Ok()...)
		case !part.IsErr():
			if err := until.wait(stream.Subscribe()); err != nil {
				return nil, err
			}
		case part.Err().Tag() == wasi_io_streams.StreamErrorClosed:
			return found, nil
		default:
			return nil, ofStream(part.Err().LastOperationFailed())
		}
	}
}

// Header values are bytes; what is not ASCII in them has no agreed meaning, and Latin-1 loses none of it.
func latin1(value []byte) string {
	letters := make([]rune, len(value))
	for index, letter := range value {
		letters[index] = rune(letter)
	}
	return string(letters)
}

// When the whole exchange has to be over.
type deadline struct{ at time.Time }

// Waits until there is something, or gives up.
func (deadline deadline) wait(ready *wasi_io_poll.Pollable) error {
	left := max(0, time.Until(deadline.at))
	timer := wasi_clocks_monotonic_clock.SubscribeDuration(uint64(left))
	defer timer.Drop()
	defer ready.Drop()
	for _, index := range wasi_io_poll.Poll([]*wasi_io_poll.Pollable{ready, timer}) {
		if index == 0 {
			return nil
		}
	}
	return failed(ResponseTimeout, "")
}
