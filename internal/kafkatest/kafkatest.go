// Package kafkatest runs tests against real brokers: kfake inside the test process always, and Apache Kafka (the version that
// deploy/kafka/pom.xml names, one KRaft node a Broker) where Java and Maven are. Both can be killed and started again with
// what they had stored.
//
// SMPP_TEST_REQUIRE is a comma-separated list of what must not be left out ("apache", "node"). A suite that
// cannot have what is on the list fails where it would else be skipped.
//
// It is for tests only. It may import the standard library and franz-go; no room of the connector, since all of them use it.
package kafkatest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// The kinds of Broker.
const (
	KindKfake  = "kfake"
	KindApache = "apache"
)

// Broker is one Kafka node on 127.0.0.1 that belongs to one test and ends with it.
//
// Its methods fail the test at once when they cannot do what they say, so they may only be called on the
// test's own goroutine. They are not safe for concurrent use; clients of the broker are, of course.
type Broker struct {
	Kind  string   // KindKfake or KindApache
	Addrs []string // host:port, the same for the whole life of the Broker

	tb   testing.TB
	node node
}

// node is what a kind of broker can do. Every method is called by one goroutine at a time.
type node interface {
	start() error
	// kill ends the node and returns when it has ended. Killing a dead node is no error.
	kill()
}

// Each runs fn as the subtest "kfake", and as the subtest "apache" where Apache Kafka can be had; where not, that subtest
// is skipped with the reason, or fails if SMPP_TEST_REQUIRE asks for it. Every call of fn has a new broker of its own without topics.
func Each(t *testing.T, fn func(t *testing.T, b *Broker)) {
	t.Helper()
	t.Run(KindKfake, func(t *testing.T) { fn(t, Kfake(t)) })
	t.Run(KindApache, func(t *testing.T) { fn(t, Apache(t)) })
}

// Kill ends the broker without any goodbye to its clients and returns when its port is closed.
// Apache Kafka gets SIGKILL. kfake lives in this process and cannot be killed like that: all its connections are cut and
// its files closed, each write to which was synced.
func (b *Broker) Kill() {
	b.tb.Helper()
	b.node.kill()
	b.tb.Logf("broker: %s at %s was killed", b.Kind, b.Addrs[0])
}

// Restart starts the broker again on the same address with the data it had, after a Kill or, if it runs, after
// killing it. It returns when the broker serves. Apache Kafka takes about six seconds after a Kill: three of them are
// the session of the broker's former life, which must end before a new one may register.
func (b *Broker) Restart() {
	b.tb.Helper()
	b.node.kill()
	if err := b.node.start(); err != nil {
		b.tb.Fatalf("broker: %s at %s did not come back: %v", b.Kind, b.Addrs[0], err)
	}
	b.tb.Logf("broker: %s at %s is back", b.Kind, b.Addrs[0])
}

// Trouble is what Apache Kafka has complained of last, by its log: for the failure of a test that waits in vain.
func (b *Broker) Trouble() string {
	if n, ok := b.node.(*apacheNode); ok {
		return n.trouble()
	}
	return ""
}

// PID is Apache Kafka's process, for its CPU time; 0 for kfake, which is in the test's, and for a node that is down.
func (b *Broker) PID() int {
	if n, ok := b.node.(*apacheNode); ok && n.cmd != nil {
		return n.cmd.Process.Pid
	}
	return 0
}

// KeepLog copies what Apache Kafka has logged in all its lives to a file, when the test ends. It does nothing for kfake.
func (b *Broker) KeepLog(path string) {
	n, ok := b.node.(*apacheNode)
	if !ok {
		return
	}
	b.tb.Cleanup(func() { // runs before the node's folder is deleted
		log, err := os.ReadFile(filepath.Join(n.dir, "kafka.log"))
		if err == nil {
			err = os.WriteFile(path, log, 0o644)
		}
		if err != nil {
			b.tb.Errorf("keeping the broker's log: %v", err)
		}
	})
}

// Kfake returns the fake's cluster of the moment, for its faults and controls; nil where the broker is another.
// A Restart makes a new cluster, without the faults of the former.
func (b *Broker) Kfake() *kfake.Cluster {
	if n, ok := b.node.(*kfakeNode); ok {
		return n.cluster
	}
	return nil
}

// Required tells whether SMPP_TEST_REQUIRE names what.
func Required(what string) bool {
	return slices.ContainsFunc(strings.Split(os.Getenv("SMPP_TEST_REQUIRE"), ","), func(s string) bool {
		return strings.TrimSpace(s) == what
	})
}

// SkipOrFail ends the test because what it needs is not here: with a skip, or with a failure if SMPP_TEST_REQUIRE names what.
// The reason says what to install.
func SkipOrFail(tb testing.TB, what, reason string) {
	tb.Helper()
	if Required(what) {
		tb.Fatalf("SMPP_TEST_REQUIRE asks for %s: %s", what, reason)
	}
	tb.Skipf("left out: %s: %s", what, reason)
}
