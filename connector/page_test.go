package main

import (
	"errors"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

func TestTheStatusPageShowsTheWholeWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smsc.Behaviour{})
	a := w.replica()
	var names []string
	for _, s := range a.status().Sections {
		names = append(names, s.Name)
		for _, row := range s.Rows {
			if len(row) != len(s.Columns) {
				t.Errorf("%s: a row of %d cells under %d columns", s.Name, len(row), len(s.Columns))
			}
		}
	}
	want := []string{"Connector", "In doubt and dead letters", "Flow", "SMSCs", "Binds", "Results by status", "Receipts by state", "Delivery", "Last errors", "Partitions", "Replicas"}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

func TestTroublesAreKeptInWordsAndBounded(t *testing.T) {
	t.Parallel()
	kept := &troubles{}
	log := slog.New(troubleLog{Handler: slog.NewTextHandler(io.Discard, nil), kept: kept}).With("smsc", "acme")
	log.Info("started")
	log.Error("the bind was refused", "error", errors.New("ESME_RBINDFAIL\n\x1b[31m"), "bind", 1)
	for i := range 3 * maxTroubles {
		log.Warn("again and again", "try", 1)
		if i < maxTroubles-2 {
			log.Warn("once " + strconv.Itoa(i))
		}
	}
	all := kept.newest()
	if len(all) != maxTroubles {
		t.Fatalf("%d are kept", len(all))
	}
	if all[0].times != 3*maxTroubles || all[0].text != "again and again (smsc acme, try 1)" {
		t.Errorf("%+v", all[0])
	}
	last := all[len(all)-1].text
	if !strings.HasPrefix(last, "the bind was refused: ESME_RBINDFAIL") || !strings.HasSuffix(last, "(smsc acme, bind 1)") || strings.ContainsAny(last, "\n\x1b") {
		t.Errorf("%q", last)
	}
	log.Warn(strings.Repeat("é", maxTroubleText))
	if got := kept.newest()[0].text; len(got) > maxTroubleText+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes, %q", len(got), got[len(got)-8:])
	}
}

func TestARateIsThatOfTheOldestSampleAndNeverNegative(t *testing.T) {
	t.Parallel()
	r, began := newRates(), time.Unix(0, 0)
	if got := r.of(began, []float64{7}); got[0] != 0 {
		t.Errorf("without a sample: %v", got)
	}
	for i, total := range []float64{0, 100, 300, 600} {
		r.samples = append(r.samples, sample{began.Add(time.Duration(i) * 5 * time.Second), []float64{total}})
	}
	r.samples = r.samples[len(r.samples)-samplesKept:]
	if got := r.of(began.Add(20*time.Second), []float64{850}); got[0] != 50 { // 750 in 15 s
		t.Errorf("%v", got)
	}
	if got := r.of(began.Add(20*time.Second), []float64{3}); got[0] != 0 {
		t.Errorf("after a restart of the part: %v", got)
	}
}

func TestTheTimeInWhichAShareWasDelivered(t *testing.T) {
	t.Parallel()
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: []float64{1, 2, 10}})
	for range 90 {
		h.Observe(.5)
	}
	for range 9 {
		h.Observe(1.5)
	}
	h.Observe(100)
	var m dto.Metric
	if err := h.Write(&m); err != nil {
		t.Fatal(err)
	}
	s := delivery([]*dto.Metric{&m})
	if got := s.Rows[0][1:]; !slices.Equal(got, []string{"100", "556 ms", "1 s", "2 s"}) {
		t.Errorf("%q", got)
	}
	if got := quantile(m.GetHistogram().GetBucket(), 100, .995); got != "over 10 s" {
		t.Error(got)
	}
	if p := s.Curve.Points; len(p) != 3 || p[0].Share != .9 || p[2].Share != .99 || p[2].Seconds != 10 {
		t.Errorf("%+v", p)
	}
	if s := delivery(nil); s.Curve != nil || len(s.Rows) != 0 {
		t.Errorf("of nothing: %+v", s)
	}
}

func TestPartitionsAndNumbersAreWrittenForPeople(t *testing.T) {
	t.Parallel()
	if got := runs([]int32{5, 2, 0, 1, 7, 8}); got != "0–2, 5, 7–8" {
		t.Error(got)
	}
	for f, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -1000: "-1,000"} {
		if got := grouped(f); got != want {
			t.Errorf("%v: %s", f, got)
		}
	}
}
