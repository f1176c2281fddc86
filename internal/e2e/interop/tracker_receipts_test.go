package interop

import (
	"math/big"
	"testing"
)

// Failures that the trackers of SMPP stacks are full of, a test each, on the way back: receipts.

// receiptsWithIDs has a carrier give the ids in its responses and send receipts under others; each receipt must find its record.
func receiptsWithIDs(t *testing.T, ids [][2]string, env ...string) {
	c := newCarrier(t)
	number := map[string]int{} // by destination
	for i := range ids {
		number[destination(i)[1:]] = i
	}
	c.submit = func(_ *link, s submission) []byte { return s.accepted(ids[number[s.to]][0]) }
	w := meet(t, c, env...)
	w.send(len(ids), "hello")
	results := w.results(len(ids))
	l := c.awaitBinds(1)[0]
	for _, s := range c.received() {
		c.receipt(l, s, ids[number[s.to]][1], "DELIVRD")
	}
	for _, r := range w.receipts(len(ids)) {
		result := results[r.ID]
		if !r.Correlated || r.State != "DELIVERED" || !r.Final || len(result.Parts) != 1 || r.MessageID != result.Parts[0].MessageID || r.To != result.To {
			t.Errorf("the receipt %+v of %+v", r, result)
		}
	}
	w.connector.terminate()
}

// decimal writes a hexadecimal number in decimal.
func decimal(t *testing.T, hex string) string {
	t.Helper()
	n, ok := new(big.Int).SetString(hex, 16)
	if !ok {
		t.Fatalf("%q is no number", hex)
	}
	return n.String()
}

// jSMPP #232 "Delivery Receipt not receiving on time at the client side" parses ids as a signed long and masks them to 32
// bits, as jSMPP's examples did; Jasmin #796 "Retry on ESME_RTHROTTLED shouldn't remove DLR request from Redis as it's not
// final state" has ids of 72 bits.
func TestUnsignedIDsOf64BitsAndAbove(t *testing.T) {
	t.Parallel()
	t.Run("hexadecimal, and decimal in the receipt", func(t *testing.T) {
		t.Parallel()
		var ids [][2]string
		for _, hex := range []string{"7FFFFFFFFFFFFFFF", "8000000000000000", "FFFFFFFFFFFFFFFF", "105EB5A2F5A8D9DC1BC", "F0000000000000000000000000000001"} {
			ids = append(ids, [2]string{hex, decimal(t, hex)})
		}
		receiptsWithIDs(t, ids)
	})
	t.Run("decimal in both", func(t *testing.T) {
		t.Parallel()
		receiptsWithIDs(t, [][2]string{
			{"9223372036854775808", "9223372036854775808"}, {"18446744073709551615", "18446744073709551615"}, {"4831666765594842386172", "4831666765594842386172"},
		})
	})
}

// Jasmin #1129 "Hexadecimal SMS ID not taken in count on DLR" and #408 "Remove left zeros of msgid when receiving
// submit_sm_resp"; jSMPP #178 "How to parse decimal id in deliver receipt with leading zero".
func TestIDsThatDifferInCaseOrLeadingZeros(t *testing.T) {
	t.Parallel()
	for name, ids := range map[string][][2]string{
		"in case":                      {{"00B8BE19", "00b8be19"}, {"05ac1908-7b62-4cab", "05AC1908-7B62-4CAB"}},
		"zeros gone in the receipt":    {{"00B8BE19", "B8BE19"}, {"023", "23"}},
		"zeros more in the receipt":    {{"221067780", "0221067780"}, {"B8BE19", "0000b8be19"}},
		"zeros, case and another base": {{"00b8be19", "0012107289"}, {"0D2D3E04", "221068804"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiptsWithIDs(t, ids)
		})
	}
}

// ksmppd #68 "Routing DLR to the correct bind in a multiple bind scenario": an account's receipts come on any of its binds.
// node-smpp #130 "Sending DLR in case multiple clients binded".
func TestReceiptsOnAnotherBind(t *testing.T) {
	t.Parallel()
	joined := func(t *testing.T, w *world, choose func(of submission, links []*link) *link) {
		w.send(4, "hello")
		w.results(4)
		for _, s := range w.carrier.received() {
			w.carrier.receipt(choose(s, w.carrier.bound()), s, s.id, "DELIVRD")
		}
		for _, r := range w.receipts(4) {
			if !r.Correlated {
				t.Errorf("not joined: %+v", r)
			}
		}
		w.connector.terminate()
	}
	t.Run("the other of two", func(t *testing.T) {
		t.Parallel()
		c := newCarrier(t)
		w := meet(t, c, "SMSC_0_BINDS=2")
		c.awaitBinds(2)
		joined(t, w, func(of submission, links []*link) *link {
			if links[0].number == of.link {
				return links[1]
			}
			return links[0]
		})
	})
	t.Run("the receiver of a pair", func(t *testing.T) {
		t.Parallel()
		c := newCarrier(t)
		w := meet(t, c, "SMSC_0_BIND=pair")
		c.awaitBinds(2)
		joined(t, w, func(_ submission, links []*link) *link {
			if links[0].command == bindReceiver {
				return links[0]
			}
			return links[1]
		})
	})
	t.Run("one that came after the message's was lost", func(t *testing.T) {
		t.Parallel()
		c := newCarrier(t)
		w := meet(t, c)
		joined(t, w, func(_ submission, links []*link) *link {
			if len(links) == 1 {
				_ = links[0].Close()
				links = c.awaitBinds(2)
			}
			return links[1]
		})
	})
}

