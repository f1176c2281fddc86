package registry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

const (
	// patience is how long a record waits where it stands for its schema, when the registry is quick; then it steps aside.
	patience = 250 * time.Millisecond
	// again is how long after a failure the registry is asked anew, and how long an id counts as unknown.
	again = time.Second
	// maxSchemas bounds what is kept: ids come from records, and anybody who may write records can make them up.
	maxSchemas = 4096
	// maxFetching bounds the requests under way.
	maxFetching = 32
)

// decoder turns the data behind a record's prefix into the JSON that the record would be. It may be used by several goroutines.
type decoder interface {
	appendJSON(dst, data []byte) ([]byte, error)
}

// Reader reads outbound records in whatever form they come. It is a record.Reader.
type Reader struct {
	client *Client
	ctx    context.Context // of the process: a fetch outlives the record that began it

	mu       sync.Mutex
	known    map[string]*schema // by the id's bytes: four of an id, sixteen of a GUID
	fetching int
}

// schema is one that is known, or asked for. The fields are written by its fetch before done is closed.
type schema struct {
	done    chan struct{}
	decoder decoder
	err     error // why there is no decoder
	missing bool  // err is the registry's own: it has no such schema
	at      time.Time
}

// NewReader reads by the schemas of a registry, and plain JSON. ctx ends its requests.
func NewReader(ctx context.Context, c *Client) *Reader {
	return &Reader{client: c, ctx: ctx, known: make(map[string]*schema)}
}

// Decode reads JSON, or by the schema that the value or its header names.
func (r *Reader) Decode(o *record.Outbound, value []byte, headers record.Headers, wait bool) error {
	if h := headers.Header(record.SchemaIDHeader); h != nil {
		// Magic byte 1 and a GUID; of Protobuf the path to the message follows here, not in the value.
		if len(h) < 17 || h[0] != 1 {
			return r.wrong(o, "header "+record.SchemaIDHeader+" of "+strconv.Itoa(len(h))+" bytes", "must be a 1 and the 16 bytes of a schema's GUID")
		}
		return r.decode(o, string(h[1:17]), h[17:], value, wait)
	}
	if len(value) == 0 || value[0] != 0 {
		return o.Decode(value)
	}
	if len(value) < 5 {
		return r.wrong(o, strconv.Itoa(len(value))+" bytes that begin with a zero", "must be JSON, or a zero, a schema's id and data")
	}
	return r.decode(o, string(value[1:5]), nil, value[5:], wait)
}

func (r *Reader) decode(o *record.Outbound, id string, path, data []byte, wait bool) error {
	s := r.schema(id, wait)
	if s == nil {
		_ = o.Decode([]byte("{}")) // the fields' absent values
		return record.ErrNotYet
	}
	if s.missing {
		return r.wrong(o, "of schema "+shown(id), "must be written by a schema that the registry of SCHEMA_REGISTRY_URL has")
	}
	if s.err != nil {
		return r.wrong(o, "of schema "+shown(id), "must be written by a schema that can be read: "+s.err.Error())
	}
	if len(path) > 0 {
		data = append(append(make([]byte, 0, len(path)+len(data)), path...), data...)
	}
	json, err := s.decoder.appendJSON(make([]byte, 0, 2*len(data)+64), data)
	if err != nil {
		return r.wrong(o, "that schema "+shown(id)+" does not fit", "must be the data of that schema")
	}
	return o.Decode(json)
}

func (r *Reader) wrong(o *record.Outbound, value, remedy string) error {
	_ = o.Decode([]byte("{}"))
	return &record.FieldError{Value: value, Remedy: remedy}
}

