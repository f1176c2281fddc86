package record

import (
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

func TestAHeaderThatIsThereIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	d := DeadLetter{Source: Source{Topic: "new"}, Status: Invalid}
	got := show(d.AppendHeaders([]Header{{HeaderTopic, []byte("old")}}))
	if strings.Count(got, HeaderTopic+"=") != 1 || !strings.Contains(got, HeaderTopic+"=old\n") || !strings.Contains(got, HeaderOffset+"=0\n") {
		t.Errorf("got\n%s", got)
	}
}
