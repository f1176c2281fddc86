// Package plan says what a load takes: binds, window, partitions, replicas, memory, disk, brokers, and what a crash may leave in doubt. Each
// figure comes with its arithmetic.
//
// It is pure, and imports the standard library alone.
package plan

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Load is what is to be carried.
type Load struct {
	Rate     float64       // messages a second
	RTT      time.Duration // from a submit_sm to its answer
	Parts    float64       // submit_sm for each message, on average
	Receipts float64       // receipts for each submit_sm, on average
	Wait     time.Duration // SOURCE_RECEIPT_WAIT: how long a submission is kept for its receipts
	Window   int           // the most unanswered submits that the carrier takes on a bind
	BindTPS  float64       // the most submit_sm a second that it takes on a bind; 0: no limit
	Binds    int           // the most binds that it gives; 0: no limit
	Cores    float64       // CPU of a replica
	Replicas int           // at least so many
}

// Default is what is assumed where nothing is said.
func Default() Load {
	return Load{Rate: 1000, RTT: 50 * time.Millisecond, Parts: 1, Receipts: 1, Wait: 72 * time.Hour, Window: 100, Cores: 1, Replicas: 2}
}

// Check reports all that is wrong, each with the flag, the value and what would be right.
func (l *Load) Check() error {
	var faults []error
	bad := func(is bool, flag string, value any, right string) {
		if is {
			faults = append(faults, fmt.Errorf("--%s %v: %s", flag, value, right))
		}
	}
	positive := func(v float64) bool { return v > 0 && !math.IsInf(v, 1) } // false for NaN
	bad(!positive(l.Rate) || l.Rate > 1e7, "rate", l.Rate, "messages a second, above 0 and up to 10,000,000")
	bad(l.RTT <= 0 || l.RTT > slowest, "rtt", l.RTT, "time from a submit_sm to its answer, above 0 and up to RESPONSE_TIMEOUT, 10s")
	bad(!(l.Parts >= 1 && l.Parts <= 255), "parts", l.Parts, "submit_sm for each message, 1 to 255")
	bad(!(l.Receipts >= 0 && l.Receipts <= 10), "receipts", l.Receipts, "receipts for each submit_sm, 0 to 10")
	bad(l.Wait < time.Minute, "receipt-wait", l.Wait, "SOURCE_RECEIPT_WAIT, a minute at least")
	bad(l.Window < 1 || l.Window > 4096, "window", l.Window, "unanswered submits on a bind, 1 to 4096")
	bad(l.BindTPS != 0 && (!positive(l.BindTPS) || l.BindTPS < 0.1), "bind-tps", l.BindTPS, "submit_sm a second on a bind, 0.1 at least; 0 for no limit")
	bad(l.Binds < 0, "binds", l.Binds, "the most binds that the carrier gives; 0 for no limit")
	bad(!positive(l.Cores) || l.Cores > 1024, "cores", l.Cores, "CPU cores of a replica, such as 0.5 or 2")
	bad(l.Replicas < 1 || l.Replicas > 1000, "replicas", l.Replicas, "the fewest replicas, 1 to 1000; with 2, one can die")
	return errors.Join(faults...)
}

// Figure is one line of a plan.
type Figure struct {
	Name  string
	Value string
	Why   string // the arithmetic
}

// Plan is what the load takes.
type Plan struct {
	Load
	PDUs         float64 // submit_sm a second
	ReplicaCount int
	BindsEach    int // SMSC_<n>_BINDS, of each replica
	WindowEach   int // SMSC_<n>_WINDOW
	Partitions   int
	Brokers      int
	CPU          float64 // cores, of all replicas
	Memory       int64   // bytes to give each replica
	Disk         int64   // bytes of STATE_DIR of each replica
	InDoubt      int     // the most that a crash of one replica leaves in doubt
	Takeover     time.Duration
	Rebuild      time.Duration // of what one replica's successor folds that has lost its store too
	Figures      []Figure
	Warnings     []string
}

// Make plans; the load has passed Check.
func Make(l Load) *Plan {
	p := &Plan{Load: l, PDUs: l.Rate * l.Parts}
	p.replicas()
	p.binds()
	p.partitions()
	p.brokers()
	p.memory()
	p.disk()
	p.crash()
	return p
}

