package smpp

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTCPProbesAnIdleConnectionAsConfigured(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, c := range []struct {
		keepAlive          time.Duration
		on, idle, interval int
	}{{0, 1, 30, 8}, {2 * time.Minute, 1, 120, 30}, {-1, 0, 0, 0}} {
		cfg := AccountConfig{KeepAlive: c.keepAlive}.withDefaults()
		conn, err := cfg.Dial(context.Background(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var on, idle, interval int
		if err := raw.Control(func(fd uintptr) {
			on, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE)
			idle, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
			interval, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
		}); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if on != c.on || c.on == 1 && (idle != c.idle || interval != c.interval) {
			t.Errorf("%v: on %d, after %d s, every %d s", c.keepAlive, on, idle, interval)
		}
	}
}
