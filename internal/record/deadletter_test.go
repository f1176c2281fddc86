package record

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

func show(headers []Header) string {
	var b strings.Builder
	for _, h := range headers {
		b.WriteString(h.Key + "=" + string(h.Value) + "\n")
	}
	return b.String()
}

func TestADeadLetterHasConnectsTenHeadersAndOurs(t *testing.T) {
	t.Parallel()
	d := DeadLetter{
		Source: Source{Topic: "sms.outbound", Partition: 3, Offset: 42}, Connector: "smpp-sink", Task: "0", Stage: StageTaskPut,
		Class: "sink", ExceptionClass: "rejected", Message: "the SMSC says no", Status: Rejected, SMSC: "carrier-a", CommandStatus: 11, HasCommandStatus: true,
	}
	got := show(d.AppendHeaders([]Header{{"trace", []byte("1")}}))
	want := `trace=1
__connect.errors.topic=sms.outbound
__connect.errors.partition=3
__connect.errors.offset=42
__connect.errors.connector.name=smpp-sink
__connect.errors.task.id=0
__connect.errors.stage=TASK_PUT
__connect.errors.class.name=sink
__connect.errors.exception.class.name=rejected
__connect.errors.exception.message=the SMSC says no
__connect.errors.exception.stacktrace=rejected: the SMSC says no

smpp.status=rejected
smpp.smsc=carrier-a
smpp.command_status=11
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestADeadLetterWithoutAnAnswerNamesNeitherSMSCNorStatus(t *testing.T) {
	t.Parallel()
	d := DeadLetter{Status: Invalid, StackTrace: "trace"}
	got := d.AppendHeaders(nil)
	if len(got) != 11 || got[9].Key != HeaderStackTrace || string(got[9].Value) != "trace" || got[10].Key != HeaderStatus {
		t.Errorf("got\n%s", show(got))
	}
}

// TestADeadLetterIsWhatAConnectWorkerWrites compares with what a sink of a worker of Apache Kafka 4.3.0 (FileStreamSink, JsonConverter,
// errors.deadletterqueue.context.headers.enable) wrote for two records that are no JSON, the second with a header of Connect's own. The
// stack traces are cut after their second line.
func TestADeadLetterIsWhatAConnectWorkerWrites(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/connect-deadletters-4.3.0.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []struct{ Headers []struct{ Key, Value string } }
	if err := json.Unmarshal(b, &recorded); err != nil {
		t.Fatal(err)
	}
	originals := [][]Header{{{"trace", []byte("1")}}, {{HeaderTopic, []byte("older")}, {"trace", []byte("2")}}}
	if len(recorded) != len(originals) {
		t.Fatalf("%d are recorded, want %d", len(recorded), len(originals))
	}
	for i, r := range recorded {
		last := make(map[string]string)
		for _, h := range r.Headers {
			last[h.Key] = h.Value
		}
		offset, err := strconv.ParseInt(last[HeaderOffset], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		d := DeadLetter{Source: Source{Topic: "sms.outbound", Offset: offset}, Connector: "smpp-sink", Task: "0", Stage: StageValueConverter,
			Class: last[HeaderClassName], ExceptionClass: last[HeaderExceptionClass], Message: last[HeaderExceptionMessage], Status: Invalid}
		got := d.AppendHeaders(originals[i])
		if len(got) != len(r.Headers)+1 || got[len(got)-1].Key != HeaderStatus {
			t.Fatalf("%d headers, want Connect's %d and smpp.status:\n%s", len(got), len(r.Headers), show(got))
		}
		for n, h := range r.Headers {
			want := h.Value
			if h.Key == HeaderStackTrace { // ours is the first line alone: there are no Java methods to name
				want, _, _ = strings.Cut(want, "\tat ")
			}
			if got[n].Key != h.Key || string(got[n].Value) != want {
				t.Errorf("header %d is %s=%q, Connect's is %s=%q", n, got[n].Key, got[n].Value, h.Key, want)
			}
		}
	}
}
