package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// ask makes one request; edit changes it before it goes.
func ask(o Options, method, path string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost:8083"+path, nil)
	for _, e := range edit {
		e(r)
	}
	w := httptest.NewRecorder()
	New(o).Handler().ServeHTTP(w, r)
	return w
}

func TestHealthHasTheShapeOfKafkaConnects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		health Health
		code   int
		body   string
	}{
		"healthy":         {Health{State: Healthy}, 200, `{"status":"healthy","message":"Worker has completed startup and is ready to handle requests."}`},
		"starting":        {Health{State: Starting, Message: "Reaching Kafka."}, 503, `{"status":"starting","message":"Worker is still starting up. Reaching Kafka."}`},
		"unhealthy":       {Health{State: Unhealthy}, 500, `{"status":"unhealthy","message":"Worker was unable to handle this request and may be unable to handle other requests."}`},
		"an unknown word": {Health{State: "?"}, 500, `{"status":"unhealthy","message":"Worker was unable to handle this request and may be unable to handle other requests."}`},
	} {
		w := ask(Options{Health: func() Health { return c.health }}, "GET", "/health")
		if w.Code != c.code || w.Body.String() != c.body || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %s", name, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
}

func TestReadySaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := ask(Options{}, "GET", "/ready")
	if w.Code != 200 || w.Body.String() != `{"ready":true,"missing":[]}` {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
	w = ask(Options{Ready: func() Readiness { return Readiness{Missing: []Missing{{"kafka", "no broker answers"}}} }}, "GET", "/ready")
	if w.Code != 503 || w.Body.String() != `{"ready":false,"missing":[{"name":"kafka","reason":"no broker answers"}]}` {
		t.Errorf("not ready: %d %s", w.Code, w.Body)
	}
}

func TestMetricsComeFromTheGathererGiven(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "smpp_records_total", Help: "Records."})
	reg.MustRegister(c)
	c.Add(3)
	w := ask(Options{Gatherer: reg}, "GET", "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "\nsmpp_records_total 3\n") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTheRootLeadsToTheStatusPage(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/ui/"} {
		if w := ask(Options{}, "GET", path); w.Code != http.StatusFound || w.Header().Get("Location") != "/ui" {
			t.Errorf("%s: %d to %q", path, w.Code, w.Header().Get("Location"))
		}
	}
	if w := ask(Options{}, "GET", "/nothing"); w.Code != 404 || !strings.Contains(w.Body.String(), `"error_code":404`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNothingCanBeChanged(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/ui", "/health", "/ready", "/metrics", "/connectors/smpp-sink"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"} {
			w := ask(Options{}, method, path)
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
		if w := ask(Options{}, "HEAD", path); w.Code == http.StatusMethodNotAllowed {
			t.Errorf("HEAD %s is refused", path)
		}
	}
}

func TestEveryAnswerCarriesTheHeadersThatGuardIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, path string }{{"GET", "/ui"}, {"GET", "/health"}, {"GET", "/metrics"}, {"GET", "/no"}, {"POST", "/"}} {
		h := ask(Options{}, c.method, c.path).Header()
		for name, want := range map[string]string{
			"Cache-Control":                "no-store",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Referrer-Policy":              "no-referrer",
			"X-Content-Type-Options":       "nosniff",
		} {
			if h.Get(name) != want {
				t.Errorf("%s %s: %s is %q", c.method, c.path, name, h.Get(name))
			}
		}
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s %s: the policy %q lacks %s", c.method, c.path, csp, want)
			}
		}
		// The page has one script, by its hash; nothing else has any.
		scripts := strings.Count(csp, "script-src")
		if c.path == "/ui" {
			scripts = strings.Count(strings.ReplaceAll(csp, "; script-src 'sha256-"+hash(pageJS)+"'; ", ""), "script-src")
		}
		if strings.Contains(csp, "unsafe") || scripts != 0 {
			t.Errorf("the policy %q lets scripts or any style in", csp)
		}
	}
}
