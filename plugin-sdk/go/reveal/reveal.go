// Package reveal reads the value of a secret into the plugin: a grant of its own, reveal = true of [grants.secrets].
package reveal

import (
	"chancery/internal/wit/chancery_host_reveal"
	"chancery/secrets"
)

// Value is that of a secret; never shown by fmt or a log line.
type Value struct{ bytes []byte }

// Expose is the bytes, for the one place that needs them.
func (value Value) Expose() []byte { return value.bytes }

// ExposeText is the same as text.
func (value Value) ExposeText() string { return string(value.bytes) }

// String does not show it.
func (Value) String() string { return "reveal.Value(…)" }

// GoString does not show it.
func (Value) GoString() string { return "reveal.Value(…)" }

// MarshalJSON does not show it.
func (Value) MarshalJSON() ([]byte, error) { return []byte(`"…"`), nil }

// Reveal is the value of the named secret. The host records each use as an audit event. Its error is a
// *[secrets.Error].
func Reveal(name string) (Value, error) {
	secret, err := secrets.Get(name)
	if err != nil {
		return Value{}, err
	}
	return Value{bytes: chancery_host_reveal.Reveal(secret.Handle())}, nil
}
