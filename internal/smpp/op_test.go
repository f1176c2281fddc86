package smpp

import (
	"testing"
	"testing/synctest"

	"github.com/linxGnu/gosmpp/pdu"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// requests makes one Submit of each kind.
func requests() []*Submit {
	all := messages(int(ops))
	for i, s := range all {
		s.Op = Op(i)
		if s.Op >= OpCancel {
			s.MessageID = []byte("10C8F40D")
		}
	}
	all[OpData].SM.ShortMessage = nil
	all[OpData].SM.TLVs = []wire.TLV{{Tag: wire.TagMessagePayload, Value: []byte("by data_sm")}}
	return all
}

func TestEachRequestIsAnsweredByItsOwnResponseAndNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		all := requests()
		a.Offer(all)
		commands := []uint32{wire.SubmitSM, wire.DataSMID, wire.CancelSM, wire.ReplaceSM, wire.QuerySM}
		var got []received
		for _, id := range commands {
			got = append(got, p.expect(id))
		}
		query := "10C8F40D\x00\x00\x01\x00"
		p.send(
			// Not theirs: dropped.
			header(wire.SubmitSMResp, 0, got[OpCancel].Sequence), header(wire.CancelSMResp, 0, got[OpSubmit].Sequence), header(wire.QuerySMResp, 0, got[OpReplace].Sequence),
			// data_sm answered as if it had been submit_sm: some do.
			ok(got[OpData].Sequence, "d"), ok(got[OpSubmit].Sequence, "s"),
			header(wire.CancelSMResp, 0, got[OpCancel].Sequence), header(wire.ReplaceSMResp, wire.StatusReplaceFail, got[OpReplace].Sequence),
			pduWith(wire.QuerySMResp, 0, got[OpQuery].Sequence, []byte(query)))
		want := map[Op]Answer{
			OpSubmit: {MessageID: "s"}, OpData: {MessageID: "d"}, OpCancel: {}, OpReplace: {Status: wire.StatusReplaceFail}, OpQuery: {MessageID: query},
		}
		for _, answer := range ev.await(len(all)) {
			w := want[answer.Submit.Op]
			if answer.Outcome != Responded || answer.Status != w.Status || answer.MessageID != w.MessageID {
				t.Errorf("%s: %+v", answer.Submit.Op, answer)
			}
		}
		ev.exactlyOnce(t, all)
	})
}

func TestAGenericNackRefusesARequestOfAnyKind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		all := requests()
		a.Offer(all)
		for range all {
			r, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			p.send(header(wire.GenericNack, wire.StatusInvCmdID, r.Sequence))
		}
		for _, answer := range ev.await(len(all)) {
			if answer.Outcome != Responded || answer.Status != wire.StatusInvCmdID {
				t.Errorf("%s: %+v", answer.Submit.Op, answer)
			}
		}
		ev.exactlyOnce(t, all)
	})
}

func TestARequestThatIsCutOffGoesBackAndOneWithoutAnAnswerIsInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, nil)
		p := x.bound()
		all := requests()
		a.Offer(all)
		for range all {
			if _, err := p.next(); err != nil {
				t.Fatal(err)
			}
		}
		p.Close()
		for _, answer := range ev.await(len(all)) {
			if answer.Outcome != InDoubt {
				t.Errorf("%s: %+v", answer.Submit.Op, answer)
			}
		}
		ev.exactlyOnce(t, all)
	})
}

// TestRequestsAboutAMessageAreWhatGosmppReads is a second opinion on the encoders.
func TestRequestsAboutAMessageAreWhatGosmppReads(t *testing.T) {
	t.Parallel()
	all := requests()
	replace := all[OpReplace]
	replace.SM.ValidityPeriod, replace.SM.RegisteredDelivery = []byte("000001000000000R"), 1
	for _, s := range all {
		b, err := s.Append(nil, 7)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pdu.Parse(pdu.NewBuffer(b))
		if err != nil {
			t.Fatalf("%s: %v", s.Op, err)
		}
		switch got := got.(type) {
		case *pdu.CancelSM:
			if got.MessageID != "10C8F40D" || got.SourceAddr.Address() != "sender" || got.DestAddr.Address() != "491700000000" || got.DestAddr.Ton() != 1 {
				t.Errorf("%+v", got)
			}
		case *pdu.ReplaceSM:
			text, err := got.Message.GetMessage()
			if got.MessageID != "10C8F40D" || got.SourceAddr.Address() != "sender" || got.ValidityPeriod != "000001000000000R" ||
				got.RegisteredDelivery != 1 || err != nil || text != "message 3" {
				t.Errorf("%+v, %q, error %v", got, text, err)
			}
		case *pdu.QuerySM:
			if got.MessageID != "10C8F40D" || got.SourceAddr.Address() != "sender" {
				t.Errorf("%+v", got)
			}
		case *pdu.DataSM:
			if string(got.OptionalParameters[pdu.TagMessagePayload].Data) != "by data_sm" {
				t.Errorf("%+v", got)
			}
		}
		if got.GetSequenceNumber() != 7 {
			t.Errorf("%s has the number %d", s.Op, got.GetSequenceNumber())
		}
	}
}

func TestAQueryResponseIsReadAsCarriersWriteIt(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]*wire.QueryResp{
		"id\x00\x00\x01\x00":                  {MessageID: []byte("id"), MessageState: 1},
		"id\x00260301093000000+\x00\x05\x21":  {MessageID: []byte("id"), FinalDate: []byte("260301093000000+"), MessageState: 5, ErrorCode: 0x21},
		"id\x002603010930\x00\x02":            {MessageID: []byte("id"), FinalDate: []byte("2603010930"), MessageState: 2},
		"id\x00\x00\x02\x00\x04\x23\x00\x01a": {MessageID: []byte("id"), MessageState: 2},
		"id\x00":                              nil,
		"id":                                  nil,
		"":                                    nil,
		"id\x00\x00":                          nil,
	} {
		var got wire.QueryResp
		err := got.Decode([]byte(body))
		if (err == nil) != (want != nil) {
			t.Errorf("%q: error %v", body, err)
			continue
		}
		if want != nil && (string(got.MessageID) != string(want.MessageID) || string(got.FinalDate) != string(want.FinalDate) ||
			got.MessageState != want.MessageState || got.ErrorCode != want.ErrorCode) {
			t.Errorf("%q: %+v", body, got)
		}
	}
}
