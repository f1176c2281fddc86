package differential

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Every cell of every table, as gsmcodecs took them from TS 23.038 V18.0.0.
func TestTheTablesAreThoseOfGsmcodecs(t *testing.T) {
	t.Parallel()
	p := pythonPeer(t)
	var reply struct {
		Tables map[string]map[string]map[string]rune // language, kind, septet
	}
	if refused := p.ask(map[string]any{"do": "tables"}, &reply); refused != "" {
		t.Fatal(refused)
	}
	if len(reply.Tables) != 14 {
		t.Fatalf("gsmcodecs has %d languages, want the default and 13", len(reply.Tables))
	}
	cells := 0
	for language, kinds := range reply.Tables {
		n, err := strconv.Atoi(language)
		if err != nil {
			t.Fatal(err)
		}
		l := sms.Language(n)
		for kind, table := range kinds {
			for septet := range 128 {
				if septet == 0x1B {
					continue
				}
				theirs := table[strconv.Itoa(septet)]
				if known, ok := wrongThere(l, kind, septet); ok {
					theirs = known
				}
				ud, locking, single := []byte{byte(septet)}, l, sms.Language(0)
				if kind == "singleShift" {
					ud, locking, single = []byte{0x1B, byte(septet)}, 0, l
				}
				ours, _, ok := (*sms.Codings)(nil).Read(0, locking, single, ud)
				switch plain, _, _ := sms.Decode(0, []byte{byte(septet)}); {
				case theirs == 0 && kind == "locking" && ok:
					t.Errorf("%s, %s %02x: ours is %q, theirs empty", l, kind, septet, ours)
				case theirs == 0 && kind == "singleShift" && ours != plain:
					t.Errorf("%s, %s %02x: ours is %q, theirs empty, for which the default's %q stands", l, kind, septet, ours, plain)
				case theirs != 0 && ours != string(theirs):
					t.Errorf("%s, %s %02x: ours is %q, theirs %q", l, kind, septet, ours, theirs)
				}
				if theirs != 0 {
					cells++
				}
			}
		}
	}
	if cells < 2400 {
		t.Errorf("only %d cells were compared", cells)
	}
}

// wrongThere has what other copies of the specification and handsets say of a cell that gsmcodecs 1.0.0 has otherwise.
func wrongThere(l sms.Language, kind string, septet int) (r rune, ok bool) {
	switch {
	case kind == "locking" && septet == 0x2C && l >= sms.Bengali:
		return ',', true // theirs: an apostrophe
	case kind == "locking" && septet == 0x24 && l == sms.Kannada:
		return 'ಡ', true // theirs: what is at 0x3D too
	case kind == "singleShift" && septet == 0x65 && l == sms.Telugu:
		return '€', true // theirs: empty
	}
	return 0, false
}

func TestOctetAlphabetsAreThoseOfPython(t *testing.T) {
	t.Parallel()
	p := pythonPeer(t)
	for enc, codec := range map[sms.Encoding]string{
		sms.ASCII: "ascii", sms.Latin1: "iso8859-1", sms.Cyrillic: "iso8859-5", sms.Hebrew: "iso8859-8", sms.UCS2: "utf-16-be",
	} {
		const below = 0x2200
		var theirs struct{ Octets map[string]string } // by code point
		if refused := p.ask(map[string]any{"do": "codec", "codec": codec, "below": below}, &theirs); refused != "" {
			t.Fatal(refused)
		}
		if len(theirs.Octets) < 128 {
			t.Fatalf("%s has %d characters", codec, len(theirs.Octets))
		}
		for r := rune(0); r < below; r++ {
			if r >= 0x80 && r < 0xA0 && (enc == sms.Cyrillic || enc == sms.Hebrew) {
				continue // C1 controls, which no phone shows: Python has them
			}
			var ours string
			if p, err := sms.Split(string(r), enc, sms.UDH8, 0); err == nil {
				ours = hex.EncodeToString(p.UD[0])
			}
			if octets := theirs.Octets[strconv.Itoa(int(r))]; ours != octets {
				t.Errorf("%U as %s: ours is %q, theirs %q", r, enc, ours, octets)
			}
		}
	}
}

// What smpplib would send: the alphabet chosen, the octets and where they are cut.
// It cuts wherever a part is full, so only texts without what belongs together are
// compared, and it lacks §.
func TestPartsAreThoseOfSmpplib(t *testing.T) {
	t.Parallel()
	p := pythonPeer(t)
	for name, alphabet := range map[string]string{
		"gsm":     "@£$¥èéùìòÇ\nØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCXYZÄÖÑÜ¿abcxyzäöñüà",
		"ucs2":    "Приветмирабв гд 中文字漢 א",
		"latin1":  "ça va, naïve çà ñ",
		"escapes": "[]{}\\~^|€",
	} {
		letters := []rune(alphabet)
		rapid.Check(t, func(rt *rapid.T) {
			limit := 2000
			if name == "escapes" {
				limit = 80 // of which it cuts some in two beyond
			}
			text := rapid.StringOfN(rapid.SampledFrom(letters), 1, limit, -1).Draw(rt, "text")
			enc, dataCoding := sms.GSM7, 0
			switch {
			case name == "latin1":
				enc, dataCoding = sms.Latin1, 3
			case name == "ucs2" && strings.Trim(text, " ") == "":
				rt.Skip()
			case name == "ucs2":
				enc = sms.Auto // both find out
			}
			ours, err := sms.Split(text, enc, sms.UDH8, 0)
			if err != nil {
				rt.Fatal(err)
			}
			var theirs struct {
				Parts      []string
				DataCoding byte `json:"data_coding"`
				ESMClass   byte `json:"esm_class"`
			}
			if refused := p.ask(map[string]any{"do": "parts", "text": text, "data_coding": dataCoding}, &theirs); refused != "" {
				rt.Fatal(refused)
			}
			var parts []string
			for i, ud := range ours.UD {
				if ours.UDHI {
					if b, err := hex.DecodeString(theirs.Parts[min(i, len(theirs.Parts)-1)]); err == nil && len(b) > 3 {
						ud[3] = b[3] // the reference, which it draws by lot
					}
				}
				parts = append(parts, hex.EncodeToString(ud))
			}
			if !slices.Equal(parts, theirs.Parts) || ours.DataCoding != theirs.DataCoding || ours.UDHI != (theirs.ESMClass == 0x40) {
				rt.Fatalf("%q: ours are %d parts, data_coding %d, %q; theirs %d, %d, %q", text, len(parts), ours.DataCoding, parts, len(theirs.Parts), theirs.DataCoding, theirs.Parts)
			}
		})
	}
}
