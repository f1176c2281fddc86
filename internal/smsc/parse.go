package smsc

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/linxGnu/gosmpp/data"
)

// statusByName has every status that the codec can name (SMPP v3.4 §5.1.3).
var statusByName = sync.OnceValue(func() map[string]uint32 {
	m := make(map[string]uint32)
	for v := range uint32(0x100) {
		if name := data.CommandStatusType(v).String(); strings.HasPrefix(name, "ESME_") {
			m[name] = v
		}
	}
	return m
})

// StatusName is the name of a command_status (SMPP v3.4 §5.1.3), or its number
// in hexadecimal where it has none.
func StatusName(status uint32) string {
	if name := data.CommandStatusType(status).String(); status <= math.MaxInt32 && strings.HasPrefix(name, "ESME_") {
		return name
	}
	return fmt.Sprintf("0x%08x", status)
}

// ParseStatus reads a command_status by name (ESME_RSYSERR, or RSYSERR) or
// number (88, 0x58).
func ParseStatus(s string) (uint32, error) {
	name := strings.ToUpper(strings.TrimSpace(s))
	for _, n := range []string{name, "ESME_" + name} {
		if v, ok := statusByName()[n]; ok {
			return v, nil
		}
	}
	if v, err := strconv.ParseUint(strings.TrimSpace(s), 0, 32); err == nil {
		return uint32(v), nil
	}
	return 0, fmt.Errorf("%q is no command_status; write a name such as ESME_RSYSERR, or a number such as 0x8", s)
}

// ParseErrors reads "ESME_RSYSERR=0.01,ESME_RINVDSTADR=0.005".
func ParseErrors(s string) ([]StatusRate, error) {
	var rates []StatusRate
	err := eachPair(s, func(key, value string) error {
		status, err := ParseStatus(key)
		if err != nil {
			return err
		}
		rate, err := parseShare(value)
		if err != nil {
			return err
		}
		rates = append(rates, StatusRate{status, rate})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rates, checkErrors(rates)
}

// ParseRules reads "0000=ESME_RINVDSTADR,0001=ESME_RSYSERR": last digits of the
// destination, and the status that such a submit gets.
func ParseRules(s string) ([]Rule, error) {
	var rules []Rule
	err := eachPair(s, func(key, value string) error {
		status, err := ParseStatus(value)
		if err != nil {
			return err
		}
		rules = append(rules, Rule{key, status})
		return nil
	})
	return rules, err
}

// ParseOutcomes reads "DELIVRD=0.9,UNDELIV=0.08,EXPIRED=0.02".
func ParseOutcomes(s string) ([]OutcomeRate, error) {
	var rates []OutcomeRate
	err := eachPair(s, func(key, value string) error {
		rate, err := parseShare(value)
		if err != nil {
			return err
		}
		rates = append(rates, OutcomeRate{strings.ToUpper(key), rate})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rates, checkOutcomes(rates)
}

// ParseReply reads "KEYWORD=text", "KEYWORD=A|B|C" (one of them) and
// "KEYWORD:0.3=text" (a share of the recipients reply).
func ParseReply(s string) (Reply, error) {
	key, texts, ok := strings.Cut(s, "=")
	if !ok || strings.TrimSpace(key) == "" || texts == "" {
		return Reply{}, fmt.Errorf("%q is no reply; write KEYWORD=text, KEYWORD=A|B or KEYWORD:0.3=text", s)
	}
	r := Reply{Keyword: strings.TrimSpace(key), Texts: strings.Split(texts, "|"), Rate: 1}
	if i := strings.LastIndexByte(r.Keyword, ':'); i > 0 {
		rate, err := parseShare(r.Keyword[i+1:])
		if err != nil {
			return Reply{}, err
		}
		if rate == 0 {
			return Reply{}, fmt.Errorf("%q would never reply; write a share above 0", s)
		}
		r.Keyword, r.Rate = r.Keyword[:i], rate
	}
	return r, nil
}

// eachPair calls fn for every key=value of a comma-separated list.
func eachPair(s string, fn func(key, value string) error) error {
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		key, value, ok := strings.Cut(item, "=")
		if !ok || key == "" {
			return fmt.Errorf("%q is not of the form key=value", item)
		}
		if err := fn(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	return nil
}

func parseShare(s string) (float64, error) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("%q is no share; write a number between 0 and 1", s)
	}
	return v, nil
}

// sharesTolerance forgives sums such as 0.9+0.08+0.02, which floats miss by a bit.
const sharesTolerance = 1e-9

func checkErrors(rates []StatusRate) error {
	sum := 0.0
	for _, r := range rates {
		if !(r.Rate >= 0 && r.Rate <= 1) {
			return fmt.Errorf("the rate of %s is %v; a share lies between 0 and 1", StatusName(r.Status), r.Rate)
		}
		sum += r.Rate
	}
	if sum > 1+sharesTolerance {
		return fmt.Errorf("the rates add up to %v, which is more than 1", sum)
	}
	return nil
}

// checkOutcomes wants known states whose rates add up to one.
func checkOutcomes(rates []OutcomeRate) error {
	sum := 0.0
	for _, r := range rates {
		if o, ok := outcomeByStat[r.State]; !ok || !o.final {
			return fmt.Errorf("%q is no final message state; use DELIVRD, EXPIRED, DELETED, UNDELIV, ACCEPTD, UNKNOWN or REJECTD", r.State)
		}
		if !(r.Rate >= 0 && r.Rate <= 1) {
			return fmt.Errorf("the rate of %s is %v; a share lies between 0 and 1", r.State, r.Rate)
		}
		sum += r.Rate
	}
	if len(rates) > 0 && math.Abs(sum-1) > sharesTolerance {
		return fmt.Errorf("the rates add up to %v and not to 1", sum)
	}
	return nil
}

// ParseReceiptForm reads text, tlv or both.
func ParseReceiptForm(s string) (ReceiptForm, error) {
	return parseWord(s, "form of receipts", map[string]ReceiptForm{"text": FormText, "tlv": FormTLV, "both": FormBoth})
}

// ParseVia reads any, same or other.
func ParseVia(s string) (Via, error) {
	return parseWord(s, "choice of a bind", map[string]Via{"any": ViaAny, "same": ViaSame, "other": ViaOther})
}

func parseWord[T any](s, what string, words map[string]T) (T, error) {
	if v, ok := words[s]; ok {
		return v, nil
	}
	var none T
	return none, fmt.Errorf("%q is no %s; use one of %s", s, what, strings.Join(slices.Sorted(maps.Keys(words)), ", "))
}
