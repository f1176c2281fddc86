package smsc

import (
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"
	"github.com/linxGnu/gosmpp/pdu"
)

// about sends a request about a message and returns the answer's status and, of a query, the state.
func (e *esme) about(p pdu.PDU, id string) (uint32, byte) {
	e.t.Helper()
	from, to := submission("491701", "", 0).SourceAddr, submission("491701", "", 0).DestAddr
	switch p := p.(type) {
	case *pdu.QuerySM:
		p.MessageID, p.SourceAddr = id, from
	case *pdu.CancelSM:
		p.MessageID, p.SourceAddr, p.DestAddr = id, from, to
	case *pdu.ReplaceSM:
		p.MessageID, p.SourceAddr = id, from
		if err := p.Message.SetMessageDataWithEncoding([]byte("another text"), data.GSM7BIT); err != nil {
			e.t.Fatal(err)
		}
	}
	e.send(p)
	switch r := e.receive().(type) {
	case *pdu.QuerySMResp:
		return uint32(r.CommandStatus), r.MessageState
	case *pdu.CancelSMResp:
		return uint32(r.CommandStatus), 0
	case *pdu.ReplaceSMResp:
		return uint32(r.CommandStatus), 0
	default:
		e.t.Fatalf("%T came", r)
		return 0, 0
	}
}

func TestAMessageUnderWayCanBeQueriedReplacedAndCancelled(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Remember: 10, Behaviour: Behaviour{Receipts: Receipts{Delay: Constant(time.Hour)}}})
	e := bindAs(t, s, pdu.Transceiver, "a")
	id := e.accepted(submission("491701", "a text", 1))
	if status, state := e.about(pdu.NewQuerySM(), id); status != 0 || state != 1 {
		t.Errorf("query: %s, state %d", StatusName(status), state)
	}
	if status, _ := e.about(pdu.NewReplaceSM(), id); status != 0 {
		t.Errorf("replace: %s", StatusName(status))
	}
	if m, ok := s.Message(id); !ok || m.State != "ENROUTE" || string(m.Text) != "another text" || m.Replaced != 1 {
		t.Errorf("%+v", m)
	}
	cancel := pdu.NewCancelSM()
	if status, _ := e.about(cancel, id); status != 0 {
		t.Errorf("cancel: %s", StatusName(status))
	}
	d := e.delivery()
	e.answer(d, 0)
	if m, _ := s.Message(id); m.State != "DELETED" {
		t.Errorf("%+v", m)
	}
	for p, want := range map[pdu.PDU]data.CommandStatusType{pdu.NewCancelSM(): data.ESME_RCANCELFAIL, pdu.NewReplaceSM(): data.ESME_RREPLACEFAIL} {
		if status, _ := e.about(p, id); status != uint32(want) {
			t.Errorf("%T of a message that has ended: %s", p, StatusName(status))
		}
	}
	if status, state := e.about(pdu.NewQuerySM(), id); status != 0 || state != 4 {
		t.Errorf("query: %s, state %d", StatusName(status), state)
	}
	if status, _ := e.about(pdu.NewQuerySM(), "nothing"); status != uint32(data.ESME_RINVMSGID) {
		t.Errorf("query of an unknown id: %s", StatusName(status))
	}
	// The receipt that was on its way does not come any more.
	eventually(t, s, func(st Stats) bool {
		return st.ReceiptsAcked == 1 && st.Cancelled == 1 && st.Replaced == 1 && st.Queried == 2
	})
}

func TestOnlyTheLastMessagesAreRemembered(t *testing.T) {
	t.Parallel()
	s := start(t, Options{Remember: 1})
	e := bindAs(t, s, pdu.Transceiver, "a")
	first, second := e.accepted(submission("491701", "a", 0)), e.accepted(submission("491701", "b", 0))
	if _, ok := s.Message(first); ok {
		t.Error("the first is remembered")
	}
	if m, ok := s.Message(second); !ok || m.State != "DELIVRD" {
		t.Errorf("%+v", m)
	}
	forgetful := bindAs(t, start(t, Options{}), pdu.Transceiver, "a")
	if status, _ := forgetful.about(pdu.NewQuerySM(), forgetful.accepted(submission("491701", "a", 0))); status != uint32(data.ESME_RQUERYFAIL) {
		t.Errorf("query: %s", StatusName(status))
	}
}

func TestAVersionKnowsWhatItHas(t *testing.T) {
	t.Parallel()
	var bound []Bind
	old := start(t, Options{Version: Version33, OnBind: func(b Bind) { bound = append(bound, b) }})
	e := connect(t, old)
	e.send(pdu.NewBindTransceiver())
	if p, ok := e.receive().(*pdu.GenericNack); !ok || p.CommandStatus != data.ESME_RINVCMDID {
		t.Errorf("a transceiver got %+v", p)
	}
	e = bindAs(t, old, pdu.Transmitter, "a")
	p := submission("491701", "a", 0)
	p.RegisterOptionalParam(pdu.Field{Tag: pdu.TagUserMessageReference, Data: []byte{0, 1}})
	if resp := e.submit(p); resp.CommandStatus != data.ESME_RINVCMDLEN {
		t.Errorf("a submit with a TLV got %v", resp.CommandStatus)
	}
	e.accepted(submission("491701", "a", 0))
	if len(bound) != 1 || bound[0].SystemID != "a" || bound[0].Type != "transmitter" || bound[0].Version != 0x34 {
		t.Errorf("binds %+v", bound)
	}

	busy := bindAs(t, start(t, Options{Version: Version50, Behaviour: Behaviour{Congestion: 91}}), pdu.Transmitter, "a")
	if resp := busy.submit(submission("491701", "a", 0)); resp.CommandStatus != 0 || string(resp.OptionalParameters[tagCongestion].Data) != "\x5b" {
		t.Errorf("%+v", resp)
	}
	for _, v := range []Version{VersionAny, Version33, Version34, Version50} {
		if got, err := ParseVersion(v.String()); err != nil || got != v {
			t.Errorf("%q is read as %v: %v", v.String(), got, err)
		}
	}
}
