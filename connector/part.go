package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/smpp-connector/smpp-connector/internal/admin"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// worker is what a part runs: the sink, or the source's resolver.
type worker interface {
	Stop(ctx context.Context)
	Failed() <-chan struct{}
	Err() error
	Member() string
	pause(ctx context.Context, on bool)
}

// part is a side of the connector that an operator may pause, stop and start anew over REST, as Kafka Connect does with a connector.
//
// Stopped, the sink has drained and left its group: nothing is in doubt, and its records wait in Kafka. Of the source it is the resolver that
// stops: what an SMSC sends goes on being made durable in <name>.deliver and acknowledged, since an SMSC gives up on what nobody takes.
type part struct {
	name string // sink or source
	app  *app
	// begin makes and starts a worker; what it registers goes to reg, which ends with it: a registry takes a metric once.
	begin func(ctx context.Context, reg prometheus.Registerer, paused bool) (worker, error)

	orders chan kafka.Command // the control topic's reader writes, run reads

	mu    sync.Mutex    // guards the fields below
	state string        // what it shall be
	now   worker        // nil: stopped
	ended chan struct{} // closed when now was stopped
	reg   *prometheus.Registry
}

func newPart(a *app, name string, begin func(ctx context.Context, reg prometheus.Registerer, paused bool) (worker, error)) *part {
	return &part{name: name, app: a, begin: begin, state: admin.Running, orders: make(chan kafka.Command, 16)}
}

// worker is the one that runs; nil: none.
func (p *part) worker() worker {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}

// shown is its state in a word.
func (p *part) shown() string {
	if p == nil {
		return "off"
	}
	return strings.ToLower(p.target())
}

func (p *part) target() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

func (p *part) setTarget(state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = state
}

// start runs the part unless it was stopped for good.
func (p *part) start(ctx context.Context) error {
	state := p.target()
	if state == admin.Stopped || p.worker() != nil {
		return nil
	}
	reg := prometheus.NewRegistry()
	w, err := p.begin(ctx, reg, state == admin.Paused)
	if err != nil {
		return err
	}
	p.mu.Lock()
	ended := make(chan struct{})
	p.now, p.reg, p.ended = w, reg, ended
	p.mu.Unlock()
	p.app.watch(w.Failed(), ended, w.Err)
	return nil
}

// stop drains and ends it.
func (p *part) stop(ctx context.Context) {
	if w := p.worker(); w != nil {
		w.Stop(ctx)
		p.mu.Lock()
		p.now, p.reg = nil, nil
		close(p.ended)
		p.mu.Unlock()
	}
}

// run carries out orders until ctx ends. It has one goroutine, so that a part is never started twice.
func (p *part) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-p.orders:
			if ctx.Err() != nil { // both were ready
				return
			}
			p.obey(ctx, c)
		}
	}
}

func (p *part) obey(ctx context.Context, c kafka.Command) {
	w := p.worker()
	switch {
	case c.Restart != "":
		// One that shall run and does not is being started, and that goes on below.
		if w != nil && (c.Restart == everyMember || c.Restart == w.Member()) {
			p.app.log.Info("restarting, as told over REST", "connector", p.app.cfg.Name+"-"+p.name)
			p.drain(ctx)
		}
	case c.State == p.target():
	default:
		p.app.log.Info("told over REST", "connector", p.app.cfg.Name+"-"+p.name, "state", c.State)
		p.setTarget(c.State)
		if c.State == admin.Stopped {
			p.drain(ctx)
		} else if w != nil {
			w.pause(ctx, c.State == admin.Paused)
		}
	}
	p.startAgain(ctx)
}

// drain goes on when the process is told to stop: see awaitOrders.
func (p *part) drain(ctx context.Context) {
	dctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.app.cfg.ShutdownTimeout)
	defer cancel()
	defer context.AfterFunc(p.app.hurried, cancel)()
	p.stop(dctx)
}

// startAgain starts what shall run and does not, and tries until it does or another order has come: a broker may be away just now.
func (p *part) startAgain(ctx context.Context) {
	for n := 1; ctx.Err() == nil; n++ {
		err := p.start(ctx)
		if err == nil {
			return
		}
		if n == 1 || n%60 == 0 {
			p.app.log.Warn("cannot start yet; trying on", "connector", p.app.cfg.Name+"-"+p.name, "error", kafka.Remedy(err))
		}
		select {
		case c := <-p.orders:
			p.obey(ctx, c)
			return
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// everyMember is Command.Restart for all replicas.
const everyMember = "all"
