// Package log writes structured log lines. The host adds plugin name, plugin digest and request id.
//
//	log.Info("looked up", "source", "registry", "rows", 1)
//
// Personal data does not belong here. The host counts lines and bytes for each call (by default 64 lines, 16 KiB) and
// drops the rest. What is printed to stdout and stderr, such as by Go's own log, goes to the host's log too.
package log

import (
	"fmt"
	"strings"

	witTypes "chancery/internal/bytecodealliance/types"
	"chancery/internal/wit/chancery_host_log"
)

// How many fields one line may have.
const maxFields = 32

// Trace writes step-by-step detail, off by default. Fields are names and values in turn.
func Trace(message string, fields ...any) { write(chancery_host_log.LevelTrace, message, fields) }

// Debug writes detail that helps an author, off by default.
func Debug(message string, fields ...any) { write(chancery_host_log.LevelDebug, message, fields) }

// Info writes something worth knowing in normal operation.
func Info(message string, fields ...any) { write(chancery_host_log.LevelInfo, message, fields) }

// Warn writes that something is wrong, and the call goes on.
func Warn(message string, fields ...any) { write(chancery_host_log.LevelWarn, message, fields) }

// Error writes that the call fails.
func Error(message string, fields ...any) { write(chancery_host_log.LevelError, message, fields) }

func write(level chancery_host_log.Level, message string, fields []any) {
	var pairs []witTypes.Tuple2[string, string]
	for at := 0; at+1 < len(fields) && len(pairs) < maxFields; at += 2 {
		pairs = append(pairs, witTypes.Tuple2[string, string]{F0: text(fields[at]), F1: text(fields[at+1])})
	}
	chancery_host_log.Write(level, text(message), pairs)
}

func text(value any) string { return strings.ToValidUTF8(fmt.Sprint(value), "\uFFFD") }
