package source

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// patience is how long anything may take that is waited for: the machine may be busy with other things.
const patience = 3 * time.Minute

// TestATopicThatIsMadeAnewIsTakenUp: deliver_sm are refused while it is away, and acknowledged again, being in the new one, without a restart.
func TestATopicThatIsMadeAnewIsTakenUp(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		kafkatest.CreateTopics(t, b, 2, "smpp.deliver")
		log := slog.New(slog.DiscardHandler)
		s := New(Options{Config: &config.Config{Name: "smpp"}, Dialer: &kafka.Dialer{Config: config.Kafka{Brokers: b.Addrs}, Log: log}, Partitions: 2, Log: log,
			Reg: prometheus.NewRegistry(), Durable: 10 * time.Second})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Stop(context.Background()) })
		taken := func() int { return int(testutil.ToFloat64(s.received.WithLabelValues("acme", "message"))) }
		refused := func() int { return int(testutil.ToFloat64(s.refused.WithLabelValues("acme", "kafka"))) }
		sent := 0
		deliver := func() (ok bool) {
			t.Helper()
			sm := wire.SM{ShortMessage: []byte("hello"), Source: wire.Address{Addr: fmt.Appendf(nil, "4917%07d", sent)}, Dest: wire.Address{Addr: []byte("32323")}}
			pdu, err := sm.AppendDeliver(nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			before := taken()
			sent++
			s.Delivered(&smpp.Delivery{Account: "acme", CommandID: wire.DeliverSM, Body: pdu[wire.HeaderLen:], ReceivedAt: time.Now()})
			for limit := time.Now().Add(patience); taken()+refused() < sent; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(limit) {
					t.Fatal("a deliver_sm gets no answer")
				}
			}
			return taken() > before
		}
		several := func() bool {
			for range 4 {
				if !deliver() {
					return false
				}
			}
			return true
		}
		if !several() {
			t.Fatal("refused before anything had happened")
		}
		adm := kadm.NewClient(kafkatest.Client(t, b))
		if _, err := adm.DeleteTopics(t.Context(), "smpp.deliver"); err != nil {
			t.Fatal(err)
		}
		for range 1000 { // the broker is a moment behind
			if !deliver() {
				break
			}
		}
		former := taken()
		kafkatest.CreateTopics(t, b, 2, "smpp.deliver")
		for limit := time.Now().Add(patience); !several(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatal("the topic that was made anew is not taken up")
			}
		}
		if got := len(kafkatest.ReadAll(t, b, "smpp.deliver")); got < taken()-former {
			t.Errorf("%d records of %d that were acknowledged", got, taken()-former)
		}
	})
}
