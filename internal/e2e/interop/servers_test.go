package interop

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/smsc/npmpeer"
)

const (
	shortCode         = "32323"
	refusedSuffix     = "9999"
	undeliveredSuffix = "77"
	plainText         = "Grüße aus Köln: 5 € [netto] {a|b} ~^\\"
)

var (
	longMessages = []string{"udh8", "udh16", "sar", "payload"}
	longText     = strings.Repeat("A long message in the default alphabet, {with} € and äöü. ", 7)
	wideText     = strings.Repeat("Ваш заказ готов 📦. ", 12)
	octets       = bytes.Repeat([]byte{0, 1, 0x1b, 0x7f, 0x80, 0xff}, 60)
)

// server is an SMSC by other people.
type server interface {
	addr() string
	// send sends what of the messages it can, and returns when it is acknowledged.
	send([]mobileOriginated) []mobileOriginated
	submits() []submit
	end()
}

// outgoing is a record and what must become of it.
type outgoing struct {
	id, to, status, state string
	encoding, text        string
	octets                []byte
	dataCoding            byte
	mode                  string
	long                  bool
}

// outgoingRecords are messages of every kind in every way of long messages.
func outgoingRecords() []outgoing {
	var all []outgoing
	for i, mode := range longMessages {
		for j, o := range []outgoing{
			{id: "plain", text: plainText},
			{id: "long", text: longText, long: true},
			{id: "wide", text: wideText, long: true, dataCoding: 8},
			{id: "latin1", text: "Ñandú, façade, ÿ", dataCoding: 3, encoding: "latin1"},
			{id: "binary", octets: octets, long: true, dataCoding: 4, encoding: "binary"},
			{id: "undelivered", text: "to nobody", to: undeliveredSuffix, state: "UNDELIVERABLE"},
			{id: "refused", text: "to nowhere", to: refusedSuffix, status: record.Rejected},
		} {
			o.mode, o.id = mode, mode+" "+o.id
			o.to = fmt.Sprintf("4917%d%d0000%s", i, j, cmp.Or(o.to, "00"))
			o.status, o.state = cmp.Or(o.status, record.Accepted), cmp.Or(o.state, "DELIVERED")
			all = append(all, o)
		}
	}
	return all
}

func (o *outgoing) record(t *testing.T) *kgo.Record {
	t.Helper()
	fields := map[string]any{"id": o.id, "to": "+" + o.to, "route": o.mode, "metadata": map[string]string{"name": o.id}}
	if o.octets != nil {
		fields["payload"] = o.octets // which JSON has in base64
	} else {
		fields["text"] = o.text
	}
	if o.encoding != "" {
		fields["encoding"] = o.encoding
	}
	value, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Key: []byte(o.to), Value: value}
}

// fromConnector is a row: the connector is the ESME of a foreign SMSC.
func fromConnector(t *testing.T, start func(*testing.T) server) {
	s := start(t) // first: it skips where there is none
	b := newBroker(t)
	x := newTap(t, s.addr())
	c := connect(t, b, x.addr())

	want := outgoingRecords()
	accepted := 0
	cl := kafkatest.Client(t, b, kgo.DefaultProduceTopic("sms.outbound"))
	var records []*kgo.Record
	for i := range want {
		records = append(records, want[i].record(t))
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	sent := s.send(mobileOriginatedMessages)
	results := decoded(t, b, "sms.results", len(want), record.DecodeResult)
	for _, r := range results {
		if r.Status == record.Accepted {
			accepted += len(r.Parts)
		}
	}
	receipts := decoded(t, b, "sms.receipts", accepted, record.DecodeReceipt)
	inbound := decoded(t, b, "sms.inbound", len(sent), record.DecodeInbound)

	checkOutgoing(t, want, results, receipts, s.submits())
	checkInbound(t, sent, inbound)
	c.terminate()
	s.end()
	x.judge(t, len(longMessages))
}

// newBroker has the topics, so that what comes before the connector is ready is seen too.
func newBroker(t *testing.T) *kafkatest.Broker {
	t.Helper()
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 2, "sms.outbound", "sms.results", "sms.receipts", "sms.inbound", "sms.deadletter")
	return b
}

// decoded waits until a topic has n records, and returns all that it has.
func decoded[T any](t *testing.T, b *kafkatest.Broker, topic string, n int, decode func([]byte) (T, error)) []T {
	t.Helper()
	cl := kafkatest.Client(t, b, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all []T
	for len(all) < n {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%s has %d of %d records", topic, len(all), n)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			v, err := decode(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, v)
		})
	}
	if len(all) > n {
		t.Errorf("%s has %d records, want %d", topic, len(all), n)
	}
	return all
}

