package main

import (
	"context"
	"log/slog"
	"math"
	"os"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryShare of the container's memory is the Go runtime's. The rest is for what it does not count: the kernel's socket
// buffers, the pages of the local state, the program itself.
const memoryShare = 0.9

// limitMemory sets GOMEMLIMIT from the cgroup, unless the environment sets it: near the limit the collector then works
// harder, where the kernel would kill. What limit returns is looked at now and every minute, as a container may be resized while it runs.
func limitMemory(ctx context.Context, log *slog.Logger, limit memlimit.Provider) {
	if s := os.Getenv("GOMEMLIMIT"); s != "" {
		log.Info("memory limit of the Go runtime", "bytes", s, "from", "GOMEMLIMIT")
		return
	}
	n, err := memlimit.Set(memlimit.WithProvider(limit), memlimit.WithRatio(memoryShare), memlimit.WithRefreshInterval(ctx, time.Minute))
	switch {
	case err != nil: // such as on a system without cgroups: the collector then works as it always does
		log.Debug("no memory limit can be read", "error", err)
	case n < math.MaxInt64:
		log.Info("memory limit of the Go runtime", "bytes", n, "from", "the cgroup")
	}
}
