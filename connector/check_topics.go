package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// faultsOfTopics say, a line each, which rights on topics that are there are missing, and which settings would lose records, with the remedy.
// What this principal may not ask (settings need DESCRIBE_CONFIGS) is passed over: the connector does not need to know it.
func faultsOfTopics(ctx context.Context, cl *kgo.Client, cfg *config.Config) ([]string, error) {
	var names []string
	for _, t := range topicsOf(cfg) {
		names = append(names, t.Name)
	}
	faults, err := missingRights(ctx, cl, cfg, names)
	if err != nil {
		return nil, err
	}
	settings, err := kadm.NewClient(cl).DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return faults, nil
	}
	waiting, control := cfg.InternalTopic(config.TopicWaiting), cfg.InternalTopic(config.TopicControl)
	for _, s := range settings {
		if s.Err != nil {
			continue
		}
		i := slices.IndexFunc(s.Configs, func(c kadm.Config) bool { return c.Key == "cleanup.policy" && c.Value != nil })
		if i < 0 {
			continue
		}
		compacted := strings.Contains(*s.Configs[i].Value, "compact")
		switch state := s.Name == waiting || s.Name == control; {
		case compacted && !state:
			faults = append(faults, fmt.Sprintf("topic %s has cleanup.policy=%s, which deletes records that share a key before they are read: set it to delete", s.Name, *s.Configs[i].Value))
		case !compacted && state:
			faults = append(faults, fmt.Sprintf("topic %s has cleanup.policy=%s, which deletes state that is still needed: set it to compact", s.Name, *s.Configs[i].Value))
		}
	}
	slices.Sort(faults)
	return faults, nil
}

func missingRights(ctx context.Context, cl *kgo.Client, cfg *config.Config, names []string) (faults []string, err error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, err
	}
	for _, t := range resp.Topics {
		// 0 and the least number are a broker that does not tell: who may describe a topic has at least that right.
		if t.ErrorCode != 0 || t.Topic == nil || t.AuthorizedOperations == 0 || t.AuthorizedOperations == math.MinInt32 {
			continue
		}
		var missing []string
		for _, op := range neededOn(*t.Topic, cfg) {
			if t.AuthorizedOperations&(1<<int32(op)) == 0 {
				missing = append(missing, op.String())
			}
		}
		if len(missing) > 0 {
			faults = append(faults, fmt.Sprintf("topic %s: this client's principal lacks %s: grant it (kafka-acls.sh --add --allow-principal User:… --operation … --topic %s)", *t.Topic, strings.Join(missing, ", "), *t.Topic))
		}
	}
	return faults, nil
}

// neededOn are the rights of internal/KAFKA.md.
func neededOn(topic string, cfg *config.Config) []kmsg.ACLOperation {
	switch {
	case strings.HasPrefix(topic, cfg.Name+"."):
		return []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite}
	case slices.Contains(cfg.Sink.Topics, topic):
		return []kmsg.ACLOperation{kmsg.ACLOperationRead}
	}
	return []kmsg.ACLOperation{kmsg.ACLOperationWrite}
}
