// Package npmpeer runs a foreign SMSC in tests: a small server on the npm
// package smpp 0.5.1, so that what this project sends and reads is judged by an
// implementation that shares nothing with it, and whose log is evidence that is
// not its own.
//
// It needs Node and npm, and once, for npm ci, the npm registry. Where they are
// missing, tests are skipped with the reason; with "node" in the comma-separated
// variable SMPP_TEST_REQUIRE they fail instead.
//
// It is imported by tests alone, and must not import internal/smpp.
package npmpeer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Options says how the SMSC behaves. The zero value answers at once with
// decimal ids, and sends every receipt asked for after 50 to 500 ms.
type Options struct {
	// Address to listen on, host:port; empty: a free port of 127.0.0.1. To
	// start a second one where the first was, give the first one's Addr.
	Address string
	// Log is the file for the events; empty: one in the test's folder.
	Log string
	// Password is wanted of every bind; empty takes any.
	Password string
	// MessageID is decimal (the default), hex, hex-dec or dec-hex: the form in
	// the response, and the form in the receipt.
	MessageID string
	// Latency is the least and the most time to the answer, in whole milliseconds.
	Latency [2]time.Duration
	// ReceiptDelay is the least and the most time from the answer to the
	// receipt. Both zero means 50 to 500 ms; NoReceipts sends none.
	ReceiptDelay [2]time.Duration
	NoReceipts   bool
	// Rules gives the status by the last digits of the destination.
	Rules map[string]uint32
	// Outcomes gives the end of a message, such as UNDELIV, by the same. All
	// others end in DELIVRD; those that are ENROUTE have no end.
	Outcomes map[string]string
	// Remember is how many messages, the last ones, query_sm, cancel_sm and replace_sm find.
	Remember int
	// Silent are the last digits of destinations whose receipts are lost: only query_sm tells their end.
	Silent []string
	// DeliverWindow is the most unanswered deliver_sm on a session; 0 means 50.
	DeliverWindow int
}

func (o Options) config(log string) (string, error) {
	milliseconds := func(d [2]time.Duration) [2]int64 { return [2]int64{d[0].Milliseconds(), d[1].Milliseconds()} }
	c := map[string]any{"log": log, "password": o.Password, "latency": milliseconds(o.Latency), "receipts": !o.NoReceipts}
	if o.Address != "" {
		host, port, err := net.SplitHostPort(o.Address)
		if err != nil {
			return "", fmt.Errorf("npmpeer: Address: %w", err)
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return "", fmt.Errorf("npmpeer: Address: %w", err)
		}
		c["host"], c["port"] = host, number
	}
	if o.MessageID != "" {
		c["ids"] = o.MessageID
	}
	if o.ReceiptDelay != [2]time.Duration{} {
		c["receiptDelay"] = milliseconds(o.ReceiptDelay)
	}
	if o.Rules != nil {
		c["rules"] = o.Rules
	}
	if o.Outcomes != nil {
		c["outcomes"] = o.Outcomes
	}
	if o.Remember != 0 {
		c["remember"] = o.Remember
	}
	if o.Silent != nil {
		c["silent"] = o.Silent
	}
	if o.DeliverWindow != 0 {
		c["deliverWindow"] = o.DeliverWindow
	}
	b, err := json.Marshal(c)
	return string(b), err
}

// Peer is a running server.
type Peer struct {
	addr    string
	log     string
	command *exec.Cmd
	input   io.WriteCloser
	lines   chan []byte // what it prints; closed when it has ended
	stderr  bytes.Buffer

	mu      sync.Mutex // one command at a time
	stopped bool
	result  error
}

// A machine may have much else to do; nothing depends on the length of these.
const (
	startWithin   = 2 * time.Minute
	commandWithin = 2 * time.Minute
	stopWithin    = time.Minute
)

// Start runs a server until the end of the test, or until Stop.
func Start(t testing.TB, o Options) *Peer {
	t.Helper()
	node, modules := installed(t)
	dir := t.TempDir()
	script := filepath.Join(dir, "server.js")
	if err := os.WriteFile(script, serverJS, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &Peer{log: o.Log, lines: make(chan []byte, 1)}
	if p.log == "" {
		p.log = filepath.Join(dir, "npmpeer.ndjson")
	}
	config, err := o.config(p.log)
	if err != nil {
		t.Fatal(err)
	}
	p.command = exec.Command(node, script, config)
	p.command.Env = append(os.Environ(), "NODE_PATH="+modules)
	p.command.Stderr = &p.stderr
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.input, err = p.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go p.readLines(stdout) // ends with the process
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	var listening struct{ Port int }
	if err := p.reply(ctx, &listening); err != nil || listening.Port == 0 {
		t.Fatalf("npmpeer did not start: %v", err)
	}
	host := "127.0.0.1"
	if o.Address != "" {
		host, _, _ = net.SplitHostPort(o.Address)
	}
	p.addr = net.JoinHostPort(host, strconv.Itoa(listening.Port))
	return p
}

func (p *Peer) readLines(stdout io.Reader) {
	defer close(p.lines)
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		p.lines <- line
	}
}

