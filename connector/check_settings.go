package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafka"
)

// weekend is an outage that nobody is there to end: what waits in Kafka, and what Kafka knows of it, must outlast it.
const weekend = 72 * time.Hour

// findings are what check has to say of the brokers: faults make it fail, warnings do not.
type findings struct{ faults, warnings []string }

// settingsOf are a resource's settings, as far as this principal may see them.
func settingsOf(all kadm.ResourceConfigs) map[string]map[string]string {
	settings := make(map[string]map[string]string)
	for _, r := range all {
		if r.Err != nil {
			continue
		}
		settings[r.Name] = make(map[string]string)
		for _, c := range r.Configs {
			if c.Value != nil {
				settings[r.Name][c.Key] = *c.Value
			}
		}
	}
	return settings
}

// judgeTopics looks at what a topic's settings would lose, or stop, and when.
func judgeTopics(cfg *config.Config, settings map[string]map[string]string, replicas map[string]int) (f findings) {
	state := []string{cfg.InternalTopic(config.TopicWaiting), cfg.InternalTopic(config.TopicControl), cfg.InternalTopic(config.TopicRedriven), cfg.Sink.OptOuts.Topic}
	said := make(map[string][]string) // topics by what is said of them
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		s := settings[name]
		policy, known := s["cleanup.policy"]
		compacted := strings.Contains(policy, "compact")
		switch keeps := slices.Contains(state, name); {
		case !known:
		case compacted && !keeps:
			f.faults = append(f.faults, fmt.Sprintf("topic %s has cleanup.policy=%s, which deletes records that share a key before they are read: set it to delete", name, policy))
		case !compacted && keeps:
			f.faults = append(f.faults, fmt.Sprintf("topic %s has cleanup.policy=%s, which deletes state that is still needed: set it to compact", name, policy))
		}
		if n, err := strconv.Atoi(s["min.insync.replicas"]); err == nil && replicas[name] > 0 {
			has := replicas[name]
			switch {
			case n > has:
				f.faults = append(f.faults, fmt.Sprintf("topic %s has min.insync.replicas=%d and %d replicas, so nothing can be written to it: set min.insync.replicas to %d", name, n, has, max(1, has-1)))
			case has == 1:
				why := "one replica, so the loss of its broker is the loss of what it holds: give it three, and min.insync.replicas=2"
				said[why] = append(said[why], name)
			case n == has:
				why := fmt.Sprintf("min.insync.replicas=%d and as many replicas, so one broker that is down stops all writing: set it to %d", n, has-1)
				said[why] = append(said[why], name)
			case n == 1:
				why := "min.insync.replicas=1, so what one broker alone holds counts as written, and is lost with it: set it to 2"
				said[why] = append(said[why], name)
			}
		}
		if !strings.Contains(policy, "delete") {
			continue
		}
		need, what := weekend, "what an outage of a weekend leaves waiting there is deleted unread"
		if name == cfg.InternalTopic(config.TopicSubmitted) {
			need, what = max(weekend, cfg.Source.ReceiptWait), "a receipt that comes later (SOURCE_RECEIPT_WAIT) finds no submission"
		}
		if ms, err := strconv.ParseInt(s["retention.ms"], 10, 64); err == nil && ms >= 0 && time.Duration(ms)*time.Millisecond < need {
			why := fmt.Sprintf("retention.ms=%d (%s): %s: set it to %d or more", ms, time.Duration(ms)*time.Millisecond, what, need.Milliseconds())
			said[why] = append(said[why], name)
		}
		if bytes, err := strconv.ParseInt(s["retention.bytes"], 10, 64); err == nil && bytes >= 0 {
			why := fmt.Sprintf("retention.bytes=%d, which deletes what is not yet read when much comes: set it to -1", bytes)
			said[why] = append(said[why], name)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(said)) {
		f.warnings = append(f.warnings, fmt.Sprintf("%s: %s", strings.Join(said[why], ", "), why))
	}
	return f
}

