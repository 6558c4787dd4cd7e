// Package journal is an append-only file in the directory that the operator granted with [grants.journal], for audit
// sinks: what was written cannot be read back, changed or removed by the plugin.
package journal

import (
	"fmt"
	"time"

	"chancery"
	"chancery/internal/wit/chancery_host_journal"
)

// MaxAppend is the most that one [Append] takes. One call may use journal, sign and reveal 64 times together.
const MaxAppend = 1024 * 1024

// Kind says why nothing was written.
type Kind string

// The kinds of the contract.
const (
	// Full: rotate first.
	Full Kind = "full"
	// Unavailable: the file system refused.
	Unavailable Kind = "unavailable"
)

// Error is why nothing was written. Its text may name paths.
type Error struct {
	Kind Kind
	text string
}

func (e *Error) Error() string { return e.text }

// PluginError is what the host is told.
func (e *Error) PluginError() *chancery.Error {
	failed := chancery.Unavailable
	if e.Kind == Full {
		failed = chancery.Misconfigured
	}
	return failed("The journal cannot be written.").With("%v", e)
}

// Append appends whole lines, each with its newline; they are on disk when this returns. At most [MaxAppend] bytes. Its
// error is an *[Error].
func Append(content []byte) error {
	if result := chancery_host_journal.Append(content); result.IsErr() {
		return failure(result.Err())
	}
	return nil
}

// AppendLines appends lines, to which it adds the newlines, as many at once as one [Append] takes. After an error some
// of them may be written.
func AppendLines(lines [][]byte) error {
	var pending []byte
	for _, line := range lines {
		if len(pending) > 0 && len(pending)+len(line)+1 > MaxAppend {
			if err := Append(pending); err != nil {
				return err
			}
			pending = nil
		}
		pending = append(append(pending, line...), '\n')
	}
	if len(pending) == 0 {
		return nil
	}
	return Append(pending)
}

// Size is how many bytes the file in use holds. Its error is an *[Error].
func Size() (int64, error) {
	result := chancery_host_journal.Size()
	if result.IsErr() {
		return 0, failure(result.Err())
	}
	return int64(result.Ok()), nil
}

// BegunAt is when the file in use was begun; the zero time while it is empty. Its error is an *[Error].
func BegunAt() (time.Time, error) {
	result := chancery_host_journal.BegunAt()
	if result.IsErr() {
		return time.Time{}, failure(result.Err())
	}
	if result.Ok().IsNone() {
		return time.Time{}, nil
	}
	return time.UnixMilli(int64(result.Ok().Some())).UTC(), nil
}

// Rotate closes the file in use and begins a new one. Nothing happens while it is empty. Its error is an *[Error].
func Rotate() error {
	if result := chancery_host_journal.Rotate(); result.IsErr() {
		return failure(result.Err())
	}
	return nil
}

func failure(err chancery_host_journal.JournalError) *Error {
	if err.Tag() == chancery_host_journal.JournalErrorFull {
		return &Error{Kind: Full, text: fmt.Sprintf("max_file of [grants.journal] allows %d bytes a file", err.Full())}
	}
	return &Error{Kind: Unavailable, text: err.Unavailable()}
}
