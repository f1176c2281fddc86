package resolve

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/smpp-connector/smpp-connector/internal/config"
	"github.com/smpp-connector/smpp-connector/internal/kafkatest"
)

// quickNextGen has a broker give groups by KIP-848 the session of the classic ones here, and quick heartbeats.
var quickNextGen = map[string]string{
	"group.consumer.min.session.timeout.ms": "1000", "group.consumer.session.timeout.ms": "30000",
	"group.consumer.min.heartbeat.interval.ms": "100", "group.consumer.heartbeat.interval.ms": "300",
}

// TestReplicasComeAndGoByKIP848: partitions move one by one, beside engines that go on.
func TestReplicasComeAndGoByKIP848(t *testing.T) {
	t.Parallel()
	var settings []string
	for k, v := range quickNextGen {
		settings = append(settings, k+"="+v)
	}
	t.Run(kafkatest.KindKfake, func(t *testing.T) {
		comeAndGo(t, kafkatest.Kfake(t, kfake.BrokerConfigs(quickNextGen)), config.GroupConsumer)
	})
	t.Run(kafkatest.KindApache, func(t *testing.T) { comeAndGo(t, kafkatest.Apache(t, settings...), config.GroupConsumer) })
}

// TestACommitThatIsRefusedToAMemberThatLosesNothing: by KIP-848 no new assignment comes, as it does to a member of a classic group
// that joins anew, and the client reads on where it stood.
func TestACommitThatIsRefusedToAMemberThatLosesNothing(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]*kerr.Error{"unknown member": kerr.UnknownMemberID, "an epoch that has passed": kerr.StaleMemberEpoch} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := kafkatest.Kfake(t, kfake.BrokerConfigs(quickNextGen))
			s := setup(t, b)
			s.cfg.Kafka.GroupProtocol = config.GroupConsumer
			var asked, refused atomic.Int64
			cluster := b.Kfake()
			cluster.ControlKey(int16(kmsg.TxnOffsetCommit), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if n := asked.Add(1); n%3 != 0 || n > 30 {
					return nil, nil, false
				}
				refused.Add(1)
				req := kreq.(*kmsg.TxnOffsetCommitRequest)
				resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
				for _, topic := range req.Topics {
					rt := kmsg.NewTxnOffsetCommitResponseTopic()
					rt.Topic = topic.Topic
					for _, p := range topic.Partitions {
						rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
						rp.Partition, rp.ErrorCode = p.Partition, refusal.Code
						rt.Partitions = append(rt.Partitions, rp)
					}
					resp.Topics = append(resp.Topics, rt)
				}
				return resp, nil, true
			})
			s.start(t.TempDir())
			all := messages(0, 300)
			for i := range 10 {
				s.send(all[i*30 : (i+1)*30])
				s.await("sms.receipts", (i+1)*30)
			}
			s.checkReceipts(all)
			if refused.Load() == 0 {
				t.Error("nothing was refused")
			}
		})
	}
}
