//go:build profile

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"
)

// A build with the tag profile writes what it has spent its time, its memory and its waiting on: cpu.pprof, allocs.pprof, heap.pprof,
// block.pprof and mutex.pprof, into the folder that SMPP_PROFILE names, and what lives on the heap once a minute: heap-1.pprof and so on.
// No build that is released has it.
func init() {
	dir := os.Getenv("SMPP_PROFILE")
	if dir == "" {
		return
	}
	if err := startProfile(dir); err != nil {
		fmt.Fprintf(os.Stderr, "SMPP_PROFILE=%s: %v\n", dir, err)
		os.Exit(exitConfig)
	}
}

func startProfile(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	cpu, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return err
	}
	if os.Getenv("SMPP_PROFILE_WAITING") != "" { // they cost what the CPU profile would then show
		runtime.SetBlockProfileRate(10_000)
		runtime.SetMutexProfileFraction(10)
	}
	go func() { // ends with the process
		for n := 1; ; n++ {
			time.Sleep(time.Minute)
			if err := writeProfile(filepath.Join(dir, fmt.Sprintf("heap-%d.pprof", n)), "heap"); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
	}()
	beforeExit = func() {
		pprof.StopCPUProfile()
		err := cpu.Close()
		for _, name := range []string{"allocs", "heap", "block", "mutex"} {
			err = errors.Join(err, writeProfile(filepath.Join(dir, name+".pprof"), name))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	return pprof.StartCPUProfile(cpu)
}

func writeProfile(path, name string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup(name).WriteTo(f, 0), f.Close())
}
