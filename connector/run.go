package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// runSidecar is `smpp-connector run`: until SIGTERM or SIGINT, then a drain. A
// second signal ends the process at once, as a crash would: nothing is lost.
func runSidecar(ctx context.Context, environ []string, stderr io.Writer) error {
	cfg, err := config.Load(environ)
	if err != nil {
		return err
	}
	log := newLogger(cfg, stderr)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	limitMemory(ctx, log, memlimit.FromCgroup)
	a, err := newApp(cfg, log)
	if err != nil {
		return err
	}
	defer a.cleanUp()
	err = a.start(ctx)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-a.failed():
			log.Error("stopping", "error", err)
		}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // told to stop while starting
	}
	stop() // from here on a signal ends the process
	dctx, cancel := context.WithTimeout(context.Background(), cfg.ShutdownTimeout)
	defer cancel()
	a.stop(dctx)
	return err
}

// stateDir is STATE_DIR, or a temporary folder and how to remove it.
func stateDir(cfg *config.Config) (dir string, remove func(), err error) {
	if cfg.StateDir != "" {
		if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
			return "", nil, fmt.Errorf("STATE_DIR=%s cannot be made: %w; give a folder that this user may write", cfg.StateDir, err)
		}
		return cfg.StateDir, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "smpp-connector-")
	if err != nil {
		return "", nil, fmt.Errorf("a temporary folder for local state: %w; set STATE_DIR", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}
