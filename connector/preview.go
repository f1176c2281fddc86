package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sink"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// previewFlags stand for what a record would say, and for what the environment says of the SMSC.
type previewFlags struct {
	smsc, profile, long string
	national            []string
	transliterate       bool

	to, from, encoding string
	class, dataCoding  int
	reference          uint16

	hex, json bool
}

// previewCommand is `smpp-connector preview`: what a text becomes on its way to an SMSC.
func previewCommand() *cobra.Command {
	var f previewFlags
	cmd := &cobra.Command{
		Use:   "preview [text]",
		Short: "Show what a text becomes: encoding, parts, what forced UCS-2, the PDUs",
		Long: `Show what a text becomes on its way to an SMSC, without sending anything: its
encoding, how much of each part it takes, the character that keeps it out of the
GSM 7-bit alphabet, what transliteration changes, and the submit_sm PDUs.

The text is the argument, or standard input without its last newline. The SMSC is
the first one of the environment's configuration, or the one of --smsc; without any
configuration one with the defaults, or with those of --profile. Flags go before what the environment says.`,
		Example: `  smpp-connector preview 'Your parcel arrives today.'
  smpp-connector preview --transliterate "It’s here…"
  smpp-connector preview --smsc acme --hex < text.txt
  smpp-connector preview --long udh16 --national turkish --json 'Şimdi dağa çıkıyoruz.'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Errorf("unexpected argument %q: put the text between quotes", args[1])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := previewText(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			return f.run(cmd, os.Environ(), text)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.smsc, "smsc", "", "NAME of a configured SMSC")
	flags.StringVar(&f.profile, "profile", "", "where no SMSC is configured: the profile of one (see: smpp-connector profile list)")
	flags.StringVar(&f.long, "long", "", "how long messages go out, in place of SMSC_<n>_LONG_MESSAGES: udh8, udh16, sar or payload")
	flags.StringSliceVar(&f.national, "national", nil, "languages whose tables may be used, in place of SMSC_<n>_NATIONAL")
	flags.BoolVar(&f.transliterate, "transliterate", false, "in place of SINK_TRANSLITERATE, as a record's transliterate")
	flags.StringVar(&f.to, "to", "+15555550100", "recipient in the PDUs")
	flags.StringVar(&f.from, "from", "", "sender in the PDUs (default: the SMSC's SOURCE_ADDRESS)")
	flags.StringVar(&f.encoding, "encoding", "auto", "as a record's encoding: auto, gsm7, latin1, ucs2, ascii, cyrillic or hebrew")
	flags.IntVar(&f.class, "class", -1, "as a record's class: 0 (flash) to 3")
	flags.IntVar(&f.dataCoding, "data-coding", -1, "as a record's data_coding: 0 to 255")
	flags.Uint16Var(&f.reference, "reference", 1, "reference number of a long message")
	flags.BoolVar(&f.hex, "hex", false, "print the PDUs in hexadecimal")
	flags.BoolVar(&f.json, "json", false, "print one JSON object")
	return cmd
}

// mostPreviewed is what 255 parts of a text can hold, with room to be told that it is too long.
const mostPreviewed = 1 << 20

func previewText(stdin io.Reader, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	b, err := io.ReadAll(io.LimitReader(stdin, mostPreviewed+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	if len(b) > mostPreviewed {
		return "", &usageError{fmt.Errorf("standard input: more than %d bytes are no short message", mostPreviewed)}
	}
	text := strings.TrimSuffix(string(b), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

func (f *previewFlags) run(cmd *cobra.Command, environ []string, text string) error {
	c, err := previewConfig(environ, f.profile)
	if err != nil {
		return err
	}
	smsc, err := f.choose(c)
	if err != nil {
		return &usageError{err}
	}
	out, err := f.record(cmd, text)
	if err != nil {
		return &usageError{err}
	}
	transliterate := c.Sink.Transliterate
	now := time.Now()
	p, err := sink.NewPreview(out, out.To, smsc, transliterate, f.reference, now)
	if err != nil {
		return err
	}
	var would *sink.Preview
	if len(p.Changes) == 0 && p.Encoding != sms.GSM7 {
		changed := *out
		changed.Transliterate = record.True
		if w, err := sink.NewPreview(&changed, out.To, smsc, true, f.reference, now); err == nil && len(w.Changes) > 0 {
			would = w
		}
	}
	if f.json {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(previewJSON(smsc.Name, p, would))
	}
	f.print(cmd.OutOrStdout(), smsc.Name, p, would)
	return nil
}

// previewConfig is the environment's configuration; what has nothing to do with a text need not be there.
func previewConfig(environ []string, profile string) (*config.Config, error) {
	set := func(prefix string) bool {
		for _, line := range environ {
			if name, value, _ := strings.Cut(line, "="); strings.HasPrefix(name, prefix) && value != "" {
				return true
			}
		}
		return false
	}
	environ = append([]string{}, environ...)
	if !set("KAFKA_BROKERS=") {
		environ = append(environ, "KAFKA_BROKERS="+config.Embedded)
	}
	if !set("SMSC_") {
		environ = append(environ, "SMSC_0_NAME=default", "SMSC_0_ADDRESS=localhost:2775", "SMSC_0_PROFILE="+profile)
	} else if profile != "" {
		return nil, &usageError{errors.New("--profile is for where no SMSC is configured: set SMSC_<n>_PROFILE")}
	}
	return config.Load(environ)
}

// choose finds the SMSC and gives it what the flags say.
func (f *previewFlags) choose(c *config.Config) (*config.SMSC, error) {
	var chosen *config.SMSC
	var names []string
	for i := range c.SMSCs {
		s := &c.SMSCs[i]
		if !s.CanSubmit() {
			continue
		}
		names = append(names, s.Name)
		if chosen == nil && (f.smsc == "" || s.Name == f.smsc) {
			chosen = s
		}
	}
	if chosen == nil {
		return nil, fmt.Errorf("--smsc %q: no SMSC that messages can be sent to has that name; there are: %s", f.smsc, strings.Join(names, ", "))
	}
	if f.long != "" {
		if _, ok := sms.ParseConcat(f.long); !ok {
			return nil, fmt.Errorf("--long %q: want udh8, udh16, sar or payload", f.long)
		}
		chosen.LongMessages = f.long
	}
	if f.national != nil {
		if _, err := sms.ParseLanguages(f.national); err != nil {
			return nil, fmt.Errorf("--national: %w", err)
		}
		chosen.National = f.national
	}
	return chosen, nil
}

// record is the outbound record that the flags stand for. It is read as the sink reads one, so that it means the same.
func (f *previewFlags) record(cmd *cobra.Command, text string) (*record.Outbound, error) {
	fields := map[string]any{"to": f.to, "text": text, "encoding": f.encoding}
	if f.from != "" {
		fields["from"] = f.from
	}
	for flag, field := range map[string]string{"class": "class", "data-coding": "data_coding"} {
		if cmd.Flags().Changed(flag) {
			n, _ := cmd.Flags().GetInt(flag)
			fields[field] = n
		}
	}
	if cmd.Flags().Changed("transliterate") {
		fields["transliterate"] = f.transliterate
	}
	value, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	var out record.Outbound
	if err := out.Decode(value); err != nil {
		var wrong *record.FieldError
		if errors.As(err, &wrong) && wrong.Field != "" && wrong.Field != "text" {
			return nil, fmt.Errorf("--%s: %s", strings.ReplaceAll(wrong.Field, "_", "-"), wrong.Remedy)
		}
		return nil, err
	}
	out.Text = text // as it was given, if it is not UTF-8
	return &out, nil
}

func (f *previewFlags) print(w io.Writer, smsc string, p, would *sink.Preview) {
	fmt.Fprintf(w, "SMSC            %s\n", smsc)
	fmt.Fprintf(w, "encoding        %s, data_coding %d\n", encodingName(p), p.DataCoding)
	if p.Outside.Position > 0 {
		more := ""
		switch n := p.Outside.Count - 1; {
		case n == 1:
			more = ", nor is 1 other"
		case n > 1:
			more = fmt.Sprintf(", nor are %d others", n)
		}
		fmt.Fprintf(w, "                %s, character %d, is not in GSM 7-bit%s\n", characterName(p.Outside.First), p.Outside.Position, more)
	}
	if len(p.Changes) > 0 {
		fmt.Fprintf(w, "transliterated  %s\n", strings.Join(p.Changes, "  "))
	}
	if would != nil {
		fmt.Fprintf(w, "                transliteration would make it %s in %s: %s\n", encodingName(would), count(len(would.Parts), "part"), strings.Join(would.Changes, "  "))
	}
	how := ""
	switch {
	case p.Concat == sms.Payload:
		how = ", in message_payload: the SMSC cuts it"
	case p.Concat != sms.Single:
		how = ", " + p.Concat.String()
	}
	fmt.Fprintf(w, "parts           %d%s\n", len(p.Parts), how)
	for i, part := range p.Parts {
		of := ""
		if part.Of > 0 {
			of = fmt.Sprintf(" of %d", part.Of)
		}
		fmt.Fprintf(w, "  %-13d %d%s %s\n", i+1, part.Units, of, unitName(p.Encoding))
		if f.hex {
			fmt.Fprintf(w, "                %s\n", hex.EncodeToString(part.PDU))
		}
	}
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func encodingName(p *sink.Preview) string {
	name := p.Encoding.String()
	switch {
	case p.Locking != 0 && p.Single != 0:
		name += fmt.Sprintf(" with the %s locking and single shift tables", p.Locking)
	case p.Locking != 0:
		name += fmt.Sprintf(" with the %s locking shift table", p.Locking)
	case p.Single != 0:
		name += fmt.Sprintf(" with the %s single shift table", p.Single)
	}
	return name
}

func unitName(enc sms.Encoding) string {
	switch enc {
	case sms.GSM7:
		return "septets"
	case sms.UCS2:
		return "16-bit units"
	}
	return "octets"
}

// characterName is a character as one may print it.
func characterName(r rune) string {
	if !unicode.IsGraphic(r) || unicode.IsSpace(r) || unicode.IsMark(r) {
		return fmt.Sprintf("%U", r)
	}
	return fmt.Sprintf("%q %U", string(r), r)
}

// previewObject is what --json prints.
type previewObject struct {
	SMSC         string              `json:"smsc"`
	Encoding     string              `json:"encoding"`
	DataCoding   byte                `json:"data_coding"`
	LockingShift string              `json:"locking_shift,omitempty"`
	SingleShift  string              `json:"single_shift,omitempty"`
	Unit         string              `json:"unit"`
	LongMessage  string              `json:"long_message"`
	Parts        []previewPart       `json:"parts"`
	NotInGSM7    *previewCharacter   `json:"not_in_gsm7,omitempty"`
	Changed      []string            `json:"transliterated,omitempty"`
	Would        *previewAlternative `json:"transliteration_would,omitempty"`
}

type previewPart struct {
	Part int    `json:"part"`
	Used int    `json:"used"`
	Of   int    `json:"of,omitempty"`
	Text string `json:"text"`
	PDU  string `json:"pdu"`
}

type previewCharacter struct {
	Character string `json:"character"`
	CodePoint string `json:"code_point"`
	Position  int    `json:"position"`
	Count     int    `json:"count"`
}

type previewAlternative struct {
	Encoding string   `json:"encoding"`
	Parts    int      `json:"parts"`
	Change   []string `json:"change"`
}

func previewJSON(smsc string, p, would *sink.Preview) *previewObject {
	o := &previewObject{SMSC: smsc, Encoding: p.Encoding.String(), DataCoding: p.DataCoding, Unit: unitName(p.Encoding), LongMessage: p.Concat.String(), Changed: p.Changes}
	if p.Locking != 0 {
		o.LockingShift = p.Locking.String()
	}
	if p.Single != 0 {
		o.SingleShift = p.Single.String()
	}
	for i, part := range p.Parts {
		o.Parts = append(o.Parts, previewPart{Part: i + 1, Used: part.Units, Of: part.Of, Text: part.Text, PDU: hex.EncodeToString(part.PDU)})
	}
	if p.Outside.Position > 0 {
		o.NotInGSM7 = &previewCharacter{string(p.Outside.First), fmt.Sprintf("%U", p.Outside.First), p.Outside.Position, p.Outside.Count}
	}
	if would != nil {
		o.Would = &previewAlternative{would.Encoding.String(), len(would.Parts), would.Changes}
	}
	return o
}
