package registry

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// maxDepth bounds how deep a record's lists and objects go; ours go two deep.
const maxDepth = 16

// appendMember appends a member of the record, if it is one that we know and it is not null.
func appendMember(dst []byte, first bool, name string, value any) ([]byte, bool, error) {
	if value == nil || !record.IsField(name) {
		return dst, first, nil
	}
	if n, ok := value.(int64); ok && (name == "expires_at" || name == "deliver_at") {
		value = time.UnixMilli(n) // a plain long: milliseconds, as timestamp-millis is
	}
	if !first {
		dst = append(dst, ',')
	}
	dst = append(strconv.AppendQuote(dst, name), ':')
	dst, err := appendValue(dst, value, 0)
	return dst, false, err
}

func appendValue(dst []byte, value any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return dst, fmt.Errorf("it is more than %d levels deep", maxDepth)
	}
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...), nil
	case string:
		return appendJSONString(dst, v)
	case []byte:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v), '"'), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case uint64:
		return strconv.AppendUint(dst, v, 10), nil
	case float32:
		return appendFloat(dst, float64(v)), nil
	case float64:
		return appendFloat(dst, v), nil
	case time.Time:
		return append(v.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"'), nil
	case time.Duration:
		return append(append(append(dst, '"'), v.String()...), '"'), nil
	case map[string]any:
		return appendObject(dst, v, depth)
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendValue(dst, item, depth+1); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case protoreflect.Message:
		return appendMessage(dst, v, depth)
	}
	// Of a type that no field of ours has, such as a decimal: shown as text, and refused as that by whoever knows the field.
	return appendJSONString(dst, fmt.Sprint(value))
}

func appendObject(dst []byte, m map[string]any, depth int) ([]byte, error) {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names) // maps have no order, and a record that is read twice must be the same
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendJSONString(dst, name); err != nil {
			return dst, err
		}
		if dst, err = appendValue(append(dst, ':'), m[name], depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func appendJSONString(dst []byte, s string) ([]byte, error) {
	b, err := json.Marshal(s)
	return append(dst, b...), err
}

// appendFloat writes a whole number without a fraction: producers without integers have no other way to say 3.
func appendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, `"NaN"`...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}
