package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// acme is a user's own profile: a carrier of India with habits that no other has.
const acme = `
version: 1
name: acme
title: Acme Telecom
extends: india-dlt
data_coding: {default: latin1, write: {latin1: 0}}
receipt:
  fields: {id: ["msgid="], stat: ["status="], done: ["finished="], err: ["reason="]}
  states: {WRONGNUM: REJECTED}
  time_zone: Asia/Kolkata
  dates: ["yyyy-MM-dd HH:mm:ss"]
statuses: {0x410: {class: throttle, backoff: {first: 20ms, most: 50ms}}}
defaults: {message_id: hex-dec}
vectors:
  receipts:
    - text: "msgid=221068804 status=WRONGNUM finished=2026-03-01 12:01:00 reason=17"
      want: {message_id: "221068804", stat: WRONGNUM, state: REJECTED, final: true, error: "17", done_at: "2026-03-01T06:31:00Z"}
`

// Four carriers at one connector, each with habits that a profile knows: three that are part of the program, and one from a folder.
func TestCarriersAsTheirProfilesSay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "acme.yaml")
	if err := os.WriteFile(file, []byte(acme), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, "profile", "test", file).CombinedOutput(); err != nil {
		t.Fatalf("profile test: %v\n%s", err, out)
	}

	own, latin1, csv, statuses := newCarrier(t), newCarrier(t), newCarrier(t), newCarrier(t)
	own.latin1, latin1.latin1 = true, true
	var tries, internal atomic.Int64
	own.submit = func(_ *link, s submission) []byte {
		if tries.Add(1) == 1 {
			return s.refused(0x410) // throttled, in its own words
		}
		return s.accepted("0D2D3E04")
	}
	statuses.submit = func(_ *link, s submission) []byte {
		switch {
		case strings.HasSuffix(s.to, "01"):
			return s.refused(0x401) // out of credit
		case internal.Add(1) == 1:
			return s.refused(0x431) // internal error
		}
		return s.accepted(s.id)
	}
	env := []string{"CONNECTOR_PROFILES_DIR=" + dir, "SMSC_0_PROFILE=acme"}
	for i, c := range []struct {
		name, profile string
		*carrier
	}{{"latin1", "sinch-cloud-latin1", latin1}, {"csv", "csv-status-first", csv}, {"statuses", "hollatags", statuses}} {
		n := "SMSC_" + string(rune('1'+i)) + "_"
		env = append(env, n+"NAME="+c.name, n+"PROFILE="+c.profile, n+"ADDRESS="+c.listener.Addr().String(), n+"SYSTEM_ID=esme", n+"PASSWORD=secret",
			n+"SOURCE_ADDRESS="+shortCode, n+"RESPONSE_TIMEOUT=60s", n+"BIND_TIMEOUT=60s")
	}
	w := meet(t, own, env...)
	const entity, template, text = "1701158019811140068", "1707161700000000002", "façade, ÿ and â"
	send := func(id, to, route string, tlvs map[string]string) {
		t.Helper()
		value, err := json.Marshal(map[string]any{"id": id, "to": to, "route": route, "text": text, "tlvs": tlvs})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.client.ProduceSync(t.Context(), &kgo.Record{Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	send("scrubbed", "+919800000001", "carrier", map[string]string{"dlt_principal_entity_id": entity, "dlt_template_id": template})
	send("no template", "+919800000002", "carrier", map[string]string{"dlt_principal_entity_id": entity})
	send("short entity", "+919800000003", "carrier", map[string]string{"dlt_principal_entity_id": "1701", "dlt_template_id": template})
	send("letters", "+919800000004", "carrier", map[string]string{"0x1400": entity, "0x1401": "17071617000000000O2"})
	send("latin1", "+4670000001", "latin1", nil)
	send("csv", "+447887123456", "csv", nil)
	send("no credit", "+234800000001", "statuses", nil)
	send("internal", "+234800000002", "statuses", nil)
	results := w.results(8)

	// Nothing that the ledger would scrub has left; its result says which field, what is wrong with it, and what would be right.
	for id, words := range map[string][]string{
		"no template":  {"dlt_template_id", "missing", `add "dlt_template_id" to the record's tlvs 19 digits`},
		"short entity": {"dlt_principal_entity_id", "4 characters", "give 19 digits"},
		"letters":      {"dlt_template_id", "not digits alone", "give 19 digits"},
	} {
		r := results[id]
		for _, word := range words {
			if r.Status != record.Invalid || !strings.Contains(r.Error, word) {
				t.Errorf("%s: %+v, want invalid and %q", id, r, word)
			}
		}
	}
	for id, attempts := range map[string]int{"scrubbed": 2, "latin1": 1, "csv": 1, "internal": 2} {
		if r := results[id]; r.Status != record.Accepted || r.Attempts != attempts || len(r.Parts) != 1 {
			t.Errorf("%s: %+v, want accepted with attempt %d", id, r, attempts)
		}
	}
	if r := results["no credit"]; r.Status != record.Rejected || r.Attempts != 1 || len(r.Parts) != 1 || r.Parts[0].CommandStatus != 0x401 {
		t.Errorf("no credit: %+v", r)
	}

	// What is on the wire.
	tlvs := []byte("\x14\x00\x00\x13" + entity + "\x14\x01\x00\x13" + template)
	sent := own.received()
	if len(sent) != 2 {
		t.Fatalf("%d submit_sm, want the one message twice", len(sent))
	}
	for _, s := range sent {
		if s.dataCoding != 0 || s.text != text || !bytes.Equal(s.tlvs, tlvs) {
			t.Errorf("data_coding %d, %q, TLVs %x, want 0, %q in Latin-1 and %x", s.dataCoding, s.octets, s.tlvs, text, tlvs)
		}
	}
	// The others write the data_coding that means Latin-1 everywhere.
	for name, c := range map[string]*carrier{"latin1": latin1, "csv": csv} {
		if s := c.received()[0]; s.dataCoding != 3 || s.text != text || len(s.tlvs) != 0 {
			t.Errorf("%s: data_coding %d, %q, TLVs %x, want 3 and %q in Latin-1", name, s.dataCoding, s.octets, s.tlvs, text)
		}
	}

	// What comes back.
	own.deliver(own.bound()[0], sent[1].to, 4, 0, []byte("msgid=221068804 status=WRONGNUM finished=2026-03-01 12:01:00 reason=17"))
	row := csv.received()[0]
	csv.deliver(csv.bound()[0], row.to, 4, 0, []byte("00,0210021543,0210021500,,447887123456,10110200000000,we2345678i9o03er45ty67u"),
		append([]byte{0x00, 0x1e, 0, byte(len(row.id) + 1)}, row.id+"\x00"...)...)
	latin1.deliver(latin1.bound()[0], "4670000001", 0, 0, []byte("fa\xe7ade"))
	for _, r := range w.receipts(2) {
		want := record.Receipt{ID: "scrubbed", Stat: "WRONGNUM", State: "REJECTED", Error: "17", MessageID: "0D2D3E04", DoneAt: time.Date(2026, 3, 1, 6, 31, 0, 0, time.UTC)}
		if r.SMSC == "csv" {
			want = record.Receipt{ID: "csv", Stat: "00", State: "DELIVERED", MessageID: row.id, DoneAt: time.Date(2002, 10, 2, 15, 43, 0, 0, time.UTC)}
		}
		if !r.Correlated || !r.Final || r.ID != want.ID || r.Stat != want.Stat || r.State != want.State || r.Error != want.Error || r.MessageID != want.MessageID || !r.DoneAt.Equal(want.DoneAt) {
			t.Errorf("%+v, want %+v", r, want)
		}
	}
	if m := w.inbound(1)[0]; m.Text != "façade" || m.SMSC != "latin1" {
		t.Errorf("%+v", m)
	}
	w.connector.terminate()
}
