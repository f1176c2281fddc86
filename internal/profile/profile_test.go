package profile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/profile"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

func TestEveryBuiltInProfileKeepsItsVectorsAndNamesItsSources(t *testing.T) {
	t.Parallel()
	all := profile.BuiltInSet().All()
	if len(all) < 9 {
		t.Errorf("only %d profiles", len(all))
	}
	for _, p := range all {
		data, err := os.ReadFile("profiles/" + p.Name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := profile.BuiltInSet().Parse(p.Name+".yaml", data); err != nil {
			t.Error(err) // the program takes its own for right, and does not run the schema over them
		}
		if len(p.Sources) == 0 || p.Vectors.Count() == 0 || p.About == "" {
			t.Errorf("%s: a profile says what it is about, where that is documented, and has vectors", p.Name)
		}
		for _, o := range p.Test() {
			if o.Err != nil {
				t.Errorf("%s: %s: %v", p.Name, o.What, o.Err)
			}
		}
		for _, s := range p.Sources {
			if !strings.HasPrefix(s.At, "http") || s.Says == "" {
				t.Errorf("%s: source %q: say where it is, and what of it is used", p.Name, s.Title)
			}
		}
	}
}

// Rooms that know no profiles take wire.Standard and the standard grammar and addresses.
func TestStandardIsWhatTheRoomsTakeByThemselves(t *testing.T) {
	t.Parallel()
	p := profile.Default()
	if got, want := fmt.Sprint(p.Statuses.Rules()), fmt.Sprint(wire.Standard.Rules()); got != want {
		t.Errorf("statuses are %s, those of wire %s", got, want)
	}
	for _, status := range []uint32{wire.StatusThrottled, wire.StatusSysErr} {
		if got, want := p.Statuses.Backoff(status), wire.Standard.Backoff(status); got != want {
			t.Errorf("%x waits %v, in wire %v", status, got, want)
		}
	}
	if *p.Addresses != sms.StandardAddresses {
		t.Errorf("addresses are %+v, those of sms %+v", *p.Addresses, sms.StandardAddresses)
	}
	if p.RetryStatus != wire.StatusSysErr || p.Quirks != (profile.Quirks{}) || len(p.Defaults) != 0 {
		t.Errorf("%x, %+v, %v", p.RetryStatus, p.Quirks, p.Defaults)
	}
}

const least = "version: 1\nname: x\ntitle: X\n"

func TestAProfileThatIsWrongSaysWhereAndWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ yaml, want string }{
		{"", "is not YAML"},
		{"[1]", "is not a mapping"},
		{"{", "is not YAML"},
		{"a: &b 1\nc: *b", "no anchors and aliases"},
		{least + "name: y", "is given twice: keep one"},
		{least + "---\n" + least, "second document"},
		{"version: 2\nname: x\ntitle: X", `x.yaml:1: field version: "2": must be 1`},
		{"name: x\ntitle: X", "field version: is missing"},
		{"version: 1\nname: X Y\ntitle: X", `field name: "X Y": must be 1 to 40 small letters`},
		{least + "reciept: {}", "x.yaml:4: field reciept: is not known; the nearest name is receipt"},
		{least + "receipt: {tz: UTC}", "field receipt.tz: is not known"},
		{least + "data_coding: {default: ucs2}", `field data_coding.default: "ucs2": must be what data_coding 0 means`},
		{least + "data_coding: {read: {'256': latin1}}", "field data_coding.read[256]"},
		{least + "data_coding: {read: {'3': klingon}}", `field data_coding.read[3]: "klingon": is no encoding`},
		{least + "receipt: {time_zone: Europe/Atlantis}", `field receipt.time_zone: "Europe/Atlantis": must be an IANA name`},
		{least + "receipt: {dates: [yyMMdd]}", `field receipt.dates[0]: "yyMMdd": date form`},
		{least + "receipt: {columns: [id, stat]}", "want the separator"},
		{least + "receipt: {states: {GONE: LOST}}", `field receipt.states.GONE: "LOST": must be one of SCHEDULED`},
		{least + "statuses: {ESME_RTHROTTLD: {class: throttle}}", "field statuses.ESME_RTHROTTLD: is a wrong key"},
		{least + "statuses: {ESME_ROK: {class: throttle}}", "always accepted"},
		{least + "statuses: {0x58: {class: later}}", `field statuses.0x58.class: "later": must be throttle`},
		{least + "statuses: {0x58: {class: throttle, backoff: {first: 2s, most: 1s}}}", "field statuses.0x58.backoff: first must be"},
		{least + "backoffs: {temporary: {first: fast, most: 1s}}", `field backoffs.temporary.first: "fast": must be a duration`},
		{least + "retry_status: ESME_ROK", `field retry_status: "ESME_ROK": must be a command_status`},
		{least + "tlvs: {Big: {tag: 1, type: string}}", "field tlvs.Big: is a wrong key"},
		{least + "tlvs: {a: {tag: 0x14000, type: string}}", "field tlvs.a.tag: \"81920\": must be a number from 0x0001 to 0xFFFF"},
		{least + "tlvs: {a: {tag: 0x1400, type: string, min_length: 5, max_length: 4}}", "field tlvs.a.min_length: \"5\": must not be over max_length"},
		{least + "tlvs: {a: {tag: 0x1400, type: int8, digits: true}}", "leave them out"},
		{least + "defaults: {window: 5000}", `field defaults.window: "5000": must be a whole number from 1 to 4096`},
		{least + "defaults: {password: x}", "field defaults.password: is not known"},
		{least + "extends: standrd", `field extends: "standrd": is no profile; the nearest name is standard`},
		{least + "extends: x", "circle"},
		{least + "quirks: {no_schedule: maybe}", `field quirks.no_schedule: "maybe": must be true`},
	} {
		_, err := profile.BuiltInSet().Parse("x.yaml", []byte(c.yaml))
		var faults profile.Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.yaml") {
			t.Errorf("%q:\n got %v\nwant %s", c.yaml, err, c.want)
		}
	}
}

