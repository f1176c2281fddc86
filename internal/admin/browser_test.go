package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// browser is a headless Chromium that is led over two pipes by its DevTools protocol: JSON, ended by NUL (--remote-debugging-pipe).
type browser struct {
	t       *testing.T
	to      io.Writer
	from    *bufio.Reader
	session string
	id      int
	said    []string // errors and console messages of the page
}

// newBrowser starts Chromium, and skips the test where there is none or it does not start, unless SMPP_TEST_REQUIRE names chromium.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	unavailable := t.Skipf
	if slices.Contains(strings.Split(os.Getenv("SMPP_TEST_REQUIRE"), ","), "chromium") {
		unavailable = t.Fatalf
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		unavailable("left out: the status page in a browser, since there is no chromium (Debian: apt-get install chromium)")
	}
	theirIn, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	profile, err := os.MkdirTemp("", "chromium-")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe", "--user-data-dir="+profile, "about:blank")
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		cancel()
		unavailable("left out: the status page in a browser, since chromium does not start: %v", err)
	}
	theirIn.Close()
	theirOut.Close()
	t.Cleanup(func() {
		cancel() // which kills it
		_ = cmd.Wait()
		to.Close()
		from.Close()
		_ = os.RemoveAll(profile) // its children may still write there for a moment
	})
	b := &browser{t: t, to: to, from: bufio.NewReader(from)}
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call sends a command and waits for its answer; what the page says meanwhile is kept.
func (b *browser) call(method string, params any, result any) {
	b.t.Helper()
	b.id++
	m := map[string]any{"id": b.id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	out, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(out, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		line, err := b.from.ReadBytes(0)
		if err != nil {
			b.t.Fatalf("%s: chromium has ended: %v", method, err)
		}
		var answer struct {
			ID     int
			Method string
			Params json.RawMessage
			Result json.RawMessage
			Error  *struct{ Message string }
		}
		if err := json.Unmarshal(bytes.TrimSuffix(line, []byte{0}), &answer); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case answer.Method == "Runtime.exceptionThrown", answer.Method == "Runtime.consoleAPICalled", answer.Method == "Log.entryAdded":
			b.said = append(b.said, string(answer.Params))
		case answer.ID != b.id:
		case answer.Error != nil:
			b.t.Fatalf("%s: %s", method, answer.Error.Message)
		default:
			if result != nil {
				if err := json.Unmarshal(answer.Result, result); err != nil {
					b.t.Fatal(err)
				}
			}
			return
		}
	}
}

// eval runs an expression in the page, and waits for it where it is a promise.
func (b *browser) eval(expression string) (value any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return r.Result.Value
}

// open shows a page at a width, light or dark, and waits until it is there.
func (b *browser) open(url string, width int, scheme string, scripts bool) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": !scripts}, nil)
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	if scripts {
		b.until(`document.readyState === "complete" && location.href === ` + fmt.Sprintf("%q", url))
	}
}

// until waits for the page itself, bounded by the browser's life.
func (b *browser) until(condition string) {
	b.t.Helper()
	for b.eval(`(async () => { if (`+condition+`) return true; await new Promise(r => setTimeout(r, 50)); return false })()`) != true {
	}
}

// screenshot is kept where SMPP_SCREENSHOTS names a folder.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &shot)
	png, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil || len(png) < 5000 {
		b.t.Fatalf("a screenshot of %d bytes, %v", len(png), err)
	}
	if dir := os.Getenv("SMPP_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
}

// shownFor is a page with everything on it; n makes its figures move.
func shownFor(n int64) Status {
	return Status{Title: "sms", Sections: []Section{
		{Name: "Connector", Columns: []string{"Part", "State"}, Rows: [][]string{{"health", "healthy"}, {"readiness", "ready"}, {"sink", "running"}, {"source", "paused"}}},
		{Name: "In doubt and dead letters", Columns: []string{"What", "Count"}, Rows: [][]string{{"Dead letters", "8"}, {"Would be in doubt if this process died now", "41"}}},
		{Name: "Flow", Note: "Rates are those of the last 10 s.", Columns: []string{"Step", "Per second", "Total", "Waiting before it"},
			Rows: [][]string{{"Records read", "498/s", fmt.Sprint(n), "1,204"}, {"Submits answered", "496/s", "20,011", "17"}}},
		{Name: "SMSCs", Columns: []string{"SMSC", "State", "Binds", "Window", "Queued", "Per second", "Pace", "Configured", "Throttled"},
			Rows: [][]string{{"acme", "throttled", "2/2", "37/100", "12", "348/s", "350/s", "500/s", "3"}, {"other", "down", "0/1", "0/0", "0", "0/s", "none", "none", "0"}}},
		{Name: "Delivery", Columns: []string{"SMSC", "Delivered", "50 %", "90 %", "99 %"}, Rows: [][]string{{"acme", "19,200", "1.2 s", "42 s", "12 min"}},
			Curve: &Curve{Label: "Share of the delivered messages by the time that it took", Points: []Point{{.25, .02}, {1, .41}, {2.5, .72}, {10, .84}, {60, .93}, {600, .985}, {3600, 1}}}},
		{Name: "Last errors", Columns: []string{"Last at", "Times", "What"},
			Rows: [][]string{{"12:03:11", "14", "the SMSC cannot be reached: dial tcp 192.0.2.10:2775: connect: connection refused (smsc other, bind 0)"}}},
	}}
}

