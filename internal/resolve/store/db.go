package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Memory is bounded by these. The tables that are filled and written out are Pebble's own to take out of the cache's
// size: a cache of 16 MB with three tables of 4 MB has 4 MB for blocks, and then the indexes of ten
// million entries (12 MB) are read again at every look. A table of 16 MB in a cache of 32 MB took four times the
// CPU for a join. A batch larger than half a table is sorted and written out by itself.
const (
	memTableSize = 8 << 20
	memTables    = 3
	blocksSize   = 40 << 20
	cacheSize    = memTables*memTableSize + blocksSize
)

// damagedMark in the folder says that the store was found damaged while in use.
const damagedMark = "DAMAGED"

// DB is a process's store. It is safe for concurrent use, except that a partition is
// written by one goroutine at a time.
type DB struct {
	db    *pebble.DB
	cache *pebble.Cache
	fs    vfs.FS
	dir   string
	log   *slog.Logger

	groups   atomic.Uint64 // the number of the last group of refs
	failures atomic.Int64  // writes in the background that failed in a row
}

// Open opens the store in dir, which is made if missing. A store that is damaged, of
// another format, or of another identity (other topics) is put aside or emptied, with
// a line in the log. The errors that remain are the folder's: not writable, or in use
// by another process.
func Open(dir, identity string, log *slog.Logger) (*DB, error) {
	return OpenIn(vfs.Default, dir, identity, log)
}

// OpenIn is Open in a file system that need not be the machine's.
func OpenIn(fs vfs.FS, dir, identity string, log *slog.Logger) (*DB, error) {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder %s: %w (STATE_DIR must be writable)", dir, err)
	}
	if _, err := fs.Stat(filepath.Join(dir, damagedMark)); err == nil {
		if err := putAside(fs, dir, "it was found damaged while in use", log); err != nil {
			return nil, err
		}
	}
	// Pebble reports a lock that is held as a plain error; tell it apart first.
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return nil, fmt.Errorf("state folder %s is in use by another process: %w (give each its own STATE_DIR)", dir, err)
	}
	_ = lock.Close()

	d, err := open(fs, dir, log)
	if err == nil {
		err = d.checkFormat(identity)
		if err == nil {
			return d, nil
		}
		_ = d.Close()
	}
	if err := putAside(fs, dir, err.Error(), log); err != nil {
		return nil, err
	}
	if d, err = open(fs, dir, log); err != nil {
		return nil, fmt.Errorf("state folder %s: %w", dir, err)
	}
	if err := d.checkFormat(identity); err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("state folder %s: %w", dir, err)
	}
	return d, nil
}

func open(fs vfs.FS, dir string, log *slog.Logger) (d *DB, err error) {
	// Some damage makes Pebble panic instead of returning an error.
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("opening panicked: %v", r)
		}
	}()
	d = &DB{fs: fs, dir: dir, log: log, cache: pebble.NewCache(cacheSize)}
	opts := &pebble.Options{
		FS: pebbleFS(fs), Cache: d.cache, Comparer: comparer(), FormatMajorVersion: pebble.FormatNewest,
		MemTableSize: memTableSize, MemTableStopWritesThreshold: memTables,
		DisableWAL: true, MaxOpenFiles: 100, Logger: fatal{d},
		EventListener:              d.listener(),
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 }, // the second when a rebuild has outrun the first
	}
	// An SMSC may give one id to a million messages. Pebble would put values of keys with one prefix into blocks of their own
	// (pebble/v2/sstable/valblk), which a compaction keeps in memory until its table is complete, each in a buffer of 32 kB.
	opts.Experimental.SpanPolicyFunc = func([]byte) (pebble.SpanPolicy, []byte, error) {
		return pebble.SpanPolicy{DisableValueSeparationBySuffix: true}, nil, nil
	}
	tune(opts)
	if d.db, err = pebble.Open(dir, opts); err != nil {
		d.cache.Unref()
		return nil, err
	}
	return d, nil
}

// tune sets the levels.
func tune(opts *pebble.Options) {
	opts.TargetFileSizes[0], opts.TargetFileSizes[1] = 8<<20, 16<<20
	for i := 2; i < len(opts.TargetFileSizes); i++ {
		opts.TargetFileSizes[i] = 32 << 20 // so that the tables of 2 GB can all be open
	}
	for i := range opts.Levels {
		l := &opts.Levels[i]
		l.Compression = func() *sstable.CompressionProfile { return sstable.FastestCompression }
		l.FilterPolicy = bloom.FilterPolicy(10)
		l.IndexBlockSize = 32 << 10
	}
	// What is looked up is mostly there, and nine tenths of it in the last level: a filter there is as large as all
	// others together, and read to say yes.
	opts.Levels[len(opts.Levels)-1].FilterPolicy = pebble.NoFilterPolicy
}

