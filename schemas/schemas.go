// Package schemas holds the schemas of the records, for the registry and for whoever makes code of them.
package schemas

import (
	"embed"
	"fmt"
)

// The Go types of the Protobuf messages; protoc and google.golang.org/protobuf/cmd/protoc-gen-go must be on the PATH.
//go:generate protoc -I protobuf --go_out=.. --go_opt=module=github.com/smpp-connector/smpp-connector protobuf/outbound.proto protobuf/result.proto protobuf/receipt.proto protobuf/inbound.proto protobuf/deadletter.proto

//go:embed avro/*.avsc protobuf/*.proto jsonschema/*.schema.json
var files embed.FS

// The records.
const (
	Outbound   = "outbound"
	Result     = "result"
	Receipt    = "receipt"
	Inbound    = "inbound"
	DeadLetter = "deadletter"
)

// Records are the names of all records.
var Records = []string{Outbound, Result, Receipt, Inbound, DeadLetter}

// Avro is the Avro schema of a record.
func Avro(record string) string { return read("avro/" + record + ".avsc") }

// Protobuf is the .proto file of a record. Its message is the first and only one at the top.
func Protobuf(record string) string { return read("protobuf/" + record + ".proto") }

// JSON is the JSON Schema (2020-12) of a record.
func JSON(record string) string { return read("jsonschema/" + record + ".schema.json") }

func read(path string) string {
	b, err := files.ReadFile(path)
	if err != nil {
		panic(fmt.Sprintf("schemas: no record of that name: %v", err)) // names are the constants above
	}
	return string(b)
}
