package smpp

import "time"

// BindState is where a bind stands.
type BindState uint8

const (
	Closed     BindState = iota // not started, or stopped
	Connecting                  // dialing, TLS
	Binding                     // bind sent
	Bound
	Draining  // stopping: waits for answers, then unbinds
	Waiting   // backing off before the next attempt
	Listening // for an outbind
)

func (s BindState) String() string {
	switch s {
	case Closed:
		return "closed"
	case Connecting:
		return "connecting"
	case Binding:
		return "binding"
	case Bound:
		return "bound"
	case Draining:
		return "draining"
	case Waiting:
		return "waiting"
	case Listening:
		return "listening"
	}
	return "unknown"
}

// AccountStatus is an account at a glance, for people and for readiness.
type AccountStatus struct {
	Name   string
	Ready  bool
	Queued int     // submits offered and not yet in a window
	Window int     // places in the windows of the bound sessions
	InUse  int     // of them taken
	TPS    float64 // as configured, times Share; 0: no limit
	Share  float64
	Limit  float64 // the pace in force, which throttling lowers; 0: none
	Rate   float64 // submits a second, measured
	Binds  []BindStatus
}

// BindStatus is one bind of an account.
type BindStatus struct {
	Bind      int      // from 0
	Type      BindType // never Pair
	State     BindState
	Since     time.Time // of State
	Address   string    // the last one tried
	Peer      string    // system_id of the SMSC, of the last bind
	Version   Version   // sc_interface_version of the last bind; 0: the SMSC did not say
	Window    int       // 0: cannot submit
	InUse     int
	Alert     bool   // someone has to act: the SMSC refuses the credentials
	LastError string // in words; kept after the bind came up again
	NextTry   time.Time
}
