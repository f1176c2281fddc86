package source

import (
	"context"
	"crypto/rand"
	"encoding/base64"
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

// What is refused is sent again at once, as by an SMSC with a window of 5000.
func TestADeliverTopicThatTakesSmallBatchesGetsSmallBatches(t *testing.T) {
	b := kafkatest.Kfake(t)
	kafkatest.CreateTopics(t, b, 1, "smpp.deliver")
	limit := "65536"
	if _, err := kadm.NewClient(kafkatest.Client(t, b)).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &limit}}, "smpp.deliver"); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	cfg := &config.Config{Name: "smpp"}
	s := New(Options{Config: cfg, Dialer: &kafka.Dialer{Config: config.Kafka{Brokers: b.Addrs}, Log: slog.New(slog.DiscardHandler)}, Partitions: 1, Log: slog.New(slog.DiscardHandler), Reg: reg})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Stop(context.Background())
	total := func() (ok, refused int) {
		ok = int(testutil.ToFloat64(s.received.WithLabelValues("acme", "message")))
		refused = int(testutil.ToFloat64(s.refused.WithLabelValues("acme", "kafka")))
		return
	}
	left, gone := 5000, 0 // what the SMSC holds; it has a window of 5000, and sends again at once what was refused
	for round := 1; round <= 10 && left > 0; round++ {
		ok0, refused0 := total()
		for i := range left {
			text := make([]byte, 100)
			_, _ = rand.Read(text)
			sm := wire.SM{ShortMessage: []byte(base64.StdEncoding.EncodeToString(text)), Source: wire.Address{Addr: fmt.Appendf(nil, "4917%07d", i)}, Dest: wire.Address{Addr: []byte("32323")}}
			pdu, err := sm.AppendDeliver(nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			s.Delivered(&smpp.Delivery{Account: "acme", CommandID: wire.DeliverSM, Body: pdu[wire.HeaderLen:], ReceivedAt: time.Now()})
		}
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
			ok, refused := total()
			if ok+refused-ok0-refused0 == left {
				t.Logf("round %d: %d sent, %d taken, %d refused", round, left, ok-ok0, refused-refused0)
				left, gone = refused-refused0, gone+ok-ok0
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("no answers")
			}
		}
	}
	if got := len(kafkatest.ReadAll(t, b, "smpp.deliver")); got < gone {
		t.Errorf("%d are acknowledged, and %d in Kafka", gone, got)
	}
	if left > 0 {
		t.Errorf("after 10 rounds %d of 5000 messages of 200 bytes are still refused by a topic that takes batches of 64 KiB", left)
	}
}
