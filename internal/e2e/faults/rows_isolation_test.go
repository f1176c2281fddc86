package faults

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linxGnu/gosmpp/data"

	"github.com/smpp-connector/smpp-connector/internal/e2e/smppproxy"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

// TestWhatIsBrokenDelaysOnlyItself. What is measured goes into the table. What is asserted leaves room: a machine that is busy with other tests
// serves nobody evenly, and its hiccups are not the connector's.
func TestWhatIsBrokenDelaysOnlyItself(t *testing.T) {
	const rate = 600 // a second, a third of it for each SMSC
	three := func(name, breaks string, begin, end func(p *smppproxy.Proxy), h hold) row {
		return row{
			name: name, breaks: breaks,
			records: 30 * rate, rate: rate, smscs: 3, smppVia: proxied,
			env:   []string{"SMSC_0_ROUTES=49170", "SMSC_1_ROUTES=49171", "SMSC_2_ROUTES=49172", "SMSC_0_RESPONSE_TIMEOUT=3s", "SMSC_0_BIND_TIMEOUT=3s"},
			value: thirds,
			play: func(w *world) {
				w.share(0.15)
				before := time.Now()
				w.pass(6 * time.Second)
				broken := time.Now()
				begin(w.proxy(0))
				w.pass(12 * time.Second)
				end(w.proxy(0))
				w.marks = []time.Time{before, broken, time.Now()}
			},
			hold: h,
		}
	}
	disturbed := func(w *world, b *books) {
		for _, name := range []string{"smsc1", "smsc2"} {
			before, during := b.between(name, w.marks[0], w.marks[1]), b.between(name, w.marks[1], w.marks[2])
			w.note("%s: %s before, %s during", name, before, during)
			// What came before may have been a backlog, on a machine that was busy: no more can be asked for than is produced.
			if during.rate < min(before.rate, rate/3)*0.7 {
				w.t.Errorf("%s gave %.0f results a second before and %.0f while another SMSC was broken", name, before.rate, during.rate)
			}
		}
		if n := b.between("smsc0", w.marks[1].Add(5*time.Second), w.marks[2]).n; n > 0 {
			w.t.Errorf("the broken SMSC gave %d results: it was not broken", n)
		}
	}
	run(t, []row{
		three("one of three SMSCs dead", "for 12 s it takes no connections; each has a third of 600 records a second",
			func(p *smppproxy.Proxy) { p.Deaf(true); p.Cut() }, func(p *smppproxy.Proxy) { p.Deaf(false) },
			hold{maxDoubt: window, check: disturbed}),
		three("one of three SMSCs stalled", "for 12 s nothing passes to or from it, though connections stand; RESPONSE_TIMEOUT=3s",
			func(p *smppproxy.Proxy) { p.Stall(true) }, func(p *smppproxy.Proxy) { p.Stall(false) },
			hold{maxDoubt: 2 * window, late: 2 * window, check: disturbed}),
		{
			name:    "one slow answer in a thousand",
			breaks:  "2 s late, in the second half of a backlog that is sent with TPS=1000",
			records: 16000, smppVia: proxied, env: []string{"SMSC_0_TPS=1000"}, value: plain,
			play: func(w *world) {
				at := func(share float64) time.Time { w.share(share); return time.Now() }
				w.marks = []time.Time{at(0.1), at(0.45)}
				w.proxy(0).Break(smppproxy.Rule{Command: smppproxy.SubmitSMResp, Share: 0.001, Do: smppproxy.Late, Delay: 2 * time.Second})
				w.marks = append(w.marks, at(0.5), at(0.85))
				w.proxy(0).Break()
			},
			hold: hold{noDoubt: true, check: func(w *world, b *books) {
				before, during := b.between("smsc0", w.marks[0], w.marks[1]), b.between("smsc0", w.marks[2], w.marks[3])
				w.note("%s before, %s during, %d answers late", before, during, w.proxy(0).Played(smppproxy.Late))
				if w.proxy(0).Played(smppproxy.Late) == 0 {
					w.t.Error("no answer was late")
				}
				if during.rate < before.rate*0.75 {
					w.t.Errorf("%.0f results a second before and %.0f with slow answers among the others", before.rate, during.rate)
				}
				if during.p50 > time.Second {
					w.t.Errorf("half of all results became visible later than %s after their answer: they waited for the slow ones", during.p50)
				}
			}},
		}, {
			name:    "records that the SMSC refuses for now, for ever",
			breaks:  "1 in 100 gets ESME_RSYSERR each time; DELIVERY_RETRY_FOR=8s",
			records: 6000, rate: 400, env: []string{"DELIVERY_RETRY_FOR=8s"}, value: plain,
			smsc: smsc.Options{Behaviour: smsc.Behaviour{Rules: []smsc.Rule{{Suffix: "00", Status: uint32(data.ESME_RSYSERR)}}}},
			hold: hold{noDoubt: true, statuses: []string{"expired"}, check: func(w *world, b *books) {
				if n := b.statusCount("expired"); n != 6000/100 {
					w.t.Errorf("%d results are expired, %d should be", n, 6000/100)
				}
				all := b.between("smsc0", time.Time{}, time.Now())
				w.note("of the others half were visible %s after their answer, 99 in 100 after %s", round(all.p50), round(all.p99))
				if all.p50 > time.Second {
					w.t.Errorf("half of all results became visible later than %s after their answer", all.p50)
				}
			}},
		}, storm(),
	})
}