// checkOutgoing compares each record with what the SMSC read, its result and the
// receipts of its parts.
func checkOutgoing(t *testing.T, want []outgoing, results []record.Result, receipts []record.Receipt, submits []submit) {
	t.Helper()
	for _, s := range submits {
		if s.registered&3 != 1 || s.from != shortCode {
			t.Errorf("to %s: registered_delivery %d from %q", s.to, s.registered, s.from)
		}
	}
	read := join(t, submits)
	byID := map[string]record.Result{}
	for _, r := range results {
		byID[r.ID] = r
	}
	byMessageID := map[string]record.Receipt{}
	for _, r := range receipts {
		byMessageID[r.MessageID] = r
	}
	for _, o := range want {
		r, got := byID[o.id], read[o.to]
		if r.Status != o.status || r.SMSC != o.mode || len(r.Parts) != len(got.ids) {
			t.Errorf("%s: %+v, want %s; the SMSC read %d parts", o.id, r, o.status, len(got.ids))
			continue
		}
		if got.text != o.text || o.octets != nil && !bytes.Equal(got.octets, o.octets) || got.dataCoding != o.dataCoding {
			t.Errorf("%s: the SMSC read %q, %x with data_coding %d, want %q, %x with %d", o.id, got.text, got.octets, got.dataCoding, o.text, o.octets, o.dataCoding)
		}
		for i, kind := range got.kinds {
			if long := kind != ""; long != o.long || long && kind != o.mode {
				t.Errorf("%s: part %d is sent by %q", o.id, i+1, kind)
			}
		}
		if o.long == (len(got.ids) == 1) != (o.mode == "payload" && o.long) {
			t.Errorf("%s: %d parts", o.id, len(got.ids))
		}
		if o.status == record.Rejected {
			if p := r.Parts[0]; p.StatusName != "ESME_RINVDSTADR" {
				t.Errorf("%s: refused with %+v", o.id, p)
			}
			continue
		}
		for i, p := range r.Parts {
			if p.MessageID != got.ids[i] || p.MessageID == "" {
				t.Errorf("%s: part %d has the id %q in the result, %q at the SMSC", o.id, i+1, p.MessageID, got.ids[i])
			}
			c := byMessageID[p.MessageID]
			if !c.Correlated || !c.Final || c.ID != o.id || c.State != o.state || c.Part != i+1 || c.Parts != len(r.Parts) {
				t.Errorf("%s: the receipt of part %d is %+v", o.id, i+1, c)
			}
		}
	}
}

func checkInbound(t *testing.T, sent []mobileOriginated, inbound []record.Inbound) {
	t.Helper()
	for _, m := range sent {
		i := slices.IndexFunc(inbound, func(in record.Inbound) bool { return sms.NormalNumber(in.From) == m.from })
		if i < 0 {
			t.Errorf("%s did not come", m.name)
			continue
		}
		if in := inbound[i]; in.Text != m.text || in.To != shortCode || !in.Complete {
			t.Errorf("%s came as %+v, want %q", m.name, in, m.text)
		}
	}
}

// npmServer is npmpeer's.
type npmServer struct {
	t *testing.T
	*npmpeer.Peer
}

func startNPM(t *testing.T) server {
	return npmServer{t, npmpeer.Start(t, npmpeer.Options{
		Password: "secret", MessageID: "dec-hex", ReceiptDelay: [2]time.Duration{time.Millisecond, 20 * time.Millisecond},
		Rules:    map[string]uint32{refusedSuffix: 0x0b},
		Outcomes: map[string]string{undeliveredSuffix: "UNDELIV"},
	})}
}

func (s npmServer) addr() string { return s.Addr() }

func (s npmServer) end() {
	s.t.Helper()
	if err := s.Stop(); err != nil {
		s.t.Error(err)
	}
}

// send leaves to the package how a text is written: in the GSM alphabet or UCS-2,
// by an 8-bit reference.
func (s npmServer) send(messages []mobileOriginated) (sent []mobileOriginated) {
	s.t.Helper()
	var queued []npmpeer.Message
	for i, m := range messages {
		if m.form == "" || m.form == "udh8" {
			sent = append(sent, m)
			queued = append(queued, npmpeer.Message{From: m.from, To: shortCode, Text: m.text, SystemID: longMessages[i%len(longMessages)]})
		}
	}
	if _, err := s.SendMO(queued, true); err != nil {
		s.t.Fatal(err)
	}
	return sent
}

func (s npmServer) submits() (all []submit) {
	s.t.Helper()
	if err := s.Flush(); err != nil {
		s.t.Fatal(err)
	}
	if err := npmpeer.ReadLog(s.LogPath(), func(e npmpeer.Event) error {
		if e.Event != "submit" {
			return nil
		}
		u := submit{account: e.SystemID, from: e.From, to: e.To, messageID: e.MessageID, dataCoding: e.DataCoding, registered: e.RegisteredDelivery,
			form: form{ref: int(e.Ref), total: int(e.Total), part: int(e.Part), kind: e.Form}, text: e.Text, octets: unhex(s.t, e.Body)}
		all = append(all, u)
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return all
}
