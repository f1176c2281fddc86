package redrive

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/smpp-connector/smpp-connector/internal/record"
)

func contains(err error, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			return false
		}
	}
	return true
}

func TestEachDeadLetterHasOneReason(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time {
		return time.UnixMilli(1767225600000).Add(time.Duration(minute) * time.Minute)
	}
	withoutValue, foreign, bare, elsewhere := failed(7, "rejected", "acme"), failed(7, "rejected", "acme"), failed(7, "rejected", "acme"), failed(7, "rejected", "acme")
	withoutValue.Value = nil
	set(foreign, record.HeaderConnectorName, "other-sink")
	bare.Headers = nil
	set(elsewhere, record.HeaderTopic, "payments")
	for _, c := range []struct {
		name   string
		rec    *kgo.Record
		filter Filter
		to     string
		want   Reason
	}{
		{"all", failed(7, "rejected", "acme"), Filter{}, "", Asked},
		{"since", failed(7, "rejected", "acme"), Filter{Since: at(7)}, "", Asked},
		{"before since", failed(7, "rejected", "acme"), Filter{Since: at(8)}, "", NotAsked},
		{"until is outside", failed(7, "rejected", "acme"), Filter{Until: at(7)}, "", NotAsked},
		{"before until", failed(7, "rejected", "acme"), Filter{Until: at(8)}, "", Asked},
		{"status", failed(7, "expired", "acme"), Filter{Statuses: []string{"rejected", "expired"}}, "", Asked},
		{"another status", failed(7, "invalid", ""), Filter{Statuses: []string{"rejected"}}, "", NotAsked},
		{"command_status", failed(7, "rejected", "acme"), Filter{Commands: []uint32{0x45}}, "", Asked},
		{"no command_status", failed(7, "invalid", ""), Filter{Commands: []uint32{0}}, "", NotAsked},
		{"SMSC", failed(7, "rejected", "acme"), Filter{SMSCs: []string{"acme"}}, "", Asked},
		{"another SMSC", failed(7, "rejected", "beta"), Filter{SMSCs: []string{"acme"}}, "", NotAsked},
		{"topic", failed(7, "rejected", "acme"), Filter{Topics: []string{"sms.other"}}, "", NotAsked},
		{"id", failed(7, "rejected", "acme"), Filter{IDs: map[string]bool{"id-7": true}}, "", Asked},
		{"default id", failed(7, "rejected", "acme"), Filter{IDs: map[string]bool{"sms.outbound-1-7": true}}, "", Asked},
		{"default id at first", failed(7, "rejected", "acme", record.Header{Key: record.HeaderRedrivenFrom, Value: []byte("sms.outbound-0-3")}), Filter{IDs: map[string]bool{"sms.outbound-0-3": true}}, "", Asked},
		{"another id", failed(7, "rejected", "acme"), Filter{IDs: map[string]bool{"id-8": true}}, "", NotAsked},
		{"two of which one holds", failed(7, "rejected", "acme"), Filter{SMSCs: []string{"acme"}, Statuses: []string{"expired"}}, "", NotAsked},
		{"in doubt", failed(7, "in_doubt", "acme"), Filter{}, "", InDoubt},
		{"in doubt by id", failed(7, "in_doubt", "acme"), Filter{IDs: map[string]bool{"id-7": true}}, "", InDoubt},
		{"in doubt, named", failed(7, "in_doubt", "acme"), Filter{Statuses: []string{"in_doubt"}}, "", Asked},
		{"put back twice", failed(7, "rejected", "acme", record.Header{Key: record.HeaderRedriven, Value: []byte("2")}), Filter{}, "", Asked},
		{"put back thrice", failed(7, "rejected", "acme", record.Header{Key: record.HeaderRedriven, Value: []byte("3")}), Filter{}, "", TooOften},
		{"no value", withoutValue, Filter{}, "", NoValue},
		{"of another connector", foreign, Filter{}, "", OtherSink},
		{"no header", bare, Filter{}, "", NoTopic},
		{"no header, but told where to", bare, Filter{}, "sms.outbound", Asked},
		{"a topic that the sink does not read", elsewhere, Filter{}, "", NotAnInput},
		{"a topic that the sink does not read, but told where to", elsewhere, Filter{}, "sms.outbound", Asked},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.filter.Reader = record.PlainReader{}
			r := run{Options: Options{Filter: c.filter, To: c.to, Connector: "smpp-sink", MaxRedrives: 3, Input: func(t string) bool { return t == "sms.outbound" }}, journal: newJournal("sms.deadletter", "")}
			l := read(c.rec)
			if got := r.judge(&l); got != c.want {
				t.Errorf("%d %s, want %d %s", got, got, c.want, c.want)
			}
		})
	}
}

func set(r *kgo.Record, key, value string) {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			r.Headers[i].Value = []byte(value)
		}
	}
}

func TestARecordThatFailsAgainSaysHowOftenAndWhereItBegan(t *testing.T) {
	t.Parallel()
	l := read(failed(7, "rejected", "acme", record.Header{Key: record.HeaderRedriven, Value: []byte("1")}, record.Header{Key: record.HeaderRedrivenFrom, Value: []byte("sms.outbound-0-3")}))
	h := headersOf(l.again("sms.outbound", time.Now(), true))
	if h[record.HeaderRedriven] != "2" || h[record.HeaderRedrivenFrom] != "sms.outbound-0-3" || len(h) != 3 {
		t.Errorf("%v", h)
	}
	if r := l.again("sms.other", time.Now(), true); r.Partition != -1 || !r.Timestamp.Equal(l.rec.Timestamp) {
		t.Errorf("%+v", r)
	}
}
