package interop

import (
	"bytes"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// Failures that the trackers of SMPP stacks are full of, a test each, on the way out.

// smppex #6 "submit_sm_resp with non-zero status and body crashes connection" and gosmpp #113 "Fix SubmitSMResp unmarshalling
// when CommandStatus != data.ESME_ROK": SMPP v3.4 §4.4.2 has no body there, and SMSCs send one.
func TestNegativeResponsesWithABody(t *testing.T) {
	t.Parallel()
	c := newCarrier(t)
	c.bind = func(n int) (uint32, []byte) {
		if n == 1 { // the SMSC's own trouble, with a system_id and sc_interface_version
			return 0x08, []byte("carrier\x00\x02\x10\x00\x01\x34")
		}
		return 0, nil
	}
	bodies := [][]byte{nil, {0}, []byte("0A000000A3D323A1\x00"), []byte("no end"), []byte("0A\x00\x04\x25\x00\x01\x02")}
	var calls atomic.Int64
	c.submit = func(_ *link, s submission) []byte {
		return s.refused(statusInvalidDestination, bodies[int(calls.Add(1)-1)%len(bodies)]...)
	}
	w := meet(t, c)
	w.send(len(bodies), "hello")
	for id, r := range w.results(len(bodies)) {
		if r.Status != record.Rejected || len(r.Parts) != 1 || r.Parts[0].StatusName != "ESME_RINVDSTADR" || r.PossibleDuplicate {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if n := len(c.bound()); n != 1 {
		t.Errorf("%d sessions, want the one that all answers came on", n)
	}
	w.connector.terminate()
}

// jSMPP #180 "Receive negative bind response: Negative response 00000005 found" ("only works after restarting the
// application"); node-smpp #250 "How to handle bind_transrecivier command status 5"; vumi #624 "SMPP client needs to send an
// unbind command before disconnecting".
func TestRebindingBeforeTheOldSessionIsGone(t *testing.T) {
	t.Parallel()
	c := newCarrier(t)
	var refused, again time.Time
	c.bind = func(n int) (uint32, []byte) {
		switch n { // one after the other
		case 2: // the SMSC still holds the first, whose connection was lost
			refused = time.Now()
			return statusAlreadyBound, nil
		case 3:
			again = time.Now()
		}
		return 0, nil
	}
	w := meet(t, c)
	l := c.awaitBinds(1)[0]
	_ = l.Close()
	w.send(20, "hello")
	w.sentOnce(20)
	if links := c.bound(); len(links) != 2 || links[1].number != 3 {
		t.Errorf("%d binds were accepted, the last is number %d", len(links), links[len(links)-1].number)
	}
	// Who hammers at the SMSC keeps the old session alive there, or locks the account. Later than this it may always be.
	if waited := again.Sub(refused); waited < 2*time.Second {
		t.Errorf("it was bound again after %s, want the patience of two seconds and more", waited)
	}
	w.connector.terminate()
}

// naz #29 "close connection on unbind"; python-smpplib #55: the SMSC unbinds "for reasons like the network", and the client
// must bind again by itself; vumi #420 "SMPP doesn't handle unbind command_id".
func TestThePeersUnbind(t *testing.T) {
	t.Parallel()
	const n = 40
	c := newCarrier(t)
	c.submit = func(l *link, s submission) []byte {
		answer := s.accepted(s.id)
		if s.id == "id5" || s.id == "id20" {
			answer = append(answer, pdu(unbind, 0, 0x7000)...) // and what is under way is answered all the same
		}
		return answer
	}
	w := meet(t, c, "SMSC_0_WINDOW=4")
	w.send(n, "hello")
	w.sentOnce(n)
	c.mu.Lock()
	if c.unbinds != 2 || len(c.links) != 3 {
		t.Errorf("%d unbind_resp and %d binds, want 2 and 3", c.unbinds, len(c.links))
	}
	c.mu.Unlock()
	w.connector.terminate()
}

// Jasmin #863 "BUG: /var/log/jasmin/messages.log is spammed when SMPPC is not connected", #1036 "Error requeued messages in
// JASMIN persistently" and #1079 "SMPP connection suddenly down": what cannot be sent goes round and round.
func TestRequeueStormsWhileUnbound(t *testing.T) {
	t.Parallel()
	const n, tries = 2000, 5
	c := newCarrier(t)
	var last atomic.Int64 // bind that was tried
	open := make(chan struct{})
	c.bind = func(n int) (uint32, []byte) {
		last.Store(int64(n))
		select {
		case <-open:
			return 0, nil
		default:
			return 0x08, nil // ESME_RSYSERR
		}
	}
	w := meet(t, c)
	w.send(n, "hello")
	eventually(t, "tries to bind", func() bool { return last.Load() >= tries })
	log, err := os.ReadFile(w.connector.log)
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(log, []byte("\n")); lines > 100 {
		t.Errorf("%d lines in the log while %d messages wait for a bind", lines, n)
	}
	if got := c.received(); len(got) > 0 {
		t.Errorf("%d messages were submitted without a bind", len(got))
	}
	close(open)
	w.sentOnce(n)
	w.connector.terminate()
}

// vumi #965 "SMPP transport handles throttling by message instead of PDU"; Jasmin #425 "Process for ERROR/ESME_RTHROTTLED";
// JamaaSMPP #41 "Problem with split message : Throttiling error": part of a message is refused for now, and
// that part alone is sent again, under the same reference.
func TestThrottleWhileMultiPart(t *testing.T) {
	t.Parallel()
	c := newCarrier(t)
	var mu sync.Mutex
	seen := map[[2]any]int{} // of each part of each message
	c.submit = func(_ *link, s submission) []byte {
		mu.Lock()
		defer mu.Unlock()
		k := [2]any{s.to, s.form.part}
		if seen[k]++; s.form.part == 2 && seen[k] <= 2 {
			return s.refused(statusThrottled)
		}
		return s.accepted(s.id)
	}
	const n, parts = 3, 3
	w := meet(t, c)
	w.send(n, longText)
	results := w.results(n)
	for id, r := range results {
		if r.Status != record.Accepted || len(r.Parts) != parts || r.Attempts != 3 || r.PossibleDuplicate {
			t.Errorf("%s: %+v", id, r)
		}
	}
	references := map[string]int{}
	last := map[string][parts]submission{}
	for _, s := range c.received() {
		if ref, ok := references[s.to]; ok && ref != s.form.ref {
			t.Errorf("to %s: part %d has the reference %d, another had %d", s.to, s.form.part, s.form.ref, ref)
		}
		references[s.to] = s.form.ref
		l := last[s.to]
		l[s.form.part-1] = s
		last[s.to] = l
	}
	for k, times := range seen {
		if want := map[bool]int{true: 3, false: 1}[k[1] == 2]; times != want {
			t.Errorf("part %v to %v was submitted %d times, want %d", k[1], k[0], times, want)
		}
	}
	for i := range n {
		text := ""
		for j, s := range last[destination(i)[1:]] {
			text += s.text
			if got := results[idOf(i)].Parts[j].MessageID; got != s.id {
				t.Errorf("%s: part %d has the id %q, the carrier gave %q", idOf(i), j+1, got, s.id)
			}
		}
		if text != longText {
			t.Errorf("%s arrived as %q", idOf(i), text)
		}
	}
	w.connector.terminate()
}
