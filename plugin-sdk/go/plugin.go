// Package chancery is what plugins in Go are made of.
//
// A plugin is one variable of the package in src/, called Plugin: a [DataProvider], a [VCIssuer] or an [AuditSink].
// Capabilities are packages of this module (chancery/http, chancery/sql, …), each for plugins whose wit/world.wit
// imports it; chancery/log, chancery/prepared and chancery/trace are for all.
//
// By default every call has a fresh sandbox; an operator may let calls of one issuer share one. Rely on neither: what
// one call keeps in memory is gone in the next, or is about somebody else.
package chancery

import (
	"runtime/debug"
	"strconv"
	"strings"
)

// DataProvider says what a source knows about a subject; the host makes a credential of it and signs.
type DataProvider struct {
	// Name is the plugin's name, Version its semantic version, Summary one sentence about it.
	Name, Version, Summary string
	// ConfigSchema is a JSON Schema for [config]: whatever encoding/json makes one of. Optional.
	ConfigSchema any

	// Validate answers everything that is wrong with the operator's configuration. Optional.
	Validate func(config Config) []Problem
	// Prepare answers what every later call may read through chancery/prepared: an index, a table. It runs once for
	// each combination of component, grant file and granted files. Optional.
	Prepare func(config Config) ([]byte, error)
	// Health answers an error where the plugin could not serve now. It runs before a new version becomes active.
	// Optional.
	Health func(config Config) error

	// Fetch looks up the subject of the request. Read-only and repeatable: the host may ask again.
	Fetch func(request *Request, config Config) (*Data, error)
}

// VCIssuer gets credentials that another issuer makes and signs. The host verifies them and passes them on.
type VCIssuer struct {
	// Name is the plugin's name, Version its semantic version, Summary one sentence about it.
	Name, Version, Summary string
	// ConfigSchema is a JSON Schema for [config]: whatever encoding/json makes one of. Optional.
	ConfigSchema any

	// Validate, Prepare and Health are those of [DataProvider]. Optional.
	Validate func(config Config) []Problem
	Prepare  func(config Config) ([]byte, error)
	Health   func(config Config) error

	// Issue starts an issuance: it answers a *[Credential] or a *[Ticket]. The host never repeats it with the same
	// request id after an answer.
	Issue func(request *Request, holder *Holder, config Config) (Issuance, error)
	// Poll continues a pending issuance. It may be repeated: the same token must not issue twice.
	Poll func(request *PollRequest, config Config) (Issuance, error)
}

// AuditSink takes audit events to where they are kept.
type AuditSink struct {
	// Name is the plugin's name, Version its semantic version, Summary one sentence about it.
	Name, Version, Summary string
	// ConfigSchema is a JSON Schema for [config]: whatever encoding/json makes one of. Optional.
	ConfigSchema any

	// Validate, Prepare and Health are those of [DataProvider]. Optional.
	Validate func(config Config) []Problem
	Prepare  func(config Config) ([]byte, error)
	Health   func(config Config) error

	// Deliver delivers events in order, each at least once: ID lets whoever reads them drop repetitions. The next
	// batch follows after this one was answered. At most 1,000 events or 1 MiB. After an error the whole batch is
	// delivered again.
	Deliver func(events []Event, config Config) (*Receipt, error)
}

// Config is the operator's [config], as Validate accepted it. Its values are those of [ParseJSON].
type Config map[string]any

// Text is the value of a key where that is a text, and else empty.
func (config Config) Text(key string) string {
	text, _ := config[key].(string)
	return text
}

// Problem is one fault in the operator's configuration.
type Problem struct {
	// Path says where, as a JSON pointer into the configuration (see [Pointer]); empty for the whole.
	Path string
	// Message says what is wrong, and what would be right. The operator reads it.
	Message string
}

// Pointer is the JSON pointer to a member: Pointer("people", 0, "a/b") is /people/0/a~1b.
func Pointer(names ...any) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var pointer strings.Builder
	for _, name := range names {
		pointer.WriteByte('/')
		switch name := name.(type) {
		case string:
			pointer.WriteString(escape.Replace(name))
		case int:
			pointer.WriteString(strconv.Itoa(name))
		}
	}
	return pointer.String()
}

// The host hands data over through a function inside the plugin that may ask the host for nothing, and the collector
// asks it for the time: where it began there, the call would end. Mostly a sandbox is thrown away after its call, so
// that there is nothing to collect. One that is used again is swept between its calls.
func init() {
	debug.SetGCPercent(-1)
}
