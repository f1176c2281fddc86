package smsc

import (
	"bytes"
	"context"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

func TestAReceiptNamesItsMessageInTheFormThatWasChosen(t *testing.T) {
	t.Parallel()
	inBase := func(base int) func(string) string {
		return func(id string) string {
			n, ok := new(big.Int).SetString(id, base)
			if !ok {
				t.Errorf("%q is no number of base %d", id, base)
				return ""
			}
			return n.String()
		}
	}
	asIs := func(id string) string { return id }
	unpadded := func(id string) string { return strings.TrimLeft(id, "0") }
	for kind, forms := range map[IDKind]struct{ response, receipt func(string) string }{
		IDDecimal: {asIs, asIs}, IDHex: {asIs, asIs}, IDUUID: {asIs, asIs},
		IDHexDec: {inBase(16), inBase(10)}, IDDecHex: {inBase(10), inBase(16)}, IDPadded: {unpadded, asIs},
	} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			e := bindAs(t, start(t, Options{Behaviour: Behaviour{MessageID: kind, Receipts: Receipts{Form: FormBoth}}}), pdu.Transceiver, "a")
			seen := make(map[string]bool)
			for range 20 {
				e.send(submission("491701", "hello", 1))
				id, d := e.responseAndDelivery()
				tlv := d.OptionalParameters[pdu.TagReceiptedMessageID]
				inText := strings.TrimPrefix(strings.Fields(textOf(d))[0], "id:")
				if tlv.String() != inText {
					t.Errorf("the TLV says %q, the text %q", tlv.String(), inText)
				}
				if forms.response(id) != forms.receipt(inText) {
					t.Errorf("%q and %q are not the same id", id, inText)
				}
				if seen[id] {
					t.Errorf("%q was given twice", id)
				}
				seen[id] = true
			}
		})
	}
}

// responseAndDelivery reads an answer and a deliver_sm, in either order, and
// acknowledges the latter.
func (e *esme) responseAndDelivery() (id string, d *pdu.DeliverSM) {
	e.t.Helper()
	for range 2 {
		switch p := e.receive().(type) {
		case *pdu.SubmitSMResp:
			id = p.MessageID
		case *pdu.DeliverSM:
			d = p
			e.answer(d, 0)
		}
	}
	if id == "" || d == nil {
		e.t.Fatal("not one answer and one deliver_sm came")
	}
	return id, d
}

func TestSubmitsAboveTheRateAreThrottled(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{TPS: 0.001}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	e.accepted(submission("491701", "first", 0))
	if resp := e.submit(submission("491701", "second", 0)); resp.CommandStatus != data.ESME_RTHROTTLED {
		t.Errorf("the second submit was answered with %v", resp.CommandStatus)
	}
	if st := s.Stats(); st.Throttled != 1 || st.Refused != 1 || st.Accepted != 1 || st.Submits != 2 {
		t.Errorf("counted %+v", st)
	}
}

func TestTheLimiterLetsNoSecondHoldMoreThanRateAndBurst(t *testing.T) {
	t.Parallel()
	var l limiter
	allowed := make([]int, 10)
	for step := range 10_000 { // ten seconds, asked ten times as often as it may be
		if l.allow(time.Duration(step)*time.Millisecond, 100) {
			allowed[step/1000]++
		}
	}
	if allowed[0] != 110-1 && allowed[0] != 110 {
		t.Errorf("the first second had %d, want the rate and a tenth", allowed[0])
	}
	for second, n := range allowed[1:] {
		if n < 99 || n > 101 {
			t.Errorf("second %d had %d, want 100", second+2, n)
		}
	}
}