// pebbleFS is what Pebble is told: nil is the machine's, which it watches for a disk
// that hangs.
func pebbleFS(fs vfs.FS) vfs.FS {
	if fs == vfs.Default {
		return nil
	}
	return fs
}

// errOther says that the store is whole, but not what this process can use.
var errOther = errors.New("it is of another format or of other topics")

// format is the version of the keys and values; raise it when either changes.
const format = 4

func (d *DB) checkFormat(identity string) error {
	want := append([]byte{format}, identity...)
	have, closer, err := d.db.Get(formatKey)
	if err == nil {
		same := string(have) == string(want)
		_ = closer.Close()
		if !same {
			return errOther
		}
		return d.number()
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	it, err := d.db.NewIter(nil)
	if err != nil {
		return err
	}
	empty := !it.First()
	if err := it.Close(); err != nil {
		return err
	}
	if !empty {
		return errOther
	}
	if err := d.db.Set(formatKey, want, pebble.NoSync); err != nil {
		return err
	}
	return d.number()
}

// number sees to it that no group gets a number that one in the store has: one that was written over would never be due. What is written
// is lost in the order in which it was, so that no group of this opening outlives the note of it.
func (d *DB) number() error {
	var opened uint64
	v, closer, err := d.db.Get(openedKey)
	switch {
	case err == nil:
		if len(v) == 8 {
			opened = binary.BigEndian.Uint64(v)
		}
		_ = closer.Close()
	case !errors.Is(err, pebble.ErrNotFound):
		return err
	}
	opened++
	d.groups.Store(opened << 32)
	return d.db.Set(openedKey, binary.BigEndian.AppendUint64(nil, opened), pebble.NoSync)
}

// putAside keeps one damaged store beside the new one, for whoever wants to look, and
// throws an older one away: a disk that eats stores must not be filled by them.
func putAside(fs vfs.FS, dir, why string, log *slog.Logger) error {
	aside := filepath.Clean(dir) + ".damaged"
	err := fs.RemoveAll(aside)
	if err == nil {
		err = fs.Rename(dir, aside)
	}
	if err != nil { // such as a mount point, which cannot be renamed
		err = emptyFolder(fs, dir)
		aside = "deleted"
	}
	if err == nil {
		err = fs.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("state folder %s cannot be used (%s) nor put aside: %w", dir, why, err)
	}
	log.Warn("the resolver's local state is not usable and is built anew from Kafka", "dir", dir, "why", why, "old", aside)
	return nil
}

func emptyFolder(fs vfs.FS, dir string) error {
	entries, err := fs.List(dir)
	for _, e := range entries {
		err = errors.Join(err, fs.RemoveAll(filepath.Join(dir, e)))
	}
	return err
}

// Damaged marks the store, so that the next Open begins it anew. It is for the caller
// who has met an error in reading: trying again would meet it again.
func (d *DB) Damaged(cause error) {
	f, err := d.fs.Create(filepath.Join(d.dir, damagedMark), vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write([]byte(cause.Error() + "\n"))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		d.log.Error("the resolver's local state is damaged, and the folder cannot be marked; delete it", "dir", d.dir, "error", err)
	}
}

// Wipe drops all of a partition.
func (d *DB) Wipe(partition int32) error {
	from := binary.BigEndian.AppendUint32(nil, uint32(partition))
	to := binary.BigEndian.AppendUint32(nil, uint32(partition)+1)
	return d.db.DeleteRange(from, to, pebble.NoSync)
}

// Metrics are figures of the store: bytes on disk, bytes in memory.
func (d *DB) Metrics() (disk, memory uint64) {
	m := d.db.Metrics()
	return m.DiskSpaceUsage(), m.MemTable.Size + uint64(m.BlockCache.Size)
}

// fatal is Pebble's logger. It is told of every flush and compaction, which is nobody's
// business, and of what Pebble cannot go on after.
type fatal struct{ d *DB }

func (fatal) Infof(string, ...any) {}

func (f fatal) Errorf(format string, args ...any) {
	f.d.log.Debug("store: " + fmt.Sprintf(format, args...))
}

// Fatalf must not return. The mark makes the next process begin anew rather than die
// at the same place.
func (f fatal) Fatalf(format string, args ...any) {
	err := fmt.Errorf("the resolver's local state failed: "+format, args...)
	f.d.Damaged(err)
	panic(err)
}
