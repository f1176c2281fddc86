package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

var growthWaiting = flag.Int("growth.waiting", 5_000_000, "BenchmarkGrowth: records that wait where many do")

const (
	growthWindow = 1000 // of each bind, wherever there is one or 240 of them
	growthWarm   = 3    // what the first third of the messages costs is left out: memory is had from the kernel, pages of the topics are made
)

// moment is an arrival, and how many records had arrived with it.
type moment struct {
	arrival
	seen int
}

// at is the first moment at which so many records were visible.
func (f *follower) at(n int) (m moment) {
	for _, m.arrival = range f.arrivals {
		if m.seen += len(m.records); m.seen >= n {
			break
		}
	}
	return m
}

// growth is a size that the connector is run at. Cost is compared with the smallest of all.
type growth struct {
	name                               string
	partitions, replicas, smscs, binds int
	characters                         int
	waiting                            int // records that wait; 0: twice those that are measured
}

// smallest is the size with one field, or two, of another.
func smallest(name string, change func(*growth)) growth {
	g := growth{name: name, partitions: partitions, replicas: 1, smscs: 1, binds: 1, characters: 160}
	change(&g)
	return g
}

var growths = []growth{
	smallest("smallest", func(*growth) {}),
	smallest("partitions-24", func(g *growth) { g.partitions = 24 }),
	smallest("partitions-96", func(g *growth) { g.partitions = 96 }),
	smallest("replicas-2", func(g *growth) { g.replicas = 2 }),
	smallest("replicas-3", func(g *growth) { g.replicas = 3 }),
	smallest("SMSCs-1-binds-8", func(g *growth) { g.binds = 8 }),
	smallest("SMSCs-10-binds-1", func(g *growth) { g.smscs = 10 }),
	smallest("SMSCs-10-binds-8", func(g *growth) { g.smscs, g.binds = 10, 8 }),
	smallest("SMSCs-30-binds-1", func(g *growth) { g.smscs = 30 }),
	smallest("SMSCs-30-binds-8", func(g *growth) { g.smscs, g.binds = 30, 8 }),
	smallest("characters-1600", func(g *growth) { g.characters = 1600 }),
	smallest("waiting", func(g *growth) { g.waiting = *growthWaiting }),
	smallest("smallest-again", func(*growth) {}),
}

