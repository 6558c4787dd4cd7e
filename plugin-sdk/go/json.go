package chancery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// MaxDepth is how deep the host lets claims nest.
const MaxDepth = 32

// ParseJSON reads JSON of a source that is not trusted to be careful: what two readers could understand differently is
// refused, such as a name that stands twice in one object. So is nesting beyond [MaxDepth]. The error quotes nothing of
// the text.
//
// Objects are map[string]any, arrays []any, and numbers [json.Number]: written again, they are as they were.
func ParseJSON(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	value, err := parseValue(decoder, MaxDepth)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("there is something after the value")
	}
	return value, nil
}

// WriteJSON writes a value as encoding/json does, without escapes for HTML.
func WriteJSON(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

func parseValue(decoder *json.Decoder, left int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, fault(err, decoder)
	}
	delimiter, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if left == 0 {
		return nil, fmt.Errorf("more than %d levels", MaxDepth)
	}
	if delimiter == '{' {
		return parseObject(decoder, left-1)
	}
	return parseArray(decoder, left-1)
}

func parseObject(decoder *json.Decoder, left int) (any, error) {
	object := map[string]any{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, fault(err, decoder)
		}
		key, _ := name.(string)
		if _, known := object[key]; known {
			// Which one is not said: names can be ids of people.
			return nil, fmt.Errorf("a name stands twice in one object at byte %d", decoder.InputOffset())
		}
		if object[key], err = parseValue(decoder, left); err != nil {
			return nil, err
		}
	}
	_, err := decoder.Token()
	return object, fault(err, decoder)
}

func parseArray(decoder *json.Decoder, left int) (any, error) {
	array := []any{}
	for decoder.More() {
		value, err := parseValue(decoder, left)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := decoder.Token()
	return array, fault(err, decoder)
}

// The document itself is not quoted: it is about a person.
func fault(err error, decoder *json.Decoder) error {
	if err == nil {
		return nil
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("it ends too early")
	}
	return fmt.Errorf("a mistake at byte %d", decoder.InputOffset())
}
