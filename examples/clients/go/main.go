// Command go sends one message, checked against the record schema, and follows it to its result and its receipts.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/franz-go/pkg/kgo"
)

const schemaFile = "schemas/jsonschema/outbound.schema.json"

// Outbound has the fields that are used here; the schema has all of them.
type Outbound struct {
	ID       string            `json:"id"`
	To       string            `json:"to"`
	Text     string            `json:"text"`
	Receipts string            `json:"receipts"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Result says what came of the record: exactly one comes for each.
type Result struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"error"`
	Parts  []struct {
		MessageID string `json:"message_id"`
	} `json:"parts"`
}

// Receipt says what came of one part of it.
type Receipt struct {
	ID    string `json:"id"`
	Part  int    `json:"part"`
	State string `json:"state"`
	Final bool   `json:"final"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		brokers = "127.0.0.1:9092"
	}
	to, text := "+491761000001", "Hello from Go."
	if len(os.Args) == 3 {
		to, text = os.Args[1], os.Args[2]
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...),
		// Idempotence, acks=all and the partitioner of the Java client are franz-go's defaults.
		kgo.RecordDeliveryTimeout(30*time.Second),
		kgo.ConsumerGroup("sms-client-go"), kgo.ConsumeTopics("sms.results", "sms.receipts"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // of a group that is new
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),      // results are written in transactions
		kgo.DisableAutoCommit(),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	m := Outbound{ID: fmt.Sprintf("go-%d", time.Now().UnixNano()), To: to, Text: text, Receipts: "final"}
	value, err := encode(m)
	if err != nil {
		return err
	}
	// The key is the recipient's number: results and receipts carry it on, and one person's messages stay in order.
	record := &kgo.Record{Topic: "sms.outbound", Key: []byte(strings.TrimPrefix(to, "+")), Value: value}
	if err := cl.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("not written: %w", err)
	}
	fmt.Printf("%s is at sms.outbound, partition %d, offset %d\n", m.ID, record.Partition, record.Offset)
	return follow(ctx, cl, m.ID)
}

func encode(m Outbound) ([]byte, error) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(value))
	if err != nil {
		return nil, err
	}
	return value, schema.Validate(document)
}

// follow reads results and receipts until this message's are there. What has been dealt with is committed after it has been
// dealt with: after a crash it is read again, so that whatever is done here should bear being done twice (by id).
func follow(ctx context.Context, cl *kgo.Client, id string) error {
	awaited := -1 // parts whose final receipt is to come; not known before the result
	got := map[int]bool{}
	for awaited < 0 || len(got) < awaited {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("waiting for what comes of it: %w", err)
		}
		for _, r := range fetches.Records() {
			switch r.Topic {
			case "sms.results":
				var res Result
				if err := json.Unmarshal(r.Value, &res); err != nil {
					return fmt.Errorf("%s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
				}
				if res.ID != id {
					continue
				}
				if res.Status != "accepted" {
					return fmt.Errorf("%s: %s", res.Status, res.Error)
				}
				awaited = len(res.Parts)
				fmt.Printf("result: %s, message_id %s\n", res.Status, res.Parts[0].MessageID)
			case "sms.receipts":
				var rec Receipt
				if err := json.Unmarshal(r.Value, &rec); err != nil {
					return fmt.Errorf("%s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
				}
				if rec.ID == id && rec.Final {
					got[rec.Part] = true
					fmt.Printf("receipt: part %d is %s\n", rec.Part, rec.State)
				}
			}
		}
		if err := cl.CommitUncommittedOffsets(ctx); err != nil {
			return err
		}
	}
	return nil
}
