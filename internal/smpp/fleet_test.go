package smpp

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A hundred replicas share one account's pace: they come in two waves, a tenth of them die and nobody has their partitions for a session's
// time, and each is stopped and started again in turn. Nobody talks to anybody.
func TestAHundredReplicasShareOnePace(t *testing.T) {
	t.Parallel()
	const (
		replicas, partitions = 100, 600
		tps                  = 5000.
		late                 = 5 * time.Millisecond
	)
	rng := rand.New(rand.NewPCG(1, 2))
	begun := time.Unix(1000, 0)
	now := begun
	rs := make([]runner, replicas)
	for i := range rs {
		rs[i] = runner{pace: newPace(tps), next: now}
		rs[i].setShare(0, now)
	}
	var sent []time.Time
	pass := func(d time.Duration) {
		for end := now.Add(d); now.Before(end); {
			now = now.Add(100 * time.Millisecond)
			for i := range rs {
				sent = rs[i].run(now, late, rng, sent)
			}
		}
	}
	// spread gives the partitions evenly to those that are up, through a gap in which what moves is nobody's.
	spread := func(up []int, gap time.Duration) {
		held := make([]int, replicas)
		for k, i := range up {
			held[i] = partitions / len(up)
			if k < partitions%len(up) {
				held[i]++
			}
		}
		for i := range rs {
			if share := float64(held[i]) / partitions; share < rs[i].target {
				rs[i].setShare(share, now)
			}
		}
		pass(gap)
		for i := range rs {
			rs[i].setShare(float64(held[i])/partitions, now)
		}
	}
	all := make([]int, replicas)
	for i := range all {
		all[i] = i
	}
	spread(all[:60], time.Second)
	pass(60 * time.Second)
	came := now
	spread(all, time.Second) // two fifths of the partitions move, and are nobody's for a second
	pass(90 * time.Second)
	for s := range 90 {
		from := came.Add(time.Duration(s) * time.Second)
		if n := rate(sent, from, from.Add(time.Second)); n < 0.9*tps {
			t.Errorf("%.0f in the second %d s after forty had come, of %v", n, s, tps)
		}
	}
	steady := now
	pass(10 * time.Second)
	if n := rate(sent, steady, now); n < 0.98*tps {
		t.Errorf("%.0f a second at rest, of %v", n, tps)
	}
	for i := range 10 {
		rs[i].setShare(0, now) // dead
	}
	died := now
	pass(10 * time.Second) // until their sessions end
	if n := rate(sent, died.Add(time.Second), now); n < 0.88*tps {
		t.Errorf("%.0f a second while a tenth is dead, of %v", n, tps)
	}
	spread(all[10:], time.Second)
	pass(90 * time.Second)
	if n := rate(sent, now.Add(-10*time.Second), now); n < 0.98*tps {
		t.Errorf("%.0f a second after the takeover, of %v", n, tps)
	}
	for i := 10; i < 30; i++ { // a rolling restart
		others := slices.Delete(slices.Clone(all[10:]), i-10, i-9)
		spread(others, time.Second)
		pass(time.Second)
		rs[i] = runner{pace: newPace(tps), next: now}
		spread(all[10:], time.Second)
		pass(time.Second)
	}
	slices.SortFunc(sent, time.Time.Compare)
	if n := busiestSecond(sent); float64(n) > 1.05*tps {
		t.Errorf("a second holds %d of %v", n, tps)
	}
}

func rate(sent []time.Time, from, to time.Time) float64 {
	n := 0
	for _, at := range sent {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return float64(n) / to.Sub(from).Seconds()
}
