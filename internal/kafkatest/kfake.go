package kafkatest

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Kfake starts a kfake broker of one node with its data in a folder of the test's, each write synced, so that
// what it has acknowledged survives Kill and Restart. Options come after the defaults and may override them.
func Kfake(tb testing.TB, opts ...kfake.Opt) *Broker {
	tb.Helper()
	n := &kfakeNode{}
	port, dir := 0, tb.TempDir()
	for try := 1; ; try++ {
		var err error
		if port, err = freePort(1); err != nil {
			tb.Fatalf("broker: kfake: %v", err)
		}
		n.opts = append([]kfake.Opt{
			kfake.NumBrokers(1),
			kfake.Ports(port),
			kfake.ListenFn(listen),
			kfake.DataDir(dir),
			kfake.SyncWrites(),
			kfake.GroupMinSessionTimeout(time.Second),
		}, opts...)
		if err = n.start(); err == nil {
			break
		}
		// Another process may have taken the port since it was found free, as with Apache's.
		if try == 2 || !errors.Is(err, syscall.EADDRINUSE) {
			tb.Fatalf("broker: kfake did not start: %v", err)
		}
		tb.Logf("broker: kfake did not start, trying again: %v", err)
	}
	tb.Cleanup(n.kill)
	b := &Broker{Kind: KindKfake, Addrs: []string{fmt.Sprintf("127.0.0.1:%d", port)}, tb: tb, node: n}
	tb.Logf("broker: kfake at %s", b.Addrs[0])
	return b
}

type kfakeNode struct {
	opts    []kfake.Opt
	cluster *kfake.Cluster // nil while killed
	watch   *sessions      // of cluster
}

func (n *kfakeNode) start() (err error) {
	if n.cluster, err = kfake.NewCluster(n.opts...); err != nil {
		return err
	}
	if n.watch, err = watchSessions(n.cluster); err != nil {
		n.cluster.Close()
		n.cluster = nil
	}
	return err
}

func (n *kfakeNode) kill() {
	if n.cluster != nil {
		n.watch.close()
		n.cluster.Close()
		n.cluster = nil
	}
}
