package engine

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

var anyText = rapid.OneOf(
	rapid.String(),
	rapid.StringMatching(`[0-9]{0,40}`),
	rapid.StringMatching(`[0-9a-f]{0,70}`),
	rapid.StringMatching(`[0-9A-F]{0,70}`),
	rapid.StringMatching(`([a-z]{0,40}[0-9]{0,25}[-"{}A-F]{0,3}){0,4}`),
)

func TestWhatIsPackedUnpacksToItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, after := anyText.Draw(t, "text"), anyText.Draw(t, "after")
		var p packer
		p.text(s)
		p.text(after)
		u := unpacker(p)
		got, ok := u.text(nil)
		next, okNext := u.text(nil)
		if !ok || !okNext || string(got) != s || string(next) != after || len(u.same)+len(u.numbers) != 0 {
			t.Fatalf("%q and %q came back as %q and %q, and %x, %x", s, after, got, next, u.same, u.numbers)
		}
	})
}

func TestNumbersAndIDsArePacked(t *testing.T) {
	t.Parallel()
	for s, most := range map[string]int{
		"":                                     1,
		"sms.outbound":                         13,
		"491701234567":                         6,
		"+491701234567":                        8,
		"10C8F40D":                             5,
		"17dfb1e5c4a3b290":                     9,
		"order-4711-shipped":                   19,
		"00000000-0000-4000-8000-0123456789ab": 29,
		`{"customer":"471147"}`:                21,
		"9999999999999999999":                  9,
	} {
		var p packer
		p.text(s)
		if n := len(p.same) + len(p.numbers); n > most {
			t.Errorf("%q takes %d bytes, want %d", s, n, most)
		}
	}
}

func TestARowHasAllOfItsSubmission(t *testing.T) {
	t.Parallel()
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "absent") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(-1e12, 250e12).Draw(t, "ms")).UTC()
	})
	maybe := rapid.OneOf(rapid.Just([]byte(nil)), rapid.Just([]byte{}), rapid.Map(anyText, func(s string) []byte { return []byte(s) }))
	rapid.Check(t, func(t *rapid.T) {
		s := record.Submission{Kind: record.KindFiled, SMSC: anyText.Draw(t, "smsc"), MessageID: anyText.Draw(t, "message id"), ID: anyText.Draw(t, "id"),
			PrimaryKey: anyText.Draw(t, "primary key"), RecordKey: maybe.Draw(t, "record key"), Metadata: maybe.Draw(t, "metadata"),
			Part: rapid.IntRange(0, 255).Draw(t, "part"), Parts: rapid.IntRange(0, 255).Draw(t, "parts"), To: anyText.Draw(t, "to"), From: anyText.Draw(t, "from"),
			Source:      record.Source{Topic: anyText.Draw(t, "topic"), Partition: rapid.Int32().Draw(t, "partition"), Offset: rapid.Int64().Draw(t, "offset"), Timestamp: moment.Draw(t, "timestamp")},
			SubmittedAt: moment.Draw(t, "submitted at"), Receipts: rapid.SampledFrom([]string{"", "final", "all"}).Draw(t, "receipts")}
		s.Key = record.ReceiptKey(s.SMSC, sms.NormalID(s.MessageID))
		if rapid.Bool().Draw(t, "alias") {
			s.Key = anyText.Draw(t, "key")
		}
		if rapid.Bool().Draw(t, "traced") {
			s.Span[0], s.Span[23] = 1, 2
		}
		due := rapid.Int64Range(0, 1<<48-1).Draw(t, "due")
		var w rowWriter
		row, tail := slices.Clone(w.origin(&s, due)), tailOf(&s)
		var got record.Submission
		if !readOrigin(row, tail, due, &got) || !reflect.DeepEqual(got, s) {
			t.Fatalf("%+v\ncame back as\n%+v", s, got)
		}
		for n := range row {
			if readOrigin(row[:n], tail, due, &got) {
				t.Fatalf("cut off at %d of %d it is still read", n, len(row))
			}
		}
		last := record.Submission{Kind: record.KindLast, ID: s.ID, Metadata: s.Metadata, Span: s.Span}
		if !readLast(w.last(&s), &got) || !reflect.DeepEqual(got, last) {
			t.Fatalf("%+v\ncame back as\n%+v", last, got)
		}
	})
}
