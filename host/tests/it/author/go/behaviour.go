// Package plugin is a data provider that goes wrong in the way that the subject's id names.
package plugin

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"chancery"
	"chancery/trace"
)

var Plugin = chancery.DataProvider{Name: "people", Version: "0.1.0", Summary: "Goes wrong.", Fetch: fetch}

// What the collector would find.
var garbage [][]byte

// One allocation, outside of what the stack holds.
const block = 100_000

func fetch(request *chancery.Request, config chancery.Config) (*chancery.Data, error) {
	switch request.Subject.ID {
	case "panic":
		panic("I give up")
	case "nil map":
		var table map[string]int
		table["x"] = 1
	case "nil":
		var data *chancery.Data
		data.Claims = 1
	case "index":
		fmt.Println([]int{1}[len(request.Subject.ID)])
	case "panic elsewhere":
		go func() { panic("in a goroutine") }()
		time.Sleep(time.Second)
	case "deadlock":
		<-make(chan int)
	case "exit":
		fmt.Fprintln(os.Stderr, "on my way out")
		os.Exit(3)
	case "recursion":
		return deeper(1), nil
	case "memory":
		for {
			garbage = append(garbage, make([]byte, block))
		}
	case "spin":
		for i := 0; ; i++ {
			garbage = garbage[:0]
		}
	case "an error of Go":
		return nil, fmt.Errorf("wrapped: %w", errors.New("\xff"+strings.Repeat("ü", 3000)))
	case "a typed error":
		unavailable := chancery.Unavailable("Come again.").With("row %d", 7)
		unavailable.RetryAfter = 5 * time.Second
		return nil, fmt.Errorf("wrapped: %w", unavailable)
	case "a nil error", "a wrapped nil error", "a nil error of mine", "a nil error of a capability", "an error that panics",
		"an error that says nothing":
		return claims("claims", 0), broken(request.Subject.ID)
	case "nothing":
		return nil, nil
	case "no object":
		return &chancery.Data{Claims: []int{1}}, nil
	case "no JSON":
		return &chancery.Data{Claims: map[string]any{"x": math.NaN()}}, nil
	default:
		return well(request, config)
	}
	return nil, nil
}

// The error of an author who knows no better.
type mine struct{ text string }

func (e *mine) Error() string { return e.text }

// Errors that are none, or that cannot say themselves.
func broken(how string) error {
	var none *chancery.Error
	switch how {
	case "a nil error":
		return none
	case "a wrapped nil error":
		return fmt.Errorf("wrapped: %w", none)
	case "a nil error of mine":
		return (*mine)(nil)
	case "a nil error of a capability":
		return (*strict)(nil)
	case "an error that says nothing":
		return &strict{mine{"my own words"}}
	default:
		return unspeakable{}
	}
}

// A capability's error, as those of the SDK are.
type strict struct{ mine }

func (e *strict) PluginError() *chancery.Error {
	if e.text != "" {
		return nil
	}
	return chancery.Denied("No.")
}

type unspeakable struct{}

func (unspeakable) Error() string { panic("no words") }

// What works, although the collector does not.
func well(request *chancery.Request, config chancery.Config) (*chancery.Data, error) {
	switch request.Subject.ID {
	case "draw":
		return claims("drawn", rand.Text()), nil
	case "large":
		data := claims("large", strings.Repeat("x", 1<<20))
		data.Attachments = []chancery.Attachment{{Name: "photo", MediaType: "image/png", Content: []byte{1, 2, 3}}}
		data.ValidUntil = time.Unix(2_000_000_000, 0)
		return data, nil
	case "timers":
		time.AfterFunc(time.Microsecond, func() {})
		defer time.NewTimer(time.Hour).Stop()
		time.Sleep(2 * time.Millisecond)
		return claims("handed", handedOver(100) > 0), nil
	case "goroutines":
		sizes := make(chan int)
		for range 20 {
			go func() { sizes <- handedOver(5) }()
		}
		sum := 0
		for range 20 {
			sum += <-sizes
		}
		return claims("handed", sum > 0), nil
	case "collect":
		for range 5 {
			for range 300 {
				garbage = append(garbage, make([]byte, block/2))
			}
			garbage = nil
			runtime.GC()
			handedOver(10)
		}
		return claims("collected", true), nil
	default:
		return claims("claims", len(request.Subject.Claims)), nil
	}
}

func claims(name string, value any) *chancery.Data {
	return &chancery.Data{Claims: map[string]any{name: value}}
}

func deeper(depth int) *chancery.Data {
	frame := [100]int{depth}
	data := deeper(depth + frame[0])
	frame[1]++
	return data
}

// Has the host hand something over, again and again.
func handedOver(times int) int {
	size := 0
	for range times {
		size += len(trace.RequestID())
	}
	return size
}
