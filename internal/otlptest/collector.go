// Package otlptest is a collector for tests: it takes spans by OTLP, over HTTP or gRPC, and reads them with the protocol's own definitions.
package otlptest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

// Span is one that came, with ids in hexadecimal and values as text.
type Span struct {
	Trace, ID, Parent string // Parent "": a root
	Name, Kind        string
	Error             string // "": the status is not an error
	Links             []Link
	Attributes        map[string]string
	Resource          map[string]string
	Start, End        uint64 // nanoseconds since 1970
}

// Link is to another span.
type Link struct{ Trace, Span string }

// Collector takes spans until its test ends.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	URL string // for OTEL_EXPORTER_OTLP_ENDPOINT

	mu      sync.Mutex // guards the fields below
	spans   []Span
	raw     bytes.Buffer // all bodies, as they came
	calls   int
	headers http.Header // of the last call
	changed chan struct{}
}

// HTTP starts one that is spoken to by http/protobuf.
func HTTP(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", c.serve)
	s := httptest.NewServer(mux)
	tb.Cleanup(s.Close)
	c.URL = s.URL
	return c
}

// GRPC starts one that is spoken to by gRPC.
func GRPC(tb testing.TB) *Collector {
	tb.Helper()
	c := &Collector{changed: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := grpc.NewServer()
	collector.RegisterTraceServiceServer(s, c)
	go s.Serve(l) // ends with Stop
	tb.Cleanup(s.Stop)
	c.URL = "http://" + l.Addr().String()
	return c
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	body := r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var req collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.take(&req, r.Header)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Export is the gRPC service.
func (c *Collector) Export(ctx context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	h := http.Header{}
	md, _ := metadata.FromIncomingContext(ctx)
	for name, values := range md {
		h[http.CanonicalHeaderKey(name)] = values
	}
	c.take(req, h)
	return &collector.ExportTraceServiceResponse{}, nil
}

func (c *Collector) take(req *collector.ExportTraceServiceRequest, h http.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, _ := proto.Marshal(req) // it has just been read
	c.raw.Write(b)
	c.calls++
	c.headers = h
	for _, rs := range req.ResourceSpans {
		resource := attributes(rs.Resource.GetAttributes())
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				c.spans = append(c.spans, spanOf(s, resource))
			}
		}
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func spanOf(s *v1.Span, resource map[string]string) Span {
	out := Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Name: s.Name, Kind: strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_")),
		Attributes: attributes(s.Attributes), Resource: resource, Start: s.StartTimeUnixNano, End: s.EndTimeUnixNano,
	}
	if s.Status.GetCode() == v1.Status_STATUS_CODE_ERROR {
		out.Error = s.Status.Message
	}
	for _, l := range s.Links {
		out.Links = append(out.Links, Link{hex.EncodeToString(l.TraceId), hex.EncodeToString(l.SpanId)})
	}
	return out
}

func attributes(list []*common.KeyValue) map[string]string {
	m := make(map[string]string, len(list))
	for _, kv := range list {
		switch v := kv.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			m[kv.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			m[kv.Key] = fmt.Sprint(v.IntValue)
		case *common.AnyValue_BoolValue:
			m[kv.Key] = fmt.Sprint(v.BoolValue)
		default:
			m[kv.Key] = kv.Value.String()
		}
	}
	return m
}

// Spans are those that have come so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spans[:len(c.spans):len(c.spans)]
}

// Calls is how often the collector was called.
func (c *Collector) Calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// Header is that of the last call.
func (c *Collector) Header(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.headers.Get(name)
}

// Holds tells whether the bytes are in anything that came.
func (c *Collector) Holds(s string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Contains(c.raw.Bytes(), []byte(s))
}

// WaitFor waits until the spans that have come are enough.
func (c *Collector) WaitFor(ctx context.Context, enough func([]Span) bool) error {
	for {
		c.mu.Lock()
		spans, changed := c.spans[:len(c.spans):len(c.spans)], c.changed
		c.mu.Unlock()
		if enough(spans) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("of the spans that were waited for only %d have come: %w", len(spans), ctx.Err())
		}
	}
}