// Not beside the others, one of which wants a port to stay free.
func TestThePageInABrowser(t *testing.T) {
	var asked, down atomic.Int64
	pages := make(chan int64, 1<<16) // the pages asked for
	s := New(Options{Name: "sms", Version: "1.0", Address: "127.0.0.1:0", Status: func() Status {
		n := asked.Add(1)
		select {
		case pages <- n:
		default:
		}
		return shownFor(n)
	},
		Ready: func() Readiness {
			if down.Load() == 0 {
				return Readiness{}
			}
			return Readiness{Missing: []Missing{{"kafka", "no broker answers"}}}
		}})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	url := "http://" + s.Addr() + "/ui"
	b := newBrowser(t)

	for _, width := range []int{1280, 400, 320} {
		for _, scheme := range []string{"light", "dark"} {
			b.open(url, width, scheme, true)
			// Nothing is cut off or has to be scrolled to sideways, and text is far enough from its ground (WCAG 1.4.3, 1.4.10).
			if over := b.eval(`document.documentElement.scrollWidth - innerWidth`); over.(float64) > 0 {
				t.Errorf("%d px, %s: %v px stand over", width, scheme, over)
			}
			if faint := b.eval(contrast); faint != "" {
				t.Errorf("%d px, %s: too faint: %s", width, scheme, faint)
			}
			b.screenshot(fmt.Sprintf("%d-%s", width, scheme))
		}
	}

	// Live: figures change in place, and what has the focus keeps it.
	b.eval(`document.querySelector("footer nav a").focus(); window.kept = document.querySelectorAll("section")[2].querySelector("td:nth-child(3) span"); window.was = kept.textContent; true`)
	down.Store(1)
	b.until(`kept.isConnected && kept.textContent !== was && document.querySelector("header").textContent.includes("no broker answers")`)
	if got := b.eval(`document.activeElement.textContent`); got != "as data" {
		t.Errorf("the focus went to %v", got)
	}
	// By keyboard: the button is reached, and stops it.
	b.eval(`document.querySelector("button").focus(); true`)
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}, nil)
	}
	b.until(`document.getElementById("live").textContent === "paused" && document.querySelector("button").textContent === "Resume"`)

	// A screen reader finds headings, named tables and the curve's words.
	var tree struct {
		Nodes []struct {
			Role, Name struct{ Value any }
		}
	}
	b.call("Accessibility.getFullAXTree", nil, &tree)
	var roles []string
	for _, n := range tree.Nodes {
		roles = append(roles, fmt.Sprintf("%v %v", n.Role.Value, n.Name.Value))
	}
	for _, want := range []string{"heading sms", "heading Flow", "table SMSCs", "region Delivery", "columnheader Step", "status ", "button Resume", "link Skip to the figures"} {
		if !slices.ContainsFunc(roles, func(r string) bool { return strings.HasPrefix(r, want) }) {
			t.Errorf("a screen reader finds no %q", want)
		}
	}
	if !slices.ContainsFunc(roles, func(r string) bool { return strings.Contains(r, "Share of the delivered messages") }) {
		t.Error("a screen reader is not told what the curve is")
	}
	// The policy let all of it happen, and would not let anything else.
	if len(b.said) > 0 {
		t.Errorf("the browser complains: %s", b.said)
	}
	blocked := b.eval(`new Promise(done => { document.addEventListener("securitypolicyviolation", e => done(e.effectiveDirective)); const s = document.createElement("img"); s.src = "http://127.0.0.1:1/x.png"; document.body.append(s) })`)
	if blocked != "img-src" {
		t.Errorf("an image from elsewhere: %v", blocked)
	}

	// Without scripts all figures are there, and are asked for again.
	before := asked.Load()
	b.open(url, 1280, "light", false)
	bound := time.After(3 * time.Minute)
	for n := int64(0); n < before+3; { // the page, and two refreshes
		select {
		case n = <-pages:
		case <-bound:
			t.Fatal("without scripts the page does not refresh")
		}
	}
}

// contrast names the first text whose contrast to its ground is under 4.5 to 1.
const contrast = `(() => {
  const light = c => { const [r, g, b] = c.match(/[\d.]+/g).map(Number).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
  const clear = c => c === "transparent" || /, 0\)$/.test(c);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || e.closest("script,noscript,style")) continue;
    let g = e; while (g.parentElement && clear(getComputedStyle(g).backgroundColor)) g = g.parentElement;
    const style = getComputedStyle(e), ink = light(e.closest("svg") ? style.fill : style.color), ground = light(getComputedStyle(g).backgroundColor);
    const ratio = (Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05);
    if (ratio < 4.5) return e.outerHTML.slice(0, 120) + " " + ratio.toFixed(2);
  }
  return "";
})()`
