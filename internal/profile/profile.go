package profile

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
	_ "time/tzdata" // the image has no zones of its own

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Profile is a carrier's habits, ready for use.
type Profile struct {
	Name, Title, About string
	Extends            string // the profile whose habits it has besides; empty for standard
	Sources            []Source
	Origin             string // "built in", or the path of its file

	Codings     *sms.Codings // nil: the standard's
	Receipts    *sms.Grammar
	Statuses    *wire.Statuses
	RetryStatus uint32 // in deliver_sm_resp, makes the carrier send it again
	TLVs        *TLVs
	Addresses   *sms.AddressRules
	// Defaults are values of SMSC_<n>_ variables by their names without the prefix, such as WINDOW.
	Defaults map[string]string
	Quirks   Quirks
	Vectors  Vectors

	tree *tree // with what it extends
}

// compiler collects what is wrong with one file.
type compiler struct {
	tree   *tree
	faults Faults
}

func (c *compiler) fault(remedy string, path ...string) {
	c.faults = append(c.faults, &Fault{File: c.tree.file, Line: c.tree.lineOf(path), Field: fieldOf(path), Value: shown(scalarAt(c.tree.root, path)), Remedy: remedy})
}

func (c *compiler) compile(f *file, origin string) (*Profile, Faults) {
	p := &Profile{
		Name: f.Name, Title: f.Title, About: f.About, Extends: f.Extends, Sources: f.Sources, Origin: origin,
		Receipts: c.grammar(f), Statuses: c.statuses(f), RetryStatus: c.retryStatus(f), TLVs: c.tlvs(f), Addresses: c.addresses(f), Codings: c.codings(f),
		Defaults: c.defaults(f), Quirks: f.Quirks, Vectors: f.Vectors, tree: c.tree,
	}
	if len(c.faults) > 0 {
		sort.SliceStable(c.faults, func(i, j int) bool { return c.faults[i].Line < c.faults[j].Line })
		return nil, c.faults
	}
	return p, nil
}

func (c *compiler) grammar(f *file) *sms.Grammar {
	r := f.Receipt
	rules := sms.GrammarRules{
		Names: map[sms.Field][]string{}, States: map[string]sms.State{}, IDInText: r.ID == "text", StateInTLV: r.State == "tlv",
		FlaggedOnly: f.Quirks.ReceiptsFlaggedOnly, IntermediateFinal: f.Quirks.IntermediateIsFinal,
	}
	for key, names := range r.Fields {
		field, _ := sms.ParseField(key) // the schema knows no other
		rules.Names[field] = names
	}
	for _, key := range r.Columns {
		field, _ := sms.ParseField(key)
		rules.Columns = append(rules.Columns, field)
	}
	if r.Separator != "" {
		rules.Separator = r.Separator[0]
	}
	for word, state := range r.States {
		rules.States[word] = sms.State(state)
	}
	if r.TimeZone != "" {
		zone, ok := zoneOf(r.TimeZone)
		if !ok {
			c.fault("must be an IANA name such as Europe/Berlin, or a distance to UTC such as +05:30", "receipt", "time_zone")
		}
		rules.Zone = zone
	}
	for i, pattern := range r.Dates {
		form, err := sms.ParseDateForm(pattern)
		if err != nil {
			c.fault(err.Error(), "receipt", "dates", fmt.Sprint(i))
		}
		rules.Dates = append(rules.Dates, form)
	}
	g, err := sms.NewGrammar(rules)
	if err != nil {
		c.fault(err.Error(), "receipt")
	}
	return g
}

