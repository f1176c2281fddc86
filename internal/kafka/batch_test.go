package kafka_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// Of either one transaction is several batches that are too large. More would only take longer: where the disk is slow, longer than the broker lets a transaction last.
const many, fewer = 1000, 600

// smallBatches is a topic out that takes batches of 100,000 bytes.
func smallBatches(t *testing.T, b *kafkatest.Broker) (s *bench, log *logged) {
	t.Helper()
	s, log = setup(t, b), &logged{}
	s.dialer.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	limit := "100000"
	if _, err := kadm.NewClient(kafkatest.Client(t, b)).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &limit}}, "out"); err != nil {
		t.Fatal(err)
	}
	return s, log
}

// logged is what was written to a log, by whichever goroutine.
type logged struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// random cannot be compressed.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func small(n int) []*kgo.Record {
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Topic: "out", Value: random(500)}
	}
	return rs
}

// until tries the same again, as the transactor's callers do, and says how often it was aborted. What took too long does not count: see again.
func until(t *testing.T, commit func() error) (tries int, err error) {
	t.Helper()
	for limit := time.Now().Add(patience); tries < 20 && time.Now().Before(limit); {
		began := time.Now()
		if err = commit(); !errors.Is(err, kafka.ErrAborted) {
			return tries, err
		}
		if !slow(began) || errors.Is(err, kerr.MessageTooLarge) {
			tries++
		}
	}
	t.Fatalf("still aborted after %d tries: %v", tries, err)
	return
}

func TestATopicThatTakesSmallBatchesGetsSmallBatches(t *testing.T) {
	t.Parallel()
	kafkatest.Each(t, func(t *testing.T, b *kafkatest.Broker) {
		s, log := smallBatches(t, b)
		_, tr, m := s.joined(t)
		at := int64(0)
		commit := func(records ...*kgo.Record) (int, error) {
			at++
			return until(t, func() error {
				return tr.Commit(t.Context(), m, &kafka.Commit{Records: records, Offsets: offsets(at, fmt.Sprintf("v1;n=%d", at))})
			})
		}
		if n, err := commit(small(many)...); err != nil || n == 0 || n > 7 {
			t.Fatalf("small records: %d tries more, %v", n, err)
		}
		for range 3 { // by the other id as well
			if n, err := commit(small(many)...); err != nil || n > 0 {
				t.Errorf("the limit was forgotten: %d tries more, %v", n, err)
			}
		}
		if got := log.String(); strings.Count(got, "max.message.bytes") != 1 || !strings.Contains(got, "topic=out") {
			t.Errorf("told: %s", got)
		}
		if got := len(kafkatest.ReadAll(t, b, "out")); got != 4*many {
			t.Errorf("%d records are visible, want each once", got)
		}
		if n, err := commit(append(small(fewer), &kgo.Record{Topic: "out", Value: random(200_000)})...); !errors.Is(err, kafka.ErrTooLarge) || n > 7 {
			t.Errorf("a record that is larger than the topic takes: %d tries more, %v", n, err)
		}
		if n, err := commit(append(small(fewer), &kgo.Record{Topic: "out", Value: random(1_500_000)})...); !errors.Is(err, kafka.ErrTooLarge) || n > 7 {
			t.Errorf("a record that is larger than any batch: %d tries more, %v", n, err)
		}
		if n, err := commit(small(many)...); err != nil || n > 7 {
			t.Errorf("without it: %d tries more, %v", n, err)
		}
		// Larger than the batches that were arrived at, and not than the topic takes.
		if n, err := commit(append(small(fewer), &kgo.Record{Topic: "out", Value: random(90_000)})...); err != nil || n > 7 {
			t.Errorf("a record that just fits: %d tries more, %v", n, err)
		}
		if got := len(kafkatest.ReadAll(t, b, "out")); got != 5*many+fewer+1 {
			t.Errorf("%d records are visible, want each once", got)
		}
	})
}

func TestARecordThatIsTooLargeForAFullBatchIsSaidToBeAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t, kafkatest.Kfake(t))
	_, tr, m := s.joined(t)
	n, err := until(t, func() error {
		return tr.Commit(t.Context(), m, &kafka.Commit{Records: []*kgo.Record{{Topic: "out", Value: random(1 << 20)}}, Offsets: offsets(1, "v1;n=1")})
	})
	if !errors.Is(err, kafka.ErrTooLarge) || n > 0 {
		t.Errorf("%d tries more, %v", n, err)
	}
}

// The large one shrinks by compression to what the topic takes, and batches of the others as large as it do not. What the one part of
// the transaction needs must not undo what the other needs, try after try.
func TestALargeRecordBegunWithAndSmallOnesAfterItComeToAnEnd(t *testing.T) {
	t.Parallel()
	s, _ := smallBatches(t, kafkatest.Kfake(t))
	_, tr, m := s.joined(t)
	large, rest := []*kgo.Record{{Topic: "out", Value: make([]byte, 300_000)}}, small(many)
	n, err := until(t, func() error {
		if err := tr.Begin(t.Context(), large); err != nil {
			return err
		}
		return tr.Commit(t.Context(), m, &kafka.Commit{Records: rest, Offsets: offsets(1, "v1;n=1")})
	})
	if !errors.Is(err, kafka.ErrTooLarge) || n > 7 {
		t.Errorf("%d tries more, %v", n, err)
	}
}

// A topic has its own limit: the records of another may be larger than that.
func TestALimitIsOfItsTopicAlone(t *testing.T) {
	t.Parallel()
	b := kafkatest.Kfake(t)
	s, _ := smallBatches(t, b)
	kafkatest.CreateTopics(t, b, 1, "other")
	_, tr, m := s.joined(t)
	n, err := until(t, func() error {
		return tr.Commit(t.Context(), m, &kafka.Commit{Records: append(small(many), &kgo.Record{Topic: "other", Value: random(900_000)}), Offsets: offsets(1, "v1;n=1")})
	})
	if err != nil || n > 7 {
		t.Errorf("%d tries more, %v", n, err)
	}
}
