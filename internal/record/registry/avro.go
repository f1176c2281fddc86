package registry

import (
	"sync"
	"time"

	"github.com/twmb/avro"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/schemas"
)

// The structs are the records as their Avro schemas have them; what is zero becomes the field's default, null.

type avroSource struct {
	Topic     string    `avro:"topic"`
	Partition int32     `avro:"partition"`
	Offset    int64     `avro:"offset"`
	Timestamp time.Time `avro:"timestamp,omitzero"`
}

type avroPart struct {
	Part          int32  `avro:"part"`
	MessageID     string `avro:"message_id,omitzero"`
	CommandStatus *int64 `avro:"command_status"`
	StatusName    string `avro:"status_name,omitzero"`
}

type avroRaw struct {
	ShortMessage *string           `avro:"short_message"`
	TLVs         map[string]string `avro:"tlvs,omitzero"`
	UDH          string            `avro:"udh,omitzero"`
}

type avroResult struct {
	ID                string            `avro:"id"`
	Status            string            `avro:"status"`
	SMSC              string            `avro:"smsc,omitzero"`
	To                string            `avro:"to,omitzero"`
	From              string            `avro:"from,omitzero"`
	Parts             []avroPart        `avro:"parts"`
	Encoding          string            `avro:"encoding,omitzero"`
	Attempts          int32             `avro:"attempts"`
	PossibleDuplicate bool              `avro:"possible_duplicate"`
	Error             string            `avro:"error,omitzero"`
	Source            avroSource        `avro:"source"`
	ReceivedAt        time.Time         `avro:"received_at,omitzero"`
	SubmittedAt       time.Time         `avro:"submitted_at,omitzero"`
	AnsweredAt        time.Time         `avro:"answered_at,omitzero"`
	Metadata          map[string]string `avro:"metadata,omitzero"`
	Transliterated    []string          `avro:"transliterated"`
}

type avroReceipt struct {
	ID          string            `avro:"id,omitzero"`
	MessageID   string            `avro:"message_id,omitzero"`
	Part        int32             `avro:"part,omitzero"`
	Parts       int32             `avro:"parts,omitzero"`
	State       string            `avro:"state"`
	Final       bool              `avro:"final"`
	Stat        string            `avro:"stat,omitzero"`
	Error       string            `avro:"error,omitzero"`
	SubmittedAt time.Time         `avro:"submitted_at,omitzero"`
	DoneAt      time.Time         `avro:"done_at,omitzero"`
	SMSC        string            `avro:"smsc,omitzero"`
	To          string            `avro:"to,omitzero"`
	From        string            `avro:"from,omitzero"`
	Correlated  bool              `avro:"correlated"`
	Source      *avroSource       `avro:"source"`
	ReceivedAt  time.Time         `avro:"received_at,omitzero"`
	Metadata    map[string]string `avro:"metadata,omitzero"`
	Raw         *avroRaw          `avro:"raw"`
}

type avroReply struct {
	ID       string            `avro:"id"`
	Metadata map[string]string `avro:"metadata,omitzero"`
}

type avroInbound struct {
	ID         string     `avro:"id,omitzero"`
	From       string     `avro:"from,omitzero"`
	To         string     `avro:"to,omitzero"`
	Text       *string    `avro:"text"`
	Payload    *[]byte    `avro:"payload"`
	Encoding   string     `avro:"encoding,omitzero"`
	DataCoding int32      `avro:"data_coding"`
	Parts      int32      `avro:"parts,omitzero"`
	Complete   bool       `avro:"complete"`
	Missing    []int32    `avro:"missing"`
	SMSC       string     `avro:"smsc,omitzero"`
	ReceivedAt time.Time  `avro:"received_at,omitzero"`
	InReplyTo  *avroReply `avro:"in_reply_to"`
	Raw        *avroRaw   `avro:"raw"`
}

// Parsed when the first record is written in Avro: most connectors write JSON, and should not keep the schemas for nothing.
var (
	resultAvro  = sync.OnceValue(func() *avro.Schema { return avro.MustParse(schemas.Avro(schemas.Result)) })
	receiptAvro = sync.OnceValue(func() *avro.Schema { return avro.MustParse(schemas.Avro(schemas.Receipt)) })
	inboundAvro = sync.OnceValue(func() *avro.Schema { return avro.MustParse(schemas.Avro(schemas.Inbound)) })
)

