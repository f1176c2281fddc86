package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
)

// missingGroupRights asks for a heartbeat of a member that no group has. It needs READ on the group, as joining does, and changes nothing.
func missingGroupRights(ctx context.Context, cl *kgo.Client, cfg *config.Config) (faults []string, err error) {
	var groups []string
	if cfg.Sink.Enabled {
		groups = append(groups, cfg.SinkGroup())
	}
	if cfg.Source.Enabled {
		groups = append(groups, cfg.SourceGroup())
	}
	for _, group := range groups {
		req := kmsg.NewPtrHeartbeatRequest()
		req.Group, req.MemberID, req.Generation = group, "smpp-connector-check", 1
		resp, err := req.RequestWith(ctx, cl)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		switch {
		case errors.Is(err, kerr.GroupAuthorizationFailed):
			faults = append(faults, fmt.Sprintf("group %s: this client's principal lacks READ: grant it (kafka-acls.sh --add --allow-principal User:… --operation Read --resource-pattern-type prefixed --group connect-%s-)", group, cfg.Name))
		case err != nil && !isAnswer(err):
			return faults, fmt.Errorf("asking for the rights on group %s: %w", group, err)
		}
	}
	return faults, nil
}

// missingTransactionRights ends a transaction of a producer that does not exist, under an id with the connector's prefix that it never uses. It needs
// WRITE, as a transaction does, and is refused otherwise too: nothing is written, not even the id.
func missingTransactionRights(ctx context.Context, cl *kgo.Client, cfg *config.Config) (faults []string, err error) {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = cfg.Name+"-check", math.MaxInt64, 0
	resp, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	switch {
	case errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		faults = append(faults, fmt.Sprintf("transactional ids %s-…: this client's principal lacks WRITE: grant it (kafka-acls.sh --add --allow-principal User:… --operation Write --resource-pattern-type prefixed --transactional-id %s-)", cfg.Name, cfg.Name))
	case err != nil && !isAnswer(err):
		return nil, fmt.Errorf("asking for the rights on transactional ids: %w", err)
	}
	return faults, nil
}

// isAnswer tells a broker's refusal from a broker that was not reached.
func isAnswer(err error) bool {
	var ke *kerr.Error
	return errors.As(err, &ke)
}

// missingTopicRights say, a line each, which rights on topics are missing. Hidden are the topics that this principal may not even see: the
// broker does not say whether they are there.
func missingTopicRights(ctx context.Context, cl *kgo.Client, cfg *config.Config, names []string) (faults, hidden []string, err error) {
	req := kmsg.NewPtrMetadataRequest()
	req.IncludeTopicAuthorizedOperations = true
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		if t.ErrorCode == kerr.TopicAuthorizationFailed.Code {
			hidden = append(hidden, *t.Topic)
		}
		var missing []string
		for _, op := range neededOn(*t.Topic, cfg) {
			// 0 and the least number are a broker that does not tell: who may describe a topic has at least that right.
			silent := t.AuthorizedOperations == 0 || t.AuthorizedOperations == math.MinInt32
			if t.ErrorCode == kerr.TopicAuthorizationFailed.Code || t.ErrorCode == 0 && !silent && t.AuthorizedOperations&(1<<int32(op)) == 0 {
				missing = append(missing, op.String())
			}
		}
		if len(missing) > 0 {
			faults = append(faults, fmt.Sprintf("topic %s: this client's principal lacks %s: grant it (kafka-acls.sh --add --allow-principal User:… --operation … --topic %s)", *t.Topic, strings.Join(missing, ", "), *t.Topic))
		}
	}
	return faults, hidden, nil
}

// neededOn are the rights of internal/KAFKA.md.
func neededOn(topic string, cfg *config.Config) []kmsg.ACLOperation {
	switch {
	case strings.HasPrefix(topic, cfg.Name+"."):
		return []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite}
	case slices.Contains(cfg.Sink.Topics, topic), topic == cfg.Sink.OptOuts.Topic:
		return []kmsg.ACLOperation{kmsg.ACLOperationRead}
	}
	return []kmsg.ACLOperation{kmsg.ACLOperationWrite}
}

// describeQuorum is the controller's time of now: when it has itself caught up with itself.
func describeQuorum(ctx context.Context, cl *kgo.Client) (time.Time, error) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	t, p := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return time.Time{}, err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return time.Time{}, err
			}
			for _, v := range p.CurrentVoters {
				if v.ReplicaID == p.LeaderID && v.LastCaughtUpTimestamp > 0 {
					return time.UnixMilli(v.LastCaughtUpTimestamp), nil
				}
			}
		}
	}
	return time.Time{}, errors.New("the brokers' answer names no time")
}
