package sms

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

type idPair struct{ Response, Receipt, Form string }

func idPairs(t testing.TB) []idPair {
	t.Helper()
	b, err := os.ReadFile("testdata/message-ids.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Pairs []idPair }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Pairs) < 5 {
		t.Fatalf("only %d pairs", len(file.Pairs))
	}
	return append(file.Pairs,
		idPair{"281605133", "10C8F40D", "dec-hex"},
		idPair{"1602718841", "000000005f878c79", "dec-hex"},
		idPair{"ffffffffffffffff", "18446744073709551615", "hex-dec"},
		idPair{"10000000000000000", "18446744073709551616", "hex-dec"},
		idPair{"0e999f2181ef4a7e9a3c2f6a1b0c9d8e", "19406840918213845762503718974811577742", "hex-dec"},
		idPair{"18446744073709551616", "10000000000000000", "dec-hex"},
		idPair{"1234567890", "1234567890", "same"},
		idPair{"0000436949", "436949\x00", "same"},
		idPair{"0E999F21-81EF-4A7E-9A3C-2F6A1B0C9D8E", "0e999f21-81ef-4a7e-9a3c-2f6a1b0c9d8e", "same"},
		idPair{" abcdef12 ", "ABCDEF12", "same"},
		idPair{"AbCdEf12", "AbCdEf12", "same"},
	)
}

func TestEveryPairOfIDsCorrelates(t *testing.T) {
	t.Parallel()
	for _, p := range idPairs(t) {
		form, ok := ParseIDForm(p.Form)
		if !ok {
			t.Fatalf("unknown form %q", p.Form)
		}
		if got := FormOf(p.Response, p.Receipt); got != form {
			t.Errorf("%s and %s: form %s, want %s", p.Response, p.Receipt, got, form)
		}
		key := NormalID(p.Receipt)
		if keys := FilingKeys(nil, p.Response, form); !slices.Equal(keys, []string{key}) {
			t.Errorf("%s as %s is filed under %q, the receipt comes under %q", p.Response, form, keys, key)
		}
		keys := FilingKeys(nil, p.Response, FormUnknown)
		if !slices.Contains(keys, key) {
			t.Errorf("%s, form not learned, is filed under %q, the receipt comes under %q", p.Response, keys, key)
		}
		if keys[0] != NormalID(p.Response) {
			t.Errorf("%s: the first key is %q", p.Response, keys[0])
		}
		// The pairs of one form must not correlate under another that names a form.
		for _, other := range []IDForm{FormSame, FormHexDec, FormDecHex} {
			if other != form && form != FormSame && slices.Contains(FilingKeys(nil, p.Response, other), key) {
				t.Errorf("%s as %s is filed under %q too", p.Response, other, key)
			}
		}
	}
}

func TestIDsThatMerelyLookAlikeDoNotCorrelate(t *testing.T) {
	t.Parallel()
	for _, p := range [][2]string{
		{"10C8F40D", "281605134"},
		{"10C8F40D", "10C8F40"},
		{"10C8F40D", "10C8F40D0"},
		{"abc", "abcd"},
		{"1", "10"},
		{"SAR-2347039245475-1eedf843-2-1", "SAR-2347039245475-1eedf843-2-2"},
		{"SAR-2347039245475-1eedf843-2-1", "SAR-2347039245475-1eedf843-2-01"},
		{"0e999f21-81ef-4a7e-9a3c-2f6a1b0c9d8e", "0e999f2181ef4a7e9a3c2f6a1b0c9d8e"},
		{"aBcDeF", "AbCdEf"},     // two ids of base 62
		{"aBcDeF", "abcdef"},     // and no number
		{"0aB", "aB"},            // nor padded
		{"x007", "x7"},           // no number either
		{"-5", "5"}, {"+5", "5"}, // signs are part of an id
		{"0x1f", "31"}, {"1_000", "1000"},
		{"", "0"},
		{"ffffffffffffffff", "-1"},
		{"10000000000000000", "0"}, // not cut to 64 bits
		{"123456789012345678901234567890", "123456789012345678901234567891"},
	} {
		for _, form := range []IDForm{FormUnknown, FormSame, FormHexDec, FormDecHex} {
			if keys := FilingKeys(nil, p[0], form); slices.Contains(keys, NormalID(p[1])) {
				t.Errorf("%q as %s is found by %q", p[0], form, p[1])
			}
		}
		if form := FormOf(p[0], p[1]); form != FormUnknown {
			t.Errorf("%q and %q are %s", p[0], p[1], form)
		}
	}
}

func TestAPairThatEveryFormExplainsTeachesNone(t *testing.T) {
	t.Parallel()
	for _, p := range [][2]string{{"5", "5"}, {"0005", "5"}, {"", ""}, {"0", "00"}} {
		if form := FormOf(p[0], p[1]); form != FormUnknown {
			t.Errorf("%q and %q teach %s", p[0], p[1], form)
		}
	}
	if form := FormOf("A", "10"); form != FormHexDec {
		t.Errorf("A and 10 teach %s", form)
	}
	if form := FormOf("10", "10"); form != FormSame {
		t.Errorf("10 and 10 teach %s", form)
	}
}

