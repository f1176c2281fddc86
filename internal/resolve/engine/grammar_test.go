package engine

import (
	"testing"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

func TestReceiptsAreReadByTheGrammarOfTheSMSCThatSentThem(t *testing.T) {
	t.Parallel()
	rows, err := sms.NewGrammar(sms.GrammarRules{Columns: []sms.Field{sms.FieldStat, sms.FieldID}, Separator: ',', States: map[string]sms.State{"00": sms.StateDelivered}})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, newStore(t), 1, nil)
	w.conf.Grammar = func(smsc string) *sms.Grammar {
		if smsc == "rows" {
			return rows
		}
		return nil
	}
	w.restart()
	row := &wire.SM{Source: wire.Address{Addr: []byte("4917")}, Dest: wire.Address{Addr: []byte("1")}, ESMClass: 4, ShortMessage: []byte("00,4F2A")}
	w.deliver("rows", row)
	w.deliver("other", row)
	w.run()
	w.pass(2 * w.conf.MatchWait) // nothing was sent: it is published alone
	if len(w.receipts) != 1 || w.receipts[0].Value.MessageID != "4F2A" || w.receipts[0].Value.State != "DELIVERED" || len(w.inbound) != 1 {
		t.Fatalf("receipts %+v, %d messages", w.receipts, len(w.inbound))
	}
}
