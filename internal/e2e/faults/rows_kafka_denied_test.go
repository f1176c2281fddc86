package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/e2e/kafkaproxy"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// denial is a kind of request that is refused for a while.
type denial struct {
	err  *kerr.Error
	keys []kmsg.Key
}

// denied refuses each in turn for a while, and lets the flow go on between.
func denied(each time.Duration, ds ...denial) func(w *world) {
	return func(w *world) {
		for i, d := range ds {
			w.share(0.1 + 0.7*float64(i)/float64(len(ds)))
			h := w.between.Fault(kafkaproxy.Fault{Keys: d.keys, Do: kafkaproxy.Answer, Err: d.err, Count: -1})
			w.until("refusal", patience, func() bool { return h.Struck() > 0 })
			w.pass(each)
			h.Remove()
		}
	}
}

// told checks that an operator finds one line, or a few, that say what is wrong and what to do, and not thousands.
func told(remedies ...string) func(w *world, b *books) {
	return func(w *world, _ *books) {
		w.t.Helper()
		text := w.replica(0).logText()
		loud := 0
		for line := range strings.SplitSeq(text, "\n") {
			if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
				loud++
			}
		}
		for _, r := range remedies {
			if !strings.Contains(text, r) {
				w.t.Errorf("no line of the log says %q", r)
			}
		}
		if loud > 200 { // the Kafka client says of each join that was denied, twice a second, that it was
			w.t.Errorf("%d warnings and errors in the log: what is wrong is to be said once", loud)
		}
		w.note("%d warnings and errors in the log", loud)
	}
}

func TestABrokerThatDenies(t *testing.T) {
	run(t, []row{{
		name:    "a broker whose disk is full",
		breaks:  "every Produce, then every TxnOffsetCommit and OffsetCommit, is answered KAFKA_STORAGE_ERROR for 15 s",
		records: 4000, rate: 300, inbound: 60, kafka: throughProxy,
		play: denied(15*time.Second, denial{kerr.KafkaStorageError, []kmsg.Key{kmsg.Produce}},
			denial{kerr.KafkaStorageError, []kmsg.Key{kmsg.TxnOffsetCommit, kmsg.OffsetCommit}}),
		hold: hold{noDoubt: true, check: told("see its log")},
	}, {
		name:    "rights taken away and given back, one after the other",
		breaks:  "for 8 s each, Kafka denies writing to topics, reading them, the group's heartbeats and joins, its offsets, and the transactional ids",
		records: 5000, rate: 200, inbound: 60, kafka: throughProxy,
		play: denied(8*time.Second,
			denial{kerr.TopicAuthorizationFailed, []kmsg.Key{kmsg.Produce}},
			denial{kerr.TopicAuthorizationFailed, []kmsg.Key{kmsg.Fetch}},
			denial{kerr.GroupAuthorizationFailed, []kmsg.Key{kmsg.Heartbeat, kmsg.JoinGroup, kmsg.SyncGroup}},
			denial{kerr.GroupAuthorizationFailed, []kmsg.Key{kmsg.OffsetCommit, kmsg.TxnOffsetCommit}},
			denial{kerr.TransactionalIDAuthorizationFailed, []kmsg.Key{kmsg.InitProducerID, kmsg.AddOffsetsToTxn, kmsg.EndTxn}}),
		hold: hold{noDoubt: true, check: told("WRITE and DESCRIBE on its output topics", "READ on the groups")},
	}, {
		// For real: by default Kafka's authorizer lets everybody do what no ACL speaks of, so that denying is all there is to do.
		name:   "an ACL taken away and given back",
		breaks: "Kafka's authorizer denies WRITE on sms.results, READ on the group, READ on sms.outbound, and WRITE on the transactional ids, for 10 s each",
		in:     []string{kafkatest.KindApache},
		settings: []string{"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "allow.everyone.if.no.acl.found=true",
			"super.users=User:nobody"},
		records: 5000, rate: 200, inbound: 60,
		play: func(w *world) {
			adm := kadm.NewClient(w.client)
			for i, acl := range []*kadm.ACLBuilder{
				kadm.NewACLs().Topics("sms.results").Operations(kadm.OpWrite),
				kadm.NewACLs().Groups(sinkGroup).Operations(kadm.OpRead),
				kadm.NewACLs().Topics("sms.outbound").Operations(kadm.OpRead),
				kadm.NewACLs().TransactionalIDs("smpp-").ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpWrite),
			} {
				w.share(0.1 + 0.15*float64(i))
				if i != 3 {
					acl = acl.ResourcePatternType(kadm.ACLPatternLiteral)
				}
				acl = acl.Deny("User:ANONYMOUS").DenyHosts()
				created, err := adm.CreateACLs(w.t.Context(), acl)
				if err == nil {
					for _, c := range created {
						if c.Err != nil {
							err = c.Err
						}
					}
				}
				if err != nil {
					w.t.Fatal(err)
				}
				w.pass(10 * time.Second)
				if _, err := adm.DeleteACLs(w.t.Context(), acl); err != nil {
					w.t.Fatal(err)
				}
			}
		},
		hold: hold{noDoubt: true, check: told("WRITE and DESCRIBE on its output topics", "READ on the groups")},
	}})
}
