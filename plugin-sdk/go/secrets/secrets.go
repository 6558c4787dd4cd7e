// Package secrets gives secrets that the operator granted by name, as opaque handles.
//
// Most plugins need no secret at all: the host puts them into HTTP headers (inject of [grants.http]) and signs with
// them (chancery/sign). Reading a value is chancery/reveal, and a grant of its own.
package secrets

import (
	"fmt"
	"unicode/utf8"

	"chancery"
	"chancery/internal/wit/chancery_host_secrets"
)

// Kind says why there is no handle.
type Kind string

// The kinds of the contract.
const (
	// NotGranted: the grant file names no such secret.
	NotGranted Kind = "not-granted"
	// Unavailable: it is granted, and its source gave nothing.
	Unavailable Kind = "unavailable"
)

// Error is why there is no handle.
type Error struct {
	Kind Kind
	text string
}

func (e *Error) Error() string { return e.text }

// PluginError is what the host is told.
func (e *Error) PluginError() *chancery.Error {
	failed := chancery.Misconfigured
	if e.Kind == Unavailable {
		failed = chancery.Unavailable
	}
	return failed("A secret is not available.").With("%v", e)
}

// Secret is a handle. Holding it does not show the value.
type Secret struct {
	name   string
	handle *chancery_host_secrets.Secret
}

// Name is what it was asked for by.
func (secret *Secret) Name() string { return secret.name }

// Handle is for other packages of chancery.
func (secret *Secret) Handle() *chancery_host_secrets.Secret { return secret.handle }

// Get is a handle to the named secret. Its error is an *[Error].
func Get(name string) (*Secret, error) {
	notGranted := &Error{
		Kind: NotGranted,
		text: fmt.Sprintf("no secret %q is granted; add it to names of [grants.secrets]", name),
	}
	if !utf8.ValidString(name) {
		return nil, notGranted
	}
	result := chancery_host_secrets.Get(name)
	if !result.IsErr() {
		return &Secret{name: name, handle: result.Ok()}, nil
	}
	if err := result.Err(); err.Tag() == chancery_host_secrets.SecretErrorUnavailable {
		return nil, &Error{Kind: Unavailable, text: name + ": " + err.Unavailable()}
	}
	return nil, notGranted
}
