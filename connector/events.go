package main

import (
	"sync/atomic"

	"github.com/smpp-connector/smpp-connector/internal/sink"
	"github.com/smpp-connector/smpp-connector/internal/smpp"
	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
	"github.com/smpp-connector/smpp-connector/internal/source"
)

// events leads what the accounts tell to the sink and the source. The source is
// set before the accounts start; the sink may be stopped and started anew while they run.
type events struct {
	sink   atomic.Pointer[sink.Sink]
	source *source.Source
	// queries: nil where no SMSC is asked
	queries *queries
}

func (e *events) Answered(a *smpp.Account, answers []smpp.Answer) {
	if e.queries != nil {
		e.queries.answered(answers)
	}
	if s := e.sink.Load(); s != nil {
		s.Answered(a, answers)
	}
}

// Delivered without a source leaves the message with the SMSC, for a replica
// that has one.
func (e *events) Delivered(d *smpp.Delivery) {
	if e.source == nil {
		d.Refuse(wire.StatusSysErr)
		return
	}
	e.source.Delivered(d)
}

func (e *events) StateChanged(a *smpp.Account) {
	if s := e.sink.Load(); s != nil {
		s.StateChanged(a)
	}
}
