package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topic is a topic that must be there.
type Topic struct {
	Name       string
	Partitions int32
	Configs    map[string]string // for the case that it has to be made
}

// TopicIDs returns, for each of the topics that is there, eight characters that tell it from
// another of the same name, made before or after it; empty where the broker knows no topic ids
// (before Kafka 2.8).
func TopicIDs(ctx context.Context, cl *kgo.Client, topics ...string) (map[string]string, error) {
	details, err := kadm.NewClient(cl).ListTopics(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("asking for the ids of topics %v: %w", topics, err)
	}
	ids := make(map[string]string, len(topics))
	for _, topic := range topics {
		d := details[topic]
		switch {
		case errors.Is(d.Err, kerr.UnknownTopicOrPartition):
		case d.Err != nil:
			return nil, fmt.Errorf("asking for the id of topic %s: %w", topic, d.Err)
		case d.ID == (kadm.TopicID{}):
			ids[topic] = ""
		default:
			ids[topic] = base64.RawURLEncoding.EncodeToString(d.ID[:6]) // of 122 random bits
		}
	}
	return ids, nil
}

// EnsureTopics creates what is missing and returns the number of partitions of
// each. With create off, a missing topic is an error that names it.
func EnsureTopics(ctx context.Context, cl *kgo.Client, topics []Topic, create bool, replication int16) (map[string]int32, error) {
	adm := kadm.NewClient(cl)
	var faults error
	if create {
		for _, t := range topics {
			configs := make(map[string]*string, len(t.Configs))
			for k, v := range t.Configs {
				configs[k] = &v
			}
			_, err := adm.CreateTopic(ctx, t.Partitions, replication, configs, t.Name)
			if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
				faults = errors.Join(faults, fmt.Errorf("creating topic %s with %d partitions: %w (create it yourself and set KAFKA_TOPICS_CREATE=false, or grant CREATE)", t.Name, t.Partitions, err))
			}
		}
		if faults != nil {
			return nil, faults
		}
	}
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	// A topic just created reaches the brokers' metadata a moment later.
	for n := 1; ; n++ {
		counts := make(map[string]int32, len(topics))
		details, err := adm.ListTopics(ctx, names...)
		if err != nil {
			return nil, fmt.Errorf("listing topics: %w", err)
		}
		var missing []string
		for _, name := range names {
			d, ok := details[name]
			if !ok || d.Err != nil || len(d.Partitions) == 0 {
				missing = append(missing, name)
				continue
			}
			counts[name] = int32(len(d.Partitions))
		}
		if len(missing) == 0 {
			return counts, nil
		}
		if !create || n > 100 {
			slices.Sort(missing)
			return counts, fmt.Errorf("topics %v do not exist (create them, or set KAFKA_TOPICS_CREATE=true)", missing)
		}
		if err := Sleep(ctx, min(time.Duration(n)*5*time.Millisecond, 100*time.Millisecond)); err != nil {
			return nil, err
		}
	}
}