func zoneOf(name string) (*time.Location, bool) {
	if t, err := time.Parse("-07:00", name); err == nil {
		_, offset := t.Zone()
		return time.FixedZone(name, offset), true
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil && name != "Local"
}

func (c *compiler) statuses(f *file) *wire.Statuses {
	type keyed struct {
		wire.StatusRule
		key string
	}
	var rules []keyed
	for key, s := range f.Statuses {
		first, last, ok := statusRange(key)
		switch {
		case !ok:
			c.fault("is a wrong key: must be a command_status such as ESME_RTHROTTLED, 0x400 or 0x400-0x4FF", "statuses", key)
			continue
		case first == wire.StatusOK:
			c.fault("ESME_ROK is always accepted: leave it out", "statuses", key)
			continue
		}
		class, _ := wire.ParseClass(s.Class)
		if s.Backoff != (fileBackoff{}) {
			c.backoff(s.Backoff, "statuses", key, "backoff")
			if class == wire.Permanent {
				c.fault("nothing is tried again that is refused for good: leave it out", "statuses", key, "backoff")
			}
		}
		rules = append(rules, keyed{wire.StatusRule{First: first, Last: last, Class: class, Backoff: s.Backoff.wire()}, key})
	}
	// The narrower counts, and so comes later.
	slices.SortFunc(rules, func(a, b keyed) int {
		if x, y := a.Last-a.First, b.Last-b.First; x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return strings.Compare(a.key, b.key)
	})
	plain := make([]wire.StatusRule, len(rules))
	for i := range rules {
		plain[i] = rules[i].StatusRule
	}
	c.backoff(f.Backoffs.Throttle, "backoffs", "throttle")
	c.backoff(f.Backoffs.Temporary, "backoffs", "temporary")
	return wire.NewStatuses(plain, f.Backoffs.Throttle.wire(), f.Backoffs.Temporary.wire())
}

func (b fileBackoff) wire() wire.Backoff {
	return wire.Backoff{First: time.Duration(b.First), Most: time.Duration(b.Most)}
}

// backoff keeps waits to what is no busy loop and no message that is never tried again.
func (c *compiler) backoff(b fileBackoff, path ...string) {
	if first, most := time.Duration(b.First), time.Duration(b.Most); first < time.Millisecond || most < first || most > 24*time.Hour {
		c.fault("first must be 1ms or more, and most not under first and at most 24h", path...)
	}
}

func statusRange(s string) (first, last uint32, ok bool) {
	if from, to, isRange := strings.Cut(s, "-"); isRange {
		a, ok1 := wire.ParseStatus(strings.TrimSpace(from))
		b, ok2 := wire.ParseStatus(strings.TrimSpace(to))
		return a, b, ok1 && ok2 && a <= b
	}
	n, ok := wire.ParseStatus(s)
	return n, n, ok
}

func (c *compiler) retryStatus(f *file) uint32 {
	status, ok := wire.ParseStatus(f.RetryStatus)
	if !ok || status == wire.StatusOK {
		c.fault("must be a command_status such as ESME_RSYSERR or 0x45, and not ESME_ROK: that would lose what Kafka does not hold", "retry_status")
	}
	return status
}

func (c *compiler) addresses(f *file) *sms.AddressRules {
	rule := func(k fileKind) sms.AddressRule {
		return sms.AddressRule{TON: byte(k.TON), NPI: byte(k.NPI), Prefix: k.Prefix}
	}
	kinds := func(k fileKinds) sms.AddressKinds {
		return sms.AddressKinds{International: rule(k.International), National: rule(k.National), ShortCode: rule(k.ShortCode)}
	}
	a := f.Addresses
	return &sms.AddressRules{
		Source: kinds(a.Source), Destination: kinds(a.Destination), ShortCodeDigits: a.ShortCodeDigits,
		Alphanumeric: sms.AddressRule{TON: byte(a.Alphanumeric.TON), NPI: byte(a.Alphanumeric.NPI)}, MaxAlphanumeric: a.Alphanumeric.MaxLength, NoAlphanumeric: !a.Alphanumeric.Allowed,
	}
}

func (c *compiler) defaults(f *file) map[string]string {
	m := make(map[string]string, len(f.Defaults))
	for key, value := range f.Defaults {
		m[strings.ToUpper(key)] = fmt.Sprint(value)
	}
	return m
}

// DefaultNames are the names of the variables that the profile sets, sorted.
func (p *Profile) DefaultNames() []string { return slices.Sorted(maps.Keys(p.Defaults)) }
