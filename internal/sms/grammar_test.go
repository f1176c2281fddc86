package sms

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
	"time"
)

func TestReceiptsOfTheirKinAreRead(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/receipts-more.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name, Source, Text string
			Received           time.Time
			ESMClass           *byte  `json:"esm_class"`
			DataCoding         byte   `json:"data_coding"`
			ReceiptedID        string `json:"receipted_message_id"`
			State              *int   `json:"message_state"`
			NetworkError       string `json:"network_error_code"`
			Want               *struct {
				MessageID   string `json:"message_id"`
				Stat        string
				State       State
				Final       bool
				Error       string
				SubmittedAt time.Time `json:"submitted_at"`
				DoneAt      time.Time `json:"done_at"`
			}
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 19 {
		t.Fatalf("only %d vectors", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		in := ReceiptInput{ESMClass: 4, DataCoding: v.DataCoding, Text: []byte(v.Text), ReceiptedID: v.ReceiptedID, MessageState: -1, Received: v.Received}
		if v.ESMClass != nil {
			in.ESMClass = *v.ESMClass
		}
		if v.State != nil {
			in.MessageState = *v.State
		}
		if in.NetworkError, err = hex.DecodeString(v.NetworkError); err != nil {
			t.Fatal(err)
		}
		got, ok := ReadReceipt(in)
		if v.Source == "" {
			t.Errorf("%s: no source", v.Name)
		}
		if v.Want == nil {
			if ok {
				t.Errorf("%s: is read as %+v", v.Name, got)
			}
			continue
		}
		w := v.Want
		if want := (Receipt{w.MessageID, w.Stat, w.State, w.Final, w.Error, w.SubmittedAt, w.DoneAt}); !ok || got != want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", v.Name, got, ok, want)
		}
	}
}

