package engine

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/smpp-connector/smpp-connector/internal/sms"
)

const (
	// learnAfter is how many receipts in a row must show the same form before
	// submissions are filed under it alone: one mistaken join must not be enough, as
	// what is filed under the wrong key only is lost to its receipt.
	learnAfter = 20
	// window is over how many receipts the rate of matches is taken.
	window = 100
	// poorBelow and wellFrom are matches in a full window: an alarm is raised below the one and
	// ends at the other.
	poorBelow, wellFrom = window / 2, window * 3 / 5
)

// Alarm tells that the receipts of an SMSC find their messages no more, or again.
type Alarm struct {
	SMSC    string
	Poor    bool       // false: over
	Matched int        // of the last hundred receipts
	Form    sms.IDForm // in force until now
	Unlearn bool       // the form was learned, and is forgotten now
}

// Forms knows how each SMSC writes message ids in receipts. A form from the configuration
// is never changed; others are learned from receipts that found their message, and
// forgotten when receipts do so no more.
//
// It is safe for concurrent use. Of takes no lock: the sink asks for every message.
type Forms struct {
	mu     sync.Mutex                       // writers
	smscs  atomic.Pointer[map[string]*form] // the map is never written once it is here
	onNews func(Alarm)
}

type form struct {
	fixed   bool
	current atomic.Uint32 // sms.IDForm

	// under Forms.mu
	last    sms.IDForm // shown by the latest receipts
	row     int        // how many of them in a row
	ring    [window]bool
	next    int
	filled  int
	matched int
	poor    bool
}

// NewForms returns the forms of the SMSCs given: fixed ones, and with FormUnknown those to
// be learned. An SMSC not named is learned too.
func NewForms(fixed map[string]sms.IDForm) *Forms {
	f := &Forms{}
	m := make(map[string]*form, len(fixed))
	for smsc, id := range fixed {
		s := &form{fixed: id != sms.FormUnknown}
		s.current.Store(uint32(id))
		m[smsc] = s
	}
	f.smscs.Store(&m)
	return f
}

// OnAlarm has fn called when an alarm begins or ends. It is called with a lock held and
// must not call back. Set it before the first Observe.
func (f *Forms) OnAlarm(fn func(Alarm)) { f.onNews = fn }

// Of is the form of an SMSC's ids, FormUnknown while it is not known.
func (f *Forms) Of(smsc string) sms.IDForm {
	id, _ := f.of(smsc)
	return id
}

func (f *Forms) of(smsc string) (id sms.IDForm, fixed bool) {
	if s := (*f.smscs.Load())[smsc]; s != nil {
		return sms.IDForm(s.current.Load()), s.fixed
	}
	return sms.FormUnknown, false
}

// Observe takes what became of one receipt: matched with the message whose response had
// responseID, or given up.
func (f *Forms) Observe(smsc, responseID, receiptID string, matched bool) {
	shown := sms.FormUnknown
	if matched {
		shown = sms.FormOf(responseID, receiptID)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.entry(smsc)
	if s.filled == window && s.ring[s.next] {
		s.matched--
	}
	s.ring[s.next] = matched
	s.next = (s.next + 1) % window
	s.filled = min(s.filled+1, window)
	if matched {
		s.matched++
	}
	if shown != sms.FormUnknown {
		if shown != s.last {
			s.last, s.row = shown, 0
		}
		s.row++
		if s.row >= learnAfter && !s.fixed {
			s.current.Store(uint32(shown))
		}
	}
	f.judge(smsc, s)
}

func (f *Forms) judge(smsc string, s *form) {
	switch {
	case s.filled < window:
	case !s.poor && s.matched < poorBelow:
		s.poor = true
		f.news(s.unlearn(smsc))
	case s.poor && s.matched == 0 && !s.fixed && s.current.Load() != uint32(sms.FormUnknown):
		// It was learned while the rate was poor, as where other systems share the account, and is not true any more.
		f.news(s.unlearn(smsc))
	case s.poor && s.matched >= wellFrom:
		s.poor = false
		f.news(Alarm{SMSC: smsc, Matched: s.matched, Form: sms.IDForm(s.current.Load())})
	}
}

// unlearn forgets a form that receipts do not bear out any more, if it was learned, and says so.
func (s *form) unlearn(smsc string) Alarm {
	a := Alarm{SMSC: smsc, Poor: true, Matched: s.matched, Form: sms.IDForm(s.current.Load())}
	if !s.fixed && a.Form != sms.FormUnknown {
		a.Unlearn = true
		s.current.Store(uint32(sms.FormUnknown))
		s.row = 0
	}
	return a
}

func (f *Forms) news(a Alarm) {
	if f.onNews != nil {
		f.onNews(a)
	}
}

func (f *Forms) entry(smsc string) *form {
	have := *f.smscs.Load()
	if s := have[smsc]; s != nil {
		return s
	}
	m := maps.Clone(have)
	s := &form{}
	m[smsc] = s
	f.smscs.Store(&m)
	return s
}
