package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// short is message i of a batch, to a number of its own.
func short(batch string, series, i int) []byte {
	return fmt.Appendf(nil, `{"id":"%s-%d","to":"+%s","text":"%s %d"}`, batch, i, shortNumber(series, i), batch, i)
}

func shortNumber(series, i int) string { return fmt.Sprintf("4917%d%07d", series, i) }

// send produces n messages of a batch and returns when the broker has them.
func (w *world) send(batch string, series, n int) {
	w.t.Helper()
	// A client of its own: one that knows a topic never produces to another of the same name.
	cl := kafkatest.Client(w.t, w.broker, kgo.DefaultProduceTopic("sms.outbound"))
	defer cl.Close()
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Key: fmt.Appendf(nil, "k%d", i), Value: short(batch, series, i)}
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := cl.ProduceSync(ctx, rs...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) arrived() int {
	w.seen.mu.Lock()
	defer w.seen.mu.Unlock()
	return len(w.seen.arrivals)
}

// recreate deletes the input topic and makes it anew, after a while without it.
func (w *world) recreate(without time.Duration) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	adm := kadm.NewClient(w.client)
	id := func() kadm.TopicID {
		details, err := adm.ListTopics(ctx, "sms.outbound")
		if err != nil {
			w.t.Fatal(err)
		}
		return details["sms.outbound"].ID
	}
	old := id()
	if _, err := adm.DeleteTopic(ctx, "sms.outbound"); err != nil {
		w.t.Fatal(err)
	}
	w.until("deletion of the topic", patience, func() bool { return id() != old })
	w.pass(without)
	w.until("new topic", patience, func() bool {
		_, err := adm.CreateTopic(ctx, partitions, 1, nil, "sms.outbound")
		return err == nil
	})
}

// submitted is how many submits to numbers of a series the SMSCs have accepted.
func (w *world) submitted(series int) (n int) {
	for _, s := range w.smscs {
		for _, e := range s.Submits() {
			if e.MessageID != "" && strings.HasPrefix(sms.NormalNumber(e.To), fmt.Sprintf("4917%d", series)) {
				n++
			}
		}
	}
	return n
}

// eachOnce audits batches of which every record must have its one result and be sent once.
func eachOnce(w *world, b *books, v *verdict, batch string, series, n, times int) {
	w.t.Helper()
	submits := map[string]int{}
	for _, s := range b.submits {
		if s.MessageID != "" {
			submits[sms.NormalNumber(s.To)]++
		}
	}
	results := map[string][]result{}
	for _, r := range b.results {
		results[r.ID] = append(results[r.ID], r)
	}
	for i := range n {
		rs, sent := results[fmt.Sprintf("%s-%d", batch, i)], submits[shortNumber(series, i)]
		v.records++
		switch {
		case len(rs) < times:
			v.lost += times - len(rs)
			v.fault("%s-%d has %d results, want %d", batch, i, len(rs), times)
			continue
		case len(rs) > times:
			v.doubled += len(rs) - times
			v.fault("%s-%d has %d results, want %d: %s", batch, i, len(rs), times, inShort(rs))
		}
		doubt := 0
		for _, r := range rs {
			if r.Status != "accepted" {
				v.fault("%s-%d: %s", batch, i, inShort(rs))
			}
			if r.PossibleDuplicate {
				doubt++
			}
		}
		v.doubt += doubt
		switch {
		case sent < times:
			v.lost += times - sent
			v.fault("%s-%d was sent %d times, want %d", batch, i, sent, times)
		case sent > times && doubt == 0:
			v.silent += sent - times
			v.fault("%s-%d was sent %d times, want %d", batch, i, sent, times)
		}
	}
	if v.doubt > 0 {
		v.fault("%d results are in doubt, and none should be", v.doubt)
	}
}