// jSMPP #9 "Failed getting delivery receipt containing extended final message states": Mblox's BUFFRED, ACKED and FAILED.
func TestStatFAILED(t *testing.T) {
	t.Parallel()
	c := newCarrier(t)
	w := meet(t, c)
	w.send(1, "hello")
	w.results(1)
	s := c.received()[0]
	want := []struct {
		stat, state string
		final       bool
	}{{"BUFFRED", "ENROUTE", false}, {"ACKED", "ACCEPTED", false}, {"FAILED", "UNDELIVERABLE", true}}
	for _, r := range want {
		c.receipt(c.bound()[0], s, s.id, r.stat)
	}
	for i, r := range w.receipts(len(want)) {
		if r.Stat != want[i].stat || r.State != want[i].state || r.Final != want[i].final || !r.Correlated || r.ID != "m0" {
			t.Errorf("%s: %+v", want[i].stat, r)
		}
	}
	w.connector.terminate()
}

// Cloudhopper #55 "DeliveryReceipt.toShortMessage() broken doneDate null-check": who has no date writes 0000000000.
// jSMPP #62 "Vendor specific delivery receipt format breaks Deliver_sm": a field that cannot be read must not cost the receipt.
func TestZeroDates(t *testing.T) {
	t.Parallel()
	c := newCarrier(t)
	w := meet(t, c)
	texts := []string{
		"sub:001 dlvrd:001 submit date:0000000000 done date:0000000000 stat:DELIVRD err:000 text:",
		"sub:001 dlvrd:001 submit date:000000000000 done date:00000000000000 stat:DELIVRD err:000 text:",
		"sub:001 dlvrd:001 submit date: done date: stat:DELIVRD err:000 text:",
		"stat:DELIVRD",
	}
	w.send(len(texts), "hello")
	w.results(len(texts))
	for i, s := range c.received() {
		c.deliver(c.bound()[0], s.to, 4, 0, []byte("id:"+s.id+" "+texts[i]))
	}
	for _, r := range w.receipts(len(texts)) {
		if !r.Correlated || r.State != "DELIVERED" || !r.Final || !r.SubmittedAt.IsZero() || !r.DoneAt.IsZero() {
			t.Errorf("%+v", r)
		}
	}
	w.connector.terminate()
}

// node-smpp #68 "deliver_sm getting wrong encoded message content for ucs-2 SMS" and go-smpp #14 "short_message in
// DeliverSM scrambles when data_coding is 0x08": a receipt in ASCII takes over the data_coding of the message that it is of.
// A message of odd length cannot be UCS-2 and is read as what it is; of even length it is what it says it is.
func TestDataCoding8WithASCIIInside(t *testing.T) {
	t.Parallel()
	c := newCarrier(t)
	w := meet(t, c)
	w.send(2, "Привет")
	w.results(2)
	l := c.awaitBinds(1)[0]
	for i, s := range c.received() {
		text := "id:" + s.id + " sub:001 dlvrd:001 submit date:1706091636 done date:1706091636 stat:DELIVRD err:000 text:"
		c.deliver(l, s.to, 4, 8, []byte(text+"     "[:(len(text)+i)%2])) // of even and of odd length
	}
	for _, r := range w.receipts(2) {
		if !r.Correlated || r.State != "DELIVERED" || r.Stat != "DELIVRD" {
			t.Errorf("%+v", r)
		}
	}
	c.deliver(l, "491760000001", 0, 8, []byte("STOP!"))
	c.deliver(l, "491760000001", 0, 8, []byte{0x04, 0x14, 0x04, 0x30})
	var texts []string
	for _, m := range w.inbound(2) {
		texts = append(texts, m.Text)
	}
	if len(texts) != 2 || texts[0] != "STOP!" || texts[1] != "Да" {
		t.Errorf("read as %q", texts)
	}
	w.connector.terminate()
}
