package admin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
)

// FuzzRequest sends anything that net/http takes for a request. Whatever it asks, strangers see no more than what is open to all, no
// answer says what the request or the credentials were, and nothing that a browser would misread comes back.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"GET /ui HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"GET /ui?refresh=off HTTP/1.1\r\nHost: a\r\nAuthorization: Basic b3BzOnMzY3JldC1zM2NyZXQ=\r\n\r\n",
		"PUT /connectors/smpp-sink/config HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
		"POST /connectors HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		"GET //evil.example/..%2f HTTP/1.1\r\nHost: a\r\nOrigin: null\r\nSec-Fetch-Site: cross-site\r\n\r\n",
		"GET /\x1b[31m%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: [::1\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	const name, password = "ops", "s3cret-s3cret"
	h := New(Options{Username: name, Password: password, Name: "fuzz"}).Handler()
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		r.RemoteAddr = "10.0.0.7:40000"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body := w.Body.String()
		gotName, gotPassword, _ := r.BasicAuth()
		switch {
		case w.Code >= 500:
			t.Fatalf("%d: %s", w.Code, body)
		case w.Code == http.StatusOK && (gotName != name || gotPassword != password):
			if p := r.URL.Path; p != "/health" && p != "/ready" && p != "/metrics" {
				t.Fatalf("%q is open to all", p)
			}
		case w.Code >= 400 && w.Header().Get("Content-Type") == "application/json":
			var e struct {
				ErrorCode int    `json:"error_code"`
				Message   string `json:"message"`
			}
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.ErrorCode != w.Code || e.Message == "" {
				t.Fatalf("%d: %s", w.Code, body)
			}
		}
		if strings.Contains(body, password) {
			t.Fatal("the password is told")
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Security-Policy") == "" {
			t.Fatalf("headers %v", w.Header())
		}
		for key, values := range w.Header() {
			for _, v := range values {
				if strings.ContainsFunc(v, unicode.IsControl) {
					t.Fatalf("%s: %q", key, v)
				}
			}
		}
	})
}
