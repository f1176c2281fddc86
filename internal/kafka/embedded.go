package kafka

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Embedded is a broker inside this process, for a first look and for tests. It
// is not for production: one process, one copy of the data.
type Embedded struct {
	cluster *kfake.Cluster
}

// StartEmbedded starts the broker on loopback; its data live under dir, or in
// memory only where dir is empty. Port 0 is any that is free, and kept in dir, so
// that clients find it again.
func StartEmbedded(dir string, port int) (*Embedded, error) {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}),
	}
	if dir != "" {
		data := filepath.Join(dir, "kafka")
		if err := os.MkdirAll(data, 0o700); err != nil {
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
		opts = append(opts, kfake.DataDir(data), kfake.SyncWrites())
		portFile := filepath.Join(dir, "kafka.port")
		kept := 0
		if b, err := os.ReadFile(portFile); err == nil {
			kept, _ = strconv.Atoi(string(b))
		}
		if port == 0 {
			port = kept
		}
		if port == 0 {
			p, err := freePort()
			if err != nil {
				return nil, fmt.Errorf("embedded broker: %w", err)
			}
			port = p
		}
		if port != kept {
			if err := os.WriteFile(portFile, []byte(strconv.Itoa(port)), 0o600); err != nil {
				return nil, fmt.Errorf("embedded broker: %w", err)
			}
		}
	}
	c, err := kfake.NewCluster(append(opts, kfake.Ports(port))...)
	if err != nil {
		return nil, fmt.Errorf("embedded broker on port %d: %w", port, err)
	}
	return &Embedded{cluster: c}, nil
}

// Addrs are the broker's addresses.
func (e *Embedded) Addrs() []string { return e.cluster.ListenAddrs() }

// Close stops the broker and, with a data folder, leaves it in order.
func (e *Embedded) Close() { e.cluster.Close() }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
