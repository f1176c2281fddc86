package profile

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/spell"
)

// tlvType is how a record's text becomes a TLV's value.
type tlvType uint8

const (
	typeString tlvType = iota
	typeCString
	typeInt8
	typeInt16
	typeInt32
	typeFlag
)

var tlvTypes = map[string]tlvType{"string": typeString, "cstring": typeCString, "int8": typeInt8, "int16": typeInt16, "int32": typeInt32, "flag": typeFlag}

// TLV is an optional parameter that a profile knows.
type TLV struct {
	Name     string
	Tag      uint16
	Type     string
	Required bool
	Digits   bool
	Min, Max int // characters; Max 0: no limit of its own
	kind     tlvType
}

// TLVs are those that a profile knows, by name and by tag.
type TLVs struct {
	byName   map[string]*TLV
	byTag    []*TLV // sorted by tag
	required []*TLV
}

// TLVError says what is wrong with a TLV of a message. It shows nothing of the value.
type TLVError struct {
	Name   string // of the TLV
	Fault  string // such as "18 characters"
	Remedy string
}

func (e *TLVError) Error() string { return fmt.Sprintf("%s: %s: %s", e.Name, e.Fault, e.Remedy) }

func (c *compiler) tlvs(f *file) *TLVs {
	t := &TLVs{byName: make(map[string]*TLV, len(f.TLVs))}
	for name, v := range f.TLVs {
		x := &TLV{Name: name, Tag: uint16(v.Tag), Type: v.Type, Required: v.Required, Digits: v.Digits, Min: v.MinLength, Max: v.MaxLength, kind: tlvTypes[v.Type]}
		if v.MaxLength > 0 && v.MinLength > v.MaxLength {
			c.fault("must not be over max_length", "tlvs", name, "min_length")
		}
		if text := x.kind == typeString || x.kind == typeCString; !text && (v.MinLength > 0 || v.MaxLength > 0 || v.Digits) {
			c.fault("digits, min_length and max_length are for string and cstring: leave them out", "tlvs", name)
		}
		t.byName[name] = x
		t.byTag = append(t.byTag, x)
		if v.Required {
			t.required = append(t.required, x)
		}
	}
	order := func(a, b *TLV) int { return cmp.Or(cmp.Compare(a.Tag, b.Tag), strings.Compare(a.Name, b.Name)) }
	slices.SortFunc(t.byTag, order)
	slices.SortFunc(t.required, order)
	return t
}

// Known are all of them, by tag.
func (t *TLVs) Known() []*TLV { return slices.Clone(t.byTag) }

// Named is the TLV that a name and a text mean. raw: the text is octets already ("hex:…" in the record). The error is a *TLVError.
func (t *TLVs) Named(name string, text []byte, raw bool) (wire.TLV, error) {
	x := t.byName[name]
	if x == nil {
		return wire.TLV{}, &TLVError{strconv.Quote(shown(name)), "this SMSC's profile has no TLV of that name",
			fmt.Sprintf("the nearest name is %s; or give the tag, such as \"0x1400\"", spell.Nearest(name, slices.Sorted(maps.Keys(t.byName))))}
	}
	if raw {
		return wire.TLV{Tag: x.Tag, Value: text}, nil
	}
	value, err := x.encode(text)
	return wire.TLV{Tag: x.Tag, Value: value}, err
}

func (x *TLV) encode(text []byte) ([]byte, error) {
	number := func(bits int) (uint64, error) {
		n, err := strconv.ParseUint(string(text), 0, bits)
		if err != nil {
			return 0, &TLVError{x.Name, "no whole number of its size", fmt.Sprintf("give a number from 0 to %d in quotes", uint64(1)<<bits-1)}
		}
		return n, nil
	}
	switch x.kind {
	case typeCString:
		return append(slices.Clip(slices.Clone(text)), 0), nil
	case typeInt8:
		n, err := number(8)
		return []byte{byte(n)}, err
	case typeInt16:
		n, err := number(16)
		return binary.BigEndian.AppendUint16(nil, uint16(n)), err
	case typeInt32:
		n, err := number(32)
		return binary.BigEndian.AppendUint32(nil, uint32(n)), err
	case typeFlag:
		if len(text) > 0 && string(text) != "true" {
			return nil, &TLVError{x.Name, "a value where there is none", `give "" or "true"`}
		}
		return nil, nil
	}
	return text, nil
}

// Check tells what is wrong with the TLVs of a message, given by name or by tag: one that is required and missing, or one whose
// text is not as long or not of digits as the carrier wants it. It allocates nothing where all is right. The error is a *TLVError.
func (t *TLVs) Check(tlvs []wire.TLV) error {
	for _, x := range t.required {
		if _, ok := wire.FindTLV(tlvs, x.Tag); !ok {
			return &TLVError{x.Name, "missing, and this SMSC wants it with every message", fmt.Sprintf("add \"%s\" to the record's tlvs%s", x.Name, x.want())}
		}
	}
	for i := range tlvs {
		at, _ := slices.BinarySearchFunc(t.byTag, tlvs[i].Tag, func(x *TLV, tag uint16) int { return cmp.Compare(x.Tag, tag) })
		for ; at < len(t.byTag) && t.byTag[at].Tag == tlvs[i].Tag; at++ {
			if err := t.byTag[at].check(tlvs[i].Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *TLV) check(value []byte) error {
	if x.kind != typeString && x.kind != typeCString {
		return nil
	}
	text := wire.CString(value)
	if x.Digits {
		for _, c := range text {
			if c < '0' || c > '9' {
				return &TLVError{x.Name, "not digits alone", "give" + x.want()}
			}
		}
	}
	if n := len(text); n < x.Min || x.Max > 0 && n > x.Max {
		return &TLVError{x.Name, fmt.Sprintf("%d characters", n), "give" + x.want()}
	}
	return nil
}

// want says what its text must be, with a blank before it; "" where anything will do.
func (x *TLV) want() string {
	what := " characters"
	if x.Digits {
		what = " digits"
	}
	switch {
	case x.Min > 0 && x.Min == x.Max:
		return fmt.Sprintf(" %d%s", x.Min, what)
	case x.Max > 0:
		return fmt.Sprintf(" %d to %d%s", x.Min, x.Max, what)
	case x.Min > 0:
		return fmt.Sprintf(" %d or more%s", x.Min, what)
	case x.Digits:
		return " digits alone"
	}
	return ""
}
