package kafkatest

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Kfake starts a kfake broker of one node with its data in a folder of the test's, each write synced, so that
// what it has acknowledged survives Kill and Restart. Options come after the defaults and may override them.
func Kfake(tb testing.TB, opts ...kfake.Opt) *Broker {
	tb.Helper()
	port, err := freePort(1)
	if err != nil {
		tb.Fatalf("broker: kfake: %v", err)
	}
	n := &kfakeNode{opts: append([]kfake.Opt{
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.ListenFn(listen),
		kfake.DataDir(tb.TempDir()),
		kfake.SyncWrites(),
		kfake.GroupMinSessionTimeout(time.Second),
	}, opts...)}
	if err := n.start(); err != nil {
		tb.Fatalf("broker: kfake did not start: %v", err)
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
	n.watch = watchSessions(n.cluster)
	return nil
}

func (n *kfakeNode) kill() {
	if n.cluster != nil {
		n.watch.close()
		n.cluster.Close()
		n.cluster = nil
	}
}
