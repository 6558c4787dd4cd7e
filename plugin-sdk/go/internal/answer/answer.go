// Package answer stands between the contract's functions and the author's: what goes in is parsed, what comes out is
// checked, and what fails says why.
package answer

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"chancery"
	witTypes "chancery/internal/bytecodealliance/types"
	"chancery/internal/wit/chancery_host_config"
	"chancery/internal/wit/chancery_plugin_types"
)

// What the contract lets a detail hold, in bytes.
const maxDetail = 4096

// Frames of a panic that are shown.
const maxFrames = 12

// A sandbox that is used again, as operators may want it, is swept when it holds more than this.
const maxKept = 8 * 1024 * 1024

// Module is the author's, with a slash: what files and functions are called without.
var Module string

// Config is the operator's configuration.
func Config() chancery.Config { return Object(chancery_host_config.All()) }

// Object reads a JSON object that the host wrote.
func Object(text string) map[string]any {
	value, err := chancery.ParseJSON([]byte(text))
	object, is := value.(map[string]any)
	if err != nil || !is {
		panic("the host gave no JSON object")
	}
	return object
}

// Call runs one of the author's functions; a panic becomes an error.
func Call[T any](name string, run func() (T, error)) (value T, err error) {
	sweep()
	defer func() {
		if reason := recover(); reason != nil {
			err = failed(fmt.Sprintf("%s: panic: %v%s", name, reason, stack()))
		}
	}()
	return run()
}

var calls int

// The collector is off, because it may not begin while the host hands something over. Here it may.
func sweep() {
	if calls++; calls == 1 {
		return
	}
	var memory runtime.MemStats
	if runtime.ReadMemStats(&memory); memory.HeapAlloc > maxKept {
		runtime.GC()
	}
}

// Wrong is what an author's function answered and the contract cannot carry.
func Wrong(format string, arguments ...any) error {
	return failed(fmt.Sprintf(format, arguments...))
}

// Failure is an error as the contract has it.
func Failure(err error) chancery_plugin_types.Error {
	found := pluginError(err)
	problem := chancery_plugin_types.Problem{Message: Text(found.Message), Detail: witTypes.None[string]()}
	if found.Detail != "" {
		problem.Detail = witTypes.Some(cut(Text(found.Detail)))
	}
	switch found.Kind {
	case chancery.KindNotFound:
		return chancery_plugin_types.MakeErrorNotFound(problem)
	case chancery.KindDenied:
		return chancery_plugin_types.MakeErrorDenied(problem)
	case chancery.KindInvalidRequest:
		return chancery_plugin_types.MakeErrorInvalidRequest(problem)
	case chancery.KindMisconfigured:
		return chancery_plugin_types.MakeErrorMisconfigured(problem)
	case chancery.KindUnavailable:
		retry := chancery_plugin_types.Retry{Problem: problem, AfterMs: witTypes.None[uint32]()}
		if found.RetryAfter > 0 {
			retry.AfterMs = witTypes.Some(Milliseconds(found.RetryAfter))
		}
		return chancery_plugin_types.MakeErrorUnavailable(retry)
	default:
		return chancery_plugin_types.MakeErrorInternal(problem)
	}
}

// Milliseconds is a duration as the contract says it: a wait that is cut is only a wait of another length.
func Milliseconds(duration time.Duration) uint32 {
	return uint32(max(0, min(duration.Milliseconds(), math.MaxUint32)))
}

// Text is a text that the host can take: what is not UTF-8 would end the sandbox.
func Text(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// JSON writes an object; what names it in the error.
func JSON(value any, what string) (string, error) {
	text, err := chancery.WriteJSON(value)
	if err != nil {
		return "", Wrong("%s cannot be written as JSON: %v", what, err)
	}
	if len(text) == 0 || text[0] != '{' {
		return "", Wrong("%s is %T; a map or a struct is expected", what, value)
	}
	return string(text), nil
}

// An author's error may be broken itself: a nil pointer that is not the nil of type error, a method that panics.
func pluginError(err error) (found *chancery.Error) {
	defer func() {
		if reason := recover(); reason != nil {
			found = unreadable(err, reason)
		}
	}()
	var said *chancery.Error
	if errors.As(err, &said) {
		if said == nil {
			return returnedNil(said)
		}
		return said
	}
	var capability chancery.CapabilityError
	if errors.As(err, &capability) {
		if said = capability.PluginError(); said != nil {
			return said
		}
	}
	return failed(err.Error())
}

func unreadable(err error, reason any) *chancery.Error {
	if value := reflect.ValueOf(err); value.Kind() == reflect.Pointer && value.IsNil() {
		return returnedNil(err)
	}
	return failed(fmt.Sprintf("the error itself, %T, cannot be read: panic: %v%s", err, reason, stack()))
}

func returnedNil(err error) *chancery.Error {
	return failed(fmt.Sprintf("a nil %T was returned as an error: return nil of type error", err))
}

func failed(detail string) *chancery.Error {
	return &chancery.Error{Kind: chancery.KindInternal, Message: "The plugin failed.", Detail: detail}
}

func cut(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	end := maxDetail - len(" …")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + " …"
}

// Where it went wrong, innermost first: frames of the author, not those of Go and of the SDK.
func stack() string {
	counters := make([]uintptr, 64)
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters)])
	var text strings.Builder
	for shown := 0; shown < maxFrames; {
		frame, more := frames.Next()
		if frame.File != "" && frame.File != "<autogenerated>" && !isOurs(frame.Function) {
			file, function := strings.TrimPrefix(frame.File, Module), strings.TrimPrefix(frame.Function, Module)
			fmt.Fprintf(&text, ", at %s:%d in %s", file, frame.Line, function)
			shown++
		}
		if !more {
			break
		}
	}
	return text.String()
}

func isOurs(function string) bool {
	for _, prefix := range []string{"runtime.", "internal/", "chancery.", "chancery/", "main."} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
