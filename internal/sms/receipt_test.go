package sms

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

type receiptVector struct {
	Name     string
	Received time.Time
	Text     string
	Want     struct {
		MessageID   string    `json:"message_id"`
		Stat        string    `json:"stat"`
		State       State     `json:"state"`
		Final       bool      `json:"final"`
		Error       string    `json:"error"`
		SubmittedAt time.Time `json:"submitted_at"`
		DoneAt      time.Time `json:"done_at"`
	}
}

func receiptVectors(t testing.TB) []receiptVector {
	t.Helper()
	b, err := os.ReadFile("testdata/receipts.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []receiptVector }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 12 {
		t.Fatalf("only %d vectors", len(file.Vectors))
	}
	return file.Vectors
}

func ucs2(text string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return b
}

func TestEveryReceiptSeenInTheFieldIsRead(t *testing.T) {
	t.Parallel()
	for _, v := range receiptVectors(t) {
		gsm := strings.ReplaceAll(v.Text, "_", "\x11")
		for _, form := range []struct {
			name string
			esm  byte
			dc   byte
			text []byte
		}{
			{"as ASCII", 0x04, 0, []byte(v.Text)},
			{"as GSM 7-bit", 0x04, 0, []byte(gsm)},
			{"as GSM 7-bit with a class", 0x04, 0xF1, []byte(gsm)},
			{"as IA5", 0x04, 1, []byte(v.Text)},
			{"as Latin-1", 0x04, 3, []byte(v.Text)},
			{"as UCS-2", 0x04, 8, ucs2(v.Text)},
			{"as UCS-2 called the default alphabet", 0x04, 0, ucs2(v.Text)},
			{"as ASCII called UCS-2", 0x04, 8, []byte(v.Text)},
			{"as an intermediate notification", 0x20, 0, []byte(v.Text)},
			{"with esm_class 0", 0x00, 0, []byte(v.Text)},
			{"with a reply path", 0x84, 0, []byte(v.Text)},
			{"with other letters' case", 0x04, 0, []byte(strings.NewReplacer("id:", "ID:", "stat:", "Stat:", "submit", "Submit", "text", "Text").Replace(v.Text))},
		} {
			got, ok := ReadReceipt(ReceiptInput{ESMClass: form.esm, DataCoding: form.dc, Text: form.text, MessageState: -1, Received: v.Received})
			w := v.Want
			want := Receipt{w.MessageID, w.Stat, w.State, w.Final, w.Error, w.SubmittedAt, w.DoneAt}
			if form.esm == 0x20 {
				want.Final = want.State == StateDelivered
			}
			if !ok || got != want {
				t.Errorf("%s, %s:\n got %+v, %v\nwant %+v", v.Name, form.name, got, ok, want)
			}
		}
	}
}

