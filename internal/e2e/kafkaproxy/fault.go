package kafkaproxy

import (
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Do is what befalls a request.
type Do uint8

const (
	// CutBefore cuts the connection; the broker never gets the request.
	CutBefore Do = iota + 1
	// CutAfter has the broker apply the request, and cuts the connection in place of its answer.
	CutAfter
	// Answer gives Err in the broker's place. A request that would change something never
	// reaches the broker.
	Answer
	// AnswerAfter has the broker apply the request, and says Err all the same.
	AnswerAfter
	// HoldBefore keeps the request back for Delay, and with it what follows on its connection.
	HoldBefore
	// HoldAfter keeps the answer back for Delay, and with it those that follow.
	HoldAfter
)

// Fault says which requests are struck, and how. What is left out does not choose.
type Fault struct {
	Keys   []kmsg.Key
	Client string // the client id begins with it
	// When looks into the request. It must not block, nor call the proxy.
	When func(kmsg.Request) bool
	Skip int // so many that match go free first

	Do    Do
	Err   *kerr.Error   // of Answer and AnswerAfter
	Delay time.Duration // of HoldBefore and HoldAfter
	Count int           // how often; 0: once; negative: until Remove
}

// Handle is a fault that was set.
type Handle struct {
	p       *Proxy
	fault   Fault
	matched int
	struck  int
}

// Fault sets a fault; the first of those set that matches a request strikes it.
func (p *Proxy) Fault(f Fault) *Handle {
	p.tb.Helper()
	if (f.Do == Answer || f.Do == AnswerAfter) == (f.Err == nil) || f.Do < CutBefore || f.Do > HoldAfter {
		p.tb.Errorf("kafka proxy: fault %+v: Err goes with Answer and AnswerAfter", f)
		return &Handle{p: p}
	}
	if f.Count == 0 {
		f.Count = 1
	}
	h := &Handle{p: p, fault: f}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, h)
	return h
}

// Struck is how often it has struck.
func (h *Handle) Struck() int {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	return h.struck
}

// Remove takes the fault away. What it has struck stays struck.
func (h *Handle) Remove() {
	h.p.mu.Lock()
	defer h.p.mu.Unlock()
	h.p.faults = slices.DeleteFunc(h.p.faults, func(o *Handle) bool { return o == h })
}

// strike counts a request and finds what befalls it.
func (p *Proxy) strike(h *header) *Handle {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[h.key]++
	for _, f := range p.faults {
		if !f.fault.matches(h) {
			continue
		}
		if f.matched++; f.matched <= f.fault.Skip {
			continue
		}
		if f.struck++; f.struck == f.fault.Count {
			p.faults = slices.DeleteFunc(p.faults, func(o *Handle) bool { return o == f })
		}
		return f
	}
	return nil
}

func (f *Fault) matches(h *header) bool {
	if len(f.Keys) > 0 && !slices.Contains(f.Keys, h.key) || !strings.HasPrefix(h.client, f.Client) {
		return false
	}
	if f.When == nil {
		return true
	}
	req, err := h.request()
	return err == nil && f.When(req)
}
