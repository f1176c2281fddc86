// Package admin is the connector's HTTP side: health, readiness, metrics and the status page. It only shows what it is
// given: every answer comes from a function in Options, called at each request.
//
// It may import the standard library and prometheus/client_golang, and no room of the connector, so that nothing that
// moves messages can depend on it or wait for it.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Limits of the server. They bound what a stranger who can reach the port may take from the messages' side.
const (
	maxConnections   = 128
	maxHeaderBytes   = 16 << 10 // bytes
	maxBodyBytes     = 64 << 10 // bytes
	readHeaderLimit  = 5 * time.Second
	readLimit        = 10 * time.Second
	writeLimit       = 30 * time.Second
	idleLimit        = 30 * time.Second
	metricsAtOnce    = 4
	metricsTimeLimit = 20 * time.Second // under writeLimit, so that the client still gets to read why
)

// Options say what the server shows and to whom. Functions are called on the goroutine of a request, several at once, and
// should return at once with what they know; a nil one shows nothing wrong and nothing to see.
type Options struct {
	Address            string // host:port; empty: there is no server, Start and Stop do nothing
	Username, Password string // both empty: no authentication
	Name, Version      string // CONNECTOR_NAME and the program's version, as shown on the page
	Gatherer           prometheus.Gatherer
	Health             func() Health
	Ready              func() Readiness
	Status             func() Status
	Connect            Connect // nil: no REST API of Kafka Connect
	Log                *slog.Logger
}

// Server serves from Start until Stop, once.
type Server struct {
	opts Options
	http *http.Server
	done chan struct{} // closed when the goroutine that serves has ended; made by Start

	mu       sync.Mutex // guards the fields below, which Start, Stop and Addr read and write
	listener net.Listener
	stopped  bool
}

// New makes a server and opens nothing.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Gatherer == nil {
		o.Gatherer = prometheus.NewRegistry()
	}
	if o.Health == nil {
		o.Health = func() Health { return Health{State: Healthy} }
	}
	if o.Ready == nil {
		o.Ready = func() Readiness { return Readiness{} }
	}
	if o.Status == nil {
		o.Status = func() Status { return Status{} }
	}
	s := &Server{opts: o}
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: readHeaderLimit,
		ReadTimeout:       readLimit,
		WriteTimeout:      writeLimit,
		IdleTimeout:       idleLimit,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	return s
}

// Start listens, and serves in the background until Stop or until ctx is done. The error of an address that cannot be listened on
// names the address and what to do.
func (s *Server) Start(ctx context.Context) error {
	if s.opts.Address == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil || s.stopped {
		return errors.New("admin: the server was started before")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.opts.Address)
	if err != nil {
		return fmt.Errorf("HTTP_ADDRESS=%s cannot be listened on: %w; give another host:port, or leave it empty for no HTTP server", s.opts.Address, err)
	}
	s.listener = l
	s.done = make(chan struct{})
	s.opts.Log.Info("http server is up", "address", l.Addr().String())
	end := context.AfterFunc(ctx, func() { _ = s.http.Close() })
	go func() { // owned by the server; Stop waits for it
		defer close(s.done)
		defer end()
		if err := s.http.Serve(limitConnections(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			s.opts.Log.Error("http server has ended", "error", err)
		}
	}()
	return nil
}

// Stop takes no new requests and returns when those under way have their answers, or when ctx is done, which cuts them off.
// It may be called again, by several goroutines, and without a Start.
func (s *Server) Stop(ctx context.Context) {
	s.mu.Lock()
	s.stopped = true
	started := s.listener != nil
	s.mu.Unlock()
	if !started {
		return
	}
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
	<-s.done
}

// Addr is the address listened on, with the port that was given for port 0; empty before Start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}
