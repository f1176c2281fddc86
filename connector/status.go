package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/smpp-connector/smpp-connector/internal/admin"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
)

func (a *app) health() admin.Health {
	switch a.phase.Load() {
	case starting:
		return admin.Health{State: admin.Starting}
	case stopping:
		return admin.Health{State: admin.Healthy, Message: "It is draining."}
	}
	for _, p := range a.parts {
		if w := p.worker(); w != nil && w.Err() != nil {
			return admin.Health{State: admin.Unhealthy, Message: w.Err().Error()}
		}
	}
	return admin.Health{State: admin.Healthy}
}

func (a *app) ready() admin.Readiness {
	var r admin.Readiness
	missing := func(name, reason string) { r.Missing = append(r.Missing, admin.Missing{Name: name, Reason: reason}) }
	switch a.phase.Load() {
	case starting:
		if err := a.waitsFor.Load(); err != nil {
			missing("registry", (*err).Error())
			return r
		}
		reason := "the connector is still starting"
		if err := a.kafkaErr.Load(); err != nil {
			reason = (*err).Error()
		}
		missing("kafka", reason)
		return r
	case stopping:
		missing("connector", "it is draining")
		return r
	}
	if err := a.kafkaErr.Load(); err != nil {
		missing("kafka", (*err).Error())
	} else if s := a.theSink(); s != nil && !s.Status().Committing {
		missing("kafka", "it does not take our commits")
	}
	if slices.Contains(a.cfg.ReadyRequires, "smsc") {
		for _, acc := range a.accounts {
			st := acc.Status()
			if slices.ContainsFunc(st.Binds, func(b smpp.BindStatus) bool { return b.State == smpp.Bound }) {
				continue
			}
			reason := st.Name + " is not bound"
			for _, b := range st.Binds {
				if b.LastError != "" {
					reason = st.Name + ": " + b.LastError
				}
			}
			missing("smsc", reason)
		}
	}
	return r
}

// status fills the status page.
func (a *app) status() admin.Status {
	st := admin.Status{Title: a.cfg.Name}
	health := a.health()
	st.Sections = append(st.Sections, admin.Section{Name: "Connector", Columns: []string{"Part", "State"}, Rows: [][]string{
		{"health", string(health.State)}, {"ready", yesNo(len(a.ready().Missing) == 0, "ready", "not ready")},
		{"sink", a.parts["sink"].shown()}, {"source", a.parts["source"].shown()},
	}})
	if a.phase.Load() == starting {
		return st
	}
	smscs := admin.Section{Name: "SMSCs", Columns: []string{"SMSC", "Bind", "State", "Since", "Window", "In use", "Queued", "Per second", "Limit", "Last trouble"}}
	for _, acc := range a.accounts {
		s := acc.Status()
		for _, b := range s.Binds {
			trouble := b.LastError
			if b.State == smpp.Bound {
				trouble = ""
			}
			smscs.Rows = append(smscs.Rows, []string{s.Name, fmt.Sprintf("%d %s", b.Bind, b.Type), b.State.String(), b.Since.UTC().Format(time.TimeOnly),
				strconv.Itoa(b.Window), strconv.Itoa(b.InUse), strconv.Itoa(s.Queued), fmt.Sprintf("%.0f", s.Rate), limit(s.Limit), trouble})
		}
	}
	st.Sections = append(st.Sections, smscs)
	if sink := a.theSink(); sink != nil {
		s := sink.Status()
		st.Sections = append(st.Sections, admin.Section{Name: "Sink", Columns: []string{"Waiting", "Granted", "Retrying"},
			Note: "Granted records would be in doubt if this process died now.",
			Rows: [][]string{{strconv.Itoa(s.Waiting), strconv.Itoa(s.Granted), strconv.Itoa(s.Retrying)}}})
		parts := admin.Section{Name: "Partitions", Columns: []string{"Topic", "Partition", "Committed", "Lag", "Granted"}}
		for _, p := range s.Partitions {
			parts.Rows = append(parts.Rows, []string{p.Topic, strconv.Itoa(int(p.Partition)), strconv.FormatInt(p.Committed, 10), strconv.FormatInt(p.Lag, 10), strconv.Itoa(p.Granted)})
		}
		st.Sections = append(st.Sections, parts)
	}
	st.Sections = append(st.Sections, a.counters("Results", "smpp_connector_sink_results_total", "Status", "SMSC"),
		a.counters("Receipts", "smpp_connector_resolver_receipts_total", "State", "Correlated"))
	return st
}

// counters shows one counter of the metrics as a table, by its labels.
func (a *app) counters(title, name string, columns ...string) admin.Section {
	s := admin.Section{Name: title, Columns: append(columns, "Count")}
	families, err := gatherer{a}.Gather()
	if err != nil {
		return s
	}
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
	if i < 0 {
		return s
	}
	for _, m := range families[i].GetMetric() {
		row := make([]string, len(columns))
		for _, l := range m.GetLabel() {
			for c, column := range columns {
				if strings.EqualFold(l.GetName(), column) {
					row[c] = l.GetValue()
				}
			}
		}
		s.Rows = append(s.Rows, append(row, strconv.FormatFloat(m.GetCounter().GetValue(), 'f', 0, 64)))
	}
	return s
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
	return strconv.FormatFloat(f, 'f', -1, 64)
}