func (p *Plan) say(name, value, why string, args ...any) {
	p.Figures = append(p.Figures, Figure{name, value, fmt.Sprintf(why, args...)})
}

func (p *Plan) warn(text string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(text, args...))
}

func up(x float64) int { return int(math.Ceil(x - 1e-9)) }

func (p *Plan) replicas() {
	sink := p.Rate * (messageCPU.Seconds() + (p.Parts-1)*partCPU.Seconds())
	source := p.PDUs * p.Receipts * receiptCPU.Seconds()
	p.CPU = sink + source
	p.say("CPU", fmt.Sprintf("%.2f cores", p.CPU), "%s/s × (%v + %.2g × %v a part more) + %s receipts/s × %v, of all replicas",
		short(p.Rate), messageCPU, p.Parts-1, partCPU, short(p.PDUs*p.Receipts), receiptCPU)
	byCPU, byRate := up(p.CPU/(p.Cores*planned)), up(p.Rate/(replicaRate*planned))
	p.ReplicaCount = max(p.Load.Replicas, byCPU, byRate)
	p.say("replicas", fmt.Sprint(p.ReplicaCount), "the most of: %d asked for; %.2f cores / (%.3g cores × %.0f %%) = %d; %s/s / (%s/s of one × %.0f %%) = %d",
		p.Load.Replicas, p.CPU, p.Cores, 100*planned, byCPU, short(p.Rate), short(replicaRate), 100*planned, byRate)
}

func (p *Plan) binds() {
	places := p.PDUs * p.RTT.Seconds() / windowUse
	byWindow, byTPS := up(places/float64(p.Load.Window)), 0
	why := fmt.Sprintf("%s/s × %v / %.0f %% = %.0f places, in windows of %d: %d", short(p.PDUs), p.RTT, 100*windowUse, places, p.Load.Window, byWindow)
	if p.BindTPS > 0 {
		byTPS = up(p.PDUs / p.BindTPS)
		why += fmt.Sprintf("; %s/s / %s/s of a bind: %d", short(p.PDUs), short(p.BindTPS), byTPS)
	}
	need := max(byWindow, byTPS, 1)
	p.BindsEach = up(float64(need) / float64(p.ReplicaCount))
	all := p.BindsEach * p.ReplicaCount
	p.say("binds", fmt.Sprintf("%d × %d", p.ReplicaCount, p.BindsEach), "%s; SMSC_<n>_BINDS=%d, of each of %d replicas", why, p.BindsEach, p.ReplicaCount)
	p.WindowEach = max(1, min(p.Load.Window, up(places/float64(all))))
	p.say("window", fmt.Sprint(p.WindowEach), "%.0f places / %d binds; SMSC_<n>_WINDOW", places, all)
	if p.Binds > 0 && all > p.Binds {
		p.warn("the carrier gives %d binds and %d are needed: ask for more, for a larger window, or for less time to answer; with %d it carries %s messages a second",
			p.Binds, all, p.Binds, short(p.carried()))
	}
	if each := p.PDUs / float64(p.ReplicaCount); each < 20 {
		p.warn("each replica has %.3g submits a second: below 20 a limit by SMSC_<n>_TPS loses up to a tenth to rounding, since no second may hold more", each)
	}
}

// carried is what the binds that there are let through.
func (p *Plan) carried() float64 {
	rate := float64(p.Binds*p.Load.Window) * windowUse / p.RTT.Seconds()
	if p.BindTPS > 0 {
		rate = min(rate, float64(p.Binds)*p.BindTPS)
	}
	return rate / p.Parts
}

func (p *Plan) partitions() {
	byLedger := up(p.Rate * slowest.Seconds() / ledgerSpan)
	n := max(6, partitionsEach*p.ReplicaCount, byLedger)
	p.Partitions = up(float64(n)/float64(p.ReplicaCount)) * p.ReplicaCount
	p.say("partitions", fmt.Sprint(p.Partitions), "the most of: 6; %d for each of %d replicas; %s/s × %v that one message may wait for its answer / %s offsets of a ledger = %d; up to a multiple of %d",
		partitionsEach, p.ReplicaCount, short(p.Rate), slowest, short(ledgerSpan), byLedger, p.ReplicaCount)
}

