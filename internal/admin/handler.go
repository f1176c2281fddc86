package admin

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Handler is the whole of what the server serves.
func (s *Server) Handler() http.Handler {
	// What probes and scrapers ask is open to all, as they seldom have credentials; neither holds messages, numbers or secrets.
	open := http.NewServeMux()
	open.Handle("/health", readOnly(http.HandlerFunc(s.health)))
	open.Handle("/ready", readOnly(http.HandlerFunc(s.ready)))
	open.Handle("/metrics", readOnly(promhttp.HandlerFor(s.opts.Gatherer, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: metricsAtOnce,
		Timeout:             metricsTimeLimit,
		EnableOpenMetrics:   true,
	})))

	guarded := http.NewServeMux()
	guarded.Handle("/ui", readOnly(http.HandlerFunc(s.page)))
	guarded.Handle("/ui.json", readOnly(http.HandlerFunc(s.reportJSON)))
	guarded.Handle("/ui/{$}", readOnly(http.RedirectHandler("/ui", http.StatusFound)))
	guarded.Handle("/{$}", readOnly(http.HandlerFunc(s.root)))
	guarded.Handle("/", readOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, "There is nothing here. There are /ui, /ui.json, /health, /ready, /metrics, /connectors and /openapi.json.")
	})))
	if s.opts.Connect != nil {
		connect{s.opts.Connect}.routes(guarded, s.steeredFromHere)
	}
	open.Handle("/", s.authenticate(refuseOtherSites(s.authenticated(), guarded)))

	if s.opts.Connect == nil {
		return harden(readOnly(open))
	}
	return harden(known(open))
}

// known refuses the methods that nothing here has, which a mux would not all bring to the handler of their path.
func known(next http.Handler) http.Handler {
	refused := readOnly(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete:
			next.ServeHTTP(w, r)
		default:
			refused.ServeHTTP(w, r)
		}
	})
}

// root is Connect's, unless a person opens it in a browser.
func (s *Server) root(w http.ResponseWriter, r *http.Request) {
	if s.opts.Connect == nil || strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/ui", http.StatusFound)
		return
	}
	connect{s.opts.Connect}.root(w)
}

// steeredFromHere answers requests that could change something to loopback only, unless credentials protect them.
func (s *Server) steeredFromHere(next http.Handler) http.Handler {
	if s.authenticated() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromLoopback(r) {
			writeError(w, http.StatusForbidden, "Requests that change something are answered to this host only, unless HTTP_USERNAME and HTTP_PASSWORD are set.")
			return
		}
		next.ServeHTTP(w, r)
	})
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

// readOnly refuses every method that could change something, where nothing can be changed.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeError(w, http.StatusMethodNotAllowed, "HTTP 405 Method Not Allowed")
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
