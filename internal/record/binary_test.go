package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func fullSubmission() Submission {
	return Submission{
		Kind: KindFiled, SMSC: "carrier-a", Key: ReceiptKey("carrier-a", "4f1a"), PrimaryKey: ReceiptKey("carrier-a", "20250"), MessageID: "4F1A",
		ID: "order-7", RecordKey: []byte("k"), Part: 1, Parts: 2, To: "+491701234567", From: "ACME", Source: source,
		SubmittedAt: at, Receipts: "final", Metadata: []byte(`{"k":"v"}`), Final: true, Hash: math.MaxUint64,
		Span: [24]byte{1, 23: 24},
	}
}

// batchOf reads a batch into a list of its own.
func batchOf(value []byte) (list []Submission, err error) {
	err = EachSubmission(value, func(s *Submission) error {
		list = append(list, *s)
		return nil
	})
	return list, err
}

func TestABatchOfSubmissionsReadsBackAsItWas(t *testing.T) {
	t.Parallel()
	text := rapid.StringN(0, 12, -1)
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "absent") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(leastMillis, mostMillis).Filter(func(ms int64) bool { return !time.UnixMilli(ms).IsZero() }).Draw(t, "ms")).UTC()
	})
	submission := rapid.Custom(func(t *rapid.T) Submission {
		s := Submission{
			Kind: Kind(rapid.IntRange(1, 3).Draw(t, "kind")), SMSC: text.Draw(t, "smsc"), Key: text.Draw(t, "key"), PrimaryKey: text.Draw(t, "primary"),
			MessageID: text.Draw(t, "message id"), ID: text.Draw(t, "id"), Part: rapid.IntRange(0, maxParts).Draw(t, "part"), Parts: rapid.IntRange(0, 255).Draw(t, "parts"),
			To: text.Draw(t, "to"), From: text.Draw(t, "from"), SubmittedAt: instant.Draw(t, "submitted at"), Receipts: text.Draw(t, "receipts"),
			Source: Source{Topic: text.Draw(t, "topic"), Partition: rapid.Int32().Draw(t, "partition"), Offset: rapid.Int64().Draw(t, "offset"), Timestamp: instant.Draw(t, "timestamp")},
			Final:  rapid.Bool().Draw(t, "final"), Hash: rapid.Uint64().Draw(t, "hash"),
		}
		if rapid.Bool().Draw(t, "traced") {
			s.Span = [24]byte(rapid.SliceOfN(rapid.Byte(), 24, 24).Draw(t, "span"))
		}
		for _, p := range []*[]byte{&s.RecordKey, &s.Metadata} {
			if rapid.Bool().Draw(t, "given") {
				*p = []byte(text.Draw(t, "bytes"))
			}
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(submission, 1, 5).Draw(t, "batch")
		var value []byte
		for i := range want {
			value = AppendSubmission(value, &want[i])
		}
		got, err := batchOf(value)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v\nerror %v", got, want, err)
		}
	})
}

func TestANullKeyIsNotAnEmptyKey(t *testing.T) {
	t.Parallel()
	var value []byte
	for _, key := range [][]byte{nil, {}, {0}} {
		value = AppendSubmission(value, &Submission{Kind: KindFiled, Key: "k", RecordKey: key})
	}
	list, err := batchOf(value)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	if list[0].RecordKey != nil || list[1].RecordKey == nil || len(list[1].RecordKey) != 0 || len(list[2].RecordKey) != 1 {
		t.Errorf("keys %v %v %v", list[0].RecordKey, list[1].RecordKey, list[2].RecordKey)
	}
}

