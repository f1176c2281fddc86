package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write examples/campaign.ndjson anew")

// expected is what must become of a line of the campaign.
type expected struct {
	line     []byte
	id       string // empty: cannot be read, so the default one
	to       string // digits as the SMSC sees them; empty: never submitted
	text     string
	status   string
	receipts string
}

const campaignFile = "../../examples/campaign.ndjson"

// the numbers that the SMSC refuses, or does not deliver to.
const (
	refusedSuffix     = "9999"
	undeliveredSuffix = "77"
	expiredSuffix     = "88"
)

var texts = []struct{ prefix, text string }{
	{"49151", "Hallo! Ihr Paket kommt heute zwischen 14 und 16 Uhr. Größe XL, 20 € Porto."},
	{"44770", "Your code is 481516. Never share it. [ref {a|b}]"},
	{"33601", "Votez: répondez A, B ou C à ce message."},
	{"79160", "Ваш заказ готов к выдаче до 21:00."},
	{"86130", "您的验证码是 235711，五分钟内有效。"},
	{"90530", strings.Repeat("Sayın müşterimiz, randevunuz yarın saat 10:30'da. ", 5)},
	{"44780", strings.Repeat("A long message in the default alphabet with {braces} and a € sign. ", 6)},
	{"33602", strings.Repeat("Une famille 👨‍👩‍👧‍👦 heureuse et des drapeaux 🇫🇷🇩🇪. ", 6)},
}

// campaign is the 10,000 records of examples/campaign.ndjson: each alphabet, short
// and long, every option, and every error that the contract names.
func campaign() []expected {
	out := make([]expected, 0, 10000)
	add := func(e expected, v any) {
		if e.line == nil {
			e.line, _ = json.Marshal(v)
		}
		if e.receipts == "" {
			e.receipts = "final"
		}
		out = append(out, e)
	}
	for i := range 10000 {
		id := fmt.Sprintf("c%05d", i)
		meta := map[string]string{"campaign": "spring", "customer": fmt.Sprint(500000 + i)}
		t := texts[i%len(texts)]
		to := fmt.Sprintf("%s%06d", t.prefix, i*10+5) // ends in 5: no rule applies
		rec := map[string]any{"id": id, "to": "+" + to, "text": t.text, "metadata": meta}
		e := expected{id: id, to: to, text: t.text, status: "accepted"}
		if i%33 == 20 { // about three in a hundred are in error
			e.status, e.to = "invalid", ""
			switch i / 33 % 18 {
			case 0:
				rec["payload"] = "AAEC" // both
			case 1:
				delete(rec, "to")
			case 2:
				rec["to"] = 4915
			case 3:
				rec["text"] = []int{1}
			case 4:
				rec["priority"] = 9
			case 5:
				rec["encoding"], rec["text"] = "gsm7", "漢字"
			case 6:
				rec["class"] = "flash"
			case 7:
				rec["tlvs"] = map[string]string{"0xZZ": "x"}
			case 8:
				rec["validity"] = "soon"
			case 9: // an id that cannot be read
				rec["id"] = 17
				e.id = ""
			case 10: // not JSON at all
				e.line, e.id = []byte(`{"id":"`+id+`","to":`), ""
			case 11: // invalid UTF-8
				b, _ := json.Marshal(rec)
				e.line = bytes.Replace(b, []byte(`"text":"`), []byte("\"text\":\"\xff\xfe"), 1)
			case 12:
				delete(rec, "text")
			case 13:
				rec["text"] = strings.Repeat("x", 153*255+1)
			case 14:
				rec["expires_at"], e.status = "2001-02-03T04:05:06Z", "expired"
			case 15:
				rec["to"], e.status = fmt.Sprintf("+81%09d", i), "unroutable"
			case 16:
				rec["route"], e.status = "nobody", "unroutable"
			case 17:
				e.to = fmt.Sprintf("%s%02d%s", t.prefix, i%100, refusedSuffix)
				rec["to"], e.status = "+"+e.to, "rejected"
			}
			add(e, rec)
			continue
		}
		switch i % 50 {
		case 3:
			rec["receipts"], e.receipts = "none", "none"
		case 7:
			rec["receipts"] = "all"
		case 11:
			rec["class"] = 0
		case 13:
			rec["priority"] = 3
		case 17:
			rec["from"] = "MyBrand"
		case 19:
			rec["validity"], rec["service_type"] = "24h", "CMT"
		case 23:
			rec["tlvs"] = map[string]string{"0x1400": "1101234567890", "0x1401": "hex:0a0b"}
		case 29:
			e.to = fmt.Sprintf("%s%04d%s", t.prefix, i%10000, undeliveredSuffix)
			rec["to"] = "+" + e.to
		case 31:
			e.to = fmt.Sprintf("%s%04d%s", t.prefix, i%10000, expiredSuffix)
			rec["to"] = "+" + e.to
		case 37: // the last of two keys counts
			b, _ := json.Marshal(rec)
			e.line = append([]byte(`{"to":12,`), b[1:]...)
		}
		add(e, rec)
	}
	return out
}

func file(es []expected) []byte {
	var b bytes.Buffer
	for _, e := range es {
		b.Write(e.line)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// TestTheExampleCampaignIsTheOneThatTheSuiteExpects keeps file and expectations together.
func TestTheExampleCampaignIsTheOneThatTheSuiteExpects(t *testing.T) {
	want := file(campaign())
	if *update {
		if err := os.MkdirAll(filepath.Dir(campaignFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(campaignFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(campaignFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("examples/campaign.ndjson is not what campaign() makes; run this test with -update")
	}
}