// reply reads one line into v.
func (p *Peer) reply(ctx context.Context, v any) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("npmpeer does not answer: %w", ctx.Err())
	case line, ok := <-p.lines:
		if !ok {
			return errors.New("npmpeer has ended")
		}
		var failed struct{ Error string }
		if err := json.Unmarshal(line, &failed); err != nil {
			return fmt.Errorf("npmpeer printed %q: %w", line, err)
		}
		if failed.Error != "" {
			return fmt.Errorf("npmpeer: %s", failed.Error)
		}
		return json.Unmarshal(line, v)
	}
}

// do sends a command and reads its reply into v.
func (p *Peer) do(command, v any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("npmpeer is stopped")
	}
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if _, err := p.input.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("npmpeer: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandWithin)
	defer cancel()
	return p.reply(ctx, v)
}

// Addr is where it listens, host:port.
func (p *Peer) Addr() string { return p.addr }

// LogPath is the file of its events, one JSON object a line, complete after Stop
// and after Flush; ReadLog reads it.
func (p *Peer) LogPath() string { return p.log }

// Message is a message from a subscriber.
type Message struct {
	From string `json:"from"`
	To   string `json:"to"`
	Text string `json:"text"`
	// SystemID restricts it to the binds with that name.
	SystemID string `json:"system_id,omitempty"`
}

// SendMO queues messages, those too long for one in parts with an 8-bit
// reference, and tells how many deliver_sm they make. With shuffle the parts of all of
// them are mixed.
func (p *Peer) SendMO(messages []Message, shuffle bool) (parts int, err error) {
	var reply struct{ Parts int }
	err = p.do(map[string]any{"op": "mo", "messages": messages, "shuffle": shuffle}, &reply)
	return reply.Parts, err
}

// Drop closes every session without a word and tells how many there were.
func (p *Peer) Drop() (int, error) {
	var reply struct{ Sessions int }
	err := p.do(map[string]string{"op": "drop"}, &reply)
	return reply.Sessions, err
}

// Outbind connects to an ESME that waits at address, host:port, and asks it to bind (SMPP v3.4 §4.1.7).
func (p *Peer) Outbind(address, systemID, password string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("npmpeer: outbind: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("npmpeer: outbind: %w", err)
	}
	return p.do(map[string]any{"op": "outbind", "host": host, "port": number, "system_id": systemID, "password": password}, &struct{}{})
}

// Flush makes the log complete up to now.
func (p *Peer) Flush() error { return p.do(map[string]string{"op": "flush"}, &struct{}{}) }

// Stats counts since the start; Binds and Pending are of the moment.
type Stats struct {
	Binds         int
	Submits       int
	Accepted      int
	Refused       int
	Receipts      int // deliver_sm sent, every try counted
	ReceiptsAcked int
	MO            int
	MOAcked       int
	Retried       int
	Pending       int // deliver_sm not acknowledged yet, receipts to come included
}

// Stats asks for the counters.
func (p *Peer) Stats() (Stats, error) {
	var reply struct{ Stats Stats }
	err := p.do(map[string]string{"op": "stats"}, &reply)
	return reply.Stats, err
}

// WaitFor returns when the condition holds, or with an error when ctx ends.
func (p *Peer) WaitFor(ctx context.Context, condition func(Stats) bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		st, err := p.Stats()
		if err != nil {
			return err
		}
		if condition(st) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("npmpeer: the condition does not hold at %+v: %w", st, ctx.Err())
		case <-tick.C:
		}
	}
}

// Stop ends the server; its log is complete then. It may be called more than once.
func (p *Peer) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return p.result
	}
	p.stopped = true
	_ = p.input.Close() // the sign to end; when it has ended already, that is told below
	kill := time.AfterFunc(stopWithin, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	for range p.lines { // until it has closed its output
	}
	if err := p.command.Wait(); err != nil {
		p.result = fmt.Errorf("npmpeer ended badly: %w\n%s", err, p.stderr.Bytes())
	}
	return p.result
}
