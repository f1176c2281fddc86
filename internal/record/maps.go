package record

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// entry is a member of tlvs or metadata, the last of its key.
type entry struct {
	name       string
	key, value token
}

// fewEntries is how many keys are compared one by one before an index is made.
const fewEntries = 16

// entries reads the members of an object field, in the order in which their keys
// come first. into has room for the usual few. ok is false if the field is absent
// or cannot be read.
func (d *decoder) entries(f field, into []entry) (list []entry, ok bool) {
	if !d.given(f) {
		return nil, false
	}
	t := d.at[f]
	if t.kind != kindObject {
		d.wrong(f)
		return nil, false
	}
	if !d.utf8 && !utf8.Valid(d.b[t.start:t.end]) {
		d.fail(f, badUTF8(d.b), "must be valid UTF-8")
		return nil, false
	}
	var index map[string]int // only where a scan of the list would be quadratic
	s := scanner{b: d.b[:t.end], pos: t.start}
	s.open()
	for first := true; ; first = false {
		key, value, more := s.member(first, 1)
		if !more {
			return into, true
		}
		name, whole := d.unquoted(key)
		if !whole {
			d.fail(f, `a key with half of a surrogate pair`, "must be valid Unicode: both halves or none")
			return nil, false
		}
		at, seen := -1, false
		if index != nil {
			at, seen = index[name]
		} else {
			for i := range into {
				if into[i].name == name {
					at, seen = i, true
					break
				}
			}
		}
		if seen {
			into[at].value = value
			continue
		}
		into = append(into, entry{name, key, value})
		switch {
		case index != nil:
			index[name] = len(into) - 1
		case len(into) > fewEntries:
			index = make(map[string]int, 4*fewEntries)
			for i := range into {
				index[into[i].name] = i
			}
		}
	}
}

// entryFault reports an entry's value, which is never shown.
func (d *decoder) entryFault(f field, e entry, what, remedy string) {
	d.fail(f, what+" at "+e.shownKey(), remedy)
}

// shownKey names an entry by its key, unless the key could be someone's number.
func (e *entry) shownKey() string {
	digits := 0
	for i := range len(e.name) {
		if isDigit(e.name[i]) {
			digits++
		}
	}
	if digits > 6 {
		return "a key of " + count(utf8.RuneCountInString(e.name), "character")
	}
	return "key " + strconv.Quote(clip(e.name))
}

// text reads an entry's value, which must be a string.
func (d *decoder) text(f field, e entry) (string, bool) {
	const remedy = "must be a string in quotes; leave the key out where there is no value"
	if e.value.kind == kindNull {
		d.entryFault(f, e, "null", remedy)
		return "", false
	}
	if e.value.kind != kindString {
		d.entryFault(f, e, e.value.shown(d.b, true), remedy)
		return "", false
	}
	s, ok := d.unquoted(e.value)
	if !ok {
		d.entryFault(f, e, `a \u escape that is half of a surrogate pair`, "must be valid Unicode: both halves or none")
	}
	return s, ok
}

// metadata reads the string map that results, receipts and replies carry, as
// compact JSON. Its strings stay as they were written, escapes included.
func (d *decoder) metadata() []byte {
	var room [fewEntries]entry
	list, ok := d.entries(fieldMetadata, room[:0])
	if !ok || len(list) == 0 {
		return nil
	}
	size := 1
	for _, e := range list {
		if _, ok := d.text(fieldMetadata, e); !ok {
			return nil
		}
		size += e.key.end - e.key.start + e.value.end - e.value.start + len(`:,`)
	}
	if size > MaxMetadata {
		d.fail(fieldMetadata, "an object of "+count(size, "byte"), remedies[fieldMetadata])
		return nil
	}
	if t := d.at[fieldMetadata]; t.end-t.start == size {
		// Compact as it stands: neither a space nor a key given twice.
		return d.b[t.start:t.end:t.end]
	}
	out := make([]byte, 0, size)
	for i, e := range list {
		out = append(out, "{,"[min(i, 1)])
		out = append(out, d.b[e.key.start:e.key.end]...)
		out = append(out, ':')
		out = append(out, d.b[e.value.start:e.value.end]...)
	}
	return append(out, '}')
}

// ownTags are the parameters that the connector sets itself: the parts of a long
// message (SMPP v3.4 §5.3.2.22 to §5.3.2.24) and message_payload (§5.3.2.32).
// Given in a record they would contradict the text.
var ownTags = map[uint16]string{
	0x020c: "sar_msg_ref_num",
	0x020e: "sar_total_segments",
	0x020f: "sar_segment_seqnum",
	0x0424: "message_payload",
}

func (d *decoder) tlvs() (out []TLV, named []NamedTLV) {
	var room [fewEntries]entry
	list, ok := d.entries(fieldTLVs, room[:0])
	if !ok || len(list) == 0 {
		return nil, nil
	}
	if len(list) > MaxTLVs {
		d.fail(fieldTLVs, "an object of "+count(len(list), "key"), remedies[fieldTLVs])
		return nil, nil
	}
	out = make([]TLV, 0, len(list))
next:
	for _, e := range list {
		tag, ok := parseTag(e.name)
		if !ok && !isTLVName(e.name) {
			d.fail(fieldTLVs, e.shownKey(), `must have tags from "0x0001" to "0xffff", or names such as source_port, as keys`)
			return nil, nil
		}
		own := ownTags[tag]
		if !ok && isOwn(e.name) {
			own = e.name
		}
		if own != "" {
			d.fail(fieldTLVs, e.shownKey(), "must not have "+own+", which the connector sets itself")
			return nil, nil
		}
		text, ok := d.text(fieldTLVs, e)
		if !ok {
			return nil, nil
		}
		value, ok := parseShown(text)
		if !ok {
			d.entryFault(fieldTLVs, e, e.value.shown(d.b, true), `must have two hexadecimal digits for each byte after "hex:"`)
			return nil, nil
		}
		if len(value) > MaxTLVValue {
			d.entryFault(fieldTLVs, e, "a value of "+count(len(value), "byte"), "must have values of at most 65535 bytes")
			return nil, nil
		}
		if tag == 0 {
			named = append(named, NamedTLV{Name: e.name, Value: value, Raw: strings.HasPrefix(text, hexPrefix)})
			continue
		}
		for i := range out {
			if out[i].Tag == tag { // one tag written in two ways: the last counts
				out[i].Value = value
				continue next
			}
		}
		out = append(out, TLV{Tag: tag, Value: value})
	}
	return out, named
}

func isOwn(name string) bool {
	for _, own := range ownTags {
		if name == own {
			return true
		}
	}
	return false
}

// maxTLVName is longer than the name of any TLV of SMPP.
const maxTLVName = 64

// isTLVName tells whether a key may be the name of a TLV: which there are, the profile of the SMSC knows that the message goes to.
func isTLVName(s string) bool {
	if s == "" || len(s) > maxTLVName || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// parseTag reads a TLV's tag as records write it: 0x and one to four
// hexadecimal digits.
func parseTag(s string) (tag uint16, ok bool) {
	if len(s) < 3 || len(s) > 6 || s[0] != '0' || s[1]|0x20 != 'x' {
		return 0, false
	}
	for i := 2; i < len(s); i++ {
		v, ok := hexDigit(s[i])
		if !ok {
			return 0, false
		}
		tag = tag<<4 | uint16(v)
	}
	return tag, tag != 0
}
