// Package prepared is what Prepare returned for this generation: an immutable index or table.
//
// By default every call has a fresh sandbox; an operator may let calls of one issuer share one. Rely on neither: what is
// costly to build and the same for every subject is built once in Prepare and read here.
package prepared

import (
	"io"

	"chancery/internal/parts"
	"chancery/internal/wit/chancery_host_prepared"
)

// Size is how many bytes there are; 0 before Prepare has returned and where it returned none.
func Size() int64 { return int64(chancery_host_prepared.Size()) }

// Read is all of it. For what is large, [Open] reads the parts that are needed.
func Read() []byte { return reader().All() }

// Open is a reader of it that can seek and read at any place.
func Open() *io.SectionReader { return reader().Open() }

func reader() parts.Reader {
	return parts.Reader{Length: Size(), Read: chancery_host_prepared.Read}
}
