package sms

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Field is a field of a receipt's text (SMPP v3.4, appendix B).
type Field uint8

const (
	FieldID Field = iota
	FieldSub
	FieldDlvrd
	FieldSubmit
	FieldDone
	FieldStat
	FieldErr
	FieldText
	FieldOther // a field that says nothing to us; it ends the one before it
	fieldNone  // and the number of those above
)

var fieldKeys = [...]string{"id", "sub", "dlvrd", "submit", "done", "stat", "err", "text", "other"}

// ParseField reads one of id, sub, dlvrd, submit, done, stat, err, text and other.
func ParseField(s string) (Field, bool) {
	i := slices.Index(fieldKeys[:], s)
	return Field(max(i, 0)), i >= 0
}

func (f Field) String() string {
	if int(f) < len(fieldKeys) {
		return fieldKeys[f]
	}
	return "none"
}

// GrammarRules are what is special in the receipts of one carrier. The zero value is the standard grammar.
type GrammarRules struct {
	// Names are the names of fields in the text, beside the standard ones; each ends in a colon or an equals sign.
	Names map[Field][]string
	// Columns are the fields of a text that has no names but values in a fixed order, between Separators; empty: no such text.
	Columns   []Field
	Separator byte
	// States are what the words after stat mean, before the standard ones.
	States map[string]State
	// Zone is that of dates that bear none; nil: UTC.
	Zone *time.Location
	// Dates are the forms of dates; empty: any of those that ReadReceipt knows.
	Dates []DateForm
	// IDInText: the id of the text is taken before the TLV's.
	IDInText bool
	// StateInTLV: the TLV message_state is taken before the text's stat.
	StateInTLV bool
	// FlaggedOnly: what esm_class does not call a receipt is none, whatever it looks like.
	FlaggedOnly bool
	// IntermediateFinal: this carrier sends final receipts as intermediate notifications.
	IntermediateFinal bool
}

// Grammar is how one carrier writes its receipts. It is read only, and safe for concurrent use.
type Grammar struct {
	names  []fieldName // a longer one before what it begins with
	starts [256]bool   // the first letters of names, in both cases
	states map[string]State
	rules  GrammarRules
}

type fieldName struct {
	name  string // in lower case
	field Field
}

var standardNames = []fieldName{
	{"id:", FieldID}, {"sub:", FieldSub}, {"dlvrd:", FieldDlvrd}, {"stat:", FieldStat}, {"err:", FieldErr}, {"text:", FieldText},
	{"submit date:", FieldSubmit}, {"submitdate:", FieldSubmit}, {"submit_date:", FieldSubmit},
	{"done date:", FieldDone}, {"donedate:", FieldDone}, {"done_date:", FieldDone},
}

var standardGrammar = func() *Grammar {
	g, err := NewGrammar(GrammarRules{})
	if err != nil {
		panic(err) // no rules are never wrong
	}
	return g
}()

// StandardGrammar is that of SMPP v3.4, appendix B, in all the forms that carriers have made of it.
func StandardGrammar() *Grammar { return standardGrammar }

// NewGrammar makes a grammar, or says which rule cannot be kept.
func NewGrammar(r GrammarRules) (*Grammar, error) {
	g := &Grammar{rules: r, names: slices.Clone(standardNames), states: statesByText}
	for field, names := range r.Names {
		for _, name := range names {
			name = strings.ToLower(name)
			if len(name) < 2 || name[len(name)-1] != ':' && name[len(name)-1] != '=' || separates(name[0]) {
				return nil, fmt.Errorf("field name %q: want a word that ends in a colon or an equals sign", name)
			}
			g.names = slices.DeleteFunc(g.names, func(n fieldName) bool { return n.name == name })
			g.names = append(g.names, fieldName{name, field})
		}
	}
	slices.SortStableFunc(g.names, func(a, b fieldName) int { return cmp.Compare(len(b.name), len(a.name)) })
	for _, n := range g.names {
		g.starts[n.name[0]] = true
		if 'a' <= n.name[0] && n.name[0] <= 'z' {
			g.starts[n.name[0]-'a'+'A'] = true
		}
	}
	if len(r.States) > 0 {
		g.states = make(map[string]State, len(statesByText)+len(r.States))
		for word, s := range statesByText {
			g.states[word] = s
		}
		for word, s := range r.States {
			g.states[strings.ToUpper(word)] = s
		}
	}
	if len(r.Columns) > 0 {
		if !slices.Contains(r.Columns, FieldID) && !slices.Contains(r.Columns, FieldStat) {
			return nil, fmt.Errorf("columns %v: want one that is id or stat", r.Columns)
		}
		if r.Separator == 0 {
			return nil, fmt.Errorf("columns %v: want the separator between them", r.Columns)
		}
	}
	return g, nil
}

// State is the state that a stat names, in whatever case.
func (g *Grammar) State(stat string) (State, bool) {
	if s, ok := g.states[stat]; ok {
		return s, true
	}
	s, ok := g.states[strings.ToUpper(stat)]
	return s, ok
}