// storm: what an SMSC sends while Kafka is away is bounded in memory by what the source's producer may hold (20,000 messages or 64 MiB)
// and by the deliveries without an answer of each SMSC (10,000); all else is refused at once.
func storm() row {
	const messages, limit = 120_000, 400 << 20
	return row{
		name:    "an inbound storm with Kafka away",
		breaks:  "120,000 messages at 20,000 a second, and again every 4 s, while the broker is killed for 20 s",
		records: 60, rate: 10, inbound: messages,
		smsc: smsc.Options{DeliverWindow: 20_000, Behaviour: smsc.Behaviour{Retry: smsc.Retry{Delay: 4 * time.Second, Max: 1000}}},
		play: func(w *world) {
			w.bound(1)
			if runtime.GOOS != "linux" {
				w.t.Skip("left out: memory is read from /proc")
			}
			before := w.replica(0).memory("VmRSS")
			w.broker.Kill()
			sent, began := w.smscs[0].Stats().MOSent, time.Now()
			w.pass(20 * time.Second)
			perSecond := float64(w.smscs[0].Stats().MOSent-sent) / time.Since(began).Seconds()
			peak := w.replica(0).memory("VmHWM")
			w.broker.Restart()
			w.note("%.0f deliver_sm a second; memory %d MiB before, %d MiB at most", perSecond, before>>20, peak>>20)
			if peak > limit {
				w.t.Errorf("%d MiB of memory at most; %d MiB is the bound", peak>>20, limit>>20)
			}
		},
		hold: hold{noDoubt: true, check: toldToTryAgain},
	}
}

// memory reads a line of /proc/<pid>/status, in octets.
func (p *process) memory(line string) int {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for l := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB")))
			if err != nil {
				p.t.Fatal(err)
			}
			return n << 10
		}
	}
	p.t.Fatalf("no %s in /proc", line)
	return 0
}

// plain records are one part each.
func plain(i int) []byte {
	return fmt.Appendf(nil, `{"id":"m%d","to":"+%s","text":"message %d"}`, i, number(i), i)
}

// thirds go to three SMSCs in turn, by their prefix.
func thirds(i int) []byte {
	return fmt.Appendf(nil, `{"id":"m%d","to":"+4917%d%07d","text":"message %d"}`, i, i%3, i, i)
}

// pace is what the results of an SMSC were like in a time.
type pace struct {
	n        int
	rate     float64
	p50, p99 time.Duration // from the answer to the visible result
}

func (p pace) String() string {
	return fmt.Sprintf("%.0f/s, answer to result %s (p50), %s (p99)", p.rate, round(p.p50), round(p.p99))
}

func (b *books) between(name string, from, to time.Time) (p pace) {
	var waits []time.Duration
	for i := range b.results {
		r := &b.results[i]
		at := b.visible[placeOf(r.Source)]
		if r.SMSC == name && r.Status == "accepted" && at.After(from) && at.Before(to) {
			waits = append(waits, at.Sub(r.AnsweredAt))
		}
	}
	if p.n = len(waits); p.n == 0 {
		return p
	}
	slices.Sort(waits)
	p.rate = float64(p.n) / to.Sub(from).Seconds()
	p.p50, p.p99 = waits[p.n/2], waits[p.n*99/100]
	return p
}