func (p *Plan) brokers() {
	writes := p.Rate + p.PDUs*p.Receipts
	byRate := up(replication * writes / (brokerRate * planned))
	p.Brokers = max(replication, byRate)
	p.say("brokers", fmt.Sprint(p.Brokers), "the most of: %d copies of each record; %d × (%s results/s + %s receipts/s) / (%s records/s of a broker of two cores × %.0f %%) = %d",
		replication, replication, short(p.Rate), short(p.PDUs*p.Receipts), short(brokerRate), 100*planned, byRate)
}

func (p *Plan) memory() {
	const mb, program = 1e6, 180e6
	held := float64(up(float64(p.Partitions) / float64(p.ReplicaCount)))
	queued := 2 * 2.5e3 * max(24_000, 125*held)
	asKafka := 3 * max(64*mb, mb*held)
	fetched := 2 * 2 * 8 * mb // producers' batches taken to expand to twice their size
	windows := 4e3 * float64(p.BindsEach*p.WindowEach)
	p.Memory = int64(program + queued + asKafka + fetched + windows)
	p.say("memory", fmt.Sprintf("%.0f MB", float64(p.Memory)/mb), "180 MB + half of the rest of DESIGN's formula: queues %.0f, records %.0f, fetched %.0f, windows %.1f MB; of each replica",
		queued/mb, asKafka/mb, fetched/mb, windows/mb)
}

func (p *Plan) disk() {
	filed, last := p.PDUs, p.Rate
	if p.Receipts == 0 {
		filed = 0
	}
	kept := (filed*filedBytes + last*lastBytes) * p.Wait.Seconds()
	p.Disk = int64(kept / float64(p.ReplicaCount))
	p.say("disk", size(float64(p.Disk)), "(%s submissions/s × %d B + %s subscribers/s × %d B) × %v of SOURCE_RECEIPT_WAIT / %d replicas; STATE_DIR of each",
		short(filed), filedBytes, short(last), lastBytes, p.Wait, p.ReplicaCount)
	entries := (filed + last) * p.Wait.Seconds() / float64(p.ReplicaCount)
	p.Rebuild = time.Duration(entries / foldRate * float64(time.Second)).Round(time.Second)
	p.say("rebuild", p.Rebuild.String(), "%s entries of a replica / %s a second; only where its STATE_DIR is lost or it takes over; results do not wait for it, receipts do",
		short(entries), short(foldRate))
	if p.Rebuild > time.Hour {
		p.warn("SOURCE_RECEIPT_WAIT=%v keeps %s entries on each replica, and a takeover folds them for %v: set it to how long receipts really take, such as 4h",
			p.Wait, short(entries), p.Rebuild)
	}
}

func (p *Plan) crash() {
	each := p.PDUs / float64(p.ReplicaCount)
	windows := p.BindsEach * p.WindowEach
	p.InDoubt = windows + up(each/2)
	p.say("in doubt", fmt.Sprint(p.InDoubt), "%d binds × window %d + half a second of %s submits/s; by a crash of one replica, none by a clean stop",
		p.BindsEach, p.WindowEach, short(each))
	p.Takeover = session
	p.say("takeover", p.Takeover.String(), "KAFKA_SESSION_TIMEOUT, in which %s messages wait in the partitions of a dead replica",
		short(p.Rate/float64(p.ReplicaCount)*session.Seconds()))
}

// short writes a number with few digits: 1234567 is 1.23M.
func short(x float64) string {
	switch {
	case x >= 1e9:
		return fmt.Sprintf("%.3gG", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.3gM", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.3gk", x/1e3)
	}
	return fmt.Sprintf("%.4g", x)
}

func size(bytes float64) string {
	if bytes >= 1e9 {
		return fmt.Sprintf("%.1f GB", bytes/1e9)
	}
	return fmt.Sprintf("%.0f MB", math.Ceil(bytes/1e6))
}
