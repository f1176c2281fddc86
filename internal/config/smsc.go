package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/smpp-connector/smpp-connector/internal/profile"
)

// Kinds of bind, in SMSC.Bind.
const (
	BindTransceiver = "transceiver"
	BindTransmitter = "transmitter"
	BindReceiver    = "receiver"
	BindPair        = "pair"
)

// SMSC is one message centre, from the variables SMSC_<n>_….
//
// Lengths of the strings of a bind are not limited to those of SMPP v3.4 §5.2 (SYSTEM_ID 15, PASSWORD 8, SYSTEM_TYPE 12 octets), because there are
// carriers that hand out longer ones.
type SMSC struct {
	Name          string   `env:"NAME" required:"true" desc:"used in records, metrics and logs"`
	Addresses     []string `env:"ADDRESS" required:"true" type:"list of host:port" desc:"several are tried in order"`
	SystemID      string   `env:"SYSTEM_ID" desc:"system_id of the bind"`
	Password      string   `env:"PASSWORD" secret:"true" desc:"password of the bind"`
	SystemType    string   `env:"SYSTEM_TYPE" desc:"system_type of the bind"`
	Bind          string   `env:"BIND" envDefault:"transceiver" oneof:"transceiver transmitter receiver pair" desc:"kind of session; pair is one transmitter and one receiver"`
	Binds         int      `env:"BINDS" envDefault:"1" min:"1" max:"64" desc:"sessions held at once"`
	Window        int      `env:"WINDOW" envDefault:"10" min:"1" max:"4096" desc:"unanswered submits per session"`
	TPS           float64  `env:"TPS" envDefault:"0" min:"0" max:"1000000" desc:"submit_sm PDUs per second for the account, parts and retries included, 0 for no limit; replicas share it"`
	BindTPS       float64  `env:"BIND_TPS" envDefault:"0" min:"0" max:"1000000" desc:"submit_sm PDUs per second on each bind besides, 0 for no limit; a bind is one replica's own, so it is not shared"`
	TLS           TLS      `envPrefix:"TLS_"`
	SourceAddress string   `env:"SOURCE_ADDRESS" desc:"sender when the record names none"`
	// Routes are digits with an optional "+"; empty: every destination.
	Routes       []string `env:"ROUTES" desc:"destination prefixes, everything when not set; the longest match wins"`
	Weight       int      `env:"WEIGHT" envDefault:"1" min:"1" max:"10000" desc:"share among equal routes of one priority"`
	Priority     int      `env:"PRIORITY" envDefault:"0" min:"0" max:"1000000" desc:"order of failover among equal routes, 0 first"`
	Failover     Failover `envPrefix:"FAILOVER_"`
	Profile      string   `env:"PROFILE" envDefault:"standard" type:"name of a profile" desc:"this carrier's habits, and the defaults of these variables; smpp-connector profile list shows all"`
	LongMessages string   `env:"LONG_MESSAGES" envDefault:"udh8" oneof:"udh8 udh16 sar payload" desc:"how a text goes out that one message does not hold"`
	// National are names of languages, or all.
	National        []string      `env:"NATIONAL" type:"list of languages" desc:"national language tables of 3GPP TS 23.038 that texts may use where that saves a part: all, or any of turkish, spanish, portuguese, bengali, gujarati, hindi, kannada, malayalam, oriya, punjabi, tamil, telugu, urdu; the SMSC and the handsets must know them"`
	MessageID       string        `env:"MESSAGE_ID" envDefault:"auto" oneof:"auto same hex-dec dec-hex" desc:"how the id in a receipt relates to the id in the response; auto is learned"`
	EnquireLink     time.Duration `env:"ENQUIRE_LINK" envDefault:"30s" min:"1ms" max:"24h" desc:"idle time after which the link is tested"`
	ResponseTimeout time.Duration `env:"RESPONSE_TIMEOUT" envDefault:"10s" min:"1ms" max:"24h" desc:"how long an answer may take"`
	BindTimeout     time.Duration `env:"BIND_TIMEOUT" envDefault:"10s" min:"1ms" max:"24h" desc:"how long connecting and binding may take, each"`
	Receipts        string        `env:"RECEIPTS" envDefault:"final" oneof:"none final failure all" desc:"receipts asked for when the record does not say"`
	Session

	Habits *profile.Profile `env:"-"` // that PROFILE names
}

// CanSubmit tells whether the SMSC's binds may send submit_sm.
func (s *SMSC) CanSubmit() bool { return s.Bind != BindReceiver }

