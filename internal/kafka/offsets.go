package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// OffsetMeta is a committed offset with its metadata.
type OffsetMeta struct {
	Offset   int64 // -1: none is committed
	Metadata string
}

// Offsets maps topic and partition.
type Offsets map[string]map[int32]OffsetMeta

// Set enters one.
func (o Offsets) Set(topic string, partition int32, om OffsetMeta) {
	ps := o[topic]
	if ps == nil {
		ps = make(map[int32]OffsetMeta)
		o[topic] = ps
	}
	ps[partition] = om
}

func (o Offsets) partitions() map[string][]int32 {
	parts := make(map[string][]int32, len(o))
	for topic, ps := range o {
		for p := range ps {
			parts[topic] = append(parts[topic], p)
		}
	}
	return parts
}

// Get returns one, and whether it is there.
func (o Offsets) Get(topic string, partition int32) (OffsetMeta, bool) {
	om, ok := o[topic][partition]
	return om, ok
}

// Committed reads the committed offsets of the partitions. With stable, an
// offset in a transaction that is still open makes the answer
// UNSTABLE_OFFSET_COMMIT, which is returned; without it, the last offset that
// was committed for certain.
func Committed(ctx context.Context, cl *kgo.Client, group string, parts map[string][]int32, stable bool) (Offsets, error) {
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	req.RequireStable = stable
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	for topic, ps := range parts {
		t := kmsg.NewOffsetFetchRequestTopic()
		t.Topic, t.Partitions = topic, ps
		req.Topics = append(req.Topics, t)
		gt := kmsg.NewOffsetFetchRequestGroupTopic()
		gt.Topic, gt.Partitions = topic, ps
		g.Topics = append(g.Topics, gt)
	}
	req.Groups = append(req.Groups, g)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, fmt.Errorf("reading the committed offsets of group %s: %w", group, err)
	}
	out, err := OffsetsOf(resp)
	for topic, ps := range parts {
		for _, p := range ps {
			if _, ok := out.Get(topic, p); err == nil && !ok { // not the same as "none is committed"
				err = fmt.Errorf("committed offset of %s[%d]: the broker's answer leaves it out", topic, p)
			}
		}
	}
	return out, err
}

// Stable is Committed with stable, asked again for as long as the broker takes to
// write the markers of a transaction that has ended. An offset still unstable after
// that is in a transaction that nobody ends.
func Stable(ctx context.Context, cl *kgo.Client, group string, parts map[string][]int32) (Offsets, error) {
	for n := 1; ; n++ {
		o, err := Committed(ctx, cl, group, parts, true)
		if !errors.Is(err, kerr.UnstableOffsetCommit) || n == looks {
			return o, err
		}
		if serr := Sleep(ctx, Backoff(n)); serr != nil {
			return nil, errors.Join(err, serr)
		}
	}
}

// OffsetsOf reads an OffsetFetch response of one group, in either of its forms.
func OffsetsOf(resp *kmsg.OffsetFetchResponse) (Offsets, error) {
	out := Offsets{}
	set := func(topic string, partition int32, offset int64, meta *string, code int16) error {
		if err := kerr.ErrorForCode(code); err != nil {
			return fmt.Errorf("committed offset of %s[%d]: %w", topic, partition, err)
		}
		om := OffsetMeta{Offset: offset}
		if meta != nil {
			om.Metadata = *meta
		}
		out.Set(topic, partition, om)
		return nil
	}
	err := kerr.ErrorForCode(resp.ErrorCode)
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			err = errors.Join(err, set(t.Topic, p.Partition, p.Offset, p.Metadata, p.ErrorCode))
		}
	}
	for _, g := range resp.Groups {
		err = errors.Join(err, kerr.ErrorForCode(g.ErrorCode))
		for _, t := range g.Topics {
			for _, p := range t.Partitions {
				err = errors.Join(err, set(t.Topic, p.Partition, p.Offset, p.Metadata, p.ErrorCode))
			}
		}
	}
	return out, err
}

// ListOffsets asks for an offset of each partition of a topic: list is one of kadm.Client's, such as ListEndOffsets.
func ListOffsets(ctx context.Context, topic string, list func(context.Context, ...string) (kadm.ListedOffsets, error)) (map[int32]int64, error) {
	listed, err := list(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the offsets of topic %s: %w", topic, Remedy(err))
	}
	all := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { all[o.Partition] = o.Offset })
	return all, nil
}

// Sleep waits, or returns early with the context's error; with that, too, where the context has ended and there is nothing to wait for.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