func TestTheInputTopicDeletedAndCreatedAgain(t *testing.T) {
	const old, more = 3000, 600
	// The new topic has fewer records than the old one had done, so that all of its offsets lie below the old C.
	again := func(without time.Duration) row {
		return row{
			// Slow enough that the old topic is not through when it is deleted.
			env: []string{"SMSC_0_TPS=300"},
			play: func(w *world) {
				w.send("old", 1, old)
				w.until("third of the old topic's results", patience, func() bool { return w.arrived() >= old/3 })
				w.recreate(without)
				w.faultOver()
				w.send("new", 2, more)
				w.until("sending of the new topic's records", patience, func() bool { return w.submitted(2) >= more })
				w.settled()
			},
			hold: hold{audit: func(w *world, b *books) *verdict {
				v := new(verdict)
				eachOnce(w, b, v, "new", 2, more, 1)
				sent, told := map[string]int{}, map[string]int{}
				for _, s := range b.submits {
					sent[sms.NormalNumber(s.To)]++
				}
				for _, r := range b.results {
					told[sms.NormalNumber(r.To)]++
				}
				inTime, withResult := 0, 0
				for i := range old {
					to := shortNumber(1, i)
					if sent[to] > 1 || told[to] > 1 {
						v.fault("old-%d was sent %d times and has %d results", i, sent[to], told[to])
					}
					inTime += sent[to]
					withResult += told[to]
				}
				w.note("%d of the old topic's records were sent, %d have results", inTime, withResult)
				return v
			}},
		}
	}
	at, later := again(0), again(15*time.Second)
	at.name, at.breaks, at.ci = "the input topic deleted and created again", "the topic is deleted at a third of its records, and created again at once, with fewer records than had been done", true
	later.name, later.breaks = "the input topic gone for 15 s", "the topic is deleted at a third of its records, and created again after 15 s"
	pattern := again(time.Second)
	pattern.name, pattern.breaks = "the input topic of a pattern deleted and created again", "two replicas that read by SINK_TOPICS_REGEX; the topic is deleted at a third of its records, and created again a second later"
	pattern.env, pattern.replicas = []string{"SMSC_0_TPS=300", "SINK_TOPICS=", "SINK_TOPICS_REGEX=^sms\\.out.*"}, 2
	run(t, []row{at, later, pattern})
}

func TestTheInputTopicCreatedAgainWhileNobodyRuns(t *testing.T) {
	const old, more = 900, 300
	run(t, []row{{
		name:   "the input topic created again while nobody runs",
		breaks: "the topic is deleted and created again while no replica runs, and the old topic's offsets are committed for the new one, as by a late commit",
		play: func(w *world) {
			w.send("old", 1, old)
			w.until("the old topic's results", patience, func() bool { return w.arrived() >= old && w.unsettled() == "" })
			if code := w.replica(0).terminate(); code != 0 {
				w.t.Errorf("exit code %d", code)
			}
			adm := kadm.NewClient(w.client)
			before, err := adm.FetchOffsets(w.t.Context(), sinkGroup)
			if err != nil {
				w.t.Fatal(err)
			}
			w.recreate(0)
			w.until("commit of the old offsets for the new topic", patience, func() bool {
				return adm.CommitAllOffsets(w.t.Context(), sinkGroup, before.Offsets()) == nil
			})
			w.send("new", 2, more)
			w.replica(0).start()
			w.until("results of the new topic", patience, func() bool { return w.arrived() >= old+more })
		},
		hold: hold{audit: func(w *world, b *books) *verdict {
			v := new(verdict)
			eachOnce(w, b, v, "old", 1, old, 1)
			eachOnce(w, b, v, "new", 2, more, 1)
			return v
		}},
	}})
}

func TestOffsetsResetByAnOperator(t *testing.T) {
	const n = 900
	reset := func(to func(start, end int64) int64) func(w *world) {
		return func(w *world) {
			w.send("m", 1, n)
			w.until("all results", patience, func() bool { return w.arrived() >= n && w.unsettled() == "" })
			if code := w.replica(0).terminate(); code != 0 {
				w.t.Errorf("exit code %d", code)
			}
			// As kafka-consumer-groups --reset-offsets does: the offset, and no metadata.
			adm := kadm.NewClient(w.client)
			ends, err := adm.ListEndOffsets(w.t.Context(), "sms.outbound")
			if err != nil {
				w.t.Fatal(err)
			}
			offsets := kadm.Offsets{}
			ends.Each(func(o kadm.ListedOffset) { offsets.AddOffset(o.Topic, o.Partition, to(0, o.Offset), -1) })
			w.until("reset of the offsets", patience, func() bool { return adm.CommitAllOffsets(w.t.Context(), sinkGroup, offsets) == nil })
			w.faultOver()
			w.replica(0).start()
			w.replica(0).ready()
		}
	}
	run(t, []row{{
		name:   "offsets reset to the earliest",
		breaks: "an operator sets the stopped group's offsets back to the start: all is sent again, as asked, each with a second result",
		quick:  true,
		play: func(w *world) {
			reset(func(start, _ int64) int64 { return start })(w)
			w.until("all results again", patience, func() bool { return w.arrived() >= 2*n })
		},
		hold: hold{audit: func(w *world, b *books) *verdict {
			v := new(verdict)
			eachOnce(w, b, v, "m", 1, n, 2)
			return v
		}},
	}, {
		name:   "offsets reset to the latest",
		breaks: "an operator sets the stopped group's offsets to the end of a topic with records waiting: those are skipped, as asked",
		play: func(w *world) {
			reset(func(_, end int64) int64 { return end })(w)
			w.send("later", 2, n)
			w.until("results of what came later", patience, func() bool { return w.arrived() >= 2*n })
		},
		hold: hold{audit: func(w *world, b *books) *verdict {
			v := new(verdict)
			eachOnce(w, b, v, "m", 1, n, 1)
			eachOnce(w, b, v, "later", 2, n, 1)
			return v
		}},
	}})
}