func TestReceiptsOfTLVsAreRead(t *testing.T) {
	t.Parallel()
	const text = "id:281605133 sub:001 dlvrd:001 submit date:2001010000 done date:2001010001 stat:DELIVRD err:000 text:"
	at := func(minute int) time.Time { return time.Date(2020, 1, 1, 0, minute, 0, 0, time.UTC) }
	for _, tt := range []struct {
		name string
		in   ReceiptInput
		want Receipt
	}{
		{"TLVs alone", ReceiptInput{ESMClass: 4, ReceiptedID: "10C8F40D\x00", MessageState: 2, NetworkError: []byte{3, 0, 27}},
			Receipt{MessageID: "10C8F40D", State: StateDelivered, Final: true, Error: "3:27"}},
		{"TLVs alone, esm_class 0", ReceiptInput{ReceiptedID: "A", MessageState: 1},
			Receipt{MessageID: "A", State: StateEnroute}},
		{"TLVs beside a text: the id of the TLV, the rest of the text",
			ReceiptInput{ESMClass: 4, Text: []byte(text), ReceiptedID: "10C8F40D", MessageState: 5, NetworkError: []byte{3, 1, 0}},
			Receipt{"10C8F40D", "DELIVRD", StateDelivered, true, "000", at(0), at(1)}},
		{"a stat that is not known: the state of the TLV",
			ReceiptInput{ESMClass: 4, Text: []byte("id:7 stat:GONE"), MessageState: 8},
			Receipt{MessageID: "7", Stat: "GONE", State: StateRejected, Final: true}},
		{"a stat that is not known, and no TLV",
			ReceiptInput{ESMClass: 4, Text: []byte("id:7 stat:GONE"), MessageState: -1},
			Receipt{MessageID: "7", Stat: "GONE", State: StateUnknown}},
		{"the stat UNKNOWN is final",
			ReceiptInput{ESMClass: 4, Text: []byte("id:7 stat:UNKNOWN"), MessageState: -1},
			Receipt{MessageID: "7", Stat: "UNKNOWN", State: StateUnknown, Final: true}},
		{"a state that does not exist", ReceiptInput{ESMClass: 4, ReceiptedID: "7", MessageState: 77},
			Receipt{MessageID: "7", State: StateUnknown}},
		{"a state after the user's text is not wanted where the TLV tells it",
			ReceiptInput{ESMClass: 4, Text: []byte("id:7 err:001 text:stat:DELIVRD"), MessageState: 5},
			Receipt{MessageID: "7", State: StateUndeliverable, Final: true, Error: "001"}},
		{"no id at all", ReceiptInput{ESMClass: 4, Text: []byte("stat:EXPIRED err:1"), MessageState: -1},
			Receipt{Stat: "EXPIRED", State: StateExpired, Final: true, Error: "1"}},
		{"words before the fields", ReceiptInput{ESMClass: 4, Text: []byte("Your message id:7 is stat:DELIVRD thank you"), MessageState: -1},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true}},
		{"empty fields", ReceiptInput{ESMClass: 4, Text: []byte("id: 7 sub: dlvrd: submit date: done date: stat: EXPIRED err: text:"), MessageState: -1},
			Receipt{MessageID: "7", Stat: "EXPIRED", State: StateExpired, Final: true}},
		{"commas between the fields", ReceiptInput{ESMClass: 4, Text: []byte("id:7,sub:1,stat:EXPIRED,err:5"), MessageState: -1},
			Receipt{MessageID: "7", Stat: "EXPIRED", State: StateExpired, Final: true, Error: "5"}},
		{"a network error of a strange length", ReceiptInput{ESMClass: 4, ReceiptedID: "7", MessageState: 5, NetworkError: []byte{1, 2}},
			Receipt{MessageID: "7", State: StateUndeliverable, Final: true, Error: "hex:0102"}},
		{"dates with signs", ReceiptInput{ESMClass: 4, Text: []byte("id:7 submit date:2020-01-01 00:00:30 done date:20/01/01 00:01 stat:DELIVRD"), MessageState: -1, Received: at(2)},
			Receipt{"7", "DELIVRD", StateDelivered, true, "", at(0).Add(30 * time.Second), at(1)}},
		{"the carrier's stat after the user's text", ReceiptInput{ESMClass: 4, Text: []byte("id:7 sub:001 text:id:9 stat:UNDELIV hello stat:DELIVRD err:000"), MessageState: -1},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true, Error: "000"}},
		{"an id is never taken from after text:", ReceiptInput{ESMClass: 4, Text: []byte("sub:001 text: id:9 stat:DELIVRD"), MessageState: -1},
			Receipt{Stat: "DELIVRD", State: StateDelivered, Final: true}},
		{"two stats after the user's text: the last, which the user did not write", ReceiptInput{ESMClass: 4, Text: []byte("id:7 text:stat:UNDELIV err:99 stat:DELIVRD err:000"), MessageState: -1},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true, Error: "000"}},
		{"all fields after an empty text", ReceiptInput{ESMClass: 4, Text: []byte("id:7 text: err:000 done date:2001010001 stat:DELIVRD"), MessageState: -1, Received: at(2)},
			Receipt{"7", "DELIVRD", StateDelivered, true, "000", time.Time{}, at(1)}},
		{"of a field that comes twice the first counts", ReceiptInput{ESMClass: 4, Text: []byte("id:7 stat:DELIVRD id:8 stat:UNDELIV"), MessageState: -1},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true}},
	} {
		if got, ok := ReadReceipt(tt.in); !ok || got != tt.want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", tt.name, got, ok, tt.want)
		}
	}
}

func TestWhatSomebodyWroteIsNoReceipt(t *testing.T) {
	t.Parallel()
	for _, in := range []ReceiptInput{
		{Text: []byte("hello"), MessageState: -1},
		{ESMClass: 4, Text: []byte("hello"), MessageState: -1},
		{ESMClass: 4, MessageState: -1},
		{Text: []byte("my id: 77 is valid, what is the stat: of it"), MessageState: -1},
		{Text: []byte("id:77 stat:DELIVRD"), MessageState: -1},
		{Text: []byte("please look: id:77 sub:001 stat:DELIVRD err:000"), MessageState: -1},
		{Text: []byte("id:77 sub:001 stat:DELIVRD err:000 why is that?"), MessageState: -1},
		{Text: []byte("sub:001 text:id:77 stat:DELIVRD"), MessageState: -1},
		{Text: []byte("id:77 sub:001 text:he said stat:DELIVRD err:000"), MessageState: -1},
		{Text: []byte("valid:77 substat:DELIVRD err:000"), MessageState: -1},
		{Text: []byte("hello"), ReceiptedID: "7", MessageState: -1},
		{Text: []byte("hello"), MessageState: 2},
		{ESMClass: 0x40, Text: []byte("hello"), MessageState: -1},
	} {
		if r, ok := ReadReceipt(in); ok {
			t.Errorf("%q, esm_class %d: is read as %+v", in.Text, in.ESMClass, r)
		}
	}
}

