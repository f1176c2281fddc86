package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bufbuild/protocompile"
	"github.com/twmb/franz-go/pkg/sr"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

type protobufReader struct {
	file protoreflect.FileDescriptor
}

// rootFile is the name under which a schema is compiled; what it imports has the names of its references.
const rootFile = "smpp-connector-record.proto"

func compileProtobuf(text string, names []string, references []sr.Schema) (decoder, error) {
	files := map[string]string{rootFile: text}
	for i, name := range names {
		files[name] = references[i].Schema
	}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)})}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	compiled, err := c.Compile(ctx, rootFile)
	if err != nil {
		return nil, err
	}
	if compiled[0].Messages().Len() == 0 {
		return nil, errors.New("it has no message")
	}
	return protobufReader{compiled[0]}, nil
}

// maxIndex bounds the path to a nested message.
const maxIndex = 16

func (p protobufReader) appendJSON(dst, data []byte) ([]byte, error) {
	path, data, err := new(sr.ConfluentHeader).DecodeIndex(data, maxIndex)
	if err != nil {
		return dst, err
	}
	in := p.file.Messages()
	var desc protoreflect.MessageDescriptor
	for _, i := range path {
		if i < 0 || i >= in.Len() {
			return dst, fmt.Errorf("the schema has no message %v", path)
		}
		desc = in.Get(i)
		in = desc.Messages()
	}
	if desc == nil {
		return dst, errNoRecord
	}
	m := dynamicpb.NewMessage(desc)
	if err := proto.Unmarshal(data, m); err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	first := true
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		dst, first, err = appendMember(dst, first, string(f.Name()), plainOf(f, v))
		return err == nil
	})
	return append(dst, '}'), err
}

// appendMessage writes a message within the record by the names of its fields.
func appendMessage(dst []byte, m protoreflect.Message, depth int) (_ []byte, err error) {
	dst = append(dst, '{')
	first := true
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if dst, err = appendJSONString(dst, string(f.Name())); err != nil {
			return false
		}
		dst, err = appendValue(append(dst, ':'), plainOf(f, v), depth+1)
		return err == nil
	})
	return append(dst, '}'), err
}

// plainOf is a field's value in the types that appendValue knows.
func plainOf(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch {
	case f.IsMap():
		m := make(map[string]any, v.Map().Len())
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			m[k.String()] = scalarOf(f.MapValue(), v)
			return true
		})
		return m
	case f.IsList():
		list := make([]any, v.List().Len())
		for i := range list {
			list[i] = scalarOf(f, v.List().Get(i))
		}
		return list
	}
	return scalarOf(f, v)
}

func scalarOf(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	switch f.Kind() {
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return string(e.Name())
		}
		return int64(v.Enum())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return wellKnown(v.Message())
	}
	return v.Interface()
}

// wellKnown takes Timestamp, Duration and the wrappers for what they mean.
func wellKnown(m protoreflect.Message) any {
	fields := m.Descriptor().Fields()
	part := func(name protoreflect.Name) int64 { return m.Get(fields.ByName(name)).Int() }
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		return time.Unix(part("seconds"), part("nanos"))
	case "google.protobuf.Duration":
		return time.Duration(part("seconds"))*time.Second + time.Duration(part("nanos"))
	case "google.protobuf.StringValue", "google.protobuf.BytesValue", "google.protobuf.BoolValue", "google.protobuf.Int32Value", "google.protobuf.Int64Value",
		"google.protobuf.UInt32Value", "google.protobuf.UInt64Value", "google.protobuf.DoubleValue", "google.protobuf.FloatValue":
		return m.Get(fields.ByName("value")).Interface()
	}
	return m
}