// randomID makes ids of the shapes that carriers use, from few characters, so
// that ids which look alike are frequent.
func randomID(r *rand.Rand) string {
	alphabets := []string{"019", "01af", "01AF", "01aA", "01-g", "1a", "0Zz"}
	alphabet := alphabets[r.IntN(len(alphabets))]
	n := 1 + r.IntN(5)
	if r.IntN(4) == 0 {
		n += 16
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// number is what an id denotes when read in a base; nil: it is none.
func number(id string, base int) *big.Int {
	if strings.Trim(strings.ToLower(id), "0123456789abcdef") != "" {
		return nil
	}
	n, ok := new(big.Int).SetString(id, base)
	if !ok {
		return nil
	}
	return n
}

func TestForANamedFormTwoIDsNeverShareAKeyUnlessTheyAreTheSame(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, form := range []IDForm{FormSame, FormHexDec, FormDecHex} {
		byKey := map[string]string{}
		shared := 0
		for range 100_000 {
			id := randomID(r)
			keys := FilingKeys(nil, id, form)
			if len(keys) != 1 {
				t.Fatalf("%q as %s has the keys %q", id, form, keys)
			}
			other, taken := byKey[keys[0]]
			byKey[keys[0]] = id
			if !taken || NormalID(other) == NormalID(id) {
				continue
			}
			base := map[IDForm]int{FormSame: 0, FormHexDec: 16, FormDecHex: 10}[form]
			if base != 0 {
				a, b := number(id, base), number(other, base)
				if a != nil && b != nil && a.Cmp(b) == 0 {
					shared++
					continue
				}
			}
			t.Fatalf("%q and %q as %s share the key %q", id, other, form, keys[0])
		}
		if form == FormHexDec && shared == 0 {
			t.Error("no two writings of one number were met: the test shows nothing")
		}
	}
}

func TestNormalIDsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 50_000 {
		id := randomID(r)
		if n := NormalID(id); NormalID(n) != n {
			t.Fatalf("%q becomes %q becomes %q", id, n, NormalID(n))
		}
		for _, form := range []IDForm{FormUnknown, FormSame, FormHexDec, FormDecHex} {
			for _, key := range FilingKeys(nil, id, form) {
				if !strings.HasPrefix(key, unreachable) && NormalID(key) != key {
					t.Fatalf("%q as %s is filed under %q, under which no receipt comes", id, form, key)
				}
			}
		}
	}
	for id, want := range map[string]string{
		"": "", " \x00": "", "0": "0", "000": "0", "00BBA622": "bba622", "0000436949": "436949", "0118Z-0122I": "0118z-0122i",
		"\tabc\r\n\x00\x00": "abc", "AbC": "AbC", "00ü": "00ü", "ABCÜ": "abcÜ", "a b": "a b",
	} {
		if got := NormalID(id); got != want {
			t.Errorf("%q becomes %q, want %q", id, got, want)
		}
	}
}

func TestANormalIDIsFiledWithoutAnAllocation(t *testing.T) {
	keys := make([]string, 0, 4)
	for _, id := range []string{"0e999f21-81ef-4a7e-9a3c-2f6a1b0c9d8e", "281605133", "00001234", "abc\x00"} {
		if n := testing.AllocsPerRun(100, func() { keys = FilingKeys(keys[:0], id, FormSame) }); n != 0 {
			t.Errorf("%q takes %v allocations", id, n)
		}
	}
}

func FuzzFilingKeys(f *testing.F) {
	for _, p := range idPairs(f) {
		f.Add(p.Response, p.Receipt)
	}
	f.Fuzz(func(t *testing.T, response, receipt string) {
		if len(response) > 64 || len(receipt) > 64 {
			return
		}
		form := FormOf(response, receipt)
		key := NormalID(receipt)
		unlearned := FilingKeys(nil, response, FormUnknown)
		if len(unlearned) == 0 || len(unlearned) > 3 || unlearned[0] != NormalID(response) {
			t.Fatalf("%q is filed under %q", response, unlearned)
		}
		if form == FormUnknown {
			return
		}
		if keys := FilingKeys(nil, response, form); !slices.Equal(keys, []string{key}) {
			t.Fatalf("%q and %q are %s, yet filed under %q", response, receipt, form, keys)
		}
	})
}

func BenchmarkFilingKeys(b *testing.B) {
	keys := make([]string, 0, 4)
	for _, bb := range []struct {
		name, id string
		form     IDForm
	}{
		{"same/uuid", "0e999f21-81ef-4a7e-9a3c-2f6a1b0c9d8e", FormSame},
		{"same/upper", "10C8F40D", FormSame},
		{"hex-dec", "10c8f40d", FormHexDec},
		{"auto/decimal", "281605133", FormUnknown},
		{"auto/128bit", "0e999f2181ef4a7e9a3c2f6a1b0c9d8e", FormUnknown},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				keys = FilingKeys(keys[:0], bb.id, bb.form)
			}
		})
	}
}