func cleanAll(list []string) []string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = record.Clean(s)
	}
	return all
}

func avroSourceOf(s *record.Source) avroSource {
	a := avroSource{Topic: record.Clean(s.Topic), Partition: s.Partition, Offset: s.Offset}
	if s.Timestamped() {
		a.Timestamp = s.Timestamp
	}
	return a
}

func avroRawOf(r *record.Raw) *avroRaw {
	if r.Absent() {
		return nil
	}
	a := &avroRaw{}
	a.ShortMessage, a.TLVs, a.UDH = r.Strings()
	return a
}

func appendAvroResult(dst []byte, r *record.Result) ([]byte, error) {
	a := avroResult{
		ID: record.Clean(r.ID), Status: record.Clean(r.Status), SMSC: record.Clean(r.SMSC), To: record.Clean(r.To), From: record.Clean(r.From), Encoding: record.Clean(r.Encoding), Attempts: int32(r.Attempts),
		PossibleDuplicate: r.PossibleDuplicate, Error: record.Clean(r.Error), Source: avroSourceOf(&r.Source),
		ReceivedAt: r.ReceivedAt, SubmittedAt: r.SubmittedAt, AnsweredAt: r.AnsweredAt, Metadata: record.MetadataMap(r.Metadata), Transliterated: cleanAll(r.Transliterated),
	}
	a.Parts = make([]avroPart, len(r.Parts))
	for i := range r.Parts {
		p := &r.Parts[i]
		a.Parts[i] = avroPart{Part: int32(p.Part), MessageID: record.Clean(p.MessageID)}
		if p.Answered {
			status := int64(p.CommandStatus)
			a.Parts[i].CommandStatus, a.Parts[i].StatusName = &status, p.Name()
		}
	}
	return resultAvro().AppendEncode(dst, &a)
}

func appendAvroReceipt(dst []byte, r *record.Receipt) ([]byte, error) {
	a := avroReceipt{
		ID: record.Clean(r.ID), MessageID: record.Clean(r.MessageID), Part: int32(r.Part), Parts: int32(r.Parts), State: record.Clean(r.State), Final: r.Final,
		Stat: record.Clean(r.Stat), Error: record.Clean(r.Error), SubmittedAt: r.SubmittedAt, DoneAt: r.DoneAt, SMSC: record.Clean(r.SMSC),
		To: record.Clean(r.To), From: record.Clean(r.From), Correlated: r.Correlated, ReceivedAt: r.ReceivedAt,
		Metadata: record.MetadataMap(r.Metadata), Raw: avroRawOf(&r.Raw),
	}
	if r.Source != nil {
		s := avroSourceOf(r.Source)
		a.Source = &s
	}
	return receiptAvro().AppendEncode(dst, &a)
}

func appendAvroInbound(dst []byte, m *record.Inbound) ([]byte, error) {
	a := avroInbound{
		ID: record.Clean(m.ID), From: record.Clean(m.From), To: record.Clean(m.To), Encoding: record.Clean(m.Encoding), DataCoding: int32(m.DataCoding), Parts: int32(m.Parts),
		Complete: m.Complete, Missing: make([]int32, len(m.Missing)), SMSC: record.Clean(m.SMSC), ReceivedAt: m.ReceivedAt, Raw: avroRawOf(&m.Raw),
	}
	for i, n := range m.Missing {
		a.Missing[i] = int32(n)
	}
	if m.IsPayload {
		payload := append([]byte{}, m.Payload...)
		a.Payload = &payload
	} else {
		text := record.Clean(m.Text)
		a.Text = &text
	}
	if m.InReplyTo != nil {
		a.InReplyTo = &avroReply{ID: record.Clean(m.InReplyTo.ID), Metadata: record.MetadataMap(m.InReplyTo.Metadata)}
	}
	return inboundAvro().AppendEncode(dst, &a)
}
