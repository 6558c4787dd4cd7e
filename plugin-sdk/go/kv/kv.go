// Package kv is a small cache that outlives a call.
//
// Keys live in a space of their own for each pair of issuer and plugin. An entry may vanish at any moment, and the
// cache may not answer: a plugin then goes on without it.
package kv

import (
	"fmt"
	"time"
	"unicode/utf8"

	"chancery"
	witTypes "chancery/internal/bytecodealliance/types"
	"chancery/internal/wit/chancery_host_kv"
)

// Kind says why the cache did not answer.
type Kind string

// The kinds of the contract.
const (
	// BadKey: it is empty, longer than 512 bytes or not UTF-8.
	BadKey Kind = "bad-key"
	// TooLarge: the value is.
	TooLarge Kind = "too-large"
	// Unavailable: the cache cannot be reached.
	Unavailable Kind = "unavailable"
)

// Error is why the cache did not answer.
type Error struct {
	Kind Kind
	text string
}

func (e *Error) Error() string { return e.text }

// PluginError is what the host is told.
func (e *Error) PluginError() *chancery.Error {
	failed := chancery.Unavailable
	switch e.Kind {
	case BadKey:
		failed = chancery.Internal
	case TooLarge:
		failed = chancery.Misconfigured
	}
	return failed("The plugin's cache cannot be used.").With("%v", e)
}

// Get is the value of a key; nil when never set, expired or lost. Its error is an *[Error].
func Get(key string) ([]byte, error) {
	if !utf8.ValidString(key) {
		return nil, badKey()
	}
	result := chancery_host_kv.Get(key)
	if result.IsErr() {
		return nil, failure(result.Err())
	}
	return result.Ok().SomeOr(nil), nil
}

// Put sets a key for so long; the grant's maximum applies where that is shorter, or the time is 0. Its error is an
// *[Error].
func Put(key string, value []byte, ttl time.Duration) error {
	if !utf8.ValidString(key) {
		return badKey()
	}
	kept := witTypes.None[uint64]()
	if ttl > 0 {
		kept = witTypes.Some(uint64(ttl.Milliseconds()))
	}
	if result := chancery_host_kv.Put(key, value, kept); result.IsErr() {
		return failure(result.Err())
	}
	return nil
}

// Delete removes a key; removing an absent one succeeds. Its error is an *[Error].
func Delete(key string) error {
	if !utf8.ValidString(key) {
		return badKey()
	}
	if result := chancery_host_kv.Delete(key); result.IsErr() {
		return failure(result.Err())
	}
	return nil
}

func badKey() *Error {
	return &Error{Kind: BadKey, text: "the key is empty, longer than 512 bytes or not UTF-8"}
}

func failure(err chancery_host_kv.KvError) *Error {
	switch err.Tag() {
	case chancery_host_kv.KvErrorBadKey:
		return badKey()
	case chancery_host_kv.KvErrorTooLarge:
		return &Error{Kind: TooLarge, text: fmt.Sprintf("a value may hold %d bytes", err.TooLarge())}
	default:
		return &Error{Kind: Unavailable, text: "the cache does not answer: " + err.Unavailable()}
	}
}
