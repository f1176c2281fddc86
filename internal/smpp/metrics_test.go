package smpp

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// expectMetrics checks that each line is in the registry's text form.
func expectMetrics(t testing.TB, reg *prometheus.Registry, lines ...string) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range lines {
		if !strings.Contains("\n"+text.String(), "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, text.String())
		}
	}
}

func TestEverythingIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		x, ev := newExchange(t), newRecorder()
		ev.onDelivery = func(d *Delivery) { d.Respond(wire.StatusOK) }
		a := NewAccount(AccountConfig{Name: "carrier", Addresses: []string{"a:1"}, Dial: x.dial, TPS: 1000}, ev, nil, nil, NewMetrics(reg))
		if err := a.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		a.SetShare(0.5)
		p := x.bound()
		submits := messages(6)
		a.Offer(submits)
		got := p.submits(6)
		p.send(ok(got[0].Sequence, "x"), ok(got[0].Sequence, "twice"),
			header(wire.SubmitSMResp, wire.StatusInvDstAdr, got[1].Sequence),
			header(wire.SubmitSMResp, 0x400, got[2].Sequence), header(wire.SubmitSMResp, 0x401, got[3].Sequence),
			header(0x777, 0, 1), delivery(1, "text"))
		p.expect(wire.GenericNack)
		p.expect(wire.DeliverSMResp)
		p.Close()
		x.bound()
		synctest.Wait()
		expectMetrics(t, reg,
			`smpp_connector_smpp_bind_up{bind="0",smsc="carrier",type="transceiver"} 1`,
			`smpp_connector_smpp_window_size{bind="0",smsc="carrier"} 10`,
			`smpp_connector_smpp_pace_limit{smsc="carrier"} 5`,
			`smpp_connector_smpp_queued_submits{smsc="carrier"} 0`,
			`smpp_connector_smpp_submits_total{outcome="responded",smsc="carrier"} 4`,
			`smpp_connector_smpp_submits_total{outcome="in_doubt",smsc="carrier"} 2`,
			`smpp_connector_smpp_submit_responses_total{smsc="carrier",status="ESME_ROK"} 1`,
			`smpp_connector_smpp_submit_responses_total{smsc="carrier",status="ESME_RINVDSTADR"} 1`,
			`smpp_connector_smpp_submit_responses_total{smsc="carrier",status="other"} 2`,
			`smpp_connector_smpp_unknown_responses_total{smsc="carrier"} 1`,
			`smpp_connector_smpp_malformed_total{smsc="carrier",what="command_id"} 1`,
			`smpp_connector_smpp_deliver_received_total{smsc="carrier"} 1`,
			`smpp_connector_smpp_deliver_responses_total{smsc="carrier",status="ESME_ROK"} 1`,
			`smpp_connector_smpp_binds_total{bind="0",smsc="carrier"} 2`,
			`smpp_connector_smpp_round_trip_seconds_count{smsc="carrier"} 1`,
		)
		halt(a)
		expectMetrics(t, reg, `smpp_connector_smpp_bind_up{bind="0",smsc="carrier",type="transceiver"} 0`)
	})
}

func TestAnSMSCCannotMakeSeriesAtWill(t *testing.T) {
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg).account("c")
	for status := range uint32(100_000) {
		m.responses.of(status + 0x400).Inc()
	}
	if n := testing.AllocsPerRun(100, func() { m.responses.of(0x4FF).Inc(); m.responses.of(wire.StatusInvDstAdr).Inc() }); n > 0 {
		t.Errorf("%v allocations to count an answer", n)
	}
	expectMetrics(t, reg, `smpp_connector_smpp_submit_responses_total{smsc="c",status="other"} 100101`)
}
