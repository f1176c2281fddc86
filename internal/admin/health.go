package admin

import "net/http"

// State is a worker's state in the words of Kafka Connect's GET /health (KIP-1017).
type State string

// The states and their status codes: 200, 503 and 500.
const (
	Healthy   State = "healthy"
	Starting  State = "starting"
	Unhealthy State = "unhealthy"
)

// Health is the answer of /health, the liveness probe: whether the process can do its work, not whether Kafka or an SMSC is there.
type Health struct {
	State   State
	Message string // what the connector is busy with or cannot do; empty: Connect's own sentence alone
}

// Readiness is the answer of /ready. Nothing missing is ready.
type Readiness struct {
	Missing []Missing
}

// Missing is one thing that readiness waits for.
type Missing struct {
	Name   string `json:"name"`   // such as "kafka" or "smsc"
	Reason string `json:"reason"` // a sentence, without secrets
}

// health answers as Kafka Connect 4.3 does: the same two fields, status codes and first sentences.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	h := s.opts.Health()
	status, message := http.StatusInternalServerError, "Worker was unable to handle this request and may be unable to handle other requests."
	switch h.State {
	case Healthy:
		status, message = http.StatusOK, "Worker has completed startup and is ready to handle requests."
	case Starting:
		status, message = http.StatusServiceUnavailable, "Worker is still starting up."
	default:
		h.State = Unhealthy // a state that is none of the three is a fault
	}
	if h.Message != "" {
		message += " " + h.Message
	}
	writeJSON(w, status, struct {
		Status  State  `json:"status"`
		Message string `json:"message"`
	}{h.State, message})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	missing := s.opts.Ready().Missing
	status := http.StatusOK
	if len(missing) > 0 {
		status = http.StatusServiceUnavailable
	} else {
		missing = []Missing{} // an empty list rather than null
	}
	writeJSON(w, status, struct {
		Ready   bool      `json:"ready"`
		Missing []Missing `json:"missing"`
	}{len(missing) == 0, missing})
}
