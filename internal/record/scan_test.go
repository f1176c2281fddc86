package record

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// checkAgainstEncodingJSON holds the scanner to encoding/json: the same documents
// are well formed, the same bytes stand under the same last keys, and strings have
// the same value.
func checkAgainstEncodingJSON(t rapid.TB, value []byte) {
	d := decoder{b: value}
	got := d.scan()
	var members map[string]json.RawMessage
	want := json.Unmarshal(value, &members) == nil && members != nil
	if got != want {
		t.Fatalf("%q: well formed %v, encoding/json says %v", value, got, want)
	}
	if !got {
		return
	}
	for f, name := range fieldNames {
		at, raw := d.at[f], members[name]
		if (at.kind == kindAbsent) != (raw == nil) {
			t.Fatalf("%q: %s there: %v, encoding/json says %v", value, name, at.kind != kindAbsent, raw != nil)
		}
		if raw == nil {
			continue
		}
		if !bytes.Equal(value[at.start:at.end], raw) {
			t.Fatalf("%q: %s is %q, encoding/json says %q", value, name, value[at.start:at.end], raw)
		}
		if at.kind != kindString || !utf8.Valid(raw) {
			continue
		}
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		if mine, _ := d.unquoted(at); mine != s {
			t.Fatalf("%q: %s is %q, encoding/json says %q", value, name, mine, s)
		}
	}
}

// fragments are what random documents are put together from: right and wrong.
var fragments = []string{
	`{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", `"id"`, `"to"`, `"text"`, `"tlvs"`, `"i\u0064"`, `"x"`, `""`, `"`, `\`, `"\`,
	`"\u00e9\ud83d\ude00"`, `"\ud800"`, `"\ud800\u0041"`, `"\uD83D\uDE0"`, `"\"\\\/\b\f\n\r\t"`, `"\a"`, "\"\x1f\"", "\"\x7f\"", "\"é\u2028\"", "\"\xff\"",
	`0`, `-0`, `01`, `1.5`, `1.`, `.5`, `-`, `+1`, `1e5`, `1E+05`, `1e`, `1e-`, `true`, `false`, `null`, `nul`, `True`, "\x00", "/**/",
	`{"a":[1,{"b":null}],"c":{}}`, `[[],[[]]]`, `,"id":"1"`, `,"to":{}`, `{"id":1`, `aaaaaaaa`, `"aaaaaaaaaaaaaaaaaaaaaaa"`, `"aaaaaaa\n"`,
}

func TestTheScannerAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var value []byte
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 0: // soup
			for _, f := range rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 12).Draw(t, "fragments") {
				value = append(value, f...)
			}
		case 1: // an object of fragments as members
			value = append(value, '{')
			for i, f := range rapid.SliceOfN(rapid.SampledFrom(fragments), 0, 8).Draw(t, "values") {
				if i > 0 {
					value = append(value, ',')
				}
				key := rapid.SampledFrom(fieldNames[:]).Draw(t, "key")
				value = append(append(append(append(value, '"'), key...), '"', ':'), f...)
			}
			value = append(value, '}')
		case 2: // what encoding/json writes
			m := map[string]any{}
			for range rapid.IntRange(0, 5).Draw(t, "members") {
				m[rapid.SampledFrom(fieldNames[:]).Draw(t, "key")] = rapid.OneOf(
					rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Float64().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
					rapid.SliceOf(rapid.String()).AsAny(), rapid.MapOf(rapid.String(), rapid.String()).AsAny()).Draw(t, "value")
			}
			value, _ = json.Marshal(m)
		}
		checkAgainstEncodingJSON(t, value)
	})
}

func TestASpecialByteIsFoundAtEveryPlaceOfAWord(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for at := range 20 {
			for _, filler := range []byte{' ', '!', '#', '[', ']', 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
				b := bytes.Repeat([]byte{filler}, 24)
				b[at] = byte(c)
				want := len(b)
				if c < 0x20 || c == '"' || c == '\\' {
					want = at
				}
				if got := plain(b, 0); got != want {
					t.Fatalf("byte %#x at %d among %#x: found at %d", c, at, filler, got)
				}
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range fragments {
		f.Add([]byte(s))
		f.Add([]byte(`{"id":` + s + `,"text":"x"}`))
	}
	f.Add([]byte(`{"id":"a","to":"+491701234567","text":"Hi \ud83d\ude00","tlvs":{"0x1400":"a"},"metadata":{"k":"v"}}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		if bytes.Count(value, []byte("["))+bytes.Count(value, []byte("{")) > maxDepth {
			return // encoding/json nests deeper
		}
		checkAgainstEncodingJSON(t, value)
	})
}

func FuzzOutboundDecode(f *testing.F) {
	f.Add([]byte(`{"id":"a","to":"+491701234567","from":"ACME","text":"Hi \ud83d\ude00","class":1,"validity":"90s","expires_at":"2026-01-02T15:04:05Z"}`))
	f.Add([]byte(`{"to":"1","payload":"CgsM","encoding":"latin1","tlvs":{"0x1400":"a","0x1401":"hex:0a"},"metadata":{"k":"v","k":"w"}}`))
	f.Add([]byte("{\"to\":\"1\",\"text\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, value []byte) {
		var o, again Outbound
		if err := o.Decode(value); err != nil {
			if e, ok := err.(*FieldError); !ok || e.Remedy == "" {
				t.Fatalf("error %#v", err)
			}
			for _, s := range []string{o.ID, o.To, o.From, o.Text, string(o.Metadata)} {
				if !utf8.ValidString(s) {
					t.Fatalf("%q is not UTF-8", s)
				}
			}
			return
		}
		// Times are written to the millisecond: what is written must read as itself.
		first := o.AppendJSON(nil)
		if err := again.Decode(first); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second := again.AppendJSON(nil); !bytes.Equal(first, second) {
			t.Fatalf("%s became %s", first, second)
		}
		if o.Text != again.Text || !bytes.Equal(o.Payload, again.Payload) || o.ID != again.ID || o.To != again.To || len(o.TLVs) != len(again.TLVs) {
			t.Fatalf("%+v became %+v", o, again)
		}
	})
}
