package kafkatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"time"
)

// freePort returns the first of count adjacent ports of 127.0.0.1 that nothing listens on.
//
// They lie below the range from which systems take ports for outgoing connections (32768 and up on Linux, 49152 elsewhere).
// Do not ask the system for a port with ":0" here: it would lie within that range, and while the broker is dead
// between Kill and Restart any client in the machine could be given it.
func freePort(count int) (int, error) {
	const low, high = 15000, 32000
	var last error
	for range 100 {
		first := low + rand.IntN(high-low-count)
		if last = tryPorts(first, count); last == nil {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no free port from %d to %d in 100 tries: %w", low, high, last)
}

func tryPorts(first, count int) (err error) {
	for port := first; port < first+count; port++ {
		l, listenErr := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if listenErr != nil {
			return listenErr
		}
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	return nil
}

const listenLimit = time.Minute

// listen is net.Listen, with patience for a port that has just been closed: a child that this process starts holds all that was open until it runs
// its program, which takes a while on a machine that is busy.
func listen(network, address string) (net.Listener, error) {
	for limit := time.Now().Add(listenLimit); ; time.Sleep(10 * time.Millisecond) {
		l, err := net.Listen(network, address)
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(limit) {
			return l, err
		}
	}
}
