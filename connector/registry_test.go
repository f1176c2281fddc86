package main

import (
	"encoding/binary"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"google.golang.org/protobuf/proto"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
	"github.com/smpp-connector/smpp-connector/schemas"
	"github.com/smpp-connector/smpp-connector/schemas/pb"
)

// TestRecordsGoThroughInEveryFormat takes a JSON record and an Avro record through the built binary in each FORMAT, with a registry that is
// away when the connector starts, and away again when only what is known is needed. The registry is franz-go's srfake.
func TestRecordsGoThroughInEveryFormat(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "avro", "protobuf", "jsonschema"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Close)
			registry := srfake.New(srfake.WithAuth("Basic dTpw")) // u:p
			t.Cleanup(registry.Close)
			var away atomic.Bool
			asked := make(chan struct{}, 1)
			registry.Intercept(func(w http.ResponseWriter, _ *http.Request) bool {
				if !away.Load() {
					return false
				}
				w.WriteHeader(http.StatusServiceUnavailable)
				select {
				case asked <- struct{}{}:
				default:
				}
				return true
			})
			id, _, err := registry.RegisterSchema("sms.outbound-value", sr.Schema{Schema: schemas.Avro(schemas.Outbound)})
			if err != nil {
				t.Fatal(err)
			}
			away.Store(format != "json") // at the start; with json nothing waits for it
			s := startSMSC(t, smsc.Options{})
			p := startProcess(t, []string{"KAFKA_BROKERS=" + cluster.ListenAddrs()[0], "KAFKA_TOPICS_REPLICATION=1", "HTTP_ADDRESS=", "LOG_FORMAT=text", "FORMAT=" + format,
				"SCHEMA_REGISTRY_URL=" + registry.URL(), "SCHEMA_REGISTRY_USERNAME=u", "SCHEMA_REGISTRY_PASSWORD=p", "SCHEMA_REGISTRY_REGISTER=true",
				"SMSC_0_NAME=x", "SMSC_0_ADDRESS=" + s.Addr(), "SMSC_0_SOURCE_ADDRESS=1"}, "run")
			if format != "json" {
				<-asked
				away.Store(false)
			}
			p.await("bound")

			cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("sms.results"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cl.Close)
			produce := func(value []byte) {
				t.Helper()
				if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "sms.outbound", Value: value}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			avroOf := func(id int, name string) []byte {
				b, err := avro.MustParse(schemas.Avro(schemas.Outbound)).Encode(map[string]any{"id": name, "to": "+491511234567", "text": "hello", "metadata": map[string]any{"k": "v"}})
				if err != nil {
					t.Fatal(err)
				}
				return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), b...)
			}
			results := map[string]string{}
			await := func(n int) {
				t.Helper()
				for len(results) < n {
					fs := cl.PollFetches(t.Context())
					if err := fs.Err0(); err != nil {
						t.Fatal(err)
					}
					for _, r := range fs.Records() {
						id, status := readResult(t, format, r.Value)
						results[id] = status
					}
				}
			}
			produce([]byte(`{"id":"json","to":"+491511234567","text":"hello"}`))
			produce(avroOf(id, "avro"))
			produce(avroOf(4711, "nobody's"))
			await(3) // that of nobody, too: who asks for it while the registry is away goes on asking
			away.Store(true)
			produce(avroOf(id, "while it is away"))
			produce([]byte(`{"id":"json while it is away","to":"+491511234567","text":"hello"}`))
			await(5)
			for name, status := range results {
				if want := record.Accepted; strings.HasPrefix(name, "sms.outbound-") { // 4711: it has no id that could be read
					if status != record.Invalid {
						t.Errorf("%s is %s", name, status)
					}
				} else if status != want {
					t.Errorf("%s is %s", name, status)
				}
			}
			for _, name := range []string{"json", "avro", "while it is away", "json while it is away"} {
				if results[name] == "" {
					t.Errorf("%s is not among %v", name, results)
				}
			}
		})
	}
}

func readResult(t *testing.T, format string, value []byte) (id, status string) {
	t.Helper()
	if format == "json" || format == "jsonschema" {
		if format == "jsonschema" {
			value = value[5:]
		}
		r, err := record.DecodeResult(value)
		if err != nil {
			t.Fatalf("%v: %s", err, value)
		}
		return r.ID, r.Status
	}
	if format == "protobuf" {
		var m pb.Result
		if err := proto.Unmarshal(value[6:], &m); err != nil {
			t.Fatal(err)
		}
		return m.Id, m.Status
	}
	var v any
	if _, err := avro.MustParse(schemas.Avro(schemas.Result)).Decode(value[5:], &v); err != nil {
		t.Fatal(err)
	}
	m := v.(map[string]any)
	return m["id"].(string), m["status"].(string)
}
