package backup

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/certhall/certhall/store/sqldb"
)

// Values stand in a row's array as null, text, number, true or false; bytes,
// and text that is not UTF-8 (SQLite keeps such), as {"b":"base64"}.

// scanned are places for a row's values.
func scanned(columns []sqldb.Column) []any {
	places := make([]any, len(columns))
	for i := range places {
		places[i] = new(any)
	}
	return places
}

// appendRow writes a row as one line.
func appendRow(line []byte, columns []sqldb.Column, places []any) ([]byte, error) {
	line = append(line, '[')
	for i, c := range columns {
		if i > 0 {
			line = append(line, ',')
		}
		var err error
		if line, err = appendValue(line, c, *places[i].(*any)); err != nil {
			return nil, err
		}
	}
	return append(line, "]\n"...), nil
}

func appendValue(line []byte, c sqldb.Column, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(line, "null"...), nil
	case int64:
		if c.Kind == sqldb.Boolean {
			return strconv.AppendBool(line, v != 0), nil
		}
		return strconv.AppendInt(line, v, 10), nil
	case bool:
		return strconv.AppendBool(line, v), nil
	case []byte:
		if c.Kind == sqldb.Text {
			return appendText(line, string(v))
		}
		return appendBytes(line, v), nil
	case string:
		if c.Kind == sqldb.Bytes {
			return appendBytes(line, []byte(v)), nil
		}
		return appendText(line, v)
	}
	return nil, fmt.Errorf("column %s holds a %T", c.Name, value)
}

func appendText(line []byte, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return appendBytes(line, []byte(text)), nil
	}
	quoted, err := json.Marshal(text)
	return append(line, quoted...), err
}

func appendBytes(line, value []byte) []byte {
	line = append(line, `{"b":"`...)
	line = base64.StdEncoding.AppendEncode(line, value)
	return append(line, `"}`...)
}

// readRow reads the values of one line as arguments of an INSERT.
func readRow(line []byte, columns []sqldb.Column, into []any) ([]any, error) {
	var values []json.RawMessage
	if err := json.Unmarshal(line, &values); err != nil {
		return nil, err
	}
	if len(values) != len(columns) {
		return nil, fmt.Errorf("%d values for %d columns", len(values), len(columns))
	}
	for i, c := range columns {
		v, err := readValue(c, values[i])
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", c.Name, err)
		}
		into = append(into, v)
	}
	return into, nil
}

func readValue(c sqldb.Column, raw json.RawMessage) (any, error) {
	if bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	if raw[0] == '{' {
		var v struct{ B []byte }
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
		if c.Kind == sqldb.Text {
			return string(v.B), nil
		}
		if v.B == nil {
			v.B = []byte{} // empty, not missing
		}
		return v.B, nil
	}
	switch c.Kind {
	case sqldb.Integer:
		return strconv.ParseInt(string(raw), 10, 64)
	case sqldb.Boolean:
		return strconv.ParseBool(string(raw))
	case sqldb.Text:
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	}
	return nil, fmt.Errorf("no value of kind %s", c.Kind)
}
