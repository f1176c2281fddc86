package faults

import (
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
	"github.com/smpp-connector/smpp-connector/internal/smsc"
)

var (
	all   = flag.Bool("all", false, "run every row, not only the bounded selection")
	write = flag.Bool("write", false, "with -all: write the table of internal/PROMISES.md")
	group = flag.String("group", "classic", "protocol of the consumer groups, where a row does not say: classic, or consumer (KIP-848)")
)

// row is one scenario.
type row struct {
	name   string // "a broker killed and started again"
	breaks string // what is broken, when, how often; it goes into the table

	in []string // kinds of broker; nil: both
	// notKfake848 says why kfake cannot play the row by KIP-848.
	notKfake848 string
	ci          bool // part of the bounded selection, on both brokers
	// quick: part of the selection on kfake alone, for what the broker has little to do with.
	quick bool

	records  int // numbered outbound records that the driver produces ...
	rate     int // ... at this rate a second; 0: all at once, before the connector starts
	inbound  int // messages from subscribers, numbered, sent in turn by the SMSCs meanwhile
	replicas int // processes started at the beginning; 0 is 1, -1 is none
	smscs    int // simulators; 0 is 1
	smsc     smsc.Options
	env      []string // of each replica, after the defaults
	first    []string // environment of the first life of the first replica, such as a fault point
	protocol string   // of the consumer groups; empty: -group's
	begin    *release // that replicas are started with; nil: the present one
	settings []string // of Apache Kafka ("key=value"), over those of deploy/kafka

	// value makes the i-th outbound record where the driver's usual mix will not do.
	value func(i int) []byte
	// kafka returns the brokers as the connector sees them, through a proxy; nil: the broker's own addresses.
	kafka func(w *world) []string
	// smppVia returns an SMSC's address as the connector sees it; nil: its own.
	smppVia func(w *world, addr string) string
	// play breaks things while the flow goes; it returns when the last fault is over.
	play func(w *world)

	hold hold
}

// hold is what must hold beyond what always must: nothing lost, no doubled result, no silent double, no message from a
// subscriber lost or doubled, every receipt joined once, nothing left in doubt at the end, exit code 0.
type hold struct {
	noDoubt  bool // no result says possible_duplicate or in_doubt
	maxDoubt int  // no more results than this do; 0: not asked
	// statuses that results may have besides accepted, in_doubt, and invalid where the driver made it so.
	statuses []string
	// late is how many submits may reach an SMSC after their record's result was visible (contract §5.3: none, but for
	// a replica that was frozen).
	late int
	// mayExit allows replicas to end by themselves with an error, as one may that finds that it was replaced.
	mayExit bool
	// uncorrelated allows receipts to be published without their submission.
	uncorrelated bool
	// audit takes the auditor's place in a row that has no one record to a place of the input topic.
	audit func(w *world, b *books) *verdict
	// check looks at what else must hold; it may use w.note to say what it has measured.
	check func(w *world, b *books)
}

// run plays the rows, one after the other: most of a row is waiting, and what it measures is time.
func run(t *testing.T, rows []row) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out: -short")
	}
	for i := range rows {
		r := &rows[i]
		if !r.ci && !r.quick && !*all {
			continue
		}
		name := r.name
		if r.protocol == "consumer" {
			name += " by KIP-848"
		}
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{kafkatest.KindKfake, kafkatest.KindApache} {
				chosen := *all || r.ci || kind == kafkatest.KindKfake
				if chosen && (r.in == nil || slices.Contains(r.in, kind)) {
					t.Run(kind, func(t *testing.T) { r.run(t, kind) })
				}
			}
		})
	}
}

func (r *row) run(t *testing.T, kind string) {
	if r.notKfake848 != "" && kind == kafkatest.KindKfake && r.nextGen() {
		t.Skip(r.notKfake848)
	}
	if r.begin != nil {
		r.begin.built(t)
		present.built(t) // now, and not while the flow goes
	}
	began := time.Now()
	w := newWorld(t, r, kind)
	o := outcome{scenario: r.name, breaks: r.breaks, broker: kind, failed: true}
	if w.nextGen() {
		o.broker += ", KIP-848"
	}
	defer func() {
		o.notes = w.notes
		o.failed = o.failed || t.Failed()
		o.took = time.Since(began)
		report(t, o)
	}()
	w.begin()
	if r.play != nil {
		r.play(w)
	}
	if w.over.IsZero() {
		w.faultOver()
	}
	w.finish()
	b := w.read()
	var v *verdict
	if r.hold.audit != nil {
		v = r.hold.audit(w, b)
	} else {
		v = b.audit(&r.hold)
	}
	o.records, o.lost, o.doubled, o.silent, o.doubt = v.records, v.lost, v.doubled, v.silent, v.doubt
	o.first, o.last = w.recovery()
	for _, f := range v.faults {
		t.Error(f)
	}
	if v.more > 0 {
		t.Errorf("and %d faults more", v.more)
	}
	if r.hold.check != nil {
		r.hold.check(w, b)
	}
	o.failed = false
}
