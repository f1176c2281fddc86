package smpp

import (
	"testing"
	"testing/synctest"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

func TestADeliveryIsRefusedWithTheStatusThatMakesThisSMSCSendAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ retry, unreadable, full, refused uint32 }{
		{0, wire.StatusSysErr, wire.StatusMsgQFul, wire.StatusSysErr},
		{wire.StatusSubmitFail, wire.StatusSubmitFail, wire.StatusSubmitFail, wire.StatusSubmitFail},
	} {
		synctest.Test(t, func(t *testing.T) {
			x, ev := newExchange(t), newRecorder()
			a := start(t, x, ev, nil, func(cfg *AccountConfig) { cfg.RetryStatus, cfg.MaxUnansweredDeliver = c.retry, 1 })
			p := x.bound()
			p.send(header(wire.DeliverSM, 0, 1)) // a deliver_sm without a body
			if r := p.expect(wire.DeliverSMResp); r.Status != c.unreadable {
				t.Errorf("one that cannot be read: %x, want %x", r.Status, c.unreadable)
			}
			p.send(delivery(2, "a"), delivery(3, "b"))
			if r := p.expect(wire.DeliverSMResp); r.Sequence != 3 || r.Status != c.full {
				t.Errorf("one too many: %x, want %x", r.Status, c.full)
			}
			ev.awaitDeliveries(1)[0].Refuse(wire.StatusSysErr)
			if r := p.expect(wire.DeliverSMResp); r.Sequence != 2 || r.Status != c.refused {
				t.Errorf("one that nobody holds: %x, want %x", r.Status, c.refused)
			}
			halt(a)
		})
	}
}

func TestAnAccountSlowsDownForWhatItsSMSCCallsThrottling(t *testing.T) {
	t.Parallel()
	const own = 0x4B0
	synctest.Test(t, func(t *testing.T) {
		x, ev := newExchange(t), newRecorder()
		a := start(t, x, ev, nil, func(cfg *AccountConfig) {
			cfg.TPS = 100
			cfg.Statuses = wire.NewStatuses([]wire.StatusRule{{First: own, Last: own, Class: wire.Throttle}}, wire.Backoff{}, wire.Backoff{})
		})
		p := x.bound()
		a.Offer(messages(1))
		p.send(header(wire.SubmitSMResp, own, p.submits(1)[0].Sequence))
		ev.await(1)
		if st := a.Status(); st.Limit >= 100 || st.Limit <= 0 {
			t.Errorf("the limit is %v", st.Limit)
		}
		halt(a)
	})
}
