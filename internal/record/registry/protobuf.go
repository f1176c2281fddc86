package registry

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/smpp-connector/smpp-connector/internal/record"
	"github.com/smpp-connector/smpp-connector/schemas/pb"
)

// text is an optional string: nil where empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	s = record.Clean(s)
	return &s
}

func number(n int) *int32 {
	if n == 0 {
		return nil
	}
	i := int32(n)
	return &i
}

func instant(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t.Truncate(time.Millisecond))
}

func appendPBResult(dst []byte, r *record.Result) ([]byte, error) {
	m := &pb.Result{
		Id: record.Clean(r.ID), Status: record.Clean(r.Status), Smsc: text(r.SMSC), To: text(r.To), From: text(r.From), Encoding: text(r.Encoding), Attempts: int32(r.Attempts),
		PossibleDuplicate: r.PossibleDuplicate, Error: text(r.Error),
		Source:     &pb.Result_Source{Topic: record.Clean(r.Source.Topic), Partition: r.Source.Partition, Offset: r.Source.Offset},
		ReceivedAt: instant(r.ReceivedAt), SubmittedAt: instant(r.SubmittedAt), AnsweredAt: instant(r.AnsweredAt), Metadata: record.MetadataMap(r.Metadata), Transliterated: cleanAll(r.Transliterated),
	}
	if r.Source.Timestamped() {
		m.Source.Timestamp = instant(r.Source.Timestamp)
	}
	m.Parts = make([]*pb.Result_Part, len(r.Parts))
	for i := range r.Parts {
		p := &r.Parts[i]
		m.Parts[i] = &pb.Result_Part{Part: int32(p.Part), MessageId: text(p.MessageID)}
		if p.Answered {
			status := int64(p.CommandStatus)
			m.Parts[i].CommandStatus, m.Parts[i].StatusName = &status, text(p.Name())
		}
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, m)
}

func appendPBReceipt(dst []byte, r *record.Receipt) ([]byte, error) {
	m := &pb.Receipt{
		Id: text(r.ID), MessageId: text(r.MessageID), Part: number(r.Part), Parts: number(r.Parts), State: record.Clean(r.State), Final: r.Final, Stat: text(r.Stat), Error: text(r.Error),
		SubmittedAt: instant(r.SubmittedAt), DoneAt: instant(r.DoneAt), Smsc: text(r.SMSC), To: text(r.To), From: text(r.From), Correlated: r.Correlated,
		ReceivedAt: instant(r.ReceivedAt), Metadata: record.MetadataMap(r.Metadata),
	}
	if r.Source != nil {
		m.Source = &pb.Receipt_Source{Topic: record.Clean(r.Source.Topic), Partition: r.Source.Partition, Offset: r.Source.Offset}
		if r.Source.Timestamped() {
			m.Source.Timestamp = instant(r.Source.Timestamp)
		}
	}
	if !r.Raw.Absent() {
		short, tlvs, udh := r.Raw.Strings()
		m.Raw = &pb.Receipt_Raw{ShortMessage: short, Tlvs: tlvs, Udh: text(udh)}
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, m)
}

func appendPBInbound(dst []byte, in *record.Inbound) ([]byte, error) {
	m := &pb.Inbound{
		Id: text(in.ID), From: text(in.From), To: text(in.To), Encoding: text(in.Encoding), DataCoding: int32(in.DataCoding), Parts: number(in.Parts),
		Complete: in.Complete, Missing: make([]int32, len(in.Missing)), Smsc: text(in.SMSC), ReceivedAt: instant(in.ReceivedAt),
	}
	for i, n := range in.Missing {
		m.Missing[i] = int32(n)
	}
	if in.IsPayload {
		m.Payload = append([]byte{}, in.Payload...)
	} else {
		s := record.Clean(in.Text)
		m.Text = &s
	}
	if in.InReplyTo != nil {
		m.InReplyTo = &pb.Inbound_InReplyTo{Id: record.Clean(in.InReplyTo.ID), Metadata: record.MetadataMap(in.InReplyTo.Metadata)}
	}
	if !in.Raw.Absent() {
		short, tlvs, udh := in.Raw.Strings()
		m.Raw = &pb.Inbound_Raw{ShortMessage: short, Tlvs: tlvs, Udh: text(udh)}
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, m)
}
