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
	// §5.3.2.31), the digits where a carrier writes those into it, or "hex:…" where it is neither.
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
// Times have no zone in most texts and are taken for the grammar's, which is UTC if nothing else is known.
func (g *Grammar) ReadReceipt(in ReceiptInput) (r Receipt, ok bool) {
	kind := in.ESMClass & typeMask
	flagged := kind == typeReceipt || kind == typeIntermediate
	if g.rules.FlaggedOnly && !flagged {
		return Receipt{}, false
	}
	tlvID := trimField(in.ReceiptedID)
	tlvState, hasState := StateOf(in.MessageState)

	text := receiptText(in.DataCoding, in.Text)
	named := g.beginsWithField(text)
	if !flagged && tlvID == "" && !named {
		return Receipt{}, false // by far the most: an ordinary message, told by its first word
	}
	var f fields
	if len(g.rules.Columns) > 0 && !named {
		f = g.readColumns(text)
	} else {
		f = g.readFields(text, !hasState)
	}
	switch {
	case flagged:
		ok = tlvID != "" || hasState || f.has(FieldID) || f.has(FieldStat)
	case tlvID != "":
		ok = hasState || f.has(FieldStat)
	default:
		ok = !f.stray && f.has(FieldID) && f.has(FieldStat) &&
			(f.has(FieldSub) || f.has(FieldDlvrd) || f.has(FieldSubmit) || f.has(FieldDone) || f.has(FieldErr))
	}
	if !ok {
		return Receipt{}, false
	}

	r.MessageID, r.Stat, r.Error = f.value[FieldID], f.value[FieldStat], f.value[FieldErr]
	if tlvID != "" && (r.MessageID == "" || !g.rules.IDInText) {
		r.MessageID = tlvID
	}
	known := false
	if r.State, known = g.State(r.Stat); !known || g.rules.StateInTLV && hasState {
		r.State, known = tlvState, hasState
	}
	r.Final = known && r.State.Final()
	if kind == typeIntermediate && !g.rules.IntermediateFinal {
		r.Final = r.State == StateDelivered
	}
	if r.Error == "" {
		r.Error = networkError(in.NetworkError)
	}
	r.SubmittedAt = g.date(f.value[FieldSubmit], in.Received)
	r.DoneAt = g.date(f.value[FieldDone], in.Received)
	return r, true
}

// ReadReceipt reads a delivery receipt by the standard grammar.
func ReadReceipt(in ReceiptInput) (Receipt, bool) { return standardGrammar.ReadReceipt(in) }

func networkError(tlv []byte) string {
	switch len(tlv) {
	case 0:
		return ""
	}
	if digits := strings.TrimRight(string(tlv), "\x00"); len(digits) > 1 && strings.Trim(digits, "0123456789") == "" {
		return digits // written out; there is no network type 48 to 57
	}
	switch len(tlv) {
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