func TestAllFaultsOfAFileAreToldAtOnce(t *testing.T) {
	t.Parallel()
	_, err := profile.BuiltInSet().Parse("x.yaml", []byte(least+"retry: 1\nstatuses: {0x58: {class: later}}\nquirks: {nosuch: true}\n"))
	var faults profile.Faults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Errorf("%v", err)
	}
}

func TestAFolderAddsToAndReplacesWhatIsBuiltIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, yaml string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("mine.yaml", "version: 1\nname: mine\ntitle: Mine\nstatuses: {0x401: {class: temporary}}\ntlvs: {extra: {tag: 0x1500, type: cstring}}\nreceipt: {time_zone: '+03:00'}")
	write("theirs.yml", "version: 1\nname: theirs\ntitle: Theirs\nextends: mine\nretry_status: '0x45'\nquirks: {no_schedule: true}\ntlvs: {extra: null}")
	write("notes.txt", "not a profile")
	s, err := profile.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Get("theirs")
	if err != nil {
		t.Fatal(err)
	}
	if p.Statuses.Of(0x401) != wire.Temporary || p.Statuses.Of(wire.StatusThrottled) != wire.Throttle || p.RetryStatus != 0x45 || !p.Quirks.NoSchedule || p.Extends != "mine" ||
		p.Origin != filepath.Join(dir, "theirs.yml") {
		t.Errorf("%+v", p)
	}
	if _, err := p.TLVs.Named("extra", nil, false); err == nil {
		t.Error("null took nothing away")
	}
	if _, err := s.Get("thiers"); err == nil || !strings.Contains(err.Error(), "nearest name is theirs") {
		t.Errorf("%v", err)
	}
	if _, err := profile.BuiltInSet().Get("mine"); err == nil {
		t.Error("the folder's profile got into the built-in ones")
	}

	write("other.yaml", "version: 1\nname: another\ntitle: X")
	write("standard.yaml", "version: 1\nname: standard\ntitle: X")
	_, err = profile.Load(dir)
	for _, want := range []string{"must be the file's name without .yaml", "cannot be replaced"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %s", err, want)
		}
	}
	if _, err := profile.Load(filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a folder that is not there")
	}
}