func TestOfTwoReadingsOfADateTheOneNearestToReceptionIsTaken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ digits, received, want string }{
		{"201012101112", "2020-10-12T10:12:00Z", "2020-10-12T10:11:12Z"},
		{"201012101112", "2010-12-10T11:13:00Z", "2010-12-10T11:12:00Z"},
		{"201212201212", "2020-12-12T21:00:00Z", "2020-12-12T20:12:12Z"},
		{"201506201641", "2020-01-01T00:00:00Z", "2015-06-20T16:41:00Z"},
		{"110206193110", "2020-01-01T00:00:00Z", "2011-02-06T19:31:10Z"},
	} {
		received, _ := time.Parse(time.RFC3339, tt.received)
		want, _ := time.Parse(time.RFC3339, tt.want)
		if got := standardGrammar.date(tt.digits, received); !got.Equal(want) {
			t.Errorf("%s at %s is %s, want %s", tt.digits, tt.received, got, want)
		}
	}
	for _, s := range []string{
		"", "0", "000000000000", "0000000000", "00000000000000", "2013320000", "2002300000", "2001012400", "20010123600",
		"180711070003999+", "000010000000000R", "1x01010000", "123456789012345678901234567890", "19700101000000",
	} {
		if got := standardGrammar.date(s, time.Time{}); !got.IsZero() {
			t.Errorf("%q is %s", s, got)
		}
	}
}

func TestEveryStateHasANumberAndSMPPsOwnStat(t *testing.T) {
	t.Parallel()
	stats := []string{"SCHEDULED", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED"}
	notFinal := map[State]bool{StateScheduled: true, StateEnroute: true, StateAccepted: true}
	for n, stat := range stats {
		byNumber, ok1 := StateOf(n)
		byText, ok2 := standardGrammar.State(strings.ToLower(stat))
		if !ok1 || !ok2 || byNumber != byText {
			t.Errorf("%d is %s, %s is %s", n, byNumber, stat, byText)
		}
		if byNumber.Final() == notFinal[byNumber] {
			t.Errorf("%s: final is %v", byNumber, byNumber.Final())
		}
	}
	for _, n := range []int{-1, 10, 255} {
		if s, ok := StateOf(n); ok || s != StateUnknown {
			t.Errorf("%d is %s, %v", n, s, ok)
		}
	}
}

func FuzzReadReceipt(f *testing.F) {
	for _, v := range receiptVectors(f) {
		f.Add(byte(4), byte(0), []byte(v.Text), "", int8(-1), []byte(nil), v.Received.Unix())
		f.Add(byte(0), byte(8), ucs2(v.Text), "x\x00", int8(2), []byte{3, 0, 1}, v.Received.Unix())
	}
	f.Add(byte(4), byte(0), []byte("id:1 text:a stat:b text:c stat:d id:2"), "", int8(-1), []byte{1}, int64(0))
	f.Fuzz(func(t *testing.T, esm, dc byte, text []byte, id string, state int8, network []byte, received int64) {
		in := ReceiptInput{esm, dc, text, id, int(state), network, time.Unix(received, 0)}
		r, ok := ReadReceipt(in)
		if !ok {
			if r != (Receipt{}) {
				t.Fatalf("no receipt, yet %+v", r)
			}
			return
		}
		if r.State == "" {
			t.Fatal("a receipt without a state")
		}
		for _, s := range []string{r.MessageID, r.Stat, r.Error} {
			if s != trimField(s) {
				t.Fatalf("%q is not trimmed", s)
			}
		}
		for _, at := range []time.Time{r.SubmittedAt, r.DoneAt} {
			if y := at.Year(); !at.IsZero() && (y < 1990 || y > 9999) {
				t.Fatalf("the year %d", y)
			}
		}
	})
}

func BenchmarkReadReceipt(b *testing.B) {
	v := receiptVectors(b)[0]
	for _, bb := range []struct {
		name string
		esm  byte
		text []byte
	}{
		{"ascii", 4, []byte(v.Text)},
		{"ucs2", 4, ucs2(v.Text)},
		{"ordinary", 0, []byte(strings.Repeat("it is said that ", 10))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			in := ReceiptInput{ESMClass: bb.esm, Text: bb.text, MessageState: -1, Received: v.Received}
			for b.Loop() {
				_, _ = ReadReceipt(in)
			}
		})
	}
}
