package kafkaproxy

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// refusal is an answer that the broker knows nothing of: an error for all that the request
// names. It is nil for a request that changes nothing, see spoil.
func refusal(h *header, fault *kerr.Error) ([]byte, error) {
	req, err := h.request()
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	resp.SetVersion(h.version)
	switch q := req.(type) {
	case *kmsg.ProduceRequest:
		r := resp.(*kmsg.ProduceResponse)
		for _, t := range q.Topics {
			rt := kmsg.NewProduceResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewProduceResponseTopicPartition()
				rp.Partition, rp.BaseOffset = p.Partition, -1
				rt.Partitions = append(rt.Partitions, rp)
			}
			r.Topics = append(r.Topics, rt)
		}
	case *kmsg.OffsetCommitRequest:
		r := resp.(*kmsg.OffsetCommitResponse)
		for _, t := range q.Topics {
			rt := kmsg.NewOffsetCommitResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewOffsetCommitResponseTopicPartition()
				rp.Partition = p.Partition
				rt.Partitions = append(rt.Partitions, rp)
			}
			r.Topics = append(r.Topics, rt)
		}
	case *kmsg.TxnOffsetCommitRequest:
		r := resp.(*kmsg.TxnOffsetCommitResponse)
		for _, t := range q.Topics {
			rt := kmsg.NewTxnOffsetCommitResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				rp.Partition = p.Partition
				rt.Partitions = append(rt.Partitions, rp)
			}
			r.Topics = append(r.Topics, rt)
		}
	case *kmsg.AddPartitionsToTxnRequest:
		r := resp.(*kmsg.AddPartitionsToTxnResponse)
		if len(q.Transactions) > 0 {
			return nil, fmt.Errorf("kafka proxy: an AddPartitionsToTxn of version %d is between brokers only", h.version)
		}
		for _, t := range q.Topics {
			rt := kmsg.NewAddPartitionsToTxnResponseTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rp := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
				rp.Partition = p
				rt.Partitions = append(rt.Partitions, rp)
			}
			r.Topics = append(r.Topics, rt)
		}
	case *kmsg.InitProducerIDRequest:
		r := resp.(*kmsg.InitProducerIDResponse)
		r.ProducerID, r.ProducerEpoch = -1, -1
	case *kmsg.JoinGroupRequest:
		r := resp.(*kmsg.JoinGroupResponse)
		r.MemberID, r.Generation = q.MemberID, -1
	case *kmsg.EndTxnRequest:
		r := resp.(*kmsg.EndTxnResponse)
		r.ProducerID, r.ProducerEpoch = -1, -1
	case *kmsg.AddOffsetsToTxnRequest, *kmsg.HeartbeatRequest, *kmsg.SyncGroupRequest, *kmsg.ConsumerGroupHeartbeatRequest:
	default:
		return nil, nil
	}
	if err := spoil(resp, fault.Code); err != nil {
		return nil, err
	}
	return h.frame(resp), nil
}

// spoil puts an error code wherever an answer has a place for one that clients look at.
func spoil(resp kmsg.Response, code int16) error {
	switch r := resp.(type) {
	case *kmsg.ProduceResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].ErrorCode = code
			}
		}
	case *kmsg.OffsetCommitResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].ErrorCode = code
			}
		}
	case *kmsg.TxnOffsetCommitResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].ErrorCode = code
			}
		}
	case *kmsg.AddPartitionsToTxnResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].ErrorCode = code
			}
		}
	case *kmsg.FetchResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].ErrorCode = code
				r.Topics[i].Partitions[j].RecordBatches = nil
			}
		}
	case *kmsg.ListOffsetsResponse:
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				r.Topics[i].Partitions[j].ErrorCode = code
			}
		}
	case *kmsg.MetadataResponse:
		for i := range r.Topics {
			r.Topics[i].ErrorCode = code
			r.Topics[i].Partitions = nil
		}
	case *kmsg.OffsetFetchResponse:
		r.ErrorCode = code
		for i := range r.Groups {
			r.Groups[i].ErrorCode = code
			r.Groups[i].Topics = nil
		}
	case *kmsg.FindCoordinatorResponse:
		r.ErrorCode, r.NodeID, r.Host, r.Port = code, -1, "", -1
		for i := range r.Coordinators {
			c := &r.Coordinators[i]
			c.ErrorCode, c.NodeID, c.Host, c.Port = code, -1, "", -1
		}
	case *kmsg.InitProducerIDResponse:
		r.ErrorCode = code
	case *kmsg.AddOffsetsToTxnResponse:
		r.ErrorCode = code
	case *kmsg.OffsetDeleteResponse:
		r.ErrorCode = code
	case *kmsg.DescribeTransactionsResponse:
		for i := range r.TransactionStates {
			r.TransactionStates[i].ErrorCode = code
		}
	case *kmsg.EndTxnResponse:
		r.ErrorCode = code
	case *kmsg.HeartbeatResponse:
		r.ErrorCode = code
	case *kmsg.JoinGroupResponse:
		r.ErrorCode = code
	case *kmsg.SyncGroupResponse:
		r.ErrorCode = code
	case *kmsg.ConsumerGroupHeartbeatResponse:
		r.ErrorCode = code
	default:
		return fmt.Errorf("no error can be put into a %s", kmsg.Key(resp.Key()).Name())
	}
	return nil
}
