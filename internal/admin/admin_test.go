package admin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smpp-connector/smpp-connector/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func started(t *testing.T, o Options) *Server {
	t.Helper()
	o.Address = "127.0.0.1:0"
	s := New(o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s
}

func TestAServerServesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + s.Addr() + "/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d", resp.StatusCode)
	}
	var stops sync.WaitGroup
	for range 3 {
		stops.Go(func() { s.Stop(context.Background()) })
	}
	stops.Wait()
	s.Stop(context.Background())
	select {
	case <-s.done:
	default:
		t.Error("the goroutine that serves outlived Stop")
	}
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		c.Close()
		t.Fatal("the port is open after Stop")
	}
}

func TestAServerEndsWithTheContextOfItsStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := New(Options{Address: "127.0.0.1:0"})
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-s.done
	s.Stop(context.Background())
}

func TestWithoutAnAddressThereIsNoServer(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	if err := s.Start(t.Context()); err != nil || s.Addr() != "" {
		t.Fatalf("error %v, address %q", err, s.Addr())
	}
	s.Stop(t.Context())
}

func TestAServerStartsOnlyOnce(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	if err := s.Start(t.Context()); err == nil {
		t.Fatal("a second Start succeeded")
	}
	unstarted := New(Options{Address: "127.0.0.1:0"})
	unstarted.Stop(t.Context())
	if err := unstarted.Start(t.Context()); err == nil {
		unstarted.Stop(t.Context())
		t.Fatal("a Start after Stop succeeded")
	}
}

func TestAnAddressInUseIsAnErrorThatSaysWhatToDo(t *testing.T) {
	t.Parallel()
	taken := started(t, Options{})
	err := New(Options{Address: taken.Addr()}).Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "HTTP_ADDRESS="+taken.Addr()) || !strings.Contains(err.Error(), "another host:port") {
		t.Fatalf("got %v", err)
	}
}

func TestStopWaitsForAnAnswerUnderWayAndCutsItOffAtItsLimit(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	s := started(t, Options{Health: func() Health {
		asked <- struct{}{}
		<-answer
		return Health{State: Healthy}
	}})
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-asked
	stopped := make(chan struct{})
	limit, cut := context.WithCancel(t.Context())
	go func() {
		defer close(stopped)
		s.Stop(limit)
	}()
	select {
	case <-stopped:
		t.Error("Stop returned before the answer")
	case <-s.done: // no longer accepting, and the answer still open
	}
	cut()
	<-stopped
	if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
		t.Error("the connection was not cut off")
	}
	close(answer)
}

// scriptedListener hands out the ends of pipes, as many as are asked for.
type scriptedListener struct{ accepted chan net.Conn }

func (l scriptedListener) Accept() (net.Conn, error) {
	near, far := net.Pipe()
	l.accepted <- far
	return near, nil
}
func (scriptedListener) Close() error   { return nil }
func (scriptedListener) Addr() net.Addr { return nil }

func TestConnectionsBeyondTheBoundWaitForOneToClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limitConnections(scriptedListener{accepted: make(chan net.Conn, 10)}, 2)
		conns := make(chan net.Conn, 10)
		var err error
		go func() {
			for {
				var c net.Conn
				if c, err = l.Accept(); err != nil {
					close(conns)
					return
				}
				conns <- c
			}
		}()
		synctest.Wait()
		if len(conns) != 2 {
			t.Fatalf("%d connections, want 2", len(conns))
		}
		first := <-conns
		first.Close()
		first.Close() // gives back one place, not two
		synctest.Wait()
		if len(conns) != 2 {
			t.Fatalf("%d connections after one was closed, want 2", len(conns))
		}
		l.Close()
		synctest.Wait()
		for range conns {
		}
		if !errors.Is(err, net.ErrClosed) {
			t.Fatalf("Accept after Close: %v", err)
		}
	})
}

func TestEveryLimitOfTheServerIsSet(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for name, limit := range map[string]time.Duration{"header": s.http.ReadHeaderTimeout, "read": s.http.ReadTimeout, "write": s.http.WriteTimeout, "idle": s.http.IdleTimeout} {
		if limit <= 0 || limit > time.Minute {
			t.Errorf("the %s limit is %v", name, limit)
		}
	}
	if s.http.MaxHeaderBytes <= 0 || s.http.MaxHeaderBytes > 64<<10 {
		t.Errorf("headers may have %d bytes", s.http.MaxHeaderBytes)
	}
}
