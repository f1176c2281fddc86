package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The decoders here are for tools and tests, which read what the connector wrote.
// They use encoding/json, ignore unknown fields and copy all that they return.

type sourceJSON struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Timestamp time.Time `json:"timestamp"`
}

type partJSON struct {
	Part          int     `json:"part"`
	MessageID     string  `json:"message_id"`
	CommandStatus *uint32 `json:"command_status"`
	StatusName    string  `json:"status_name"`
}

// DecodeResult reads a record of the results topic.
func DecodeResult(value []byte) (Result, error) {
	var j struct {
		ID                string          `json:"id"`
		Status            string          `json:"status"`
		SMSC              string          `json:"smsc"`
		To                string          `json:"to"`
		From              string          `json:"from"`
		Parts             []partJSON      `json:"parts"`
		Encoding          string          `json:"encoding"`
		Transliterated    []string        `json:"transliterated"`
		Attempts          int             `json:"attempts"`
		PossibleDuplicate bool            `json:"possible_duplicate"`
		Error             string          `json:"error"`
		Source            sourceJSON      `json:"source"`
		ReceivedAt        time.Time       `json:"received_at"`
		SubmittedAt       time.Time       `json:"submitted_at"`
		AnsweredAt        time.Time       `json:"answered_at"`
		Metadata          json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(value, &j); err != nil {
		return Result{}, fmt.Errorf("result: %w", err)
	}
	r := Result{
		ID: j.ID, Status: j.Status, SMSC: j.SMSC, To: j.To, From: j.From, Encoding: j.Encoding, Transliterated: j.Transliterated, Attempts: j.Attempts,
		PossibleDuplicate: j.PossibleDuplicate, Error: j.Error, Source: Source(j.Source),
		ReceivedAt: j.ReceivedAt, SubmittedAt: j.SubmittedAt, AnsweredAt: j.AnsweredAt, Metadata: compact(j.Metadata),
	}
	for _, p := range j.Parts {
		part := PartResult{Part: p.Part, MessageID: p.MessageID, StatusName: p.StatusName}
		if p.CommandStatus != nil {
			part.CommandStatus, part.Answered = *p.CommandStatus, true
		}
		r.Parts = append(r.Parts, part)
	}
	return r, nil
}

// DecodeReceipt reads a record of the receipts topic.
func DecodeReceipt(value []byte) (Receipt, error) {
	var j struct {
		ID          string          `json:"id"`
		MessageID   string          `json:"message_id"`
		Part        int             `json:"part"`
		Parts       int             `json:"parts"`
		State       string          `json:"state"`
		Final       bool            `json:"final"`
		Stat        string          `json:"stat"`
		Error       string          `json:"error"`
		SubmittedAt time.Time       `json:"submitted_at"`
		DoneAt      time.Time       `json:"done_at"`
		SMSC        string          `json:"smsc"`
		To          string          `json:"to"`
		From        string          `json:"from"`
		Correlated  bool            `json:"correlated"`
		Source      *sourceJSON     `json:"source"`
		ReceivedAt  time.Time       `json:"received_at"`
		Metadata    json.RawMessage `json:"metadata"`
		Raw         rawJSON         `json:"raw"`
	}
	if err := json.Unmarshal(value, &j); err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	raw, err := j.Raw.decode()
	if err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return Receipt{
		ID: j.ID, MessageID: j.MessageID, Part: j.Part, Parts: j.Parts, State: j.State, Final: j.Final, Stat: j.Stat,
		Error: j.Error, SubmittedAt: j.SubmittedAt, DoneAt: j.DoneAt, SMSC: j.SMSC, To: j.To, From: j.From,
		Correlated: j.Correlated, Source: (*Source)(j.Source), ReceivedAt: j.ReceivedAt, Metadata: compact(j.Metadata), Raw: raw,
	}, nil
}

// DecodeInbound reads a record of the inbound topic.
func DecodeInbound(value []byte) (Inbound, error) {
	var j struct {
		ID         string    `json:"id"`
		From       string    `json:"from"`
		To         string    `json:"to"`
		Text       string    `json:"text"`
		Payload    *[]byte   `json:"payload"`
		Encoding   string    `json:"encoding"`
		DataCoding byte      `json:"data_coding"`
		Parts      int       `json:"parts"`
		Complete   bool      `json:"complete"`
		Missing    []int     `json:"missing"`
		SMSC       string    `json:"smsc"`
		ReceivedAt time.Time `json:"received_at"`
		InReplyTo  *struct {
			ID       string          `json:"id"`
			Metadata json.RawMessage `json:"metadata"`
		} `json:"in_reply_to"`
		Raw rawJSON `json:"raw"`
	}
	if err := json.Unmarshal(value, &j); err != nil {
		return Inbound{}, fmt.Errorf("inbound message: %w", err)
	}
	raw, err := j.Raw.decode()
	if err != nil {
		return Inbound{}, fmt.Errorf("inbound message: %w", err)
	}
	m := Inbound{
		ID: j.ID, From: j.From, To: j.To, Text: j.Text, Encoding: j.Encoding, DataCoding: j.DataCoding, Parts: j.Parts,
		Complete: j.Complete, Missing: j.Missing, SMSC: j.SMSC, ReceivedAt: j.ReceivedAt, Raw: raw,
	}
	if j.Payload != nil {
		m.Payload, m.IsPayload = *j.Payload, true
	}
	if j.InReplyTo != nil {
		m.InReplyTo = &InReplyTo{ID: j.InReplyTo.ID, Metadata: compact(j.InReplyTo.Metadata)}
	}
	return m, nil
}

type rawJSON struct {
	ShortMessage *string           `json:"short_message"`
	TLVs         map[string]string `json:"tlvs"`
	UDH          string            `json:"udh"`
}

// decode restores the bytes. The TLVs come in the order of their tags: JSON
// objects have no order of their own.
func (j *rawJSON) decode() (r Raw, err error) {
	if j.ShortMessage != nil {
		var ok bool
		if r.ShortMessage, ok = parseShown(*j.ShortMessage); !ok {
			return r, fmt.Errorf("raw.short_message: hexadecimal digits expected after %q", hexPrefix)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(j.TLVs)) {
		name, _, _ := strings.Cut(key, "#")
		tag, ok := parseTag(name)
		value, shown := parseShown(j.TLVs[key])
		if !ok || !shown {
			return r, fmt.Errorf("raw.tlvs: key %q or its value cannot be read", clip(key))
		}
		r.TLVs = append(r.TLVs, TLV{Tag: tag, Value: value})
	}
	if j.UDH != "" {
		if r.UDH, err = hex.DecodeString(strings.TrimPrefix(j.UDH, hexPrefix)); err != nil {
			return r, fmt.Errorf("raw.udh: %w", err)
		}
	}
	return r, nil
}

// compact is the metadata without spaces, nil where there is none.
func compact(raw json.RawMessage) []byte {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil // cannot be: Unmarshal has read it
	}
	return out.Bytes()
}