func TestACarriersOwnGrammarIsRead(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("", 2*3600)
	form := func(pattern string) DateForm {
		f, err := ParseDateForm(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	at := func(s string) time.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, tt := range []struct {
		name  string
		rules GrammarRules
		in    ReceiptInput
		want  Receipt
	}{
		{"other names", GrammarRules{Names: map[Field][]string{FieldID: {"msgid="}, FieldStat: {"status="}, FieldDone: {"time="}}},
			ReceiptInput{ESMClass: 4, Text: []byte("msgid=7 status=DELIVRD time=2007010200")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true, DoneAt: at("2020-07-01T02:00:00Z")}},
		{"another zone", GrammarRules{Zone: berlin}, ReceiptInput{ESMClass: 4, Text: []byte("id:7 done date:2007010200 stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true, DoneAt: at("2020-07-01T00:00:00Z")}},
		{"a zone that the date names goes before", GrammarRules{Zone: berlin}, ReceiptInput{ESMClass: 4, Text: []byte("id:7 done date:2020-07-01T02:00:00Z stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true, DoneAt: at("2020-07-01T02:00:00Z")}},
		{"day before month", GrammarRules{Dates: []DateForm{form("ddMMyyHHmm")}}, ReceiptInput{ESMClass: 4, Text: []byte("id:7 done date:0107200200 stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true, DoneAt: at("2020-07-01T02:00:00Z")}},
		{"several forms", GrammarRules{Dates: []DateForm{form("yyyy/MM/dd HH:mm:ss"), form("epoch")}}, ReceiptInput{ESMClass: 4, Text: []byte("id:7 submit date:2020/07/01 02:00:00 done date:1593568800 stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true, SubmittedAt: at("2020-07-01T02:00:00Z"), DoneAt: at("2020-07-01T02:00:00Z")}},
		{"a date in none of its forms", GrammarRules{Dates: []DateForm{form("yyMMddHHmm")}}, ReceiptInput{ESMClass: 4, Text: []byte("id:7 done date:20200701020000 stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true}},
		{"words", GrammarRules{States: map[string]State{"wrong_number": StateRejected, "DELIVRD": StateAccepted}}, ReceiptInput{ESMClass: 4, Text: []byte("id:7 stat:Wrong_Number")},
			Receipt{MessageID: "7", Stat: "Wrong_Number", State: StateRejected, Final: true}},
		{"a word that means something else here", GrammarRules{States: map[string]State{"DELIVRD": StateAccepted}}, ReceiptInput{ESMClass: 4, Text: []byte("id:7 stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateAccepted}},
		{"the id of the text", GrammarRules{IDInText: true}, ReceiptInput{ESMClass: 4, ReceiptedID: "A", Text: []byte("id:7 stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true}},
		{"the state of the TLV", GrammarRules{StateInTLV: true}, ReceiptInput{ESMClass: 4, MessageState: 5, Text: []byte("id:7 stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateUndeliverable, Final: true}},
		{"final receipts as intermediate ones", GrammarRules{IntermediateFinal: true}, ReceiptInput{ESMClass: 0x20, Text: []byte("id:7 stat:EXPIRED")},
			Receipt{MessageID: "7", Stat: "EXPIRED", State: StateExpired, Final: true}},
		{"columns", GrammarRules{Columns: []Field{FieldID, FieldOther, FieldStat, FieldErr, FieldText}, Separator: ';'}, ReceiptInput{ESMClass: 4, Text: []byte(`"7"; x ;DELIVRD;0;a;b;stat:UNDELIV`)},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true, Error: "0"}},
		{"columns that end early", GrammarRules{Columns: []Field{FieldStat, FieldErr, FieldID}, Separator: ','}, ReceiptInput{ESMClass: 4, ReceiptedID: "7", Text: []byte("EXPIRED")},
			Receipt{MessageID: "7", Stat: "EXPIRED", State: StateExpired, Final: true}},
		{"names where columns are usual", GrammarRules{Columns: []Field{FieldStat, FieldID}, Separator: ','}, ReceiptInput{ESMClass: 4, Text: []byte("id:7 stat:DELIVRD")},
			Receipt{MessageID: "7", Stat: "DELIVRD", State: StateDelivered, Final: true}},
	} {
		if tt.in.MessageState == 0 {
			tt.in.MessageState = -1
		}
		g, err := NewGrammar(tt.rules)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := g.ReadReceipt(tt.in); !ok || got != tt.want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", tt.name, got, ok, tt.want)
		}
	}
	g, err := NewGrammar(GrammarRules{FlaggedOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := g.ReadReceipt(ReceiptInput{Text: []byte("id:7 sub:001 stat:DELIVRD err:000"), MessageState: -1}); ok {
		t.Errorf("%+v, though esm_class does not say so", r)
	}
}

func TestRulesThatCannotBeKeptAreRefused(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]GrammarRules{
		"a name without an end": {Names: map[Field][]string{FieldID: {"id"}}}, "an empty name": {Names: map[Field][]string{FieldID: {":"}}},
		"columns without id and stat": {Columns: []Field{FieldErr}, Separator: ','}, "columns without separator": {Columns: []Field{FieldID}},
	} {
		if _, err := NewGrammar(r); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
	for _, pattern := range []string{"", "yyMMdd", "yyyyMMddHHmmyy", "YYMMDDhhmm", "yyMMddHHmmZZZZx", "MMddHHmm", "yyMMddHHmmé"} {
		if _, err := ParseDateForm(pattern); err == nil {
			t.Errorf("the date form %q is taken", pattern)
		}
	}
}

func FuzzGrammar(f *testing.F) {
	f.Add([]byte("00,0210021543,0210021500,,447887123456,8000,x"), byte(4), "yyMMddHHmm", byte(','))
	f.Add([]byte("id:1 done date:01/07/2020 02:00"), byte(0), "dd/MM/yyyy HH:mm", byte(';'))
	f.Fuzz(func(t *testing.T, text []byte, esm byte, pattern string, separator byte) {
		r := GrammarRules{Columns: []Field{FieldStat, FieldDone, FieldSubmit, FieldErr, FieldOther, FieldID, FieldText}, Separator: separator}
		if form, err := ParseDateForm(pattern); err == nil {
			r.Dates = []DateForm{form}
		}
		g, err := NewGrammar(r)
		if err != nil {
			return
		}
		got, ok := g.ReadReceipt(ReceiptInput{ESMClass: esm, Text: text, MessageState: -1})
		for _, at := range []time.Time{got.SubmittedAt, got.DoneAt} {
			if y := at.Year(); !at.IsZero() && (y < 1989 || y > 10000) {
				t.Fatalf("the year %d", y)
			}
		}
		if !ok && got != (Receipt{}) {
			t.Fatalf("no receipt, yet %+v", got)
		}
	})
}
