package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"pgregory.net/rapid"
)

var quiet = slog.New(slog.DiscardHandler)

func openIn(t testing.TB, dir string) *DB {
	t.Helper()
	d, err := Open(dir, "topics-1", quiet)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func commit(t testing.TB, b *Batch) {
	t.Helper()
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

// origin is one with the hash in the bits that keys have of it.
func origin(hash, tail uint64) ID {
	return ID{Class: Origin, Hash: hash << 24, Tail: string(binary.BigEndian.AppendUint64(nil, tail<<48|tail))}
}

func TestABatchSeesItsOwnWritesAndNobodyElseDoesUntilItIsCommitted(t *testing.T) {
	t.Parallel()
	d := openIn(t, t.TempDir())
	defer d.Close()
	b := d.NewBatch()
	if got := b.Find(nil, 1, Origin, 7<<24, 10); len(got) != 0 {
		t.Fatalf("an empty store has %v", got)
	}
	b.Put(1, origin(7, 2), 500, []byte("s"), []byte("row"))
	b.Put(1, origin(7, 1), 400, nil, []byte("other"))
	b.Put(1, origin(8, 1), 400, nil, nil)
	b.Put(2, origin(7, 9), 1, nil, nil)
	got := b.Find(nil, 1, Origin, 7<<24, 10)
	if len(got) != 2 || got[0].ID != origin(7, 1) || got[1].Due != 500 || string(got[1].State) != "s" || string(got[1].Row) != "row" {
		t.Fatalf("found %+v", got)
	}
	other := d.NewBatch()
	if got := other.Find(nil, 1, Origin, 7<<24, 10); len(got) != 0 {
		t.Fatalf("another batch sees %v", got)
	}
	other.Close()
	commit(t, b)
	b = d.NewBatch()
	defer b.Close()
	if e, ok := b.Get(1, origin(7, 2)); !ok || string(e.Row) != "row" {
		t.Fatalf("entry %+v", e)
	}
	due := b.SeeDue(nil, 1, Submitted, 0, 499, 10)
	if len(due) != 2 {
		t.Fatalf("due %+v", due)
	}
	rows := map[string]bool{}
	for _, r := range due {
		e, ok := b.Coming(1, r)
		if !ok || e.Due != 400 {
			t.Fatalf("due at 400 is %+v", e)
		}
		rows[string(e.Row)] = true
	}
	if !rows["other"] || !rows[""] {
		t.Fatalf("rows %v", rows)
	}
	if due := b.SeeDue(nil, 1, Waiting, 0, 1<<47, 10); len(due) != 0 {
		t.Fatalf("the other log has due %+v", due)
	}
	b.Delete(1, origin(7, 2))
	if _, ok := b.Get(1, origin(7, 2)); ok {
		t.Fatal("a deleted entry is still there")
	}
}

func TestDroppingALogOrAPartitionLeavesTheOthers(t *testing.T) {
	t.Parallel()
	d := openIn(t, t.TempDir())
	defer d.Close()
	early := ID{Class: Early, Hash: 1, Disc: 1}
	b := d.NewBatch()
	for p := int32(0); p < 3; p++ {
		b.Put(p, origin(1, 1), 10, nil, nil)
		b.Put(p, early, 10, nil, nil)
		b.SetHead(p, Head{Position: 100 + int64(p), Origins: 1})
	}
	commit(t, b)
	b = d.NewBatch()
	b.DropLog(1, Waiting)
	commit(t, b)
	if err := d.Wipe(2); err != nil {
		t.Fatal(err)
	}
	b = d.NewBatch()
	defer b.Close()
	var have []string
	for p := int32(0); p < 3; p++ {
		_, o := b.Get(p, origin(1, 1))
		_, e := b.Get(p, early)
		have = append(have, fmt.Sprint(o, e, len(b.SeeDue(nil, p, Waiting, 0, 100, 9)), b.Head(p).Position))
	}
	want := []string{"true true 1 100", "true false 0 101", "false false 0 0"}
	if !slices.Equal(have, want) {
		t.Fatalf("have %v, want %v", have, want)
	}
}

func TestTheStoreIsThereAgainAfterItWasClosed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openIn(t, dir)
	b := d.NewBatch()
	b.SetHead(3, Head{Position: 42, Origins: 7})
	commit(t, b)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = openIn(t, dir)
	defer d.Close()
	b = d.NewBatch()
	defer b.Close()
	if h := b.Head(3); h != (Head{42, 7}) {
		t.Fatalf("head %+v", h)
	}
}

func TestADamagedStoreIsPutAsideAndBegunAnew(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, dir string){
		"manifest cut": func(t *testing.T, dir string) { each(t, dir, "MANIFEST-*", 10) },
		"table cut":    func(t *testing.T, dir string) { each(t, dir, "*.sst", 10) },
		"marked":       func(t *testing.T, dir string) { touch(t, filepath.Join(dir, damagedMark)) },
		"other format": func(t *testing.T, dir string) {
			d := openIn(t, dir)
			if err := d.db.Set(formatKey, []byte{99}, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "state")
			d := openIn(t, dir)
			b := d.NewBatch()
			b.SetHead(0, Head{Position: 1})
			commit(t, b)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, dir)
			var said bytes.Buffer
			d, err := Open(dir, "topics-1", slog.New(slog.NewTextHandler(&said, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			b = d.NewBatch()
			defer b.Close()
			if h := b.Head(0); h != (Head{}) || b.Err() != nil {
				t.Fatalf("the new store has %+v, %v", h, b.Err())
			}
			if !bytes.Contains(said.Bytes(), []byte("built anew")) {
				t.Fatalf("the log says nothing: %q", said.String())
			}
		})
	}
}

func TestAStoreOfOtherTopicsIsBegunAnew(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	d := openIn(t, dir)
	b := d.NewBatch()
	b.SetHead(0, Head{Position: 1})
	commit(t, b)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir, "topics-2", quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b = d.NewBatch()
	defer b.Close()
	if h := b.Head(0); h != (Head{}) {
		t.Fatalf("the head of other topics came through: %+v", h)
	}
}

func TestASecondProcessIsToldThatTheFolderIsInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openIn(t, dir)
	defer d.Close()
	if _, err := Open(dir, "topics-1", quiet); err == nil {
		t.Fatal("two stores in one folder")
	}
}

