package interop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// kannelConfig is bearerbox and smsbox on loopback. %[1]s and the following are ports: the SMSC's, of the admin pages, of
// smsbox at bearerbox, of sendsms; then the URL of the pages that Kannel calls.
const kannelConfig = `group = core
admin-port = %[2]s
admin-interface = 127.0.0.1
admin-password = secret
smsbox-port = %[3]s
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
dlr-storage = internal
sms-combine-concatenated-mo = true

group = smsc
smsc = smpp
smsc-id = simulator
host = 127.0.0.1
port = %[1]s
transceiver-mode = true
smsc-username = esme
smsc-password = secret
system-type = ""
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = %[4]s
sendsms-interface = 127.0.0.1

group = sendsms-user
username = tester
password = tester
concatenation = true
max-messages = 10

group = sms-service
keyword = default
get-url = "%[5]s/mo?from=%%p&to=%%P&text=%%b&coding=%%c"
max-messages = 0
`

// called are the requests that Kannel makes: receipts at /dlr and messages at /mo.
type called struct {
	mu       sync.Mutex
	requests map[string][]url.Values
}

func (c *called) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[r.URL.Path] = append(c.requests[r.URL.Path], r.URL.Query())
}

func (c *called) of(path string) []url.Values {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]url.Values(nil), c.requests[path]...)
}

// kannelToSimulator sends through smsbox's sendsms, as Kannel's users do, and reads receipts and messages from the URLs that
// it fetches.
func kannelToSimulator(t *testing.T) {
	paths := map[string]string{}
	for _, box := range []string{"bearerbox", "smsbox"} {
		path, err := exec.LookPath(box)
		if err != nil { // Debian has them where only root looks
			path = filepath.Join("/usr/sbin", box)
			if _, statErr := os.Stat(path); statErr != nil {
				missing(t, "kannel", errors.Join(err, errors.New("install Kannel (Debian: apt-get install kannel)")))
			}
		}
		paths[box] = path
	}
	s, address, audit := simulate(t, "--account", "esme:secret", "--message-id", "decimal", "--receipt-form", "text", "--receipt-delay", "20ms",
		"--reply", keyword+"="+reply, "--reply-delay", "20ms", "--mo-shuffle")
	x := newTap(t, address)
	pages := &called{requests: map[string][]url.Values{}}
	web := httptest.NewServer(pages)
	t.Cleanup(web.Close)

	port := func() string { _, p, _ := net.SplitHostPort(freeAddress(t)); return p }
	admin, boxes, sendsms := port(), port(), port()
	conf := filepath.Join(t.TempDir(), "kannel.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, kannelConfig, x.port(), admin, boxes, sendsms, web.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	bearerbox := launch(t, "bearerbox", exec.Command(paths["bearerbox"], "-v", "1", conf))
	eventually(t, "bind of Kannel", func() bool {
		return strings.Contains(get("http://127.0.0.1:"+admin+"/status.txt?password=secret"), "online")
	})
	smsbox := launch(t, "smsbox", exec.Command(paths["smsbox"], "-v", "1", conf))
	eventually(t, "smsbox", func() bool {
		return strings.Contains(get("http://127.0.0.1:"+admin+"/status.txt?password=secret"), "smsbox:") && get("http://127.0.0.1:"+sendsms+"/") != ""
	})

	messages := messagesOf(longText, wideText)
	for _, m := range messages {
		q := url.Values{"username": {"tester"}, "password": {"tester"}, "from": {shortCode}, "to": {m.to}, "text": {m.text}, "charset": {"UTF-8"},
			"dlr-mask": {"3"}, "dlr-url": {web.URL + "/dlr?type=%d&id=%F&to=" + m.to}}
		if m.dataCoding == 8 {
			q.Set("coding", "2")
		}
		if answer := get("http://127.0.0.1:" + sendsms + "/cgi-bin/sendsms?" + q.Encode()); !strings.HasPrefix(answer, "0: ") {
			t.Fatalf("sendsms to %s: %q", m.to, answer)
		}
	}
	eventually(t, "receipt of each message", func() bool { return len(pages.of("/dlr")) >= len(messages) })
	eventually(t, "reply", func() bool { return len(pages.of("/mo")) >= 1 })
	awaitAcknowledged(t, audit, len(messages)+1)
	smsbox.terminate()
	bearerbox.terminate()
	s.terminate()

	submits, ends := readAudit(t, audit)
	checkIncoming(t, messages, submits)
	for _, end := range ends {
		if !end.Acked {
			t.Errorf("a %s ended with status %d %s", end.Kind, end.Status, end.Reason)
		}
	}
	given := map[string]string{} // destination by id
	for _, m := range submits {
		given[m.messageID] = m.to
	}
	delivered := map[string]bool{}
	for _, q := range pages.of("/dlr") {
		if q.Get("type") != "1" || given[q.Get("id")] != q.Get("to") {
			t.Errorf("Kannel reads a receipt as %v; the simulator gave %v", q, given)
		}
		delivered[q.Get("to")] = true
	}
	for _, m := range messages {
		if !delivered[m.to] {
			t.Errorf("Kannel knows of no delivery to %s", m.to)
		}
	}
	if mo := pages.of("/mo"); len(mo) != 1 || mo[0].Get("text") != reply || mo[0].Get("from") != "+491700000004" || mo[0].Get("to") != shortCode {
		t.Errorf("Kannel reads the reply as %v, want %q", mo, reply)
	}
	x.judge(t, 1)
}

// get is empty where nobody answers.
func get(url string) string {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(b)
}
