// Package sign makes signatures with keys that stay in the host.
//
// A key is granted for one purpose, and each purpose allows exactly one of these functions.
package sign

import (
	"fmt"
	"unicode/utf8"

	"chancery"
	"chancery/internal/wit/chancery_host_sign"
)

// Kind says why there is no signature.
type Kind string

// The kinds of the contract.
const (
	// NotGranted: the grant file names no such key.
	NotGranted Kind = "not-granted"
	// WrongPurpose: the key is granted for another one.
	WrongPurpose Kind = "wrong-purpose"
	// BadInput: the input is not what the purpose allows.
	BadInput Kind = "bad-input"
	// Unavailable: the key's backend does not answer.
	Unavailable Kind = "unavailable"
)

// Error is why there is no signature.
type Error struct {
	Kind Kind
	text string
}

func (e *Error) Error() string { return e.text }

// PluginError is what the host is told.
func (e *Error) PluginError() *chancery.Error {
	failed := chancery.Misconfigured
	switch e.Kind {
	case BadInput:
		failed = chancery.Internal
	case Unavailable:
		failed = chancery.Unavailable
	}
	return failed("The request to the data source cannot be signed.").With("%v", e)
}

// JWT is for keys of the purpose jwt: a compact JWT over claims, a map or a struct that encoding/json makes an object
// of. The host writes the header, the claims that the grant fixes, and always iat, exp and jti. At most 16 KiB. Its
// error is an *[Error].
func JWT(key string, claims any) (string, error) {
	text, err := chancery.WriteJSON(claims)
	if err != nil {
		return "", badInput(err.Error())
	}
	if !utf8.ValidString(key) {
		return "", notGranted(key)
	}
	result := chancery_host_sign.Jwt(key, string(text))
	if result.IsErr() {
		return "", failure(key, result.Err())
	}
	return result.Ok(), nil
}

// DetachedJWS is for keys of the purpose detached-jws: a compact JWS with detached payload (RFC 7515, appendix F). Its
// error is an *[Error].
func DetachedJWS(key string, payload []byte) (string, error) {
	if !utf8.ValidString(key) {
		return "", notGranted(key)
	}
	result := chancery_host_sign.DetachedJws(key, payload)
	if result.IsErr() {
		return "", failure(key, result.Err())
	}
	return result.Ok(), nil
}

// MAC is for keys of the purpose mac: HMAC-SHA-256. Its error is an *[Error].
func MAC(key string, message []byte) ([]byte, error) {
	if !utf8.ValidString(key) {
		return nil, notGranted(key)
	}
	result := chancery_host_sign.Mac(key, message)
	if result.IsErr() {
		return nil, failure(key, result.Err())
	}
	return result.Ok(), nil
}

func notGranted(key string) *Error {
	return &Error{Kind: NotGranted, text: fmt.Sprintf("no key %q is granted; add [grants.sign.keys.%s]", key, key)}
}

func badInput(reason string) *Error {
	return &Error{Kind: BadInput, text: "the input is refused: " + reason}
}

func failure(key string, err chancery_host_sign.SignError) *Error {
	switch err.Tag() {
	case chancery_host_sign.SignErrorNotGranted:
		return notGranted(key)
	case chancery_host_sign.SignErrorWrongPurpose:
		return &Error{Kind: WrongPurpose, text: fmt.Sprintf("the key is granted for the purpose %q", err.WrongPurpose())}
	case chancery_host_sign.SignErrorBadInput:
		return badInput(err.BadInput())
	default:
		return &Error{Kind: Unavailable, text: "the key does not answer: " + err.Unavailable()}
	}
}
