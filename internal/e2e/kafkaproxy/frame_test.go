package kafkaproxy

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestAFrameIsNotLongerThanKafkaAllows(t *testing.T) {
	t.Parallel()
	for _, frame := range [][]byte{{}, {0, 0, 0}, {0, 0, 0, 3, 1, 2, 3}, {0x7f, 0xff, 0xff, 0xff, 0}, {0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 5, 1, 2, 3, 4}} {
		if _, err := readFrame(bytes.NewReader(frame), nil); err == nil {
			t.Errorf("% x was taken", frame)
		}
	}
}

// FuzzRequestHeader: what is not Kafka ends the connection, and nothing else.
func FuzzRequestHeader(f *testing.F) {
	format := kmsg.NewRequestFormatter(kmsg.FormatterClientID("fuzz"))
	for _, req := range []kmsg.Request{kmsg.NewPtrEndTxnRequest(), kmsg.NewPtrProduceRequest(), kmsg.NewPtrApiVersionsRequest()} {
		req.SetVersion(req.MaxVersion())
		f.Add(format.AppendRequest(nil, req, 7))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if len(frame) < 4 {
			return
		}
		h, err := parseRequest(frame)
		if err != nil {
			return
		}
		if req, err := h.request(); err == nil && (req.Key() != int16(h.key) || req.GetVersion() != h.version) {
			t.Errorf("header %d version %d, request %d version %d", h.key, h.version, req.Key(), req.GetVersion())
		}
		_, _ = h.response(append(make([]byte, 8), frame[4:]...))
	})
}
