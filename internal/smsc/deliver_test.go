package smsc

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

func TestReceiptsFollowRegisteredDelivery(t *testing.T) {
	t.Parallel()
	failed := []OutcomeRate{{"UNDELIV", 1}}
	for _, c := range []struct {
		name       string
		registered byte
		outcomes   []OutcomeRate
		off        bool
		want       []string
	}{
		{"none asked for", 0, nil, false, nil},
		{"final", 1, nil, false, []string{"DELIVRD"}},
		{"final, and it failed", 1, failed, false, []string{"UNDELIV"}},
		{"failure only", 2, nil, false, nil},
		{"failure only, and it failed", 2, failed, false, []string{"UNDELIV"}},
		{"intermediate and final", 0x11, nil, false, []string{"ENROUTE", "DELIVRD"}},
		{"final, but receipts are off", 1, nil, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, Options{Behaviour: Behaviour{Receipts: Receipts{Outcomes: c.outcomes, Off: c.off}}})
			e := bindAs(t, s, pdu.Transceiver, "a")
			id := e.accepted(submission("491701", "The text of the message", c.registered))
			if got := s.Stats(); got.Queue+got.InFlight != len(c.want) && len(c.want) == 0 {
				t.Fatalf("%+v for a message that wants no receipt", got)
			}
			for _, stat := range c.want {
				d := e.delivery()
				e.answer(d, 0)
				esm := byte(esmReceipt)
				if stat == "ENROUTE" {
					esm = esmIntermediate
				}
				if d.EsmClass != esm || statOf(d) != stat || !strings.HasPrefix(textOf(d), "id:"+id+" ") {
					t.Errorf("esm_class %#x, text %q; want %s", d.EsmClass, textOf(d), stat)
				}
				if d.SourceAddr.Address() != "491701" || d.DestAddr.Address() != "12345" {
					t.Errorf("a receipt from %s to %s", d.SourceAddr, d.DestAddr)
				}
				if !strings.HasSuffix(textOf(d), " text:The text of the mess") {
					t.Errorf("the first 20 characters are not at the end of %q", textOf(d))
				}
			}
			eventually(t, s, func(st Stats) bool {
				return st.ReceiptsAcked == uint64(len(c.want)) && st.Queue == 0 && st.InFlight == 0
			})
		})
	}
}

func TestAReceiptOfTLVsHasNoText(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{Receipts: Receipts{Form: FormTLV, Outcomes: []OutcomeRate{{"EXPIRED", 1}}}}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	id := e.accepted(submission("491701", "x", 1))
	d := e.delivery()
	e.answer(d, 0)
	tlv := func(tag pdu.Tag) []byte { return d.OptionalParameters[tag].Data }
	if textOf(d) != "" || string(tlv(pdu.TagReceiptedMessageID)) != id+"\x00" ||
		!bytes.Equal(tlv(pdu.TagMessageStateOption), []byte{3}) || !bytes.Equal(tlv(pdu.TagNetworkErrorCode), []byte{3, 0, 27}) {
		t.Errorf("text %q, TLVs %v", textOf(d), d.OptionalParameters)
	}
}

func TestAReceiptComesBehindItsAnswerHoweverLateThatIs(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	e := bindAs(t, s, pdu.Transceiver, "a")
	s.Pause()
	sequence := e.send(submission("491701", "x", 1))
	eventually(t, s, func(st Stats) bool { return st.Accepted == 1 })
	s.Resume()
	e.response(sequence)
	e.answer(e.delivery(), 0)
}

func TestAReceiptCanComeAheadOfItsAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{Receipts: Receipts{BeforeResponse: 1}}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	for range 5 {
		sequence := e.send(submission("491701", "x", 1))
		d := e.delivery()
		id := e.response(sequence).MessageID
		if !strings.HasPrefix(textOf(d), "id:"+id+" ") {
			t.Errorf("the receipt %q is not for %s", textOf(d), id)
		}
		e.answer(d, 0)
	}
}

func TestAnAnswerIsNotHeldForAReceiptThatNobodyCanTake(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{Receipts: Receipts{BeforeResponse: 1}}})
	bindAs(t, s, pdu.Transmitter, "a").accepted(submission("491701", "x", 1))
}

