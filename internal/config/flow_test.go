package config

import (
	"strings"
	"testing"
)

func TestFaultsOfFlowNameTheVariableAndTheRemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ set, variable, remedy string }{
		{"SINK_PRIORITY_TOPICS=other", "SINK_PRIORITY_TOPICS", "not among SINK_TOPICS"},
		{"SINK_PRIORITY_TOPICS=sms.outbound=4", "SINK_PRIORITY_TOPICS", "0 to 3"},
		{"SINK_PRIORITY_TOPICS=sms.outbound=high", "SINK_PRIORITY_TOPICS", "0 to 3"},
		{"SINK_PRIORITY_TOPICS=sms.outbound,sms.outbound=2", "SINK_PRIORITY_TOPICS", "twice"},
		{"SINK_PRIORITY_TOPICS=a b", "SINK_PRIORITY_TOPICS", "is no topic"},
		{"SINK_QUIET_HOURS=21:00", "SINK_QUIET_HOURS", "21:00-08:00"},
		{"SINK_QUIET_HOURS=21:00-24:00", "SINK_QUIET_HOURS", "21:00-08:00"},
		{"SINK_QUIET_HOURS=08:00-8:00", "SINK_QUIET_HOURS", "different"},
		{"SINK_QUIET_ACTION=drop", "SINK_QUIET_ACTION", "hold, expire"},
		{"SINK_QUIET_EXEMPT_PRIORITY=5", "SINK_QUIET_EXEMPT_PRIORITY", "0 to 4"},
		{"SINK_QUIET_ZONE=Berlin", "SINK_QUIET_ZONE", "IANA"},
		{"SINK_QUIET_ZONE=Local", "SINK_QUIET_ZONE", "IANA"},
		{"SINK_OPTOUTS_TOPIC=a b", "SINK_OPTOUTS_TOPIC", "characters"},
		{"SINK_OPTOUTS_TOPIC=sms.outbound", "SINK_OPTOUTS_TOPIC", "a topic of its own"},
		{"SINK_OPTOUTS_TOPIC=sms.inbound", "SINK_OPTOUTS_TOPIC", "a topic of its own"},
		{"SINK_OPTOUTS_TOPIC=smpp.deliver", "SINK_OPTOUTS_TOPIC", "a topic of its own"},
		{"SINK_OPTOUTS_EXEMPT_TOPICS=sms.outbound", "SINK_OPTOUTS_EXEMPT_TOPICS", "set SINK_OPTOUTS_TOPIC"},
		{"SMSC_0_FAILOVER_ERRORS=101", "SMSC_0_FAILOVER_ERRORS", "0 to 100"},
		{"SMSC_0_FAILOVER_FOR=0s", "SMSC_0_FAILOVER_FOR", "1s"},
	} {
		faults := faultsOf(t, least(c.set))
		if len(faults) != 1 || faults[0].Variable != c.variable || !strings.Contains(faults[0].Remedy, c.remedy) {
			t.Errorf("%s: %+v", c.set, faults)
		}
	}
	c := mustLoad(t, least("SINK_TOPICS_REGEX=sms[.].*", "SINK_PRIORITY_TOPICS=sms.otp", "RESULTS_TOPIC=r", "RECEIPTS_TOPIC=c", "INBOUND_TOPIC=i", "DEADLETTER_TOPIC=d"))
	if c.Sink.TopicPriorities["sms.otp"] != 3 {
		t.Errorf("priorities %v", c.Sink.TopicPriorities)
	}
	for _, more := range []string{"SINK_TOPICS=sms.outbound", "SINK_TOPICS_REGEX=in[.].*"} {
		faults := faultsOf(t, least("SINK_OPTOUTS_TOPIC=list", "SINK_OPTOUTS_EXEMPT_TOPICS=otp", more))
		if len(faults) != 1 || faults[0].Variable != "SINK_OPTOUTS_EXEMPT_TOPICS" || !strings.Contains(faults[0].Remedy, "no input topic") {
			t.Errorf("%s: %+v", more, faults)
		}
	}
	if faults := faultsOf(t, least("SINK_OPTOUTS_TOPIC=in.list", "SINK_TOPICS_REGEX=in[.].*")); len(faults) != 1 {
		t.Errorf("a list that is input: %+v", faults)
	}
	if faults := faultsOf(t, least("SINK_TOPICS_REGEX=in[.].*", "SINK_PRIORITY_TOPICS=sms.otp")); len(faults) != 1 {
		t.Errorf("%+v", faults)
	}
}
