package sim

import (
	"encoding/binary"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// batches are those that a broker has been asked to write.
//
// A broker that has a batch, and is sent it again because the answer was lost or was an error of the kind that may
// follow the write, answers where it stands: UnifiedLog looks for a duplicate before it looks at the
// sequence (analyzeAndValidateProducerState). OUT_OF_ORDER_SEQUENCE_NUMBER says to a client that the batch is not there;
// an idempotent one writes it anew, under another epoch. To answer so of a batch that is there would be the broker's fault
// alone, and a record twice in the topic.
type batches struct {
	first map[batchKey]*kmsg.ProduceRequest
}

type batchKey struct {
	topic    string
	topicID  [16]byte
	part     int32
	producer int64
	epoch    int16
	sequence int32
}

// note is for an observing fault, which comes before all others. It never says yes.
func (b *batches) note(r kmsg.Request) bool {
	req, ok := r.(*kmsg.ProduceRequest)
	if !ok {
		return false
	}
	for key := range keysOf(req) {
		if b.first[key] == nil {
			b.first[key] = req
		}
	}
	return false
}

// allFresh tells whether a request brings all its batches for the first time.
func (b *batches) allFresh(r kmsg.Request) bool {
	req, ok := r.(*kmsg.ProduceRequest)
	if !ok {
		return false
	}
	for key := range keysOf(req) {
		if b.first[key] != req {
			return false
		}
	}
	return true
}

func keysOf(req *kmsg.ProduceRequest) map[batchKey]bool {
	keys := make(map[batchKey]bool)
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			// The head of a record batch, version 2: producerId, producerEpoch and baseSequence stand behind maxTimestamp.
			if b := p.Records; len(b) >= 57 {
				keys[batchKey{t.Topic, t.TopicID, p.Partition, int64(binary.BigEndian.Uint64(b[43:])), int16(binary.BigEndian.Uint16(b[51:])),
					int32(binary.BigEndian.Uint32(b[53:]))}] = true
			}
		}
	}
	return keys
}

func TestABatchThatIsSentAgainIsNotFresh(t *testing.T) {
	t.Parallel()
	produce := func(sequence uint32) *kmsg.ProduceRequest {
		head := make([]byte, 61)
		binary.BigEndian.PutUint32(head[53:], sequence)
		req := kmsg.NewPtrProduceRequest()
		part := kmsg.NewProduceRequestTopicPartition()
		part.Records = head
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic, topic.Partitions = "smpp.deliver", append(topic.Partitions, part)
		req.Topics = append(req.Topics, topic)
		return req
	}
	b := &batches{first: make(map[batchKey]*kmsg.ProduceRequest)}
	for _, step := range []struct {
		req  *kmsg.ProduceRequest
		want bool
	}{{produce(0), true}, {produce(0), false}, {produce(1), true}} {
		for range 2 { // a request of two partitions is looked at twice
			b.note(step.req)
			if got := b.allFresh(step.req); got != step.want {
				t.Errorf("fresh is %v, want %v", got, step.want)
			}
		}
	}
}
