package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// idler is a worker with nothing to do.
type idler struct{ failed chan struct{} }

func (w *idler) Stop(context.Context)        {}
func (w *idler) Failed() <-chan struct{}     { return w.failed }
func (w *idler) Err() error                  { return nil }
func (w *idler) Member() string              { return "m" }
func (w *idler) pause(context.Context, bool) {}

// alone is a part without the rest of the connector; begin is told how often it was called.
func alone(t *testing.T, begin func(n int) error) *part {
	t.Helper()
	a := &app{cfg: &config.Config{Name: "smpp", ShutdownTimeout: 5 * time.Second}, log: slog.New(slog.DiscardHandler), fatal: make(chan error, 1)}
	a.hurried, a.hurry = context.WithCancel(t.Context())
	n := 0
	p := newPart(a, "sink", func(context.Context, prometheus.Registerer, bool) (worker, error) {
		n++
		return &idler{make(chan struct{})}, begin(n)
	})
	if err := p.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAPartWhoseStartFailsIsTriedOnWhateverIsOrderedMeanwhile: the second of two restarts finds nothing that runs.
func TestAPartWhoseStartFailsIsTriedOnWhateverIsOrderedMeanwhile(t *testing.T) {
	t.Parallel()
	p := alone(t, func(n int) error {
		if n == 2 { // the first after the restart
			return errors.New("the broker is away just now")
		}
		return nil
	})
	old := p.worker()
	p.orders <- kafka.Command{Restart: everyMember}
	p.orders <- kafka.Command{Restart: everyMember}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { p.run(ctx); close(done) }()
	eventually(t, "worker after two restarts and one start that failed", func() bool { w := p.worker(); return w != nil && w != old })
	cancel()
	<-done
}

func TestRestartsLeaveNothingOfTheFormerBehind(t *testing.T) {
	p := alone(t, func(int) error { return nil })
	before := runtime.NumGoroutine()
	for range 100 {
		p.obey(t.Context(), kafka.Command{Restart: everyMember})
	}
	eventually(t, "end of what watched the former workers", func() bool { return runtime.NumGoroutine() < before+20 })
}

// TestSIGTERMWhileADrainIsUnderWay waits for it: what the SMSC answers late is not in doubt because an operator had stopped the sink a moment before.
func TestSIGTERMWhileADrainIsUnderWay(t *testing.T) {
	t.Parallel()
	const n = 20
	w := newWorld(t, smsc.Behaviour{Latency: smsc.Constant(5 * time.Second)})
	address := freeAddress(t)
	env := w.environ("HTTP_ADDRESS="+address, "SHUTDOWN_TIMEOUT=2m", "SMSC_0_RESPONSE_TIMEOUT=2m")
	put := func(order string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+address+"/connectors/smpp-sink/"+order, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			t.Fatalf("%s: %s", order, resp.Status)
		}
	}
	first := startProcess(t, env, "run")
	first.await(`"msg":"bound"`)
	w.send("r", n, number("49"), nil)
	eventually(t, "all submits", func() bool { return len(w.smscs[0].Submits()) == n })
	put("stop")
	eventually(t, "order", func() bool { return strings.Contains(first.out.String(), `"state":"STOPPED"`) })
	first.signal(syscall.SIGTERM)
	if code := first.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	second := startProcess(t, env, "run")
	second.await(`"msg":"bound"`)
	put("resume")
	for id, r := range w.results(n) {
		if r.PossibleDuplicate || r.Status != "accepted" {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if sent := len(w.smscs[0].Submits()); sent != n {
		t.Errorf("%d submits for %d records", sent, n)
	}
}

// TestAStoppedSinkKeepsNoAnswers: an SMSC that is asked for overdue receipts answers while nobody takes what is for the sink.
func TestAStoppedSinkKeepsNoAnswers(t *testing.T) {
	w := newWorld(t, smsc.Behaviour{})
	a := w.replica(anyPort, "SMSC_0_QUERY_AFTER=1h")
	w.bound(a, "smsc0", 1)
	a.parts["sink"].obey(a.steered, kafka.Command{State: "STOPPED"})
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 400_000 {
		s := &smpp.Submit{Op: smpp.OpQuery, MessageID: make([]byte, 20), Owner: &question{q: a.events.queries}}
		a.events.Answered(a.accounts[0], []smpp.Answer{{Submit: s, Outcome: smpp.Responded, Late: true}})
	}
	if after := heap(); after > before+100<<20 {
		t.Errorf("%d MB are held of 400,000 answers that nobody takes", (after-before)>>20)
	}
}

func TestValidateReadsNoFiles(t *testing.T) {
	t.Parallel()
	s := &steering{app: &app{cfg: &config.Config{Name: "smpp"}}}
	for _, name := range []string{"kafka.tls.ca.file", "KAFKA_TLS_CA_FILE", "kafka.tls.ca_file", "connector.profiles.dir", "CONNECTOR_PROFILES_DIR"} {
		given := map[string]string{"kafka.brokers": "k:9092", "smsc.0.name": "a", "smsc.0.address": "b:1", "kafka.tls.enabled": "true", name: "/etc/hostname"}
		if wrong := s.Validate("sink", given); len(wrong) > 0 {
			t.Errorf("%s: %v", name, wrong)
		}
	}
}
