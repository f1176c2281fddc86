package engine

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// bare is what Pebble by itself does on the same machine in the same minutes: as many entries of about the same size written in the
// order of their keys by as many goroutines as restore, without a log, and as many looked up at random as receipts were joined, by one.
//
//	pebble-writes/s, entries-of-pebble-%    written, and what the fold's entries/s are of it
//	pebble-gets/s, joins-of-pebble-%        looked up, and what joins/s are of it
func (o *backlog) bare(b *testing.B, folded, joined float64) {
	b.Helper()
	cache := pebble.NewCache(64 << 20)
	defer cache.Unref()
	db, err := pebble.Open(b.TempDir(), &pebble.Options{Cache: cache, MemTableSize: 8 << 20, MaxOpenFiles: 100, DisableWAL: true, FormatMajorVersion: pebble.FormatNewest,
		Logger: silent{}})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	began := time.Now()
	var writers sync.WaitGroup
	for w := range outstandingWorkers {
		writers.Go(func() {
			var k [16]byte
			v := make([]byte, 48)
			batch := db.NewBatch()
			for i := w * o.n; i < (w+1)*o.n; i++ {
				binary.BigEndian.PutUint64(k[:], uint64(i))
				for at := 0; at < len(v); at += 8 {
					binary.LittleEndian.PutUint64(v[at:], mix(uint64(i*8+at)))
				}
				_ = batch.Set(k[:], v, nil) // Commit tells
				if batch.Len() < 1<<20 && i+1 < (w+1)*o.n {
					continue
				}
				if err := batch.Commit(pebble.NoSync); err != nil {
					b.Error(err)
					return
				}
				batch = db.NewBatch()
			}
			_ = batch.Close()
		})
	}
	writers.Wait()
	rate := float64(2*o.n) / time.Since(began).Seconds()
	b.ReportMetric(rate, "pebble-writes/s")
	b.ReportMetric(100*folded/rate, "entries-of-pebble-%")
	began = time.Now()
	n := min(*joinCount, o.n)
	for i := range n {
		var k [16]byte
		binary.BigEndian.PutUint64(k[:], uint64(o.at(i)))
		_, closer, err := db.Get(k[:])
		if err != nil {
			b.Fatal(err)
		}
		_ = closer.Close()
	}
	rate = float64(n) / time.Since(began).Seconds()
	b.ReportMetric(rate, "pebble-gets/s")
	b.ReportMetric(100*joined/rate, "joins-of-pebble-%")
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	panic(format) // Pebble counts on not going on
}
