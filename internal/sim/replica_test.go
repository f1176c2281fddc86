package sim

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
	"github.com/smpp-connector/smpp-connector/internal/resolve"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/sink"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/sms"
	"github.com/smpp-connector/smpp-connector/internal/source"
)

// replica is one connector: the parts that a process has, on a host of its own.
type replica struct {
	w        *world
	name     string
	sink     *sink.Sink
	source   *source.Source
	resolver *resolve.Resolver
	accounts []*smpp.Account
	gone     atomic.Bool // told to stop, or killed
	halt     chan context.Context
	ended    chan struct{}
}

func replicaName(i int) string { return fmt.Sprintf("replica%d", i) }

// Answered, Delivered and StateChanged are smpp.Events.
func (r *replica) Answered(a *smpp.Account, as []smpp.Answer) { r.sink.Answered(a, as) }
func (r *replica) Delivered(d *smpp.Delivery)                 { r.source.Delivered(d) }
func (r *replica) StateChanged(a *smpp.Account)               { r.sink.StateChanged(a) }

type unlearned struct{}

func (unlearned) Of(string) sms.IDForm { return sms.FormSame }

// clock is the lease's: the bubble's time, which runs on while a host is frozen.
func clock() time.Duration { return time.Duration(time.Now().UnixNano()) }

// start adds a replica.
func (w *world) start() {
	w.mu.Lock()
	r := &replica{w: w, name: replicaName(len(w.replicas)), halt: make(chan context.Context, 1), ended: make(chan struct{})}
	w.replicas = append(w.replicas, r)
	w.mu.Unlock()
	w.tell("%s starts", r.name)
	dialer := &kafka.Dialer{Config: w.cfg.Kafka, Log: w.log.With("replica", r.name), Dial: w.net.dial(r.name)}
	reg, lease := prometheus.NewRegistry(), smpp.NewLeaseOn(clock)
	for i := range w.cfg.SMSCs {
		r.accounts = append(r.accounts, smpp.NewAccount(w.account(r.name, &w.cfg.SMSCs[i]), r, lease, dialer.Log, nil))
	}
	var forms sink.Forms = unlearned{}
	var learned *resolve.Forms
	if w.plan.resolver {
		learned = resolve.NewForms(nil)
		forms = learned
	}
	r.source = source.New(source.Options{Config: w.cfg, Dialer: dialer, Partitions: w.plan.partitions, Log: dialer.Log, Reg: reg})
	s, err := sink.New(sink.Options{Config: w.cfg, Dialer: dialer, Accounts: r.accounts, Lease: lease, Forms: forms,
		SubmittedPartitions: w.plan.partitions, Log: dialer.Log, Reg: reg})
	if err != nil {
		w.t.Fatal(err)
	}
	r.sink = s
	go r.run(dialer, learned)
}

func (w *world) account(name string, c *config.SMSC) smpp.AccountConfig {
	return smpp.AccountConfig{Name: c.Name, Addresses: c.Addresses, SystemID: c.SystemID, Binds: c.Binds, Window: c.Window, TPS: c.TPS,
		EnquireLink: c.EnquireLink, ResponseTimeout: c.ResponseTimeout, BindTimeout: c.BindTimeout, Dial: w.net.dial(name)}
}

// run is the life of the process: up, until told to stop or a part cannot go on; then
// down, in the order of the connector.
func (r *replica) run(dialer *kafka.Dialer, forms *resolve.Forms) {
	defer close(r.ended)
	w, base := r.w, context.Background()
	up := func(err error) {
		if err != nil {
			w.violated("%s did not start: %v", r.name, err)
		}
	}
	up(r.source.Start(base))
	var resolverFailed <-chan struct{}
	if w.plan.resolver {
		r.startResolver(base, dialer, forms)
		if r.resolver != nil {
			resolverFailed = r.resolver.Failed()
		}
	}
	up(r.sink.Start(base))
	for _, a := range r.accounts {
		up(a.Start(base))
	}
	var ctx context.Context
	select {
	case ctx = <-r.halt:
	case <-r.sink.Failed():
		ctx = r.failed(r.sink.Err())
	case <-resolverFailed:
		ctx = r.failed(r.resolver.Err())
	}
	r.sink.Stop(ctx)
	done := make(chan struct{})
	for _, a := range r.accounts {
		go func() {
			_ = a.Stop(ctx)
			done <- struct{}{}
		}()
	}
	for range r.accounts {
		<-done
	}
	r.source.Stop(ctx)
	if r.resolver != nil {
		r.resolver.Stop(ctx)
	}
}

// failed is what the process does whose part cannot go on: it drains, and is started again.
func (r *replica) failed(err error) context.Context {
	r.w.tell("%s stops by itself: %v", r.name, err)
	if r.gone.CompareAndSwap(false, true) {
		r.w.start()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	time.AfterFunc(20*time.Second, cancel)
	return ctx
}

// startResolver starts the resolver; a process whose Kafka is away meanwhile is started
// again by whoever runs it, until it is told to stop.
func (r *replica) startResolver(ctx context.Context, dialer *kafka.Dialer, forms *resolve.Forms) {
	fs := vfs.NewMem() // a new replica finds no state and folds it from the topics
	for !r.gone.Load() {
		res, err := resolve.New(resolve.Options{Config: r.w.cfg, Dialer: dialer, Forms: forms, Log: dialer.Log, Reg: prometheus.NewRegistry(),
			Store: func(identity string) (*store.DB, error) { return store.OpenIn(fs, "state", identity, dialer.Log) }})
		if err == nil {
			err = res.Start(ctx)
		}
		if err == nil {
			r.resolver = res
			return
		}
		r.w.tell("%s: %v", r.name, err)
		time.Sleep(time.Second)
	}
}

// alive are the replicas that nobody has told to stop, and that were not killed.
func (w *world) alive() (rs []*replica) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.replicas {
		if !r.gone.Load() {
			rs = append(rs, r)
		}
	}
	return rs
}

func (w *world) pick(n int) *replica {
	rs := w.alive()
	if len(rs) == 0 {
		return nil
	}
	return rs[n%len(rs)]
}

// stop lets a replica drain.
func (w *world) stop(r *replica) {
	if !r.gone.CompareAndSwap(false, true) {
		return
	}
	w.tell("%s is told to stop", r.name)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	time.AfterFunc(30*time.Second, cancel)
	r.halt <- ctx
}

// kill ends a replica as a crash does: from now on nothing leaves or reaches it. What is
// left of it in memory is thrown away.
func (w *world) kill(r *replica, loud bool) {
	if !r.gone.CompareAndSwap(false, true) {
		return
	}
	w.tell("%s is killed", r.name)
	w.doubted()
	w.net.kill(r.name, loud)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r.halt <- ctx
}

// evict takes a replica's members out of the group, as an operator may.
func (w *world) evict(name, group string) {
	g := w.kafka.GroupInfo(group)
	if g == nil {
		return
	}
	cl := w.client()
	defer cl.Close()
	for _, m := range g.Members {
		if m.ClientHost != name+":1" {
			continue
		}
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group = group
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = m.MemberID
		req.Members = append(req.Members, member)
		_, _ = req.RequestWith(context.Background(), cl)
		w.takenOut.Store(time.Now().UnixNano())
	}
}

func (w *world) waitReplicas() {
	w.mu.Lock()
	rs := w.replicas
	w.mu.Unlock()
	limit := time.After(endWithin)
	for _, r := range rs {
		select {
		case <-r.ended:
		case <-limit:
			w.give(fmt.Sprintf("%s does not end", r.name))
		}
	}
}
