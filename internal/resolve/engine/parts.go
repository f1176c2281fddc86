package engine

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/internal/resolve/store"
	"github.com/smpp-connector/smpp-connector/internal/sms"
)

// Parts of a long message wait under the subscriber, our address, the kind and value of the
// reference and the number of parts. The SMSC is not in it: the phone makes the reference,
// and the parts may come through two accounts.
//
// A part has its number for Disc. Disc 0 is the memory of a message joined there lately, the
// hashes of its parts, so that a part delivered twice does not begin a message that never
// becomes whole.
const joinedDisc = 0

// maxJoined bounds the envelopes of one long message, in bytes. 255 parts of 140 octets, all that a phone can send, are well
// under it; but nothing keeps an SMSC from putting a message_payload of 64 KiB into each, which would join to a
// record that Kafka refuses, however often it is tried. In JSON an octet takes up to six, so this stays under 1 MB.
const maxJoined = 128 << 10

// partHead is what stands before the envelope in a part's value: the hash of its content
// (8), and whether it repeats a part of the message joined last (1).
const partHead = 8 + 1

// part is one that waits.
type part struct {
	id       store.ID
	due      int64
	hash     uint64
	echo     bool
	offset   int64
	envelope []byte
}

func groupKey(in *received) string {
	key := []byte(record.SubscriberKey(sms.NormalNumber(in.From), sms.NormalNumber(in.To)))
	key = append(key, 0, in.Concat.Kind, byte(in.Concat.Ref>>8), byte(in.Concat.Ref), in.Concat.Total)
	return string(key)
}

// group is what is there of one message.
type group struct {
	key    string
	total  int
	parts  []part // by number
	joined *store.Entry
	hashes []byte // of the message joined last, 8 bytes a part
}

// size is that of the envelopes, in bytes.
func (g *group) size() (n int) {
	for i := range g.parts {
		n += len(g.parts[i].envelope)
	}
	return n
}

func (e *Engine) loadGroup(b *store.Batch, key string) *group {
	g := &group{key: key, total: int(key[len(key)-1])}
	for _, entry := range b.Find(nil, e.cfg.Partition, store.Part, hashOf(key), maxParts+1) {
		k, value, ok := parseRow(entry.Row)
		if !ok || k != key {
			continue
		}
		_, _, offset, rest, ok := parseWaiting(value)
		switch {
		case !ok:
		case entry.ID.Disc == joinedDisc:
			g.joined, g.hashes = &entry, rest
		case len(rest) >= partHead:
			g.parts = append(g.parts, part{id: entry.ID, due: entry.Due, hash: binary.LittleEndian.Uint64(rest), echo: rest[8] == 1,
				offset: offset, envelope: rest[partHead:]})
		}
	}
	return g
}

func (e *Engine) applyPart(offset int64, envelope []byte, in *received, out *Output) {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write([]byte{in.DataCoding})
	_, _ = d.Write(in.UserData)
	hash := d.Sum64()

	g := e.loadGroup(out.batch, groupKey(in))
	for i := range g.parts {
		if g.parts[i].id.Disc != uint64(in.Concat.Seq) {
			continue
		}
		if g.parts[i].hash == hash {
			out.Events.RepeatedParts++
			return
		}
		// The reference was used again, for another message: phones count it up to 255 and
		// begin anew. The older one will not become whole any more; to mix the two would
		// be worse than to say what is missing.
		e.endGroup(out, g)
		break
	}
	if len(g.parts) > 0 && g.size()+len(envelope) > maxJoined {
		e.endGroup(out, g) // told as what it is, incomplete, and begun anew
	}
	p := part{
		id:  store.ID{Class: store.Part, Hash: hashOf(g.key), Disc: uint64(in.Concat.Seq)},
		due: unixMilli(in.receivedAt) + e.cfg.PartsWait.Milliseconds(), hash: hash, offset: offset, envelope: envelope,
	}
	if at := 8 * (int(in.Concat.Seq) - 1); at+8 <= len(g.hashes) {
		p.echo = binary.LittleEndian.Uint64(g.hashes[at:]) == hash
	}
	if len(g.parts) > 0 {
		p.due = g.parts[0].due // the message's time began with the first
	}
	at := 0
	for at < len(g.parts) && g.parts[at].id.Disc < p.id.Disc {
		at++
	}
	g.parts = append(g.parts[:at], append([]part{p}, g.parts[at:]...)...)
	if len(g.parts) < g.total {
		e.keepPart(out, g.key, &p)
		return
	}
	e.publishGroup(out, g)
	for i := range g.parts {
		if i != at {
			e.forgetPart(out, g.key, &g.parts[i])
		}
	}
	e.rememberJoined(out, g, unixMilli(in.receivedAt)+e.cfg.PartsWait.Milliseconds(), offset)
	g.parts = nil
}

