package admin

import (
	"net/http"
	"testing"
)

func basic(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func host(name string) func(*http.Request) {
	return func(r *http.Request) { r.Host = name }
}

func from(addr string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = addr }
}

func TestCredentialsOpenEverythingAndProbesNeedNone(t *testing.T) {
	t.Parallel()
	o := Options{Username: "ops", Password: "s3cret"}
	for _, path := range []string{"/", "/ui", "/nothing"} {
		for name, edit := range map[string]func(*http.Request){
			"no credentials":   func(*http.Request) {},
			"a wrong password": basic("ops", "s3cre"),
			"a wrong name":     basic("op", "s3cret"),
			"empty ones":       basic("", ""),
			"another scheme":   header("Authorization", "Bearer s3cret"),
		} {
			w := ask(o, "GET", path, edit)
			if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %s: %d", path, name, w.Code)
			}
		}
		if w := ask(o, "GET", path, basic("ops", "s3cret")); w.Code == http.StatusUnauthorized {
			t.Errorf("%s with the right credentials: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/health", "/ready", "/metrics"} {
		if w := ask(o, "GET", path); w.Code != 200 {
			t.Errorf("%s without credentials: %d", path, w.Code)
		}
	}
}

func TestAPasswordWithoutANameIsStillAsked(t *testing.T) {
	t.Parallel()
	if w := ask(Options{Password: "s3cret"}, "GET", "/ui"); w.Code != http.StatusUnauthorized {
		t.Errorf("got %d", w.Code)
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edits []func(*http.Request)
		code  int
	}{
		"a browser at the address":     {[]func(*http.Request){header("Sec-Fetch-Site", "none")}, 200},
		"the page itself":              {[]func(*http.Request){header("Origin", "http://localhost:8083"), header("Sec-Fetch-Site", "same-origin")}, 200},
		"a link on another site":       {[]func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "navigate")}, 200},
		"a fetch of another site":      {[]func(*http.Request){header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Mode", "no-cors")}, 403},
		"another port":                 {[]func(*http.Request){header("Origin", "http://localhost:3000")}, 403},
		"an origin of nowhere":         {[]func(*http.Request){header("Origin", "null")}, 403},
		"another origin, an old agent": {[]func(*http.Request){header("Origin", "http://evil.example")}, 403},
	} {
		if w := ask(Options{}, "GET", "/ui", c.edits...); w.Code != c.code {
			t.Errorf("%s: %d, want %d", name, w.Code, c.code)
		}
	}
}

func TestOverLoopbackOnlyNamesThatNobodyCanOwnAreAnswered(t *testing.T) {
	t.Parallel()
	const near, far = "127.0.0.1:40000", "10.0.0.7:40000"
	for _, name := range []string{"localhost:8083", "localhost", "127.0.0.1:8083", "[::1]:8083", "[::1]", "connector:8083", "smpp.prod.svc", "smpp.localhost", "10.0.0.5"} {
		if w := ask(Options{}, "GET", "/ui", host(name), from(near)); w.Code != 200 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	for _, name := range []string{"evil.example:8083", "127.0.0.1.evil.example", "svc.evil.example.", "a.svc.evil.example"} {
		for _, peer := range []string{near, "[::1]:40000", "[::ffff:127.0.0.1]:40000"} {
			if w := ask(Options{}, "GET", "/ui", host(name), from(peer)); w.Code != http.StatusForbidden {
				t.Errorf("%s from %s: %d", name, peer, w.Code)
			}
		}
		if w := ask(Options{}, "GET", "/ui", host(name), from(far)); w.Code != 200 {
			t.Errorf("%s from elsewhere: %d", name, w.Code)
		}
		if w := ask(Options{Username: "u", Password: "p"}, "GET", "/ui", host(name), from(near), basic("u", "p")); w.Code != 200 {
			t.Errorf("%s with credentials: %d", name, w.Code)
		}
		if w := ask(Options{}, "GET", "/health", host(name), from(near)); w.Code != 200 {
			t.Errorf("a probe of %s: %d", name, w.Code)
		}
	}
}
