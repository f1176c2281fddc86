package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

var (
	outstanding = flag.Int("outstanding", 5_000, "submissions that wait for their receipts in BenchmarkOutstanding")
	joinCount   = flag.Int("joined", 1_000_000, "how many of their receipts come, at most")
)

const (
	outstandingPartitions = 6
	outstandingWorkers    = 2   // restorers of package resolve
	outstandingPack       = 200 // entries in a record of `submitted`
	outstandingApplied    = 5000
)

// BenchmarkOutstanding is the resolver's state at its size: what a partition's owner does that has lost its store, and then
// receipts for messages picked at random from all that wait, the whole engine and store without Kafka.
//
//	CGO_ENABLED=0 go test ./internal/resolve/engine -run '^$' -bench Outstanding -benchtime 1x -outstanding 10000000 -timeout 20m
//
// Each message is two entries, as the sink writes them: filed under its id, a random one of 16 digits, and noted as the last
// to its subscriber, each of whom gets one. They lie in files as they would in Kafka.
//
//	entries/s        folded into an empty store, by two restorers
//	joins/s          receipts joined, in transactions of 5,000, each settlement read back; one goroutine, as in the resolver
//	cpu-µs/join      of all threads, compactions included
//	disk-B/id        the store after the fold, once its compactions are through, a message
//	disk-B/id-after  the same after the joins
//	peak-rss-MB      the whole process at its highest, in the fold and in the joins
func BenchmarkOutstanding(b *testing.B) {
	for range b.N {
		b.StopTimer()
		o := newBacklog(b, *outstanding)
		db := newStore(b)
		engines, folded := o.rebuild(b, db)
		joined := o.join(b, db, engines)
		for _, e := range engines {
			e.Close()
		}
		o.bare(b, folded, joined)
		b.StartTimer()
	}
	b.ReportMetric(0, "ns/op")
}

// backlog is what was submitted, in the files of a folder.
type backlog struct {
	n   int
	dir string
	pdu []byte
}

// mix spreads numbers over 64 bits, one to one (splitmix64's last step).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (o *backlog) messageID(i int) string { return fmt.Sprintf("%016x", mix(uint64(i)+1)) }
func (o *backlog) number(i int) string    { return fmt.Sprintf("4917%09d", mix(uint64(i))%1e9) }
func (o *backlog) key(i int) string {
	return record.ReceiptKey("foreign", sms.NormalID(o.messageID(i)))
}

// at is the i-th of all numbers below n in an order without order: the step is a prime that does not divide n.
func (o *backlog) at(i int) int { return int(uint64(i) * 2_654_435_761 % uint64(o.n)) }

func newBacklog(b *testing.B, n int) *backlog {
	b.Helper()
	o := &backlog{n: n, dir: b.TempDir()}
	var files [outstandingPartitions]*bufio.Writer
	var packs [outstandingPartitions][]byte
	var entries [outstandingPartitions]int
	for p := range files {
		f, err := os.Create(o.file(int32(p)))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		files[p] = bufio.NewWriterSize(f, 1<<20)
		defer files[p].Flush()
	}
	add := func(s *record.Submission) {
		p := record.PartitionOf(s.Key, outstandingPartitions)
		packs[p] = record.AppendSubmission(packs[p], s)
		if entries[p]++; entries[p] == outstandingPack {
			writePack(files[p], packs[p])
			packs[p], entries[p] = packs[p][:0], 0
		}
	}
	for i := range n {
		at := start.Add(time.Duration(i) * 100 * time.Microsecond) // 10,000 a second
		number := o.number(i)
		s := record.Submission{Kind: record.KindFiled, SMSC: "foreign", Key: o.key(i), MessageID: o.messageID(i), ID: "b" + strconv.Itoa(i),
			RecordKey: fmt.Appendf(nil, "customer-%d", mix(uint64(i)+2)%1e6), Part: 1, Parts: 1, To: "+" + number, From: "32323",
			Source:      record.Source{Topic: "sms.outbound", Partition: int32(i % outstandingPartitions), Offset: int64(i / outstandingPartitions), Timestamp: at},
			SubmittedAt: at, Receipts: "final", Metadata: fmt.Appendf(nil, `{"customer":"%d"}`, mix(uint64(i)+2)%1e6)}
		add(&s)
		s.Kind, s.MessageID, s.Part, s.Key = record.KindLast, "", 0, record.SubscriberKey(number, "32323")
		add(&s)
	}
	for p := range files {
		writePack(files[p], packs[p])
	}
	return o
}

func (o *backlog) file(p int32) string { return filepath.Join(o.dir, strconv.Itoa(int(p))) }

func writePack(w *bufio.Writer, pack []byte) {
	var head [4]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(pack)))
	_, _ = w.Write(head[:]) // the first error stays, and Flush is too late to tell: the fold then finds too little
	_, _ = w.Write(pack)
}