// A container's folder may be deleted under it. The process must end all the same when it is told to.
func TestAStoreWhoseFolderIsGoneCanBeClosed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	d := openIn(t, dir)
	w := d.NewBatch()
	w.Put(0, origin(1, 1), 1, nil, []byte("row"))
	commit(t, w)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	select {
	case err := <-closed:
		if err == nil {
			t.Error("closed without a word, and nothing was written")
		}
	case <-time.After(18 * closeFor):
		t.Fatal("Close does not end")
	}
}

func each(t *testing.T, dir, pattern string, size int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s: %v", pattern, err)
	}
	for _, f := range files {
		if err := os.Truncate(f, size); err != nil {
			t.Fatal(err)
		}
	}
}

func touch(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever the prefix, no key of that prefix may sort at or after its successor, else
// lookups would miss entries.
func TestTheComparerKeepsPebblesRules(t *testing.T) {
	t.Parallel()
	c := comparer()
	rapid.Check(t, func(t *rapid.T) {
		id := ID{Class: rapid.SampledFrom([]Class{Origin, Last, Early, Part}).Draw(t, "class"), Hash: rapid.Uint64().Draw(t, "h"), Disc: rapid.Uint64().Draw(t, "d")}
		if id.Class == Origin {
			id.Tail = rapid.String().Draw(t, "tail")
		}
		key := appendEntryKey(nil, rapid.Uint32().Draw(t, "p"), id)
		if rapid.Bool().Draw(t, "group") {
			key = binary.BigEndian.AppendUint64(appendGroupStart(nil, rapid.Uint32().Draw(t, "p"), Submitted, rapid.Uint64Max(latest).Draw(t, "due")), rapid.Uint64().Draw(t, "number"))
		}
		next := c.ImmediateSuccessor(nil, key[:c.Split(key)])
		if bytes.Compare(next, key[:c.Split(key)]) <= 0 || c.Split(next) == len(next) && bytes.Compare(next, key) < 0 {
			t.Fatalf("successor %x of %x", next, key)
		}
	})
}

// BenchmarkStore is a message's life: an entry is written, its state is changed a little
// later, and it expires; a million are there.
func BenchmarkStore(b *testing.B) {
	d := openIn(b, b.TempDir())
	defer d.Close()
	const there, recent, batch = 1_000_000, 50_000, 1000
	row := make([]byte, 160)
	for i := range row {
		row[i] = byte('0' + rand.Uint32()%40)
	}
	id := func(n uint64) (ID, int64) {
		var k [8]byte
		binary.LittleEndian.PutUint64(k[:], n)
		return ID{Class: Origin, Hash: n*0x9E3779B97F4A7C15 ^ n<<40, Tail: string(k[:])}, int64(n / 10)
	}
	next := uint64(0)
	for ; next < there; next += batch {
		w := d.NewBatch()
		for i := range uint64(batch) {
			at, due := id(next + i)
			w.Put(0, at, due, nil, row)
		}
		commit(b, w)
	}
	gone, floor := uint64(0), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		w := d.NewBatch()
		for i := range uint64(batch) {
			at, due := id(next + i)
			w.Put(0, at, due, nil, row)
		}
		next += batch
		for range batch {
			at, due := id(next - 1 - rand.Uint64N(recent))
			e := w.Find(nil, 0, Origin, at.Hash, 10)
			if len(e) != 1 {
				b.Fatal("not found")
			}
			w.Set(0, at, due, []byte("12345678"), e[0].Row)
		}
		gone += batch
		expired, next, _ := w.TakeDue(nil, 0, Submitted, floor, int64(gone/10), batch)
		for _, r := range expired {
			if e, ok := w.Coming(0, r); ok {
				w.Delete(0, e.ID)
			}
		}
		floor = next
		commit(b, w)
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "entries/s")
	_, mem := d.Metrics()
	b.ReportMetric(float64(mem)/1e6, "MB")
}