func TestATimestampThatNoRecordCanShowIsLeftOut(t *testing.T) {
	t.Parallel()
	s := Submission{Kind: KindFiled, Key: "k", Source: Source{Topic: "t", Timestamp: time.UnixMilli(math.MaxInt64 / 2)}, Part: -1}
	list, err := batchOf(AppendSubmission(nil, &s))
	if err != nil || !list[0].Source.Timestamp.IsZero() || list[0].Part != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// The bytes are what other replicas, and later versions, read.
func TestTheFormOfSubmissionsStaysAsItIs(t *testing.T) {
	t.Parallel()
	s := Submission{Kind: KindSettled, Key: "r\x00a\x00b", Final: true, Hash: 0x0807060504030201, ID: "i", Source: Source{Topic: "t", Partition: 1, Offset: -2}}
	want := "\x01\x03\x88\xc2\x01\x05r\x00a\x00b\x01i\x01t\x02\x03\x01\x02\x03\x04\x05\x06\x07\x08"
	if got := string(AppendSubmission(nil, &s)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	d := Deliver{SMSC: "a", Bind: 1, CommandID: 5, ReceivedAt: time.UnixMilli(1), Body: []byte{9}}
	if got, want := string(d.Append(nil)), "\x01\x01a\x01\x05\x02\x01\x09"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEveryCutOfABatchIsAnErrorOrABatch(t *testing.T) {
	t.Parallel()
	s := fullSubmission()
	one := AppendSubmission(nil, &s)
	two := AppendSubmission(bytes.Clone(one), &s)
	for n := range two {
		list, err := batchOf(two[:n])
		switch {
		case n == 1 && err == nil && len(list) == 0, n == len(one) && err == nil && len(list) == 1:
		case !errors.Is(err, ErrTruncated):
			t.Errorf("cut at %d of %d: %d entries, error %v", n, len(two), len(list), err)
		case n > len(one) && len(list) != 1:
			t.Errorf("cut at %d: %d entries before the error", n, len(list))
		}
	}
	d := Deliver{SMSC: "a", Bind: 1, CommandID: 5, ReceivedAt: at, Body: []byte("body")}
	whole := d.Append(nil)
	for n := range whole {
		if err := d.Decode(whole[:n]); !errors.Is(err, ErrTruncated) || !reflect.DeepEqual(d, Deliver{}) {
			t.Errorf("cut at %d of %d: %+v, error %v", n, len(whole), d, err)
		}
	}
	if err := d.Decode(append(whole, 0)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a byte too many: %v", err)
	}
}

func TestMalformedInternalRecordsAreErrors(t *testing.T) {
	t.Parallel()
	huge := binary.AppendUvarint(nil, math.MaxUint64)
	for _, c := range []struct {
		value string
		want  error
	}{
		{"", ErrTruncated}, {"\x03", ErrVersion}, {"{}", ErrVersion},
		{"\x01\x00\x00\x01k", ErrMalformed}, {"\x01\x04\x00\x01k", ErrMalformed}, // kinds
		{"\x01\x01" + string(binary.AppendUvarint(nil, endOfFields)) + "\x01k", ErrMalformed},
		{"\x01\x01\x00" + string(huge), ErrMalformed}, {"\x01\x01\x00" + string(huge) + "\xff\xff\xff", ErrMalformed},
		{"\x01\x01\x00\xff\xff\xff\xff\x07abc", ErrTruncated},
		{"\x01\x01\x20\x01k" + string(huge) + "\x01", ErrMalformed}, // part
	} {
		if _, err := batchOf([]byte(c.value)); !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.value, err, c.want)
		}
	}
}

func TestTheCallersErrorEndsABatch(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	s := fullSubmission()
	calls := 0
	err := EachSubmission(AppendSubmission(AppendSubmission(nil, &s), &s), func(*Submission) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

// Who does not trace can go back to the release before: only a batch with a span in it says that it is of the next version.
func TestABatchSaysTheLeastVersionThatReadsIt(t *testing.T) {
	t.Parallel()
	plain := Submission{Kind: KindFiled, Key: "k"}
	traced := plain
	traced.Span = [24]byte{0: 0xaa, 23: 0xbb}
	one := AppendSubmission(nil, &plain)
	both := AppendSubmission(bytes.Clone(one), &traced)
	both = AppendSubmission(both, &plain)
	if one[0] != 1 || both[0] != 2 {
		t.Errorf("versions %d and %d, want 1 and 2", one[0], both[0])
	}
	// A span is 24 bytes, and one or two in the field set.
	if got := len(both) - 1 - 3*(len(one)-1); got != 24+2 {
		t.Errorf("a span costs %d bytes", got)
	}
	list, err := batchOf(both)
	if err != nil || !reflect.DeepEqual(list, []Submission{plain, traced, plain}) {
		t.Errorf("%+v, %v", list, err)
	}
	// A span in a batch that says it has none is one of somebody else's making.
	both[0] = 1
	if list, err = batchOf(both); !errors.Is(err, ErrMalformed) || len(list) != 1 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	both[0] = 3
	if _, err = batchOf(both); !errors.Is(err, ErrVersion) {
		t.Errorf("version 3: %v", err)
	}
}

func FuzzEachSubmission(f *testing.F) {
	s := fullSubmission()
	one := AppendSubmission(nil, &s)
	f.Add(one)
	f.Add(AppendSubmission(one, &Submission{Kind: KindLast, Key: SubscriberKey("49170", "12345")}))
	f.Add([]byte("\x01\x01\x20\x01k\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, value []byte) {
		first, _ := batchOf(value)
		if len(first) == 0 {
			return
		}
		var again []byte
		for i := range first {
			again = AppendSubmission(again, &first[i])
		}
		second, err := batchOf(again)
		if err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("got  %+v\nwant %+v\nerror %v", second, first, err)
		}
	})
}

func FuzzDeliver(f *testing.F) {
	d := Deliver{SMSC: "carrier-a", Bind: 3, CommandID: 5, ReceivedAt: at, Body: []byte("body")}
	f.Add(d.Append(nil))
	f.Add([]byte("\x01\x01a\x01\x05\x02\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, value []byte) {
		var first, second Deliver
		if first.Decode(value) != nil {
			return
		}
		if err := second.Decode(first.Append(nil)); err != nil || !reflect.DeepEqual(first, second) {
			t.Fatalf("got  %+v\nwant %+v\nerror %v", second, first, err)
		}
	})
}
