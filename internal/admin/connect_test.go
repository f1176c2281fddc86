package admin

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// steered is a Connect with one connector, which notes what it is told.
type steered struct {
	Connect
	told []string
}

func (s *steered) Connectors(context.Context) ([]Connector, error) {
	return []Connector{{Name: "x-sink", Type: "sink", State: Running}}, nil
}

func (s *steered) SetState(_ context.Context, connector, state string) error {
	s.told = append(s.told, connector+" "+state)
	return nil
}

// TestOnlyThisHostSteersWithoutCredentials and no page of another site, whether it sends a request by script or a form.
func TestOnlyThisHostSteersWithoutCredentials(t *testing.T) {
	t.Parallel()
	const near, far = "127.0.0.1:40000", "10.0.0.7:40000"
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	guarded := Options{Username: "u", Password: "p"}
	for _, c := range []struct {
		name  string
		o     Options
		code  int
		edits []func(*http.Request)
	}{
		{"from this host", Options{}, 202, []func(*http.Request){from(near), host("localhost:8083")}},
		{"from elsewhere", Options{}, 403, []func(*http.Request){from(far), host("connector:8083")}},
		{"from elsewhere with credentials", guarded, 202, []func(*http.Request){from(far), host("connector:8083"), basic("u", "p")}},
		{"from elsewhere with wrong ones", guarded, 401, []func(*http.Request){from(far), host("connector:8083"), basic("u", "q")}},
		{"a script of another site", Options{}, 403, []func(*http.Request){from(near), host("localhost:8083"), header("Origin", "https://elsewhere.example")}},
		{"a form of another site", Options{}, 403, []func(*http.Request){from(near), host("localhost:8083"), header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "navigate")}},
		{"a name that resolves to this host", Options{}, 403, []func(*http.Request){from(near), host("rebound.example:8083")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &steered{}
			c.o.Connect = s
			w := ask(c.o, "PUT", "/connectors/x-sink/pause", c.edits...)
			if w.Code != c.code {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.code)
			}
			if told := strings.Join(s.told, ","); (told == "x-sink PAUSED") != (c.code == 202) {
				t.Errorf("it was told %q", told)
			}
			if c.code >= 400 && !strings.Contains(w.Body.String(), `"error_code":`) {
				t.Errorf("%s has not the shape of Connect's errors", w.Body)
			}
		})
	}
}

// TestAMethodThatAPathDoesNotHaveIsRefused as Connect refuses it.
func TestAMethodThatAPathDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	for _, r := range []string{"DELETE /connectors", "PUT /health", "POST /metrics", "PATCH /ui", "TRACE /connectors", "OPTIONS /connectors/x-sink/pause", "POST /"} {
		method, path, _ := strings.Cut(r, " ")
		w := ask(Options{Connect: &steered{}}, method, path, from("127.0.0.1:40000"), host("localhost"))
		if w.Code != http.StatusMethodNotAllowed || !strings.Contains(w.Body.String(), `"error_code":405`) {
			t.Errorf("%s: %d %s", r, w.Code, w.Body)
		}
	}
}