func TestSubmitsBeyondTheWindowAreThrottled(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{Window: 2}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	s.Pause()
	for range 3 {
		e.send(submission("491701", "x", 0))
	}
	eventually(t, s, func(st Stats) bool { return st.Throttled == 1 && st.Accepted == 2 })
	s.Resume()
	var got []data.CommandStatusType
	for i := range 3 {
		got = append(got, e.response(int32(i+2)).CommandStatus)
	}
	if want := []data.CommandStatusType{0, 0, data.ESME_RTHROTTLED}; !slices.Equal(got, want) {
		t.Errorf("three submits at a window of 2 got %v", got)
	}
}

func TestWhatPauseHoldsBackComesInOrderAfterResume(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	e := bindAs(t, s, pdu.Transceiver, "a")
	s.Pause()
	for range 5 {
		e.send(submission("491701", "x", 0))
	}
	e.send(pdu.NewEnquireLink())
	if _, ok := e.receive().(*pdu.EnquireLinkResp); !ok {
		t.Fatal("an answer came although answers are paused")
	}
	s.Resume()
	for i := range 5 {
		e.response(int32(i + 2))
	}
}

func TestRulesAndErrorRatesDecideTheStatus(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{
		Rules:  []Rule{{"0000", uint32(data.ESME_RINVDSTADR)}},
		Errors: []StatusRate{{uint32(data.ESME_RSYSERR), 1}},
	}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	if got := e.submit(submission("491700000", "x", 1)).CommandStatus; got != data.ESME_RINVDSTADR {
		t.Errorf("the rule's destination got %v", got)
	}
	if got := e.submit(submission("491700001", "x", 1)).CommandStatus; got != data.ESME_RSYSERR {
		t.Errorf("another destination got %v", got)
	}
	if err := s.Change(func(b *Behaviour) { b.Rules, b.Errors = nil, nil }); err != nil {
		t.Fatal(err)
	}
	e.accepted(submission("491700000", "x", 0))
}

func TestChangeRefusesWhatIsNotValidAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{TPS: 7}})
	if err := s.Change(func(b *Behaviour) { b.TPS, b.NoAnswer = 8, 2 }); err == nil {
		t.Fatal("a share of 2 was accepted")
	}
	if got := s.behaviour.Load().TPS; got != 7 {
		t.Errorf("TPS is %v after a change that was refused", got)
	}
}

func TestASubmitThatIsNeverAnsweredWasAcceptedAllTheSame(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Keep: 10, Behaviour: Behaviour{NoAnswer: 1}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	e.send(submission("491701", "x", 1))
	d := e.delivery()
	e.answer(d, 0)
	submits := s.Submits()
	if len(submits) != 1 || submits[0].Answered || submits[0].MessageID == "" {
		t.Fatalf("recorded %+v", submits)
	}
	if !strings.HasPrefix(textOf(d), "id:"+submits[0].MessageID+" ") {
		t.Errorf("the receipt is for another message than %s", submits[0].MessageID)
	}
}