func TestAVectorThatIsNotKeptIsTold(t *testing.T) {
	t.Parallel()
	p, err := profile.BuiltInSet().Parse("x.yaml", []byte(least+`vectors:
  receipts:
    - {text: "id:1 stat:DELIVRD", want: {message_id: "2", stat: DELIVRD, state: DELIVERED, final: true}}
    - {text: "id:1 stat:DELIVRD", want: false}
    - {text: hello, want: {state: DELIVERED}}
  message_ids: [{response: "10", receipt: "17", form: hex-dec}]
  statuses: {ESME_RTHROTTLED: permanent, ESME_NONE: permanent}
  addresses: [{from: Acme, ton: 1, npi: 0, addr: Acme}, {to: "", error: true}, {from: Acme, error: true}]
  tlvs: [{given: {user_message_reference: "1"}, want: ""}, {given: {source_port: "1"}, error: true}]
`))
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, o := range p.Test() {
		if o.Err == nil {
			kept++
		}
	}
	if n := len(p.Test()); n != p.Vectors.Count() || n != 11 || kept != 1 {
		t.Errorf("%d of %d kept", kept, n)
	}
}

func TestRequiredTLVsAreCheckedHoweverTheyAreGiven(t *testing.T) {
	p, err := profile.BuiltInSet().Get("india-dlt")
	if err != nil {
		t.Fatal(err)
	}
	entity := wire.TLV{Tag: 0x1400, Value: []byte("1201159000000000001")}
	template := wire.TLV{Tag: 0x1401, Value: []byte("1207161700000000002\x00")}
	if err := p.TLVs.Check([]wire.TLV{template, entity}); err != nil {
		t.Error(err)
	}
	for name, tlvs := range map[string][]wire.TLV{
		"none": nil, "one missing": {entity}, "short": {entity, {Tag: 0x1401, Value: []byte("120716170000")}},
		"letters": {template, {Tag: 0x1400, Value: []byte("12011590000000000OO")}}, "empty": {template, {Tag: 0x1400}},
	} {
		var wrong *profile.TLVError
		if err := p.TLVs.Check(tlvs); !errors.As(err, &wrong) || wrong.Remedy == "" || strings.Contains(err.Error(), "12011") {
			t.Errorf("%s: %v", name, err)
		}
	}
	tlvs := []wire.TLV{template, entity}
	if n := testing.AllocsPerRun(100, func() { _ = p.TLVs.Check(tlvs) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTheDocumentedFileIsAProfileAndAllProfilesAreDocumented(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../PROFILES.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	_, rest, _ := strings.Cut(page, "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	p, err := profile.BuiltInSet().Parse("acme.yaml", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range p.Test() {
		if o.Err != nil {
			t.Errorf("%s: %v", o.What, o.Err)
		}
	}
	for _, name := range profile.BuiltInSet().Names() {
		if !strings.Contains(page, "| `"+name+"` |") {
			t.Errorf("%s is not in the list", name)
		}
	}
}

// What is shown of a profile is a profile, and the same one.
func TestShownProfilesReadAsThemselves(t *testing.T) {
	t.Parallel()
	for _, p := range profile.BuiltInSet().All() {
		b, err := p.Show()
		if err != nil {
			t.Fatal(err)
		}
		again, err := profile.BuiltInSet().Parse(p.Name+".yaml", b)
		if err != nil {
			t.Errorf("%s: %v\n%s", p.Name, err, b)
			continue
		}
		second, err := again.Show()
		if err != nil || string(second) != string(b) {
			t.Errorf("%s is shown otherwise the second time: %v", p.Name, err)
		}
		if len(again.Test()) != p.Vectors.Count() {
			t.Errorf("%s has lost vectors", p.Name)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("profiles/*.yaml")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(least + "receipt: {columns: [id, stat], separator: ','}\nstatuses: {0x1-0xffffffff: {class: temporary}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := profile.BuiltInSet().Parse("x.yaml", data)
		if err != nil {
			if p != nil || !strings.HasPrefix(err.Error(), "x.yaml") {
				t.Fatalf("%v, %v", p, err)
			}
			return
		}
		if p.RetryStatus == 0 || p.Statuses.Of(0) != wire.Accepted {
			t.Fatal("a profile that acknowledges what it refuses, or refuses what was accepted")
		}
		p.Test()
	})
}
