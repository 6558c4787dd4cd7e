// Package sql runs named SQL statements, by the host, on pooled connections.
//
//	rows, err := sql.Run("person_by_id")
//
// The statements stand in the grant file; a plugin never sends SQL text. Parameters that the grant binds (@subject.id)
// are filled by the host from the call at hand, and not passed here.
package sql

import (
	"chancery/internal/wit/chancery_host_sql"
)

// Rows is what a statement returned.
type Rows struct {
	// Columns are names in the order of the statement.
	Columns []string
	// Values are one slice a row, in the order of Columns: nil (NULL), bool, int64, float64, string, []byte, and for a
	// JSON column what chancery.ParseJSON makes of it. Decimals, dates, times and UUIDs are texts, ready for claims.
	Values [][]any
	// Truncated says that the statement had more rows than the grant's max_rows.
	Truncated bool
}

// First is the first row by column names; nil where there is none.
func (rows *Rows) First() map[string]any {
	if len(rows.Values) == 0 {
		return nil
	}
	return rows.Row(0)
}

// Row is one row by column names.
func (rows *Rows) Row(at int) map[string]any {
	row := make(map[string]any, len(rows.Columns))
	for index, column := range rows.Columns {
		row[column] = rows.Values[at][index]
	}
	return row
}

// Run runs the named statement. Parameters fill those that the grant leaves to the plugin, in order; they may be nil,
// bool, int, int32, int64, float64, string, []byte, [Numeric], [Date], [Time], [UUID], [JSON] and time.Time. Its error
// is an *[Error].
func Run(statement string, parameters ...any) (*Rows, error) {
	if err := checked(statement); err != nil {
		return nil, err
	}
	values := make([]chancery_host_sql.Value, 0, len(parameters))
	for _, parameter := range parameters {
		value, err := parameterOf(parameter)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	result := chancery_host_sql.Run(statement, values)
	if result.IsErr() {
		return nil, failure(statement, result.Err())
	}
	found := result.Ok()
	rows := &Rows{Columns: found.Columns, Truncated: found.Truncated}
	for _, row := range found.Rows {
		converted := make([]any, len(row))
		for index, value := range row {
			found, err := valueOf(value)
			if err != nil {
				return nil, badJSON(rows.Columns[index], err)
			}
			converted[index] = found
		}
		rows.Values = append(rows.Values, converted)
	}
	return rows, nil
}