func shown(id string) string {
	if len(id) == 4 {
		return strconv.FormatUint(uint64(binary.BigEndian.Uint32([]byte(id))), 10)
	}
	h := hex.EncodeToString([]byte(id))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// schema is the one of an id, or nil as long as nothing can be said of it.
func (r *Reader) schema(id string, mayWait bool) *schema {
	now := time.Now()
	r.mu.Lock()
	s := r.known[id]
	wait := patience
	switch {
	case s == nil:
	case !s.over(): // somebody has asked
		wait = 0
		if now.Sub(s.at) < patience {
			wait = patience - now.Sub(s.at)
		}
	case s.decoder != nil || s.err != nil && now.Sub(s.at) < again:
		r.mu.Unlock()
		if s.decoder == nil && !s.missing && s.temporary() {
			return nil
		}
		return s
	default:
		s, wait = nil, 0 // asked before, without an answer: nobody waits for it again
	}
	if s == nil {
		if r.fetching >= maxFetching {
			r.mu.Unlock()
			return nil
		}
		if len(r.known) >= maxSchemas {
			r.forget()
		}
		s = &schema{done: make(chan struct{}), at: now}
		r.known[id] = s
		r.fetching++
		go r.fetch(id, s) // ends with its bounded tries, or r.ctx
	}
	r.mu.Unlock()
	if wait <= 0 || !mayWait {
		return nil
	}
	limit := time.NewTimer(wait)
	defer limit.Stop()
	select {
	case <-s.done:
	case <-limit.C:
		return nil
	case <-r.ctx.Done():
		return nil
	}
	if s.temporary() {
		return nil
	}
	return s
}

func (s *schema) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// temporary tells that the registry gave no answer; only once done is closed.
func (s *schema) temporary() bool {
	_, broken := s.err.(*brokenSchema)
	return s.err != nil && !s.missing && !broken
}

// forget makes room: of what is kept, half is dropped, whatever it is. What is still needed is asked for again.
func (r *Reader) forget() {
	n := len(r.known) / 2
	for id, s := range r.known {
		if n == 0 {
			return
		}
		if s.over() {
			delete(r.known, id)
			n--
		}
	}
}

// brokenSchema is a schema that the registry has and that cannot be used.
type brokenSchema struct{ error }

func (r *Reader) fetch(id string, s *schema) {
	ctx, cancel := context.WithTimeout(r.ctx, 30*time.Second)
	defer cancel()
	found, err := r.client.schemaOf(ctx, id)
	if err == nil {
		var references []sr.Schema
		var names []string
		if references, names, err = r.client.references(ctx, found); err == nil {
			if s.decoder, err = compile(found, names, references); err != nil {
				err = &brokenSchema{err}
			}
		}
	}
	r.mu.Lock()
	s.err, s.missing, s.at = err, err != nil && unknown(err), time.Now()
	r.fetching--
	close(s.done)
	r.mu.Unlock()
}

func (c *Client) schemaOf(ctx context.Context, id string) (sr.Schema, error) {
	if len(id) == 4 {
		return c.sr.SchemaByID(ctx, int(binary.BigEndian.Uint32([]byte(id))))
	}
	s, err := c.sr.SchemaByGUID(ctx, shown(id))
	return s.Schema, err
}

// maxReferences bounds the schemas that one is made of.
const maxReferences = 100

// references are the schemas that s is made of, each behind those that it needs itself, with the names that it has for them.
func (c *Client) references(ctx context.Context, s sr.Schema) (found []sr.Schema, names []string, err error) {
	seen := map[string]bool{}
	var walk func(s sr.Schema, depth int) error
	walk = func(s sr.Schema, depth int) error {
		for _, ref := range s.References {
			if seen[ref.Name] {
				continue
			}
			if seen[ref.Name] = true; len(seen) > maxReferences || depth > 16 {
				return &brokenSchema{fmt.Errorf("it refers to more than %d others", maxReferences)}
			}
			next, err := c.sr.SchemaByVersion(ctx, ref.Subject, ref.Version)
			if err != nil {
				return err
			}
			if err := walk(next.Schema, depth+1); err != nil {
				return err
			}
			found, names = append(found, next.Schema), append(names, ref.Name)
		}
		return nil
	}
	err = walk(s, 0)
	return found, names, err
}

func compile(s sr.Schema, names []string, references []sr.Schema) (decoder, error) {
	switch s.Type {
	case sr.TypeAvro:
		return compileAvro(s.Schema, references)
	case sr.TypeProtobuf:
		return compileProtobuf(s.Schema, names, references)
	case sr.TypeJSON:
		return plain{}, nil
	}
	return nil, fmt.Errorf("it is neither Avro nor Protobuf nor JSON Schema, but %v", s.Type)
}

// plain is data that is JSON already: whoever wrote it by a JSON Schema has checked it against that.
type plain struct{}

func (plain) appendJSON(dst, data []byte) ([]byte, error) { return append(dst, data...), nil }
