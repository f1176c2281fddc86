package registry

import (
	"errors"
	"fmt"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
)

type avroReader struct{ schema *avro.Schema }

func compileAvro(text string, references []sr.Schema) (decoder, error) {
	var cache avro.SchemaCache
	for _, ref := range references {
		if _, err := cache.Parse(ref.Schema); err != nil {
			return nil, fmt.Errorf("a schema that it refers to: %w", err)
		}
	}
	s, err := cache.Parse(text)
	if err != nil {
		return nil, err
	}
	return avroReader{s}, nil
}

var errNoRecord = errors.New("the data is no record")

func (a avroReader) appendJSON(dst, data []byte) ([]byte, error) {
	var v any
	rest, err := a.schema.Decode(data, &v)
	if err != nil {
		return dst, err
	}
	fields, ok := v.(map[string]any)
	if !ok || len(rest) > 0 {
		return dst, errNoRecord
	}
	dst = append(dst, '{')
	first := true
	for name, value := range fields {
		if dst, first, err = appendMember(dst, first, name, value); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
