package sink_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestSmallResultsAreWrittenToATopicThatTakesSmallBatches has results of less than a kilobyte, and many of them in a transaction. A batch of
// them that the topic does not take must not be taken for a result that is too large, and cost one message after the other its metadata.
func TestSmallResultsAreWrittenToATopicThatTakesSmallBatches(t *testing.T) {
	t.Parallel()
	x := setup(t, kafkatest.Kfake(t), smsc.Options{}, "DELIVERY_COMMIT_INTERVAL=2s", "SMSC_0_WINDOW=4000")
	limit := "131072"
	if _, err := kadm.NewClient(kafkatest.Client(t, x.b)).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &limit}}, "sms.results"); err != nil {
		t.Fatal(err)
	}
	const n = 6000
	vs := make([]string, n)
	for i := range vs {
		hard := "" // to compress
		for range 8 {
			hard += fmt.Sprintf("%016x", rand.Uint64())
		}
		vs[i] = fmt.Sprintf(`{"id":"m%d","to":"+4917%08d","text":"hello %d","metadata":{"n":"%s"}}`, i, i, i, hard)
	}
	x.produce(vs...)
	r := x.start()
	got := x.results(n)
	x.once(n, got)
	stripped := 0
	for _, rs := range got {
		if len(rs) > 0 && len(rs[0].Metadata) == 0 {
			stripped++
		}
	}
	if stripped > 0 {
		t.Errorf("%d results have lost their metadata", stripped)
	}
	r.stop(patience)
	x.settled(n)
}
