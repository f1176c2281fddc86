package sms

import (
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Receipt is what a delivery receipt says. Its strings are as the carrier wrote
// them, but for blanks and NULs around them; empty is absent.
type Receipt struct {
	MessageID string
	Stat      string // of the text; empty where only the TLV message_state tells
	State     State
	Final     bool // no other receipt of this message is to be expected
	// Error is err of the text as written; else the TLV network_error_code as
	// "<network type>:<code>" in decimal, such as "3:27" (type 3 is GSM; SMPP v3.4
	// §5.3.2.31), or "hex:…" where it is not three octets.
	Error               string
	SubmittedAt, DoneAt time.Time // UTC; zero: absent or unreadable
}

// ReceiptInput is the parts of a deliver_sm or data_sm that can make it a
// receipt.
type ReceiptInput struct {
	ESMClass     byte
	DataCoding   byte
	Text         []byte // short_message or message_payload, without a user data header
	ReceiptedID  string // TLV receipted_message_id; empty: absent
	MessageState int    // TLV message_state; -1: absent
	NetworkError []byte // TLV network_error_code; nil: absent
	Received     time.Time
}

// Message types of esm_class (SMPP v3.4 §5.2.12).
const (
	typeMask         = 0x3C
	typeReceipt      = 0x04
	typeIntermediate = 0x20
)

// ReadReceipt reads a delivery receipt. ok is false where it is none: then it
// is a message that somebody wrote.
//
// Carriers set esm_class wrongly both ways. With it, whatever has an id or a
// state is a receipt. Without it, one that has both as TLVs, which nothing else
// bears; or one with a text of nothing but fields, in which id, stat and at
// least one other stand before the user's text. (A subscriber may write such a
// text: only the id, which he cannot know, keeps it from a message.)
//
// The TLV's id is taken before the text's, since it is the one that carriers
// write as in the response. The text's stat is taken before the TLV's state, if
// it is known. A stat that is not known, with no TLV beside it, is UNKNOWN and not
// final: another receipt may follow it, and if none does the end of the
// receipt's time says UNKNOWN for good. An intermediate notification is final
// only if it says DELIVERED.
//
// Times have no zone in most texts and are taken for UTC.
func ReadReceipt(in ReceiptInput) (r Receipt, ok bool) {
	kind := in.ESMClass & typeMask
	flagged := kind == typeReceipt || kind == typeIntermediate
	tlvID := trimField(in.ReceiptedID)
	tlvState, hasState := StateOf(in.MessageState)

	text := receiptText(in.DataCoding, in.Text)
	if !flagged && tlvID == "" && !beginsWithField(text) {
		return Receipt{}, false // by far the most: an ordinary message, told by its first word
	}
	f := readFields(text, !hasState)
	switch {
	case flagged:
		ok = tlvID != "" || hasState || f.has(fieldID) || f.has(fieldStat)
	case tlvID != "":
		ok = hasState || f.has(fieldStat)
	default:
		ok = !f.stray && f.has(fieldID) && f.has(fieldStat) &&
			(f.has(fieldSub) || f.has(fieldDlvrd) || f.has(fieldSubmit) || f.has(fieldDone) || f.has(fieldErr))
	}
	if !ok {
		return Receipt{}, false
	}

	r.MessageID, r.Stat, r.Error = f.value[fieldID], f.value[fieldStat], f.value[fieldErr]
	if tlvID != "" {
		r.MessageID = tlvID
	}
	known := false
	if r.State, known = stateOfText(r.Stat); !known {
		r.State, known = tlvState, hasState
	}
	r.Final = known && r.State.Final()
	if kind == typeIntermediate {
		r.Final = r.State == StateDelivered
	}
	if r.Error == "" {
		r.Error = networkError(in.NetworkError)
	}
	r.SubmittedAt = readReceiptTime(f.value[fieldSubmit], in.Received)
	r.DoneAt = readReceiptTime(f.value[fieldDone], in.Received)
	return r, true
}

func networkError(tlv []byte) string {
	switch len(tlv) {
	case 0:
		return ""
	case 3:
		return strconv.Itoa(int(tlv[0])) + ":" + strconv.Itoa(int(tlv[1])<<8|int(tlv[2]))
	default:
		return "hex:" + hex.EncodeToString(tlv)
	}
}

// receiptText makes the octets of a receipt readable. Fields are ASCII,
// whatever data_coding says: most SMSCs write ASCII under data_coding 0, some the
// GSM alphabet, of which only _ and $ differ in what fields hold; and some UCS-2,
// at times without saying so. The user's own text may suffer here; nothing reads it.
func receiptText(dataCoding byte, b []byte) string {
	enc, _ := EncodingOf(dataCoding)
	wide := len(b)%2 == 0 && len(b) >= 2 && (b[0] == 0 && b[1] != 0 || enc == UCS2 && hasHighZero(b))
	if wide {
		ascii := make([]byte, len(b)/2)
		for i := range ascii {
			ascii[i] = b[2*i+1]
			if b[2*i] != 0 || ascii[i] >= 0x80 {
				ascii[i] = '?'
			}
		}
		return string(ascii)
	}
	text := string(b)
	if strings.IndexByte(text, 0x11) >= 0 || strings.IndexByte(text, 0x02) >= 0 {
		text = strings.NewReplacer("\x11", "_", "\x02", "$").Replace(text)
	}
	return text
}

// hasHighZero tells whether b, of even length, holds a character below U+0100
// as UCS-2. ASCII that is called UCS-2 by mistake may end in a NUL, not so here.
func hasHighZero(b []byte) bool {
	for i := 0; i < len(b); i += 2 {
		if b[i] == 0 {
			return true
		}
	}
	return false
}

// readReceiptTime reads a date of a receipt's text: ten digits (yyMMddHHmm),
// twelve (yyMMddHHmmss or yyyyMMddHHmm: the valid reading nearest to received),
// fourteen (yyyyMMddHHmmss), an absolute SMPP time, or one of these with signs
// between its digits. Zero: none, or no date.
func readReceiptTime(s string, received time.Time) time.Time {
	if len(s) == timeLen && (s[15] == '+' || s[15] == '-') {
		t, err := ParseTime(s, received)
		if err != nil {
			return time.Time{}
		}
		return t
	}
	var buf [14]byte
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			if n == len(buf) {
				return time.Time{}
			}
			buf[n] = c
			n++
		case strings.IndexByte(" -/:.T", c) >= 0, c == 'Z' && i == len(s)-1:
		default:
			return time.Time{}
		}
	}
	digits := string(buf[:n])
	switch n {
	case 10:
		t, _ := date2(digits, 0)
		return t
	case 12:
		short, okShort := date2(digits, pair(digits, 10))
		long, okLong := date4(digits, 0)
		if !okShort || okLong && long.Sub(received).Abs() < short.Sub(received).Abs() {
			return long
		}
		return short
	case 14:
		t, _ := date4(digits, pair(digits, 12))
		return t
	}
	return time.Time{}
}

// date2 reads yyMMddHHmm, date4 yyyyMMddHHmm. What is no date is the zero time,
// and so is a year before there were short messages.
func date2(s string, second int) (time.Time, bool) {
	return validDate(2000+pair(s, 0), s[2:], second)
}

func date4(s string, second int) (time.Time, bool) {
	year := 100*pair(s, 0) + pair(s, 2)
	if year < 1990 {
		return time.Time{}, false
	}
	return validDate(year, s[4:], second)
}

func validDate(year int, s string, second int) (time.Time, bool) {
	t, ok := dateOf(year, pair(s, 0), pair(s, 2), pair(s, 4), pair(s, 6), second)
	if !ok {
		return time.Time{}, false
	}
	return t, true
}
