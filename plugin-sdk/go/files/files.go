// Package files reads files that the operator granted with [[grants.files]].
//
// A file is a snapshot: every call of a generation reads the same bytes. When the file changes on disk, the host
// prepares a new generation. Go's own os.Open finds no file at all.
package files

import (
	"fmt"
	"io"
	"strings"

	"chancery"
	"chancery/internal/parts"
	"chancery/internal/wit/chancery_host_files"
)

// Error says that no file is granted under this guest path.
type Error struct {
	Path string
	// Granted are the guest paths that are granted.
	Granted []string
}

func (e *Error) Error() string {
	granted := strings.Join(e.Granted, ", ")
	if granted == "" {
		granted = "none"
	}
	return fmt.Sprintf("no file is granted as %q (granted: %s); add [[grants.files]] with guest = %q to the grant file",
		e.Path, granted, e.Path)
}

// PluginError is what the host is told.
func (e *Error) PluginError() *chancery.Error {
	return chancery.Misconfigured("The data file is not available.").With("%v", e)
}

// Read is all of a file, by its guest path, compared byte for byte with guest of the grant. Its error is an *[Error].
func Read(path string) ([]byte, error) {
	reader, err := open(path)
	if err != nil {
		return nil, err
	}
	return reader.All(), nil
}

// Open is a reader of a file that can seek and read at any place. Its error is an *[Error].
func Open(path string) (*io.SectionReader, error) {
	reader, err := open(path)
	if err != nil {
		return nil, err
	}
	return reader.Open(), nil
}

func open(path string) (parts.Reader, error) {
	result := chancery_host_files.Open(strings.ToValidUTF8(path, "\uFFFD"))
	if result.IsErr() {
		return parts.Reader{}, &Error{Path: path, Granted: result.Err().NotGranted()}
	}
	file := result.Ok()
	return parts.Reader{Length: int64(file.Size()), Read: file.Read}, nil
}
