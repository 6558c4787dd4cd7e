// Package parts reads bytes that lie in the host, part by part.
package parts

import (
	"errors"
	"io"
)

// The most that the host gives in one read.
const maxRead = 1024 * 1024

// Reader answers up to length bytes from offset; fewer at the end.
type Reader struct {
	Length int64
	Read   func(offset uint64, length uint32) []uint8
}

// ReadAt is io.ReaderAt's.
func (reader Reader) ReadAt(into []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, errors.New("a negative offset")
	}
	done := 0
	for done < len(into) {
		part := reader.Read(uint64(offset)+uint64(done), uint32(min(len(into)-done, maxRead)))
		if len(part) == 0 {
			return done, io.EOF
		}
		done += copy(into[done:], part)
	}
	return done, nil
}

// Open is a reader of all of it that can seek and read at any place.
func (reader Reader) Open() *io.SectionReader { return io.NewSectionReader(reader, 0, reader.Length) }

// All is all of it.
func (reader Reader) All() []byte {
	content := make([]byte, reader.Length)
	length, _ := reader.ReadAt(content, 0)
	return content[:length]
}