func TestAReceiptTakesTheBindThatWasChosen(t *testing.T) {
	t.Parallel()
	for name, via := range map[string]Via{"same": ViaSame, "other": ViaOther} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, Options{Behaviour: Behaviour{Receipts: Receipts{Via: via}, Retry: Retry{Timeout: time.Hour}}})
			a, b := bindAs(t, s, pdu.Transceiver, "a"), bindAs(t, s, pdu.Transceiver, "a")
			eventually(t, s, func(st Stats) bool { return st.Receivers == 2 })
			for range 4 {
				a.accepted(submission("491701", "x", 1))
				if via == ViaSame {
					a.answer(a.delivery(), 0)
				} else {
					b.answer(b.delivery(), 0)
				}
			}
		})
	}
}

func TestReceiptsGoToTheAccountOfTheirSubmit(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{Retry: Retry{Timeout: time.Hour}}}) // no second chance on the right bind
	bindAs(t, s, pdu.Receiver, "another")
	mine := bindAs(t, s, pdu.Transceiver, "mine")
	eventually(t, s, func(st Stats) bool { return st.Receivers == 2 })
	for range 4 {
		mine.accepted(submission("491701", "x", 1))
		mine.answer(mine.delivery(), 0)
	}
}

func TestReceiptsWaitForABindThatCanReceive(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	transmitter := bindAs(t, s, pdu.Transmitter, "a")
	ids := []string{transmitter.accepted(submission("491701", "x", 1)), transmitter.accepted(submission("491702", "x", 1))}
	if err := s.SendMO("491703", "12345", "hello"); err != nil {
		t.Fatal(err)
	}
	eventually(t, s, func(st Stats) bool { return st.Queue == 3 && st.InFlight == 0 }) // three wait; an answer may be read before its receipt does
	receiver := bindAs(t, s, pdu.Receiver, "a")
	for _, want := range []string{"id:" + ids[0] + " ", "id:" + ids[1] + " ", "hello"} {
		d := receiver.delivery()
		if !strings.HasPrefix(textOf(d), want) {
			t.Errorf("%q came, want %q", textOf(d), want)
		}
		receiver.answer(d, 0)
	}
	eventually(t, s, func(st Stats) bool { return st.ReceiptsAcked == 2 && st.MOAcked == 1 && st.Queue == 0 })
}

func TestAReceiptIsRepeatedWordForWord(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{Receipts: Receipts{Repeat: 1}}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	e.accepted(submission("491701", "x", 1))
	first := e.delivery()
	e.answer(first, 0)
	second := e.delivery()
	e.answer(second, 0)
	if textOf(first) != textOf(second) || first.SequenceNumber == second.SequenceNumber {
		t.Errorf("%q (%d), then %q (%d)", textOf(first), first.SequenceNumber, textOf(second), second.SequenceNumber)
	}
	eventually(t, s, func(st Stats) bool { return st.ReceiptsAcked == 2 && st.Queue == 0 && st.InFlight == 0 })
}

func TestANegativeOrMissingAnswerBringsTheDeliveryAgain(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Keep: 1 << 20, Behaviour: Behaviour{Retry: Retry{Delay: time.Millisecond, Max: 1 << 30}}})
	waits := func(d time.Duration) { // from the next delivery on
		t.Helper()
		if err := s.Change(func(b *Behaviour) { b.Retry.Timeout = d }); err != nil {
			t.Fatal(err)
		}
	}
	e := bindAs(t, s, pdu.Receiver, "a")
	if err := s.SendMO("491701", "12345", "hello"); err != nil {
		t.Fatal(err)
	}
	d := e.delivery()
	e.answer(d, uint32(data.ESME_RSYSERR))
	d = e.delivery()
	waits(20 * time.Millisecond)
	buf := pdu.NewBuffer(nil)
	appendHeader(buf, data.GENERIC_NACK, 0, uint32(d.SequenceNumber)) // a refusal without a status
	e.write(buf.Bytes())
	e.delivery() // not answered at all
	waits(time.Hour)
	// Some more may have come and gone meanwhile, whose answers are too late; that of the last is not.
	for s.Stats().MOAcked == 0 {
		d = e.delivery()
		e.answer(d, 0)
		eventually(t, s, func(st Stats) bool { return st.MOAcked == 1 || st.MOSent > uint64(d.SequenceNumber) })
	}
	if textOf(d) != "hello" {
		t.Errorf("%q came at last", textOf(d))
	}
	eventually(t, s, func(st Stats) bool { return st.MOAcked == 1 && st.Retried >= 3 && st.Queue == 0 && st.InFlight == 0 })
	var reasons []string
	for _, d := range s.Delivers() {
		reasons = append(reasons, StatusName(d.Status)+d.Reason)
	}
	if got := strings.Join(reasons, " "); !strings.HasPrefix(got, "ESME_RSYSERR ESME_RUNKNOWNERR ESME_ROKtimeout") || !strings.HasSuffix(got, "ESME_ROK") {
		t.Errorf("the tries ended in %s", got)
	}
}

