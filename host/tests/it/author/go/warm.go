// Package plugin is a data provider for a sandbox that is used again: it tells how many calls it had.
package plugin

import (
	"strconv"

	"chancery"
)

var Plugin = chancery.DataProvider{Name: "people", Version: "0.1.0", Summary: "Counts its calls.", Fetch: fetch}

// Four times this is more than a sandbox has.
const size = 20 << 20

var calls int

// What the call holds until it is over.
var held []byte

func fetch(request *chancery.Request, _ chancery.Config) (*chancery.Data, error) {
	calls++
	held = nil
	held = make([]byte, size)
	held[size-1] = byte(calls)
	return &chancery.Data{Claims: map[string]any{
		"given_name":  strconv.Itoa(calls),
		"family_name": strconv.Itoa(len(held)),
		"birth_date":  "1990-01-01",
		"village":     request.Subject.ID,
		"source":      "memory",
	}}, nil
}
