package main

import (
	"slices"

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
