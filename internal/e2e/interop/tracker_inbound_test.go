package interop

import (
	"slices"
	"testing"
)

// Failures that the trackers of SMPP stacks are full of, a test each, on the way back: messages from subscribers.

// node-smpp #72 "How to recombined Multi Part Messages at the receiving end???"; Jasmin #834 "DLRMapNotFound: Got a DLR for
// an unknown message id" (1-3-2); Cloudhopper #11 "Question : SMPP message concatenation across multiple binds".
func TestPartsOutOfOrder(t *testing.T) {
	t.Parallel()
	c := newCarrier(t)
	w := meet(t, c, "SMSC_0_BINDS=2")
	links := c.awaitBinds(2)
	texts := map[string][]string{ // of two subscribers whose phones count alike
		"491760000001": {"One, two, ", "three, four, ", "five."},
		"491760000002": {"Eins, zwei, ", "drei, vier, ", "fünf."},
	}
	part := func(from string, n int) {
		text := []byte(texts[from][n-1])
		for i, b := range texts[from][n-1] { // ü is 0x7E in the GSM alphabet
			if b == 'ü' {
				text = slices.Concat(text[:i], []byte{0x7e}, text[i+2:])
			}
		}
		c.deliver(links[n%2], from, 0x40, 0, append([]byte{5, 0, 3, 7, 3, byte(n)}, text...))
	}
	for _, n := range []int{3, 1, 1, 2} { // and one doubled
		part("491760000001", n)
		part("491760000002", 4-n)
	}
	part("491760000002", 2) // the last that is missing there
	for _, m := range w.inbound(2) {
		if want := texts[m.From]; !m.Complete || m.Parts != 3 || want == nil || m.Text != want[0]+want[1]+want[2] {
			t.Errorf("%+v, want %q", m, want)
		}
	}
	w.connector.terminate()
}

// node-smpp #139 "udh is in weird format": the advice is to look at the first element. jSMPP #64 "How to collate multipart
// SMS received from client": the first message can contain other elements.
func TestConcatenationElementThatIsNotTheFirst(t *testing.T) {
	t.Parallel()
	c := newCarrier(t)
	w := meet(t, c)
	l := c.awaitBinds(1)[0]
	const ports, unknown = "\x05\x04\x0b\x84\x23\xf0", "\x70\x02ab"
	payload := func(b []byte) []byte { return append([]byte{0x04, 0x24, 0, byte(len(b))}, b...) }
	for _, n := range []byte{2, 1} {
		// 8-bit reference behind application ports, in the first part alone.
		header := []byte{5, 0, 3, 9, 2, n}
		if n == 1 {
			header = append([]byte("\x0b"+ports), 0, 3, 9, 2, n)
		}
		c.deliver(l, "491760000001", 0x40, 0, append(header, "ab"[n-1]))
		// 16-bit reference behind an element that nobody knows.
		c.deliver(l, "491760000002", 0x40, 0, append(append([]byte("\x0a"+unknown), 8, 4, 1, 9, 2, n), "cd"[n-1]))
		// The same in message_payload.
		c.deliver(l, "491760000003", 0x40, 0, nil, payload(append(append([]byte("\x0f"+ports+unknown), 0, 3, 9, 2, n), "ef"[n-1]))...)
	}
	want := map[string]string{"491760000001": "ab", "491760000002": "cd", "491760000003": "ef"}
	for _, m := range w.inbound(3) {
		if !m.Complete || m.Parts != 2 || m.Text != want[m.From] {
			t.Errorf("%+v, want %q", m, want[m.From])
		}
	}
	w.connector.terminate()
}
