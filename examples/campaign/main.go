// Command campaign sends a text to every customer of a CSV file and follows what becomes of it: results, then receipts.
//
// A message is named <campaign>-<customer>. Run again, after a crash or a cable pulled, it sends what is missing and nothing twice.
package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// texts by language; {name} is the customer's.
var texts = map[string]string{
	"de": "Hallo {name}, nur heute: 20 % auf alles. Ihr Gartencenter",
	"en": "Hi {name}, today only: 20% off everything. Your garden centre",
	"fr": "Bonjour {name}, aujourd'hui seulement : -20 % sur tout. Votre jardinerie",
}

// outbound is what the connector reads from sms.outbound; schemas/ has all of its fields.
type outbound struct {
	ID       string            `json:"id"`
	To       string            `json:"to"`
	Text     string            `json:"text"`
	Validity string            `json:"validity,omitempty"`
	Receipts string            `json:"receipts,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	name := flag.String("name", "garden", "name of the campaign")
	file := flag.String("csv", "examples/campaign/customers.csv", "file with the columns customer, phone, name, language")
	since := flag.Duration("since", 24*time.Hour, "how far back to look for an earlier run of this campaign")
	wait := flag.Duration("wait", 2*time.Minute, "how long to wait for receipts")
	flag.Parse()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		brokers = "127.0.0.1:9092"
	}
	messages, err := readCustomers(*file, *name)
	if err != nil {
		return err // before anything is sent
	}
	// acks=all and idempotence are franz-go's defaults: what is acknowledged is stored once.
	options := []kgo.Opt{kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.RecordDeliveryTimeout(30 * time.Second)}
	from := time.Now().Add(-*since)
	ours := map[string]bool{}
	for _, m := range messages {
		ours[m.ID] = true
	}
	sent, err := sentBefore(ctx, options, from, ours)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(messages), func(m outbound) bool { return sent[m.ID] })
	fmt.Printf("campaign %s: %d customers, %d of them in an earlier run\n", *name, len(messages), len(messages)-len(fresh))
	if err := send(ctx, options, fresh); err != nil {
		return err
	}
	return follow(ctx, options, from, ours, *wait)
}

// readCustomers reads all of the file, so that one bad line stops the campaign before it has begun.
func readCustomers(file, campaign string) ([]outbound, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows := csv.NewReader(f)
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	column := map[string]int{}
	for i, h := range header {
		column[h] = i
	}
	for _, want := range []string{"customer", "phone", "name", "language"} {
		if _, ok := column[want]; !ok {
			return nil, fmt.Errorf("%s: there is no column %q among %q", file, want, header)
		}
	}
	var messages []outbound
	seen := map[string]bool{}
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return messages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		line, _ := rows.FieldPos(0)
		customer, phone, language := row[column["customer"]], row[column["phone"]], row[column["language"]]
		text, ok := texts[language]
		switch {
		case customer == "" || seen[customer]:
			return nil, fmt.Errorf("%s:%d: customer %q is empty or there twice", file, line, customer)
		case !strings.HasPrefix(phone, "+"):
			return nil, fmt.Errorf("%s:%d: phone %q: write it internationally, as in +491701234567", file, line, phone)
		case !ok:
			return nil, fmt.Errorf("%s:%d: language %q: there is no text in it", file, line, language)
		}
		seen[customer] = true
		messages = append(messages, outbound{
			ID: campaign + "-" + customer, To: phone, Text: strings.ReplaceAll(text, "{name}", row[column["name"]]),
			Validity: "12h", // the offer ends today
			Receipts: "final",
			Metadata: map[string]string{"campaign": campaign, "customer": customer},
		})
	}
}

// sentBefore reads what lies in sms.outbound since from, up to where it ends now.
func sentBefore(ctx context.Context, options []kgo.Opt, from time.Time, ours map[string]bool) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(append(options, kgo.ConsumeTopics("sms.outbound"), kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(from.UnixMilli())),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...) // markers of transactions count: the last offset may be one
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	first, err := adm.ListOffsetsAfterMilli(ctx, from.UnixMilli(), "sms.outbound")
	if err != nil {
		return nil, fmt.Errorf("reading sms.outbound: %w", err)
	}
	ends, err := adm.ListCommittedOffsets(ctx, "sms.outbound")
	if err != nil {
		return nil, fmt.Errorf("reading sms.outbound: %w", err)
	}
	if err := ends.Error(); err != nil {
		return nil, fmt.Errorf("reading sms.outbound: %w", err)
	}
	left := map[int32]int64{} // partition: where it ends
	ends.Each(func(o kadm.ListedOffset) {
		if begin, ok := first.Lookup(o.Topic, o.Partition); ok && begin.Offset < o.Offset {
			left[o.Partition] = o.Offset
		}
	})
	sent := map[string]bool{}
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, fmt.Errorf("reading sms.outbound: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			var m outbound
			if !r.Attrs.IsControl() && json.Unmarshal(r.Value, &m) == nil && ours[m.ID] {
				sent[m.ID] = true
			}
			if end, ok := left[r.Partition]; ok && r.Offset+1 >= end {
				delete(left, r.Partition)
			}
		})
	}
	return sent, nil
}

func send(ctx context.Context, options []kgo.Opt, messages []outbound) error {
	cl, err := kgo.NewClient(append(options, kgo.DefaultProduceTopic("sms.outbound"))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		value, err := json.Marshal(m)
		if err != nil {
			return err
		}
		// The key is the recipient's number, as sms.inbound has it: results and receipts carry it on, and a
		// person's messages stay in their order.
		records[i] = &kgo.Record{Key: []byte(strings.TrimPrefix(m.To, "+")), Value: value}
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("not all was written, run it again to send the rest: %w", err)
	}
	return nil
}
