package record

import (
	"strconv"
	"strings"
	"testing"

	"github.com/linxGnu/gosmpp/data"
)

func TestStatusesAreNamedAsInTheSpecifications(t *testing.T) {
	t.Parallel()
	for status, want := range map[uint32]string{
		0: "ESME_ROK", 0x0b: "ESME_RINVDSTADR", 0x14: "ESME_RMSGQFUL", 0x58: "ESME_RTHROTTLED", 0xff: "ESME_RUNKNOWNERR", 0x104: "ESME_RINVDCS",
		0x112: "ESME_RINVBCASTCHANIND", 9: "0x00000009", 0xabc: "0x00000abc", 0xffffffff: "0xffffffff",
	} {
		if got := StatusName(status); got != want {
			t.Errorf("%#x: got %s, want %s", status, got, want)
		}
	}
	// An independent list of SMPP v3.4 agrees on every status that both have.
	agreed := 0
	for status, name := range statusNames {
		if theirs := data.CommandStatusType(status).String(); strings.HasPrefix(theirs, "ESME_") {
			agreed++
			if theirs != name {
				t.Errorf("%#x: %s, elsewhere %s", status, name, theirs)
			}
		}
	}
	if agreed < 40 {
		t.Errorf("only %d names could be compared", agreed)
	}
}

// Every replica and every later version must find the same partition.
func TestKeysStayInTheirPartitions(t *testing.T) {
	t.Parallel()
	if got := ReceiptKey("carrier-a", "4f1a"); got != "r\x00carrier-a\x004f1a" {
		t.Errorf("%q", got)
	}
	if got := SubscriberKey("491701234567", "12345"); got != "s\x00491701234567\x0012345" {
		t.Errorf("%q", got)
	}
	// XXH64 of "a" with seed 0 is published as d24ec4f1a98c6e5b.
	if got, want := PartitionOf("a", 1<<30), int32(0xd24ec4f1a98c6e5b%(1<<30)); got != want {
		t.Errorf("partition %d, want %d", got, want)
	}
	for _, n := range []int32{-1, 0, 1} {
		if got := PartitionOf("a", n); got != 0 {
			t.Errorf("of %d partitions: %d", n, got)
		}
	}
}

func TestKeysSpreadOverThePartitions(t *testing.T) {
	t.Parallel()
	var counts [6]int
	for i := range 60_000 {
		counts[PartitionOf(ReceiptKey("carrier-a", strconv.FormatInt(int64(i), 16)), 6)]++
	}
	for p, n := range counts {
		if n < 9_500 || n > 10_500 {
			t.Errorf("partition %d has %d of 60000 keys", p, n)
		}
	}
}
