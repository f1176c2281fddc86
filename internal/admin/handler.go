package admin

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler is the whole of what the server serves.
func (s *Server) Handler() http.Handler {
	// What probes and scrapers ask is open to all, as they seldom have credentials; neither holds messages, numbers or secrets.
	open := http.NewServeMux()
	open.HandleFunc("/health", s.health)
	open.HandleFunc("/ready", s.ready)
	open.Handle("/metrics", promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: metricsAtOnce,
		Timeout:             metricsTimeLimit,
		EnableOpenMetrics:   true,
	}))

	guarded := http.NewServeMux()
	guarded.HandleFunc("/ui", s.page)
	guarded.Handle("/ui/{$}", http.RedirectHandler("/ui", http.StatusFound))
	guarded.Handle("/{$}", http.RedirectHandler("/ui", http.StatusFound))
	guarded.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, "There is nothing here. There are /ui, /health, /ready and /metrics.")
	})
	open.Handle("/", s.authenticate(refuseOtherSites(s.authenticated(), guarded)))

	return harden(readOnly(open))
}

// harden sets the headers that every answer has, bounds the body of every request, and lets no cache keep an answer.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		next.ServeHTTP(w, r)
	})
}

// readOnly refuses every method that could change something: nothing here can be changed.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeError(w, http.StatusMethodNotAllowed, "HTTP 405 Method Not Allowed: there is only GET and HEAD here.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// writeJSON answers with a value as JSON. Values are made of strings, numbers and lists, which always can be encoded.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client has gone; nobody is left to be told
}

// writeError answers in the shape of Kafka Connect's errors.
func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, struct {
		ErrorCode int    `json:"error_code"`
		Message   string `json:"message"`
	}{status, message})
}