func TestTheConnectionDropsAtEveryNthSubmit(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]bool{"before the answer": false, "after the answer": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, Options{Keep: 10, Behaviour: Behaviour{Drop: Drop{Every: 2, AfterAnswer: after}}})
			for range 2 {
				e := bindAs(t, s, pdu.Transceiver, "a")
				e.accepted(submission("491701", "x", 0))
				sequence := e.send(submission("491701", "x", 0))
				if after {
					e.response(sequence)
				}
				e.wantClosed()
			}
			eventually(t, s, func(st Stats) bool { return st.Dropped == 2 && st.Binds == 0 })
			if got := s.Submits(); len(got) != 4 || got[1].Answered != after || !got[2].Answered {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

func TestDropAllClosesEveryConnectionAndTakesNewOnes(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	a, b := bindAs(t, s, pdu.Transceiver, "a"), bindAs(t, s, pdu.Receiver, "b")
	if n := s.DropAll(); n != 2 {
		t.Errorf("%d connections were dropped, want 2", n)
	}
	a.wantClosed()
	b.wantClosed()
	bindAs(t, s, pdu.Transceiver, "a").accepted(submission("491701", "x", 0))
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (events []string) {
		s := start(t, Options{Seed: seed, Behaviour: Behaviour{
			MessageID: IDUUID, Errors: []StatusRate{{uint32(data.ESME_RSYSERR), 0.3}},
			Receipts: Receipts{Outcomes: []OutcomeRate{{"DELIVRD", 0.5}, {"UNDELIV", 0.3}, {"EXPIRED", 0.2}}},
		}})
		e := bindAs(t, s, pdu.Transceiver, "a")
		for range 50 {
			e.send(submission("491701", "x", 1))
			if resp, ok := e.receive().(*pdu.SubmitSMResp); ok && resp.CommandStatus != 0 {
				events = append(events, resp.CommandStatus.String())
				continue
			} else if ok {
				d := e.delivery()
				e.answer(d, 0)
				events = append(events, resp.MessageID+statOf(d))
				continue
			}
			t.Fatal("a receipt came before its response")
		}
		return events
	}
	first, second, other := run(42), run(42), run(43)
	if !slices.Equal(first, second) {
		t.Errorf("one seed, two runs:\n%v\n%v", first, second)
	}
	if slices.Equal(first, other) {
		t.Error("two seeds, one run")
	}
}

func statOf(d *pdu.DeliverSM) string {
	_, rest, _ := strings.Cut(textOf(d), "stat:")
	stat, _, _ := strings.Cut(rest, " ")
	return stat
}

func TestDataSMIsAcceptedLikeASubmit(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Keep: 1, AuditBodies: true})
	e := bindAs(t, s, pdu.Transceiver, "a")
	p := pdu.NewDataSM().(*pdu.DataSM)
	_ = p.DestAddr.SetAddress("491701")
	p.RegisterOptionalParam(pdu.Field{Tag: pdu.TagMessagePayload, Data: []byte("payload")})
	e.send(p)
	resp, ok := e.receive().(*pdu.DataSMResp)
	if !ok || resp.CommandStatus != 0 || resp.MessageID == "" {
		t.Fatalf("data_sm was answered with %+v", resp)
	}
	if got := s.Submits(); len(got) != 1 || string(got[0].Body) != "payload" {
		t.Errorf("recorded %+v", got)
	}
}

func TestTheRecordOfASubmitHasWhatTheCodecHides(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Keep: 10, AuditBodies: true})
	e := bindAs(t, s, pdu.Transceiver, "a")
	p := submission("491701", "", 0)
	p.EsmClass = data.SM_UDH_GSM
	body := append([]byte{6, 0x08, 4, 0x12, 0x34, 3, 2}, "second of three"...)
	raw := data.NewCustomEncoding(0xf1, data.ASCII)
	if err := p.Message.SetMessageDataWithEncoding(body, raw); err != nil {
		t.Fatal(err)
	}
	e.accepted(p)
	got := s.Submits()[0]
	if got.DataCoding != 0xf1 || !bytes.Equal(got.Body, body) || got.Ref != 0x1234 || got.Total != 3 || got.Part != 2 || got.Length != len(body) {
		t.Errorf("recorded %+v", got)
	}
}

func TestAnswersThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	conn := rawBind(t, s)
	s.Pause()
	const n = maxAnswers + 1000
	var watch sync.WaitGroup
	watch.Go(func() {
		defer s.Resume()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if err := s.WaitFor(ctx, func(st Stats) bool { return st.Submits >= maxAnswers }); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for b := range s.binds {
			if waiting := b.unanswered(); waiting > maxAnswers {
				t.Errorf("%d answers wait", waiting)
			}
		}
	})
	rawLoad(t, conn, n, n, 0)
	watch.Wait()
	if st := s.Stats(); st.Accepted != n {
		t.Errorf("%d of %d were accepted", st.Accepted, n)
	}
}

func TestASlowReaderAnswersAllTheSame(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{ReadRate: 2000}})
	rawLoad(t, rawBind(t, s), 100, 100, 0)
}
