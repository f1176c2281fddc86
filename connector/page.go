package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/smpp-connector/smpp-connector/internal/admin"
	"github.com/smpp-connector/smpp-connector/internal/sink"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

// status fills the status page, /ui and /ui.json, from top to bottom: what is wrong stands before what is well.
func (a *app) status() admin.Status {
	st := admin.Status{Title: a.cfg.Name}
	add := func(s admin.Section) { st.Sections = append(st.Sections, s) }
	health := a.health()
	add(admin.Section{Name: "Connector", Columns: []string{"Part", "State"}, Rows: [][]string{
		{"health", string(health.State)}, {"readiness", yesNo(len(a.ready().Missing) == 0, "ready", "not ready")},
		{"sink", a.parts["sink"].shown()}, {"source", a.parts["source"].shown()},
	}})
	if a.phase.Load() == starting {
		add(a.lastErrors())
		return st
	}
	select {
	case a.rates.wake <- struct{}{}:
	default: // it is already awake
	}
	f := a.figures()
	var held sink.Status
	if s := a.theSink(); s != nil {
		held = s.Status()
	}
	add(a.inDoubt(f, held))
	add(a.flow(time.Now(), f, held))
	add(a.smscs(f))
	add(a.binds())
	add(results(f))
	add(receipts(f))
	add(delivery(f["smpp_connector_resolver_submit_to_delivered_seconds"].GetMetric()))
	add(a.lastErrors())
	add(partitions(held))
	add(a.replicas())
	return st
}

// flow is the way from the topic to the SMSC and back, with what waits before each step.
func (a *app) flow(now time.Time, f figures, held sink.Status) admin.Section {
	s := admin.Section{Name: "Flow", Columns: []string{"Step", "Per second", "Total", "Waiting before it"}, Note: "Rates are those of the last 10 s or so, totals since this replica started."}
	lag, queued := int64(0), 0
	for _, p := range held.Partitions {
		lag += p.Lag
	}
	for _, acc := range a.accounts {
		queued += acc.Status().Queued
	}
	waiting := []string{
		grouped(float64(lag)), grouped(float64(held.Waiting + held.Retrying + queued)), grouped(float64(held.Granted)),
		"", grouped(f.total("smpp_connector_resolver_waiting", "kind", "receipt")), grouped(f.total("smpp_connector_resolver_waiting", "kind", "part")),
	}
	totals := stageTotals(f)
	for i, per := range a.rates.of(now, totals) {
		s.Rows = append(s.Rows, []string{stages[i].name, rate(per), grouped(totals[i]), waiting[i]})
	}
	return s
}

func (a *app) smscs(f figures) admin.Section {
	s := admin.Section{Name: "SMSCs", Columns: []string{"SMSC", "State", "Binds", "Window", "Queued", "Per second", "Pace", "Configured", "Throttled"},
		Note: "Pace is the limit in force for this replica, which throttling lowers; Configured is its share of TPS. Throttled counts how often the pace was lowered."}
	for _, acc := range a.accounts {
		c := acc.Status()
		up := 0
		for _, b := range c.Binds {
			if b.State == smpp.Bound {
				up++
			}
		}
		state := "bound"
		switch {
		case up == 0:
			state = "down"
		case f.total("smpp_connector_sink_smsc_avoided", "smsc", c.Name) > 0:
			state = "avoided"
		case c.Limit > 0 && (c.TPS == 0 || c.Limit < 0.995*c.TPS):
			state = "throttled"
		}
		s.Rows = append(s.Rows, []string{c.Name, state, fmt.Sprintf("%d/%d", up, len(c.Binds)), fmt.Sprintf("%d/%d", c.InUse, c.Window), grouped(float64(c.Queued)),
			rate(c.Rate), limit(c.Limit), limit(c.TPS), grouped(f.total("smpp_connector_smpp_throttles_total", "smsc", c.Name))})
	}
	return s
}

func (a *app) binds() admin.Section {
	s := admin.Section{Name: "Binds", Columns: []string{"SMSC", "Bind", "State", "Since", "Window", "Last trouble"}}
	for _, acc := range a.accounts {
		c := acc.Status()
		for _, b := range c.Binds {
			window := ""
			if b.Window > 0 {
				window = fmt.Sprintf("%d/%d", b.InUse, b.Window)
			}
			s.Rows = append(s.Rows, []string{c.Name, fmt.Sprintf("%d %s", b.Bind, b.Type), b.State.String(), clock(b.Since), window, b.LastError})
		}
	}
	return s
}

func results(f figures) admin.Section {
	s := admin.Section{Name: "Results by status", Columns: []string{"Status", "SMSC", "Count", "Share"}}
	addShares(&s, f, "smpp_connector_sink_results_total", "status", "smsc")
	return s
}

func receipts(f figures) admin.Section {
	s := admin.Section{Name: "Receipts by state", Columns: []string{"State", "Message", "Count", "Share"}}
	addShares(&s, f, "smpp_connector_resolver_receipts_total", "state", "correlated")
	for _, row := range s.Rows {
		row[1] = yesNo(row[1] == "true", "found", "not found")
	}
	return s
}

func addShares(s *admin.Section, f figures, metric string, labels ...string) {
	keys, counts := f.by(metric, labels...)
	all := f.total(metric)
	for i, key := range keys {
		s.Rows = append(s.Rows, append(key, grouped(counts[i]), fmt.Sprintf("%.1f %%", 100*counts[i]/max(1, all))))
	}
}

