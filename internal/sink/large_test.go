package sink_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestARecordThatIsLargeInAnyPlaceHoldsNobodyUp has what is large in the key, in the headers and in fields that errors
// quote. A result that stayed too large for Kafka would be tried for ever, and its partition stand still.
func TestARecordThatIsLargeInAnyPlaceHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	x := setup(t, kafkatest.Kfake(t), smsc.Options{}, "SINK_TOPICS=single")
	kafkatest.CreateTopics(t, x.b, 1, "single")
	const limit = 1_048_000 // with what a batch adds, the most that a broker takes
	cl := kafkatest.Client(t, x.b, kgo.ProducerBatchMaxBytes(1_048_588), kgo.ProducerBatchCompression(kgo.NoCompression()))
	big := func(value string) []byte { return []byte(strings.Repeat("k", limit-len(value))) }
	plain, bad := `{"id":"key","to":"+491","text":"a"}`, `{"id":"dead letter's key","to":"+491"}`
	for _, r := range []*kgo.Record{
		{Key: big(plain), Value: []byte(plain)},
		{Key: big(bad), Value: []byte(bad)},
		{Value: []byte(`{"id":"headers","to":"+491"}`), Headers: []kgo.RecordHeader{{Key: "h", Value: big(bad)}}},
		{Value: []byte(`{"id":"route","to":"+491","text":"a","route":"` + strings.Repeat(`\u0001`, limit/7) + `"}`)},
		{Value: []byte(`{"id":"encoding","to":"+491","text":"a","encoding":"` + strings.Repeat("e", limit-100) + `"}`)},
		{Value: []byte(`{"id":"tlv","to":"+491","text":"a","tlvs":{"` + strings.Repeat("e", limit-100) + `":"x"}}`)},
		{Value: []byte(`{"id":"after","to":"+491","text":"a"}`)},
	} {
		r.Topic = "single"
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	r := x.start()
	got := x.results(7)
	for id, want := range map[string]string{"key": "accepted", "dead letter's key": "invalid", "headers": "invalid", "route": "unroutable",
		"encoding": "invalid", "tlv": "invalid", "after": "accepted"} {
		if rs := got[id]; len(rs) != 1 || rs[0].Status != want {
			t.Errorf("%s has %d results, want one that is %s", id, len(rs), want)
		} else if len(rs[0].Error) > 2000 {
			t.Errorf("the error of %s has %d bytes", id, len(rs[0].Error))
		}
	}
	r.stop(patience)
}

// TestTheSubmissionsOfOneMessageAreBounded has a message whose key and metadata would, told for each part and each form of
// its id, make 50 MB out of 130 kB.
func TestTheSubmissionsOfOneMessageAreBounded(t *testing.T) {
	t.Parallel()
	x := setup(t, kafkatest.Kfake(t), smsc.Options{}, "SMSC_0_WINDOW=300")
	metadata := `{"m":"` + strings.Repeat("m", 60_000) + `"}`
	cl := kafkatest.Client(t, x.b)
	for _, v := range []string{
		`{"id":"long","to":"+4917","text":"` + strings.Repeat("a", 250*153) + `","metadata":` + metadata + `}`,
		`{"id":"short","to":"+4918","text":"a","metadata":` + metadata + `}`,
	} {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "sms.outbound", Key: []byte(strings.Repeat("k", 60_000)), Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	r := x.start()
	got := x.results(2)
	for _, id := range []string{"long", "short"} {
		if rs := got[id]; len(rs) != 1 || rs[0].Status != "accepted" || string(rs[0].Metadata) != metadata {
			t.Fatalf("%s has %d results", id, len(rs))
		}
	}
	r.stop(patience)
	filed := map[string]int{} // entries with all that they may carry
	bytes := 0
	for _, rec := range kafkatest.ReadAll(t, x.b, "smpp.submitted") {
		bytes += len(rec.Value)
		if err := record.EachSubmission(rec.Value, func(s *record.Submission) error {
			if s.Kind == record.KindFiled && len(s.Metadata) > 0 && len(s.RecordKey) > 0 {
				filed[s.ID]++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if filed["short"] == 0 || filed["long"] != 0 {
		t.Errorf("with key and metadata: %v", filed)
	}
	if bytes > 2<<20 {
		t.Errorf("%d bytes of submissions", bytes)
	}
}
