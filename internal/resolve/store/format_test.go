package store_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/engine"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

var update = flag.Bool("update", false, "write testdata/store.txt anew, for a format that was raised")

const pinnedStore = "testdata/store.txt"

// The local store is a cache, and one of another format is set aside and built anew from Kafka. It must then be one of another format: whoever changes a
// key, a value or the comparer raises `format`, and writes the file anew with -update. Else a release would take another's rows for its own.
func TestTheStoreKeepsItsBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := store.Open(dir, "the topics", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	waiting := fill(t, db)
	got := []string{fmt.Sprintf("format %d", store.FormatNumber), "comparer " + store.ComparerName}
	if err := db.Each(func(k, v []byte) { got = append(got, hex.EncodeToString(k)+" "+hex.EncodeToString(v)) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(got, "\n") + "\n"
	stored, err := os.ReadFile(pinnedStore)
	if err != nil && !*update {
		t.Fatal(err)
	}
	raised := !strings.HasPrefix(string(stored), got[0]+"\n")
	switch {
	case text == string(stored):
	case !raised:
		t.Errorf("the store has other bytes than before, under the same number: raise `format`, and run with -update.\ngot\n%swant\n%s", text, stored)
	case *update:
		if err := os.WriteFile(pinnedStore, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the store has another format than %s: run with -update", pinnedStore)
	}

	// What waits is in Kafka, too, for other releases to read. There is no number to raise: a value that cannot be read is passed over, and is lost.
	for key, value := range waiting {
		if want, ok := pinnedWaiting[key]; !ok || want != value {
			t.Errorf("a record of <name>.waiting:\n%s %s, want\n%s", key, value, want)
		}
	}
	if len(waiting) != len(pinnedWaiting) {
		t.Errorf("%d records in <name>.waiting, want %d: %s", len(waiting), len(pinnedWaiting), slices.Collect(maps.Keys(waiting)))
	}
	folded, err := store.Open(t.TempDir(), "the topics", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer folded.Close()
	e, err := engine.New(config(), folded)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range pinnedWaiting {
		k, _ := hex.DecodeString(key)
		v, _ := hex.DecodeString(value)
		if err := e.FoldWaiting(0, k, v); err != nil {
			t.Errorf("%s %s: %v", key, value, err)
		}
	}
	if n := e.Counts(); n.Early != 1 || n.Others != 3 { // a memory counts among the others
		t.Errorf("of what waits %+v was read", n)
	}
}

// pinnedWaiting are records of <name>.waiting, key and value: a receipt that waits for its submission, the memory of one that was published without, a
// part of a long message, the memory of one that was joined.
var pinnedWaiting = map[string]string{
	"457200636172726965722d61006561726c79dcc596f423635f0c":                 "0165b0ee86f49667040109636172726965722d610105f0c4fff39667870100000034393137303132333435363700000041434d45000400000000000000006669643a6561726c79207375623a30303120646c7672643a303031207375626d697420646174653a3236303330343035303620646f6e6520646174653a3236303330343035303720737461743a44454c49565244206572723a30303020746578743a68656c6c6f",
	"457200636172726965722d61007365656ef88bf9a7b9236b30":                   "0173c0f1a3c6976702",
	"50730034393137303132333435363700333233323300380002020000000000000002": "01708092a1f796670a789ed97567c45946000109636172726965722d61010580d8e9f396672c0000003439313730313233343536370000003332333233004000000000000000000a05000302020268616c66",
	"50730034393137303132333435363700333233323300380001020000000000000000": "016a8092a1f7966708789ed97567c45946789ed97567c45946",
}

func config() engine.Config {
	return engine.Config{Partitions: 1, DeliverTopic: "smpp.deliver", MatchWait: time.Minute, ReceiptWait: 72 * time.Hour, PartsWait: time.Hour, Forms: engine.NewForms(nil)}
}

var began = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// fill has an engine put one entry of each kind into the store, and returns what it puts into <name>.waiting.
func fill(t *testing.T, db *store.DB) map[string]string {
	t.Helper()
	e, err := engine.New(config(), db)
	if err != nil {
		t.Fatal(err)
	}
	waiting := map[string]string{}
	step := func(do func(out *engine.Output) error) {
		t.Helper()
		out := engine.NewOutput(db)
		if err := do(out); err != nil {
			t.Fatal(err)
		}
		out.Waiting(func(w engine.Waiting) {
			key := hex.EncodeToString(w.Key)
			waiting[key] = hex.EncodeToString(w.Value)
			if w.Value == nil {
				delete(waiting, key)
			}
		})
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	s := record.Submission{Kind: record.KindFiled, SMSC: "carrier-a", Key: record.ReceiptKey("carrier-a", "4f1a"), MessageID: "4f1a", ID: "order-7", RecordKey: []byte("k"),
		Part: 1, Parts: 1, To: "+491701234567", From: "ACME", Source: record.Source{Topic: "sms.outbound", Partition: 4, Offset: 1234567, Timestamp: began},
		SubmittedAt: began, Receipts: "final", Metadata: []byte(`{"k":"v"}`)}
	last := s
	last.Kind, last.Key = record.KindLast, record.SubscriberKey("491701234567", "32323")
	offset := int64(0)
	deliver := func(at time.Duration, sm *wire.SM) {
		t.Helper()
		pdu, err := sm.AppendDeliver(nil, 1)
		if err != nil {
			t.Fatal(err)
		}
		d := record.Deliver{SMSC: "carrier-a", Bind: 1, CommandID: wire.DeliverSM, ReceivedAt: began.Add(at), Body: pdu[wire.HeaderLen:]}
		step(func(out *engine.Output) error { return e.ApplyDeliver(offset, d.Append(nil), out) })
		offset++
	}
	receipt := func(at time.Duration, id, stat string) {
		deliver(at, &wire.SM{Source: wire.Address{Addr: []byte("491701234567")}, Dest: wire.Address{Addr: []byte("ACME")}, ESMClass: 0x04,
			ShortMessage: fmt.Appendf(nil, "id:%s sub:001 dlvrd:001 submit date:2603040506 done date:2603040507 stat:%s err:000 text:hello", id, stat)})
	}
	part := func(ref, seq byte) {
		deliver(time.Second, &wire.SM{Source: wire.Address{Addr: []byte("491701234567")}, Dest: wire.Address{Addr: []byte("32323")}, ESMClass: 0x40,
			ShortMessage: append([]byte{5, 0, 3, ref, 2, seq}, "half"...)})
	}
	step(func(out *engine.Output) error {
		return e.ApplySubmitted(0, record.AppendSubmission(record.AppendSubmission(nil, &s), &last), out)
	})
	receipt(time.Second, "4f1a", "ENROUTE") // joined, and its hash remembered
	receipt(time.Second, "seen", "DELIVRD")
	step(func(out *engine.Output) error { // its time is over: published alone, and remembered
		_, err := e.Tick(began.Add(2*time.Minute), out)
		return err
	})
	receipt(3*time.Minute, "early", "DELIVRD")
	part(1, 1)
	part(1, 2) // joined, and the message remembered
	part(2, 2)
	return waiting
}