func TestADeliveryIsGivenUpAfterSoManyRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Behaviour: Behaviour{Retry: Retry{Delay: time.Microsecond, Max: 3}}})
	e := bindAs(t, s, pdu.Receiver, "a")
	if err := s.SendMO("491701", "12345", "nobody wants this"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.answer(e.delivery(), uint32(data.ESME_RX_T_APPN))
	}
	eventually(t, s, func(st Stats) bool { return st.GivenUp == 1 && st.MOSent == 3 && st.Queue == 0 && st.InFlight == 0 })
}

func TestWhatALostConnectionDidNotAnswerGoesToAnother(t *testing.T) {
	t.Parallel()
	s := start(t, Options{DeliverWindow: 2})
	first := bindAs(t, s, pdu.Transceiver, "a")
	for _, text := range []string{"1", "2", "3"} { // two in flight, one waits
		if err := s.SendMO("491701", "12345", text); err != nil {
			t.Fatal(err)
		}
	}
	first.delivery()
	first.delivery()
	_ = first.conn.Close()
	second := bindAs(t, s, pdu.Receiver, "a")
	got := map[string]bool{}
	for range 3 {
		d := second.delivery()
		second.answer(d, 0)
		got[textOf(d)] = true
	}
	if len(got) != 3 {
		t.Errorf("only %v came", got)
	}
	eventually(t, s, func(st Stats) bool { return st.MOAcked == 3 && st.Queue == 0 && st.InFlight == 0 && st.Retried == 0 })
}

func TestNoMoreThanTheWindowIsInFlightOnABind(t *testing.T) {
	t.Parallel()
	s := start(t, Options{DeliverWindow: 3})
	e := bindAs(t, s, pdu.Receiver, "a")
	for range 10 {
		if err := s.SendMO("491701", "12345", "x"); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		d := e.delivery()
		if st := s.Stats(); st.InFlight > 3 {
			t.Fatalf("%d are in flight", st.InFlight)
		}
		e.answer(d, 0)
	}
}

func TestASubmitWhoseReceiptHasNoPlaceIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, Options{QueueLimit: 2})
	e := bindAs(t, s, pdu.Transmitter, "a")
	e.accepted(submission("491701", "x", 1))
	e.accepted(submission("491701", "x", 1))
	if got := e.submit(submission("491701", "x", 1)).CommandStatus; got != data.ESME_RMSGQFUL {
		t.Errorf("the third submit was answered with %v", got)
	}
	e.accepted(submission("491701", "wants no receipt", 0))
	if err := s.SendMO("491701", "12345", "x"); err != ErrQueueFull {
		t.Errorf("SendMO gives %v", err)
	}
}

func TestReceiptsOfAnswersLostWithTheConnectionStillCome(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	first := bindAs(t, s, pdu.Transceiver, "a")
	s.Pause()
	first.send(submission("491701", "x", 1))
	eventually(t, s, func(st Stats) bool { return st.Accepted == 1 })
	s.DropAll()
	s.Resume()
	second := bindAs(t, s, pdu.Receiver, "a")
	second.answer(second.delivery(), 0)
}