func (a *app) inDoubt(f figures, held sink.Status) admin.Section {
	s := admin.Section{Name: "In doubt and dead letters", Columns: []string{"What", "Count"}}
	row := func(what string, n float64) { s.Rows = append(s.Rows, []string{what, grouped(n)}) }
	const results = "smpp_connector_sink_results_total"
	dead := 0.0
	for _, status := range []string{"invalid", "unroutable", "expired", "rejected", "in_doubt"} {
		dead += f.total(results, "status", status)
	}
	row("Dead letters", dead)
	row("Results in doubt", f.total(results, "status", "in_doubt"))
	row("Results that may be duplicates", f.total("smpp_connector_sink_possible_duplicates_total"))
	row("Records found in doubt at a takeover", f.total("smpp_connector_sink_in_doubt_records_total"))
	row("Submits without an answer", f.total("smpp_connector_sink_unanswered_submits_total"))
	row("Would be in doubt if this process died now", float64(held.Granted))
	row("Submissions that may still get receipts", f.total("smpp_connector_resolver_origins"))
	return s
}

// delivery is how long it took from submit to the receipt that says DELIVERED.
func delivery(histograms []*dto.Metric) admin.Section {
	s := admin.Section{Name: "Delivery", Columns: []string{"SMSC", "Delivered", "50 %", "90 %", "99 %"},
		Note: "From submit to the receipt that says DELIVERED: within this time so many of those delivered were there. Since this replica started."}
	all := map[float64]uint64{}
	total := uint64(0)
	for _, m := range histograms {
		h := m.GetHistogram()
		if h.GetSampleCount() == 0 {
			continue
		}
		row := []string{label(m, "smsc"), grouped(float64(h.GetSampleCount()))}
		for _, q := range []float64{.5, .9, .99} {
			row = append(row, quantile(h.GetBucket(), h.GetSampleCount(), q))
		}
		s.Rows = append(s.Rows, row)
		for _, b := range h.GetBucket() {
			all[b.GetUpperBound()] += b.GetCumulativeCount()
		}
		total += h.GetSampleCount()
	}
	if total == 0 {
		return s
	}
	s.Curve = &admin.Curve{Label: "Share of the delivered messages by the time that it took"}
	for _, bound := range slices.Sorted(maps.Keys(all)) {
		if math.IsInf(bound, 1) {
			break
		}
		share := float64(all[bound]) / float64(total)
		s.Curve.Points = append(s.Curve.Points, admin.Point{Seconds: bound, Share: share})
		if share == 1 {
			break
		}
	}
	return s
}

// quantile is the time in which a share was there, taken as even within a bucket as Prometheus does.
func quantile(buckets []*dto.Bucket, total uint64, share float64) string {
	want, low, below := share*float64(total), 0.0, 0.0
	for _, b := range buckets {
		if n := float64(b.GetCumulativeCount()); n >= want {
			if math.IsInf(b.GetUpperBound(), 1) {
				break
			}
			seconds := low + (b.GetUpperBound()-low)*(want-below)/max(1, n-below)
			return admin.Lasting(seconds)
		} else {
			low, below = b.GetUpperBound(), n
		}
	}
	return "over " + admin.Lasting(low)
}

func (a *app) lastErrors() admin.Section {
	s := admin.Section{Name: "Last errors", Columns: []string{"Last at", "Times", "What"}}
	for _, t := range a.troubles.newest() {
		s.Rows = append(s.Rows, []string{clock(t.at), strconv.Itoa(t.times), t.text})
	}
	return s
}

func partitions(held sink.Status) admin.Section {
	s := admin.Section{Name: "Partitions", Columns: []string{"Topic", "Partition", "State", "Committed", "Lag", "Granted"}, Note: "Input partitions that this replica holds."}
	for _, p := range held.Partitions {
		s.Rows = append(s.Rows, []string{p.Topic, strconv.Itoa(int(p.Partition)), yesNo(p.Paused, "holding back", "reading"), grouped(float64(p.Committed)), grouped(float64(p.Lag)), strconv.Itoa(p.Granted)})
	}
	return s
}

// replicas are the members of the groups as Kafka last told of them; keepRates asks.
func (a *app) replicas() admin.Section {
	s := admin.Section{Name: "Replicas", Columns: []string{"Part", "Replica", "Partitions", "This page"}, Note: "The members of the consumer groups, as Kafka tells."}
	for _, side := range a.steering.sides() {
		own := ""
		if w := a.parts[side.name].worker(); w != nil {
			own = w.Member()
		}
		for _, m := range a.steering.lastSeen(side.group) {
			assigned := make([]string, 0, len(m.Assigned))
			for _, topic := range slices.Sorted(maps.Keys(m.Assigned)) {
				assigned = append(assigned, topic+" "+runs(m.Assigned[topic]))
			}
			s.Rows = append(s.Rows, []string{side.name, strings.TrimPrefix(m.Host, "/"), strings.Join(assigned, "; "), yesNo(m.ID == own, "yes", "")})
		}
	}
	return s
}

// runs writes partitions as 0–2, 5.
func runs(partitions []int32) string {
	partitions = slices.Sorted(slices.Values(partitions))
	var parts []string
	for i := 0; i < len(partitions); {
		j := i
		for j+1 < len(partitions) && partitions[j+1] == partitions[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, strconv.Itoa(int(partitions[i])))
		} else {
			parts = append(parts, fmt.Sprintf("%d–%d", partitions[i], partitions[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

func yesNo(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

func limit(f float64) string {
	if f <= 0 {
		return "none"
	}
	return rate(f)
}

// rate is a number a second: whole above ten, where nobody reads more of it.
func rate(f float64) string {
	if f >= 0.05 && f < 10 {
		return strconv.FormatFloat(f, 'f', 1, 64) + "/s"
	}
	return grouped(math.Round(f)) + "/s"
}

// grouped is a number with its digits in groups of three.
func grouped(f float64) string {
	s := strconv.FormatFloat(f, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.TimeOnly)
}