// CanReceive tells whether deliver_sm may come through the SMSC's binds.
func (s *SMSC) CanReceive() bool { return s.Bind != BindTransmitter }

// Sizes that no SMSC in use has been seen to pass, so that more of it is a mistake in the variable.
const (
	maxSMSCName      = 100
	maxBindString    = 64
	maxSourceAddress = 20 // SMPP v3.4 §5.2.8, without the terminating NUL
	maxRoute         = 20
)

func (l *loader) checkSMSC(prefix string, s *SMSC) {
	l.checkTLS(prefix+"TLS_", &s.TLS)
	l.checkSession(prefix, s)
	l.checkOutbind(prefix, s)
	if l.fine(prefix+"NAME") && (len(s.Name) > maxSMSCName || !printable(s.Name)) {
		l.fault(prefix+"NAME", fmt.Sprintf("must be at most %d bytes of printable text", maxSMSCName))
	}
	if l.fine(prefix + "ADDRESS") {
		l.checkAddresses(prefix+"ADDRESS", s.Addresses)
	}
	for _, field := range []struct{ name, value string }{{"SYSTEM_ID", s.SystemID}, {"PASSWORD", s.Password}, {"SYSTEM_TYPE", s.SystemType}} {
		// A NUL would end the C-octet string early, and what follows it would be read as the next field.
		if l.fine(prefix+field.name) && (len(field.value) > maxBindString || strings.ContainsRune(field.value, 0)) {
			l.fault(prefix+field.name, fmt.Sprintf("must be at most %d bytes without NUL", maxBindString))
		}
	}
	if number := strings.TrimPrefix(s.SourceAddress, "+"); s.SourceAddress != "" && (number == "" || len(number) > maxSourceAddress || !printable(number)) {
		l.fault(prefix+"SOURCE_ADDRESS", fmt.Sprintf("must be a number or a name of at most %d printable characters", maxSourceAddress))
	}
	for i, language := range s.National {
		if s.National[i] = strings.ToLower(language); !slices.Contains(nationalLanguages, s.National[i]) {
			l.fault(prefix+"NATIONAL", fmt.Sprintf("%s has no tables: give all, or any of %s, separated by commas", quote(language), strings.Join(nationalLanguages[1:], ", ")))
			break
		}
	}
	for _, route := range s.Routes {
		if !isRoute(route) {
			l.fault(prefix+"ROUTES", fmt.Sprintf("%s is no destination prefix: give 1 to %d digits, with or without +, separated by commas", quote(route), maxRoute))
			break
		}
	}
}

// checkSMSCs checks what no SMSC can say for itself.
func (l *loader) checkSMSCs(c *Config, numbers []int) {
	first := map[string]string{}
	submit, receive := false, false // a BIND that is wrong counts as its default, and is not told twice
	for i, n := range numbers {
		prefix, s := smscPrefix(n), &c.SMSCs[i]
		submit = submit || s.CanSubmit()
		receive = receive || s.CanReceive()
		if s.Name == "" {
			continue
		}
		if other, taken := first[s.Name]; taken {
			l.fault(prefix+"NAME", "is the name of "+other+" too: names must differ")
			continue
		}
		first[s.Name] = prefix + "NAME"
	}
	if !l.fine("SINK_ENABLED") || !l.fine("SOURCE_ENABLED") {
		return
	}
	if !c.Sink.Enabled && !c.Source.Enabled {
		l.fault("SINK_ENABLED", "SOURCE_ENABLED is false too, and nothing is left to do: set one of them to true")
		return
	}
	if len(numbers) == 0 {
		return
	}
	if c.Sink.Enabled && !submit {
		l.fault("SINK_ENABLED", "every SMSC has BIND=receiver, and nothing can be sent: set one to transceiver, transmitter or pair, or SINK_ENABLED=false")
	}
	if c.Source.Enabled && !c.Sink.Enabled && !receive {
		l.fault("SOURCE_ENABLED", "every SMSC has BIND=transmitter, and nothing can come in: set one to transceiver, receiver or pair")
	}
}

// nationalLanguages are those with tables in 3GPP TS 23.038 Annex A, and all of them.
var nationalLanguages = []string{"all", "turkish", "spanish", "portuguese", "bengali", "gujarati", "hindi", "kannada", "malayalam", "oriya", "punjabi", "tamil", "telugu", "urdu"}

// isRoute refuses "00" as well: without the international "00" nothing is left of it, and it would mean everything.
func isRoute(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	return len(digits) <= maxRoute && strings.Trim(digits, "0123456789") == "" && strings.TrimPrefix(digits, "00") != ""
}

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) < 0
}
