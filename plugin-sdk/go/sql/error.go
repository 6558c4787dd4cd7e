package sql

import (
	"fmt"
	"strings"

	"chancery"
	"chancery/internal/wit/chancery_host_sql"
)

// Kind says why a statement gave no rows.
type Kind string

// The kinds of the contract, and one of this package's.
const (
	UnknownStatement Kind = "unknown-statement"
	BadParameter     Kind = "bad-parameter"
	Timeout          Kind = "timeout"
	Unavailable      Kind = "unavailable"
	Database         Kind = "database"
	TooLarge         Kind = "too-large"
	// BadJSON: chancery.ParseJSON does not take what a JSON column holds.
	BadJSON Kind = "bad-json"
)

// Error is why a statement gave no rows.
type Error struct {
	Kind Kind
	// Code is the SQLSTATE, or the driver's code where there is none, where the kind is [Database].
	Code string
	text string
}

// SQLSTATE classes of failures that pass: connection, rollback (deadlock, serialisation), resources, operator
// intervention, system error.
const passing = "08 40 53 57 58"

func (e *Error) Error() string { return e.text }

// PluginError is what the host is told.
func (e *Error) PluginError() *chancery.Error {
	class := classOf(e.Code)
	switch {
	case e.Kind == Timeout, e.Kind == Unavailable, class != "" && strings.Contains(passing, class):
		return chancery.Unavailable("The data source does not answer at the moment.").With("%v", e)
	case class == "22":
		// It is about the values at hand: a text that is no number, a date out of range.
		return chancery.InvalidRequest("The data source cannot look this subject up.").With("%v", e)
	default:
		return chancery.Misconfigured("The data source is not set up correctly.").With("%v", e)
	}
}

func badParameter(expected string) *Error {
	return &Error{Kind: BadParameter, text: "the parameters do not fit: " + expected}
}

func badJSON(column string, reason error) *Error {
	return &Error{Kind: BadJSON, text: fmt.Sprintf("the JSON of column %s cannot be read: %v", column, reason)}
}

func failure(statement string, err chancery_host_sql.SqlError) *Error {
	switch err.Tag() {
	case chancery_host_sql.SqlErrorUnknownStatement:
		granted := strings.Join(err.UnknownStatement(), ", ")
		if granted == "" {
			granted = "none"
		}
		text := fmt.Sprintf("no statement %q is granted (granted: %s); add [grants.sql.statements.%s]",
			statement, granted, statement)
		return &Error{Kind: UnknownStatement, text: text}
	case chancery_host_sql.SqlErrorBadParameter:
		return badParameter(err.BadParameter())
	case chancery_host_sql.SqlErrorTimeout:
		return &Error{Kind: Timeout, text: "the statement ran longer than its timeout"}
	case chancery_host_sql.SqlErrorUnavailable:
		return &Error{Kind: Unavailable, text: "the database does not answer: " + err.Unavailable()}
	case chancery_host_sql.SqlErrorDatabase:
		return databaseError(err.Database())
	default:
		return &Error{Kind: TooLarge, text: fmt.Sprintf("the rows hold more than max_bytes, %d bytes", err.TooLarge())}
	}
}

// SQLSTATE class 42 is syntax, names, rights. Messages of the others quote values: the key that exists already, the
// text that is no number.
func databaseError(err chancery_host_sql.DatabaseError) *Error {
	shown := "(its message may quote data and is not shown)"
	if classOf(err.Code) == "42" {
		shown = err.Message
	}
	text := fmt.Sprintf("the database refused the statement: %s %s", err.Code, shown)
	return &Error{Kind: Database, Code: err.Code, text: text}
}

func classOf(sqlstate string) string {
	if len(sqlstate) != 5 {
		return ""
	}
	return sqlstate[:2]
}