// rebuild folds all partitions, as after a lost disk.
func (o *backlog) rebuild(b *testing.B, db *store.DB) (_ []*Engine, rate float64) {
	b.Helper()
	forms := NewForms(map[string]sms.IDForm{"foreign": sms.FormSame})
	engines := make([]*Engine, outstandingPartitions)
	peak := watchMemory()
	began, cpu := time.Now(), cpuUsed()
	todo := make(chan int32, outstandingPartitions)
	for p := range int32(outstandingPartitions) {
		todo <- p
	}
	close(todo)
	var failed atomic.Pointer[error]
	var workers sync.WaitGroup
	for range outstandingWorkers {
		workers.Go(func() {
			for p := range todo {
				e, err := New(Config{Partition: p, Partitions: outstandingPartitions, DeliverTopic: "smpp.deliver", Forms: forms,
					MatchWait: time.Minute, ReceiptWait: 72 * time.Hour, PartsWait: time.Hour}, db)
				if err == nil {
					err = o.fold(e, p)
				}
				if err != nil {
					failed.Store(&err)
					return
				}
				engines[p] = e
			}
		})
	}
	workers.Wait()
	took := time.Since(began)
	if err := failed.Load(); err != nil {
		b.Fatal(*err)
	}
	var origins int64
	for _, e := range engines {
		origins += e.Counts().Origins
	}
	if origins != int64(o.n) {
		b.Fatalf("%d submissions of %d were folded", origins, o.n)
	}
	rate = float64(2*o.n) / took.Seconds()
	b.ReportMetric(rate, "entries/s")
	b.ReportMetric((cpuUsed()-cpu).Seconds()*1e6/float64(2*o.n), "cpu-µs/entry")
	b.ReportMetric(peak(), "fold-peak-rss-MB")
	settled := time.Now()
	disk := o.settle(db)
	b.ReportMetric(time.Since(settled).Seconds(), "compacting-s")
	b.ReportMetric(float64(disk)/float64(o.n), "disk-B/id")
	return engines, rate
}

func (o *backlog) fold(e *Engine, p int32) error {
	f, err := os.Open(o.file(p))
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 2<<20) // a fetch
	var head [4]byte
	for at := int64(0); ; at++ {
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			return e.Restored()
		} else if err != nil {
			return err
		}
		pack := make([]byte, binary.LittleEndian.Uint32(head[:]))
		if _, err := io.ReadFull(r, pack); err != nil {
			return err
		}
		if err := e.FoldSubmitted(at, pack); err != nil {
			return err
		}
	}
}

// settle waits until the store's size has not changed for a second; where there is little, for less.
func (o *backlog) settle(db *store.DB) uint64 {
	pause := min(250*time.Millisecond, time.Duration(o.n)*time.Microsecond)
	disk, _ := db.Metrics()
	for same := 0; same < 4; same++ {
		time.Sleep(pause)
		now, _ := db.Metrics()
		if now != disk {
			same = 0
		}
		disk = now
	}
	return disk
}

// join delivers receipts, picked from all over.
func (o *backlog) join(b *testing.B, db *store.DB, engines []*Engine) (rate float64) {
	b.Helper()
	runtime.GC()
	peak := watchMemory()
	var took, cpu time.Duration
	n := min(*joinCount, o.n)
	positions := make([]int64, outstandingPartitions)
	for p, e := range engines {
		positions[p] = e.Position()
	}
	var settled [outstandingPartitions][][]byte
	for done := 0; done < n; {
		count := min(outstandingApplied, n-done)
		envelopes, parts := make([][]byte, count), make([]int32, count)
		for k := range count {
			envelopes[k], parts[k] = o.receipt(o.at(done + k))
		}
		began, used := time.Now(), cpuUsed()
		out := NewOutput(db)
		for p, packs := range settled {
			for _, pack := range packs {
				if err := engines[p].ApplySubmitted(positions[p], pack, out); err != nil {
					b.Fatal(err)
				}
				positions[p]++
			}
			settled[p] = settled[p][:0]
		}
		for k, envelope := range envelopes {
			if err := engines[parts[k]].ApplyDeliver(int64(done+k), envelope, out); err != nil {
				b.Fatal(err)
			}
		}
		if len(out.Receipts) != count || len(out.waiting) != 0 {
			b.Fatalf("%d receipts of %d were joined", len(out.Receipts), count)
		}
		out.Settled(func(p int32, value []byte) { settled[p] = append(settled[p], value) })
		if err := out.Commit(); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
		cpu += cpuUsed() - used
		done += count
	}
	rate = float64(n) / took.Seconds()
	b.ReportMetric(rate, "joins/s")
	b.ReportMetric(cpu.Seconds()*1e6/float64(n), "cpu-µs/join")
	b.ReportMetric(peak(), "join-peak-rss-MB")
	b.ReportMetric(float64(o.settle(db))/float64(o.n), "disk-B/id-after")
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/1e6, "go-heap-MB")
	return rate
}

// receipt is what an SMSC sends for the i-th message, and its partition.
func (o *backlog) receipt(i int) (envelope []byte, partition int32) {
	id := o.messageID(i)
	sm := wire.SM{Source: wire.Address{Addr: []byte(o.number(i))}, Dest: wire.Address{Addr: []byte("32323")}, ESMClass: esmReceipt,
		ShortMessage: []byte(receiptText(id, "DELIVRD"))}
	var err error
	if o.pdu, err = sm.AppendDeliver(o.pdu[:0], 1); err != nil {
		panic(err) // the same for all
	}
	d := record.Deliver{SMSC: "foreign", CommandID: wire.DeliverSM, ReceivedAt: start, Body: o.pdu[wire.HeaderLen:]}
	return d.Append(nil), record.PartitionOf(o.key(i), outstandingPartitions)
}

// watchMemory samples what the process has resident; what it returns ends that and tells the most, in MB; 0 where it cannot be told.
func watchMemory() (most func() float64) {
	stop, done := make(chan struct{}), make(chan float64)
	go func() { // ends with stop
		high := 0.0
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			high = max(high, resident())
			select {
			case <-stop:
				done <- high
				return
			case <-tick.C:
			}
		}
	}()
	return func() float64 { close(stop); return <-done }
}

// cpuUsed is the CPU time of this process so far; 0 where it cannot be told.
func cpuUsed() time.Duration {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // proc(5): utime and stime are the 14th and 15th
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * (time.Second / 100)
}

func resident() float64 {
	status, err := os.ReadFile("/proc/self/statm") // proc(5): the second field is resident pages
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(status))
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()) / 1e6
}
