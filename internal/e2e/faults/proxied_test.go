package faults

import (
	"fmt"

	"github.com/smpp-connector/smpp-connector/internal/e2e/smppproxy"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// proxied is a row's smppVia: each SMSC behind a proxy, the same one for all replicas.
func proxied(w *world, addr string) string { return w.proxyTo(addr, false) }

// proxiedRaw is the same for a stream that is no SMPP to look into, such as TLS.
func proxiedRaw(w *world, addr string) string { return w.proxyTo(addr, true) }

func (w *world) proxyTo(addr string, raw bool) string {
	w.t.Helper()
	p := w.proxies[addr]
	if p == nil {
		var err error
		if p, err = smppproxy.Start(smppproxy.Options{Target: addr, Seed: w.smscs[0].Seed(), Raw: raw}); err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(p.Stop)
		if w.proxies == nil {
			w.proxies = map[string]*smppproxy.Proxy{}
		}
		w.proxies[addr] = p
	}
	return p.Addr()
}

// proxy is the one before the i-th SMSC.
func (w *world) proxy(i int) *smppproxy.Proxy { return w.proxies[w.smscs[i].Addr()] }

// breaking puts rules in force before the first SMSC and waits until the action was played n times more. A row
// whose fault does not happen fails here.
func (w *world) breaking(a smppproxy.Action, n int, rules ...smppproxy.Rule) {
	w.t.Helper()
	p := w.proxy(0)
	before := p.Played(a)
	p.Break(rules...)
	w.until(fmt.Sprintf("%d faults of the proxy", n), patience, func() bool { return p.Played(a) >= before+n })
}

// bound waits until so many binds are up at the first SMSC.
func (w *world) bound(n int) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d binds", n), patience, func() bool { return w.smscs[0].Stats().Binds >= n })
}

// unansweredAreAnnounced checks contract §5.4 on every submit that the SMSC took and by its own books never answered: the
// one result of its record says that it was in doubt, whatever became of it afterwards.
func unansweredAreAnnounced(w *world, b *books) {
	w.t.Helper()
	announced := map[string]bool{}
	for i := range b.results {
		if r := &b.results[i]; r.PossibleDuplicate || r.Status == "in_doubt" {
			announced[sms.NormalNumber(r.To)] = true
		}
	}
	n := 0
	for i := range b.submits {
		s := &b.submits[i]
		if s.Answered || s.MessageID == "" {
			continue
		}
		if n++; !announced[sms.NormalNumber(s.To)] {
			w.t.Errorf("submit %d of bind %d was taken and never answered, and the result for that number does not say so", s.Sequence, s.Bind)
		}
	}
	if n == 0 {
		w.t.Error("every submit was answered: the fault did not happen")
	}
	w.note("%d submits were never answered, each announced", n)
}

// statusCount is how many results have a status.
func (b *books) statusCount(status string) (n int) {
	for i := range b.results {
		if b.results[i].Status == status {
			n++
		}
	}
	return n
}
