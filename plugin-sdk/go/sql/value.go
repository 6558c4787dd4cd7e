package sql

import (
	"fmt"
	"time"
	"unicode/utf8"

	"chancery"
	"chancery/internal/wit/chancery_host_sql"
)

// Texts that go as other values than texts.
type (
	// Numeric is a decimal in plain notation, such as -12.50.
	Numeric string
	// Date is a date as YYYY-MM-DD.
	Date string
	// Time is a time of day as HH:MM:SS[.ffffff].
	Time string
	// UUID is a UUID in lower case with hyphens.
	UUID string
	// JSON is a JSON text.
	JSON string
)

func parameterOf(parameter any) (value chancery_host_sql.Value, err error) {
	switch parameter := parameter.(type) {
	case nil:
		value = chancery_host_sql.MakeValueNull()
	case bool:
		value = chancery_host_sql.MakeValueBoolean(parameter)
	case int:
		value = chancery_host_sql.MakeValueInt(int64(parameter))
	case int32:
		value = chancery_host_sql.MakeValueInt(int64(parameter))
	case int64:
		value = chancery_host_sql.MakeValueInt(parameter)
	case float64:
		value = chancery_host_sql.MakeValueFloat(parameter)
	case string:
		value, err = chancery_host_sql.MakeValueText(parameter), checked(parameter)
	case []byte:
		value = chancery_host_sql.MakeValueBytes(parameter)
	case Numeric:
		value, err = chancery_host_sql.MakeValueNumeric(string(parameter)), checked(string(parameter))
	case Date:
		value, err = chancery_host_sql.MakeValueDate(string(parameter)), checked(string(parameter))
	case Time:
		value, err = chancery_host_sql.MakeValueTime(string(parameter)), checked(string(parameter))
	case UUID:
		value, err = chancery_host_sql.MakeValueUuid(string(parameter)), checked(string(parameter))
	case JSON:
		value, err = chancery_host_sql.MakeValueJson(string(parameter)), checked(string(parameter))
	case time.Time:
		value = chancery_host_sql.MakeValueTimestamp(parameter.Format(time.RFC3339Nano))
	default:
		err = badParameter(fmt.Sprintf("%T is no database value", parameter))
	}
	return value, err
}

// Only JSON may be of a kind that is not taken.
func valueOf(value chancery_host_sql.Value) (any, error) {
	switch value.Tag() {
	case chancery_host_sql.ValueNull:
		return nil, nil
	case chancery_host_sql.ValueBoolean:
		return value.Boolean(), nil
	case chancery_host_sql.ValueInt:
		return value.Int(), nil
	case chancery_host_sql.ValueFloat:
		return value.Float(), nil
	case chancery_host_sql.ValueNumeric:
		return value.Numeric(), nil
	case chancery_host_sql.ValueText:
		return value.Text(), nil
	case chancery_host_sql.ValueBytes:
		return value.Bytes(), nil
	case chancery_host_sql.ValueDate:
		return value.Date(), nil
	case chancery_host_sql.ValueTime:
		return value.Time(), nil
	case chancery_host_sql.ValueTimestamp:
		return value.Timestamp(), nil
	case chancery_host_sql.ValueUuid:
		return value.Uuid(), nil
	default:
		return chancery.ParseJSON([]byte(value.Json()))
	}
}

// What is not UTF-8 would end the sandbox, and say nothing.
func checked(text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	return badParameter("a text is not UTF-8")
}
