package plan

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func someLoad(t *rapid.T) Load {
	return Load{
		Rate: math.Exp(rapid.Float64Range(0, math.Log(1e6)).Draw(t, "rate")), RTT: time.Duration(rapid.IntRange(1, 10_000).Draw(t, "rtt")) * time.Millisecond,
		Parts: rapid.Float64Range(1, 10).Draw(t, "parts"), Receipts: rapid.Float64Range(0, 2).Draw(t, "receipts"),
		Wait: time.Duration(rapid.IntRange(1, 10_000).Draw(t, "wait")) * time.Minute, Window: rapid.IntRange(1, 4096).Draw(t, "window"),
		BindTPS: rapid.OneOf(rapid.Just(0.), rapid.Float64Range(0.1, 1000)).Draw(t, "bind-tps"), Cores: rapid.Float64Range(0.1, 16).Draw(t, "cores"), Replicas: rapid.IntRange(1, 10).Draw(t, "replicas"),
	}
}

// What a plan says must carry the load that it was made for.
func TestAPlanCarriesItsLoad(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := someLoad(t)
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
		p := Make(l)
		binds := float64(p.ReplicaCount * p.BindsEach)
		if carried := binds * float64(p.WindowEach) / l.RTT.Seconds(); carried < p.PDUs {
			t.Fatalf("%v binds of window %d carry %.1f of %.1f submits a second", binds, p.WindowEach, carried, p.PDUs)
		}
		if l.BindTPS > 0 && binds*l.BindTPS < p.PDUs*(1-1e-6) {
			t.Fatalf("%v binds of %v a second carry less than %v", binds, l.BindTPS, p.PDUs)
		}
		if p.WindowEach < 1 || p.WindowEach > l.Window {
			t.Fatalf("a window of %d where the carrier takes %d", p.WindowEach, l.Window)
		}
		if p.Partitions%p.ReplicaCount != 0 || p.Partitions < p.ReplicaCount {
			t.Fatalf("%d partitions for %d replicas", p.Partitions, p.ReplicaCount)
		}
		if each := p.Rate / float64(p.Partitions) * slowest.Seconds(); each > ledgerSpan*(1+1e-6) {
			t.Fatalf("a partition's ledger would span %.0f offsets", each)
		}
		if p.CPU > float64(p.ReplicaCount)*l.Cores*planned*(1+1e-6) {
			t.Fatalf("%d replicas of %v cores for %v cores of work", p.ReplicaCount, l.Cores, p.CPU)
		}
		for _, f := range p.Figures {
			if f.Value == "" || f.Why == "" || strings.Contains(f.Why, "%!") || strings.Contains(f.Value+f.Why, "NaN") {
				t.Fatalf("%+v", f)
			}
		}
	})
}

func TestMoreLoadNeverTakesLess(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := someLoad(t)
		more := l
		more.Rate *= rapid.Float64Range(1, 10).Draw(t, "more")
		a, b := Make(l), Make(more)
		if b.ReplicaCount < a.ReplicaCount || b.Partitions < a.Partitions || b.Brokers < a.Brokers || b.ReplicaCount*b.BindsEach < a.ReplicaCount*a.BindsEach && b.WindowEach <= a.WindowEach {
			t.Fatalf("%+v\n%+v", a, b)
		}
	})
}

func TestAllThatIsWrongWithALoadIsToldAtOnce(t *testing.T) {
	t.Parallel()
	l := Load{Rate: math.NaN(), RTT: time.Minute, Parts: 0.5, Receipts: -1, Wait: time.Second, Window: 5000, BindTPS: -1, Binds: -1, Cores: 0, Replicas: 0}
	err := l.Check()
	for _, flag := range []string{"--rate NaN", "--rtt 1m0s", "--parts 0.5", "--receipts -1", "--receipt-wait 1s", "--window 5000", "--bind-tps -1", "--binds -1", "--cores 0", "--replicas 0"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("%q is not in %v", flag, err)
		}
	}
	l = Default()
	if err := l.Check(); err != nil {
		t.Errorf("the default: %v", err)
	}
}

func TestTooFewBindsAndTooLongAWaitAreWarnedOf(t *testing.T) {
	t.Parallel()
	l := Default()
	l.Rate, l.Binds = 10_000, 2
	p := Make(l)
	if len(p.Warnings) != 2 || !strings.Contains(p.Warnings[0], "gives 2 binds") || !strings.Contains(p.Warnings[1], "SOURCE_RECEIPT_WAIT=72h") {
		t.Fatalf("warnings: %q", p.Warnings)
	}
}
