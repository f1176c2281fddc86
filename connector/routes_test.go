package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

func TestTheLongestPrefixChoosesTheSMSCAndARouteInTheRecordBeatsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{}, smsc.Behaviour{})
	w.replica("SMSC_0_ROUTES=49,44", "SMSC_1_ROUTES=4915,33")
	w.send("a", 20, number("4916"), nil)
	w.send("b", 20, number("4915"), nil)
	w.send("c", 20, number("33"), nil)
	w.send("d", 20, number("4915"), map[string]any{"route": "smsc0"})
	w.send("e", 5, number("1202"), nil)
	w.send("f", 5, number("49"), map[string]any{"route": "nobody"})
	results := w.results(90)
	want := map[byte]string{'a': "smsc0", 'b': "smsc1", 'c': "smsc1", 'd': "smsc0"}
	for id, r := range results {
		smsc, routed := want[id[0]]
		switch {
		case routed && (r.Status != record.Accepted || r.SMSC != smsc):
			t.Errorf("%s to %s: %s by %q, want %s", id, r.To, r.Status, r.SMSC, smsc)
		case !routed && r.Status != record.Unroutable:
			t.Errorf("%s to %s: %s, want unroutable", id, r.To, r.Status)
		}
	}
}

// A busy SMSC is no reason to pay the dear one: PRIORITY is the order of failover.
func TestThePreferredSMSCIsFailedOverFromWhenItIsDownAndNotWhenItIsBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{Latency: smsc.Uniform(2*time.Millisecond, 5*time.Millisecond)}, smsc.Behaviour{})
	a := w.replica("SMSC_0_PRIORITY=0", "SMSC_0_WINDOW=5", "SMSC_1_PRIORITY=1")
	w.bound(a, "smsc0", 1)
	w.bound(a, "smsc1", 1)
	w.send("busy", 500, number("49"), nil)
	if n := bySMSC(w.results(500)); n["smsc0"] != 500 {
		t.Errorf("while the first SMSC was up: %v; want all there", n)
	}

	first := w.smscs[0]
	if err := first.Change(func(b *smsc.Behaviour) { b.BindStatus = 0x08 }); err != nil { // ESME_RSYSERR
		t.Fatal(err)
	}
	first.DropAll()
	w.bound(a, "smsc0", 0)
	w.send("down", 200, number("49"), nil)
	for id, r := range w.results(700) {
		if id[0] == 'd' && r.SMSC != "smsc1" {
			t.Errorf("%s: %s by %q while only smsc1 was up", id, r.Status, r.SMSC)
		}
	}
	if first.Stats().Submits > 500 {
		t.Errorf("the first SMSC got %d submits; 500 before it went down", first.Stats().Submits)
	}
}

func TestThePreferredSMSCGetsTheTrafficBackWhenItReturns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{}, smsc.Behaviour{})
	a := w.replica("SMSC_0_PRIORITY=0", "SMSC_1_PRIORITY=1")
	w.bound(a, "smsc0", 1)
	w.bound(a, "smsc1", 1)
	w.smscs[0].DropAll() // and takes the next bind
	w.send("x", 100, number("49"), nil)
	w.results(100)
	w.bound(a, "smsc0", 1)
	before := w.smscs[1].Stats().Submits
	w.send("y", 100, number("49"), nil)
	w.results(200)
	if n := w.smscs[1].Stats().Submits - before; n > 0 {
		t.Errorf("%d of 100 messages took the second SMSC after the first had come back", n)
	}
}

func TestSMSCsOfEqualPriorityShareByWeight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{}, smsc.Behaviour{})
	a := w.replica("SMSC_0_WEIGHT=3", "SMSC_1_WEIGHT=1", "SMSC_0_WINDOW=1000", "SMSC_1_WINDOW=1000") // room for all: a full window gives its turn away
	w.bound(a, "smsc0", 1)
	w.bound(a, "smsc1", 1)
	w.send("x", 800, number("49"), nil)
	n := bySMSC(w.results(800))
	if n["smsc0"]+n["smsc1"] != 800 || n["smsc0"] < 560 || n["smsc0"] > 640 {
		t.Errorf("shares %v; want 3 to 1", n)
	}
}

func TestEveryKindOfBindTakesItsPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{}, smsc.Behaviour{}, smsc.Behaviour{}, smsc.Behaviour{})
	a := w.replica("SMSC_0_ROUTES=49", "SMSC_0_BINDS=2", "SMSC_1_ROUTES=44", "SMSC_1_BIND=pair", "SMSC_1_BINDS=2",
		"SMSC_2_ROUTES=33", "SMSC_2_BIND=transmitter", "SMSC_3_ROUTES=7", "SMSC_3_BIND=receiver")
	for name, binds := range map[string]int{"smsc0": 2, "smsc1": 4, "smsc2": 1, "smsc3": 1} {
		w.bound(a, name, binds)
	}
	for i, receivers := range []int{2, 2, 0, 1} {
		// The SMSC counts a bind after it has answered it.
		eventually(t, fmt.Sprintf("smsc%d with %d binds that receive", i, receivers), func() bool { return w.smscs[i].Stats().Receivers == receivers })
	}
	w.send("a", 40, number("49"), nil)
	w.send("b", 40, number("44"), nil)
	w.send("c", 40, number("33"), map[string]any{"receipts": "none"})
	w.send("d", 5, number("49"), map[string]any{"route": "smsc3"}) // which only receives
	if err := w.smscs[3].SendMO("4915100001", "32323", "hello"); err != nil {
		t.Fatal(err)
	}
	results := w.results(125)
	if n := bySMSC(results); n["smsc0"] != 40 || n["smsc1"] != 40 || n["smsc2"] != 40 || n[record.Unroutable] != 5 {
		t.Errorf("results %v", n)
	}
	w.joined(results, w.receipts(80))
	m, err := record.DecodeInbound(w.read("sms.inbound", 1)[0])
	if err != nil || m.SMSC != "smsc3" || m.Text != "hello" {
		t.Errorf("inbound %+v, %v", m, err)
	}
}

// A route that leads to a receiver alone would else be waited for without end.
func TestADestinationRoutedToAReceiverAloneIsUnroutable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{}, smsc.Behaviour{})
	w.replica("SMSC_0_ROUTES=49", "SMSC_0_BIND=receiver", "SMSC_1_ROUTES=33", "SMSC_1_BIND=transmitter")
	w.send("a", 5, number("49"), nil)
	w.send("b", 5, number("33"), nil)
	if n := bySMSC(w.results(10)); n[record.Unroutable] != 5 || n["smsc1"] != 5 {
		t.Errorf("results %v", n)
	}
}