// BenchmarkGrowth measures what a message costs while one thing after another grows, between Apache Kafka 4.3.0 and an SMSC that answers at once,
// and, where partitions grow, what the same costs a bare copy:
//
//	go test ./internal/e2e -run '^$' -bench Growth -benchtime 1x -timeout 20m
//
// The replicas are paused until they are bound, have shared the partitions and all records wait. What is measured is the time from a third of
// -records to all of them; as many again wait, so that as much is read ahead in the end as in the beginning.
//
//	cpu-s/100k         CPU seconds of all replicas (or of the copy) per 100,000 messages
//	cpu-s/100k-parts   the same per 100,000 submit_sm
//	broker-cpu-s/100k  CPU seconds of the broker per 100,000 messages
//	smsc-cpu-s/100k    and of the SMSC
//	%-of-smallest      cpu-s/100k-parts in per cent of the smallest size's
//	records/s          visible results
//	results/commit     the mean of transactions
//	rss-MB             the memory of the largest replica at its highest
func BenchmarkGrowth(b *testing.B) {
	if testing.Short() {
		b.Skip("left out with -short: it takes minutes")
	}
	l := &load{broker: kafkatest.Apache(b), topic: "bench.outbound", n: *benchRecords, copied: make(map[int]float64)}
	l.growOnce(b, &growths[0]) // a JVM that has just started compiles more than it serves
	least := 0.0
	for _, g := range growths {
		b.Run(g.name, func(b *testing.B) {
			for range b.N {
				c := l.growOnce(b, &g)
				if least == 0 {
					least = c.ours / float64(c.parts)
				}
				c.report(b)
				b.ReportMetric(100*c.ours/float64(c.parts)/least, "%-of-smallest")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	for _, partitions := range []int{6, 24, 96} {
		b.Run(fmt.Sprint("copy-partitions-", partitions), func(b *testing.B) {
			for range b.N {
				l.copyWide(b, partitions)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// costs are CPU seconds.
type costs struct {
	ours, broker, smsc float64
	messages, parts    int
	rate, batch, rss   float64
}

func (c *costs) report(b *testing.B) {
	per := 100_000 / float64(c.messages)
	b.ReportMetric(c.ours*per, "cpu-s/100k")
	b.ReportMetric(c.ours*100_000/float64(c.parts), "cpu-s/100k-parts")
	b.ReportMetric(c.broker*per, "broker-cpu-s/100k")
	b.ReportMetric(c.smsc*per, "smsc-cpu-s/100k")
	b.ReportMetric(c.rate, "records/s")
	b.ReportMetric(c.batch, "results/commit")
	b.ReportMetric(c.rss, "rss-MB")
}

// message is the outbound record of a growth.
func (g *growth) message(i int) *kgo.Record {
	text := fmt.Sprintf("Your parcel %d arrives today. ", i)
	text += strings.Repeat("Reply STOP to end. ", 1+g.characters/19)[:g.characters-len(text)]
	return &kgo.Record{
		Key:   fmt.Appendf(nil, "customer-%d", i),
		Value: fmt.Appendf(nil, `{"id":"b%d","to":"+4917%08d","text":%q,"metadata":{"customer":"%d"}}`, i, i, text, 500_000+i),
	}
}

// parts is how many submit_sm a message takes: 160 characters of GSM 7-bit in one, 153 in each of several.
func (g *growth) parts() int {
	if g.characters <= 160 {
		return 1
	}
	return (g.characters + 152) / 153
}

// growOnce runs one size and checks it: one result at most for each record, all accepted.
func (l *load) growOnce(b *testing.B, g *growth) *costs {
	b.Helper()
	name := l.name("growth")
	kafkatest.CreateTopics(b, l.broker, int32(g.partitions), name+".outbound")
	smsc := launchRole(b, roleSMSC, true)
	defer smsc.end()
	f := watchWide(b, l.broker, name+".results", g.partitions, nil)
	replicas := l.startReplicas(b, g, name, smsc.address(b))
	pids := make([]int, len(replicas))
	for i, c := range replicas {
		pids[i] = c.cmd.Process.Pid
	}
	f.watches(pids...)

	n := l.n / g.parts()
	produce(b, l.broker, name+".outbound", max(2*n, g.waiting), g.message)
	served := cpuTime(smsc.pid())
	replicas[0].steer(name, "resume")
	f.await(b, n, 3*time.Minute, replicas[0])
	served = cpuTime(smsc.pid()) - served
	c := &costs{}
	transactions, visible := 0.0, f.count()
	for _, r := range replicas {
		most, err := memory(r.cmd.Process.Pid, "VmHWM")
		if err != nil {
			b.Skipf("left out: it needs Linux: %v", err)
		}
		c.rss = max(c.rss, float64(most)/1e6)
		m, err := r.scrape()
		if err != nil {
			b.Fatal(err)
		}
		transactions += m[`smpp_connector_sink_commits_total{kind="transaction"}`]
	}
	c.batch = float64(visible) / max(transactions, 1)
	for _, r := range replicas {
		if code := r.terminate(); code != 0 {
			b.Errorf("exit code %d", code)
		}
	}
	f.finish(b)
	check := (&tally{}).take(b, `"status":"accepted"`, `"possible_duplicate":false`, fmt.Sprintf(`{"part":%d,`, g.parts()))
	for _, a := range f.arrivals {
		check(a)
	}
	from, to := f.at(n/growthWarm), f.at(n)
	c.messages = to.seen - from.seen
	c.parts = c.messages * g.parts()
	c.ours, c.broker = (to.cpu - from.cpu).Seconds(), (to.broker - from.broker).Seconds()
	c.smsc = served.Seconds() * float64(c.messages) / float64(n)
	c.rate = float64(c.messages) / to.arrival.at.Sub(from.arrival.at).Seconds()
	return c
}

// startReplicas returns when all binds are up, the partitions are shared, and all are paused.
func (l *load) startReplicas(b *testing.B, g *growth, name, smsc string) []*connector {
	b.Helper()
	env := []string{"CONNECTOR_NAME=" + name, "SINK_TOPICS=" + name + ".outbound", "RESULTS_TOPIC=" + name + ".results", "DEADLETTER_TOPIC=" + name + ".deadletter",
		"SOURCE_ENABLED=false", fmt.Sprint("KAFKA_TOPICS_PARTITIONS=", g.partitions)}
	for i := range g.smscs {
		of := func(key string, value any) { env = append(env, fmt.Sprintf("SMSC_%d_%s=%v", i, key, value)) }
		of("NAME", fmt.Sprint("smsc", i))
		of("ADDRESS", smsc)
		of("SYSTEM_ID", "e2e")
		of("PASSWORD", "secret")
		of("SOURCE_ADDRESS", "32323")
		of("WINDOW", growthWindow)
		of("BINDS", g.binds)
	}
	replicas := make([]*connector, g.replicas)
	for i := range replicas {
		replicas[i] = start(b, l.broker, smsc, env...)
		replicas[i].ready()
	}
	waitFor(b, time.Minute, "binds that are up and partitions that are shared", func() bool {
		held := 0.0
		for _, c := range replicas {
			m, err := c.scrape()
			if err != nil {
				b.Fatal(err)
			}
			up, mine := 0.0, m["smpp_connector_sink_partitions"]
			for series, v := range m {
				if strings.HasPrefix(series, "smpp_connector_smpp_bind_up{") {
					up += v
				}
			}
			if up != float64(g.smscs*g.binds) || mine == 0 {
				return false
			}
			held += mine
		}
		return held == float64(g.partitions)
	})
	replicas[0].steer(name, "pause")
	waitFor(b, time.Minute, "the pause of all", func() bool { return replicas[0].paused(name) == g.replicas })
	return replicas
}

// steer gives the sink an order over REST.
func (c *connector) steer(name, order string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPut, "http://"+c.http+"/connectors/"+name+"-sink/"+order, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		c.t.Fatalf("%s: %s", order, resp.Status)
	}
}

// paused is how many replicas say that their sink is.
func (c *connector) paused(name string) (n int) {
	c.t.Helper()
	resp, err := http.Get("http://" + c.http + "/connectors/" + name + "-sink/status")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var status struct {
		Tasks []struct {
			State string `json:"state"`
		} `json:"tasks"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		c.t.Fatal(err)
	}
	for _, t := range status.Tasks {
		if t.State == "PAUSED" {
			n++
		}
	}
	return n
}

// copyWide copies the records of the smallest size between topics of so many partitions, 5,000 a transaction: about what a transaction of the connector has.
func (l *load) copyWide(b *testing.B, partitions int) {
	b.Helper()
	g := growths[0]
	input := l.name("copied")
	kafkatest.CreateTopics(b, l.broker, int32(partitions), input)
	produce(b, l.broker, input, l.n, g.message)
	before := *l
	before.topic = input
	f := before.copy(b, partitions, 5000)
	l.runs = before.runs
	from, to := f.at(l.n/growthWarm), f.at(l.n)
	records := float64(to.seen - from.seen)
	b.ReportMetric(records/to.arrival.at.Sub(from.arrival.at).Seconds(), "records/s")
	b.ReportMetric((to.cpu-from.cpu).Seconds()/records*100_000, "cpu-s/100k")
	b.ReportMetric((to.broker-from.broker).Seconds()/records*100_000, "broker-cpu-s/100k")
}
