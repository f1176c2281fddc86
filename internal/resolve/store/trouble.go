package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// closeFor bounds how long Close tries to write out what is in memory.
const closeFor = 10 * time.Second

// listener is told of writes in the background that failed, which Pebble tries again at once and for ever: a folder that was deleted, or
// a full disk, would take a core of the machine and say nothing.
func (d *DB) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			n := d.failures.Add(1)
			if n == 1 {
				d.log.Error("the resolver's local state cannot be written; receipts and inbound messages wait once its memory is full. Look at STATE_DIR, and restart if it was deleted: it is built anew from Kafka",
					"dir", d.dir, "error", err)
			}
			time.Sleep(min(time.Duration(n)*10*time.Millisecond, 500*time.Millisecond)) // everything else of the store waits, too
		},
		FlushEnd: func(info pebble.FlushInfo) {
			if info.Err == nil && d.failures.Swap(0) > 0 {
				d.log.Info("the resolver's local state is written again", "dir", d.dir)
			}
		},
	}
}

// Close writes out what is in memory and closes the store. All batches must be closed. Where that
// takes too long, since the folder is gone or full, the store is left as it is on disk: what it lacks is read from Kafka at the next start.
func (d *DB) Close() error {
	done := make(chan error, 1)
	go func() { // may outlive Close: Pebble has no end to a flush that fails
		err := errors.Join(d.db.Flush(), d.db.Close())
		d.cache.Unref()
		done <- err
	}()
	limit := time.NewTimer(closeFor)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		return fmt.Errorf("the resolver's local state in %s could not be written within %s; the next start builds the rest from Kafka", d.dir, closeFor)
	}
}