func (e *Engine) keepPart(out *Output, key string, p *part) {
	head := binary.LittleEndian.AppendUint64(make([]byte, 0, partHead+len(p.envelope)), p.hash)
	echo := byte(0)
	if p.echo {
		echo = 1
	}
	head = append(head, echo)
	value := appendWaiting(nil, kindPart, p.due, p.offset, append(head, p.envelope...))
	out.batch.Put(e.cfg.Partition, p.id, p.due, []byte{kindPart}, appendRow(nil, key, value))
	e.floors.lower(store.Waiting, p.due)
	e.rest++
	// A part may take the place of one that was forgotten in this very output; then the key
	// is known there and fresh does not count.
	out.put(e.cfg.Partition, waitingRecordKey(store.Part, key, p.id.Disc), value, true)
}

func (e *Engine) forgetPart(out *Output, key string, p *part) {
	out.batch.Delete(e.cfg.Partition, p.id)
	out.tombstone(e.cfg.Partition, waitingRecordKey(store.Part, key, p.id.Disc))
	e.rest--
}

// rememberJoined leaves the memory of a message that has become whole, until a part of it
// that comes again would be late for any message.
func (e *Engine) rememberJoined(out *Output, g *group, due, offset int64) {
	e.forgetJoined(out, g)
	var hashes []byte
	for i := range g.parts {
		hashes = binary.LittleEndian.AppendUint64(hashes, g.parts[i].hash)
	}
	id := store.ID{Class: store.Part, Hash: hashOf(g.key), Disc: joinedDisc}
	value := appendWaiting(nil, kindJoined, due, offset, hashes)
	out.batch.Put(e.cfg.Partition, id, due, []byte{kindJoined}, appendRow(nil, g.key, value))
	e.floors.lower(store.Waiting, due)
	e.rest++
	out.put(e.cfg.Partition, waitingRecordKey(store.Part, g.key, joinedDisc), value, g.joined == nil)
}

func (e *Engine) forgetJoined(out *Output, g *group) {
	if g.joined == nil {
		return
	}
	out.batch.Delete(e.cfg.Partition, g.joined.ID)
	e.rest--
}

// publishGroup publishes the parts that are there.
func (e *Engine) publishGroup(out *Output, g *group) {
	pieces := make([]piece, 0, len(g.parts))
	for i := range g.parts {
		if in, ok := e.readDelivery(g.parts[i].envelope); ok {
			pieces = append(pieces, piece{in: in, offset: g.parts[i].offset, seq: byte(g.parts[i].id.Disc)})
		}
	}
	if len(pieces) > 0 {
		e.publishInbound(out, pieces, g.total)
	}
}

// endGroup ends a message that is not whole: published with what is missing, unless all
// there is are parts, delivered again, of the message that was joined before.
func (e *Engine) endGroup(out *Output, g *group) {
	echo := true
	for i := range g.parts {
		echo = echo && g.parts[i].echo
	}
	if echo {
		out.Events.RepeatedParts += len(g.parts)
	} else {
		e.publishGroup(out, g)
	}
	for i := range g.parts {
		e.forgetPart(out, g.key, &g.parts[i])
	}
	g.parts = g.parts[:0]
}

// expirePart is called with the first part of a message that is due, or with the memory of
// one that was joined.
func (e *Engine) expirePart(d *store.Entry, out *Output) {
	key, _, ok := parseRow(d.Row)
	if !ok || len(key) == 0 {
		out.batch.Delete(e.cfg.Partition, d.ID)
		return
	}
	if d.ID.Disc == joinedDisc {
		out.batch.Delete(e.cfg.Partition, d.ID)
		out.tombstone(e.cfg.Partition, waitingRecordKey(store.Part, key, joinedDisc))
		e.rest--
		return
	}
	e.endGroup(out, e.loadGroup(out.batch, key))
}
