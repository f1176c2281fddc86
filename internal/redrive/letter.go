package redrive

import (
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

// letter is a dead letter and what its headers say.
type letter struct {
	rec       *kgo.Record
	topic     string // where it came from; "" where no header says
	partition int32
	offset    int64
	connector string
	status    string
	smsc      string
	command   int64 // command_status, -1 where the SMSC did not answer
	redriven  int   // how often it was put back
	first     string
}

// read takes the last header of each name: the sink appends its own behind those that the record had.
func read(r *kgo.Record) letter {
	l := letter{rec: r, partition: -1, offset: -1, command: -1}
	for i := range r.Headers {
		value := string(r.Headers[i].Value)
		switch r.Headers[i].Key {
		case record.HeaderTopic:
			l.topic = value
		case record.HeaderPartition:
			if n, err := strconv.ParseInt(value, 10, 32); err == nil {
				l.partition = int32(n)
			}
		case record.HeaderOffset:
			if n, err := strconv.ParseInt(value, 10, 64); err == nil {
				l.offset = n
			}
		case record.HeaderConnectorName:
			l.connector = value
		case record.HeaderStatus:
			l.status = value
		case record.HeaderSMSC:
			l.smsc = value
		case record.HeaderCommandStatus:
			if n, err := strconv.ParseUint(value, 10, 32); err == nil {
				l.command = int64(n)
			}
		case record.HeaderRedriven:
			if n, err := strconv.Atoi(value); err == nil && n > 0 {
				l.redriven = n
			}
		case record.HeaderRedrivenFrom:
			l.first = value
		}
	}
	return l
}

// from is the record that it was at first, as default ids are written.
func (l *letter) from() string {
	if l.first != "" {
		return l.first
	}
	if l.topic == "" {
		return ""
	}
	return place(l.topic, l.partition, l.offset)
}

func place(topic string, partition int32, offset int64) string {
	return topic + "-" + strconv.Itoa(int(partition)) + "-" + strconv.FormatInt(offset, 10)
}

// ofErrors tells what the sink and Kafka Connect add to a record that they give up, and what an earlier redrive added.
func ofErrors(key string) bool {
	switch key {
	case record.HeaderStatus, record.HeaderSMSC, record.HeaderCommandStatus, record.HeaderTimestamp, record.HeaderRedriven, record.HeaderRedrivenFrom, record.HeaderRedrivenTimestamp:
		return true
	}
	return strings.HasPrefix(key, "__connect.errors.")
}

// again is the record as it is put back: key, value and headers as they came, and how often and from where.
//
// Its timestamp is that of now. The original's would be older than the topic's retention soon, and a segment of such records is
// deleted whether the sink has read it or not; it goes into a header instead, unless it is asked for.
func (l *letter) again(to string, now time.Time, keepTimestamp bool) *kgo.Record {
	r := &kgo.Record{Topic: to, Partition: -1, Key: l.rec.Key, Value: l.rec.Value, Timestamp: now}
	if to == l.topic {
		r.Partition = l.partition
	}
	for _, h := range l.rec.Headers {
		if !ofErrors(h.Key) {
			r.Headers = append(r.Headers, h)
		}
	}
	add := func(key, value string) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: []byte(value)})
	}
	add(record.HeaderRedriven, strconv.Itoa(l.redriven+1))
	if from := l.from(); from != "" {
		add(record.HeaderRedrivenFrom, from)
	}
	if keepTimestamp {
		r.Timestamp = l.rec.Timestamp
	} else {
		add(record.HeaderRedrivenTimestamp, l.rec.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return r
}

// Header makes a letter's record a record.Headers.
func (l *letter) Header(name string) []byte {
	for i := len(l.rec.Headers) - 1; i >= 0; i-- {
		if l.rec.Headers[i].Key == name {
			return l.rec.Headers[i].Value
		}
	}
	return nil
}