// judgeBroker holds a broker's settings against ours.
func judgeBroker(cfg *config.Config, broker string, s map[string]string) (faults []string) {
	duration := func(name string, unit time.Duration) (time.Duration, bool) {
		n, err := strconv.ParseInt(s[name], 10, 64)
		return time.Duration(n) * unit, err == nil
	}
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("broker %s: ", broker)+fmt.Sprintf(format, args...))
	}
	if kept, ok := duration("offsets.retention.minutes", time.Minute); ok && kept < weekend {
		fault("offsets.retention.minutes=%s: after an outage of %s the group's offsets are forgotten, and with them what was sent: set it to %d or more", s["offsets.retention.minutes"], kept, int(weekend.Minutes()))
	}
	if longest, ok := duration("transaction.max.timeout.ms", time.Millisecond); ok && longest < kafka.TransactionTimeout {
		fault("transaction.max.timeout.ms=%s is less than the %d that the connector's transactions have, which are refused: raise it", s["transaction.max.timeout.ms"], kafka.TransactionTimeout.Milliseconds())
	}
	if cfg.Kafka.GroupProtocol == config.GroupConsumer {
		return faults // the broker's own session timeout counts
	}
	session := cfg.Kafka.SessionTimeout
	if least, ok := duration("group.min.session.timeout.ms", time.Millisecond); ok && session < least {
		fault("KAFKA_SESSION_TIMEOUT=%s is less than group.min.session.timeout.ms=%s, so no group can be joined: raise the one or lower the other", session, s["group.min.session.timeout.ms"])
	}
	if most, ok := duration("group.max.session.timeout.ms", time.Millisecond); ok && session > most {
		fault("KAFKA_SESSION_TIMEOUT=%s is more than group.max.session.timeout.ms=%s, so no group can be joined: lower the one or raise the other", session, s["group.max.session.timeout.ms"])
	}
	return faults
}

// lookAtSettings asks for all settings; unseen are those that this principal may not see, which the connector itself has no need of.
func lookAtSettings(ctx context.Context, cl *kgo.Client, cfg *config.Config, details kadm.TopicDetails, brokers []kadm.BrokerDetail) (f findings, unseen []string) {
	adm := kadm.NewClient(cl)
	var there []string
	replicas := make(map[string]int)
	for _, d := range details {
		if d.Err != nil {
			continue
		}
		there = append(there, d.Topic)
		for _, p := range d.Partitions {
			replicas[d.Topic] = max(replicas[d.Topic], len(p.Replicas))
		}
	}
	if len(there) > 0 {
		if all, err := adm.DescribeTopicConfigs(ctx, there...); err == nil {
			settings := settingsOf(all)
			f = judgeTopics(cfg, settings, replicas)
			if len(settings) < len(there) {
				unseen = append(unseen, "topics' (DESCRIBE_CONFIGS on them)")
			}
		}
	}
	for _, b := range brokers {
		all, err := adm.DescribeBrokerConfigs(ctx, b.NodeID)
		name := strconv.Itoa(int(b.NodeID))
		settings := settingsOf(all)
		if err != nil || settings[name] == nil {
			unseen = append(unseen, "brokers' (DESCRIBE_CONFIGS on the cluster)")
			break
		}
		f.faults = append(f.faults, judgeBroker(cfg, name, settings[name])...)
	}
	return f, unseen
}

// clockLimit is what clocks may differ by: expires_at, validity and the times in results are ours, deliver_at and receipts' times the SMSC's.
const clockLimit = 5 * time.Second

// compareClocks says by how much this host's clock is off, and what it was compared with. The protocol has no question for the time. The
// controller tells when it was last caught up, which is now; who may not ask that learns at least whether a record is of the future.
func compareClocks(ctx context.Context, cl *kgo.Client, topics []string) (fine, warning string) {
	adm := kadm.NewClient(cl)
	before := time.Now()
	quorum, err := describeQuorum(ctx, cl)
	if err == nil {
		took := time.Since(before)
		off := quorum.Sub(before.Add(took / 2))
		said := fmt.Sprintf("the Kafka controller's clock (as DescribeQuorum has it) is %s %s this host's, to within %s", off.Abs().Round(time.Millisecond), aheadOrBehind(off), took.Round(time.Millisecond))
		if off.Abs() > clockLimit+took {
			return "", said + ": have both set by NTP"
		}
		return said, ""
	}
	var newest kadm.ListedOffset
	if all, err := adm.ListMaxTimestampOffsets(ctx, topics...); err == nil {
		all.Each(func(o kadm.ListedOffset) {
			if o.Err == nil && o.Timestamp > newest.Timestamp {
				newest = o
			}
		})
	}
	why := fmt.Sprintf("the controller does not tell the time (DescribeQuorum, which takes KRaft and DESCRIBE on the cluster: %v)", err)
	if newest.Timestamp <= 0 {
		return why + ", and there are no records to compare with: not compared", ""
	}
	if off := time.Until(time.UnixMilli(newest.Timestamp)); off > clockLimit {
		return "", fmt.Sprintf("%s; the newest record, of topic %s, is from %s in the future by this host's clock: have all hosts set by NTP", why, newest.Topic, off.Round(time.Second))
	}
	return fmt.Sprintf("%s; no record of %d topics is from the future by this host's clock, which says that it is not behind, and no more", why, len(topics)), ""
}

func aheadOrBehind(off time.Duration) string {
	return [3]string{"behind", "as far as", "ahead of"}[cmp.Compare(off, 0)+1]
}
