package record

import "strconv"

// Header is a Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// Stages of DeadLetter.Stage: those of Kafka Connect's enum
// org.apache.kafka.connect.runtime.errors.Stage that a sink of ours can fail in.
const (
	StageValueConverter = "VALUE_CONVERTER" // the value could not be read as a record
	StageTaskPut        = "TASK_PUT"        // the record could not be sent
)

// DeadLetter says why a record is on the dead letter topic. The topic's record has
// the original key, value, timestamp and headers; this is what comes to the headers.
type DeadLetter struct {
	Source         Source // of the original record
	Connector      string // "<name>-sink"
	Task           string // "0"
	Stage          string // StageValueConverter, StageTaskPut
	Class          string // what was being executed
	ExceptionClass string // the class of error
	Message        string // the error as a sentence
	StackTrace     string // "" stands for what Java prints first: the class, a colon, the message
	Status         string // the result's status
	SMSC           string // "" absent
	CommandStatus  uint32
	// HasCommandStatus says that the SMSC answered.
	HasCommandStatus bool
}

// The headers of Kafka Connect's DeadLetterQueueReporter and ours. All values are
// UTF-8 text, numbers in decimal.
const (
	HeaderTopic            = "__connect.errors.topic"
	HeaderPartition        = "__connect.errors.partition"
	HeaderOffset           = "__connect.errors.offset"
	HeaderConnectorName    = "__connect.errors.connector.name"
	HeaderTaskID           = "__connect.errors.task.id"
	HeaderStage            = "__connect.errors.stage"
	HeaderClassName        = "__connect.errors.class.name"
	HeaderExceptionClass   = "__connect.errors.exception.class.name"
	HeaderExceptionMessage = "__connect.errors.exception.message"
	HeaderStackTrace       = "__connect.errors.exception.stacktrace"
	HeaderStatus           = "smpp.status"
	HeaderSMSC             = "smpp.smsc"
	HeaderCommandStatus    = "smpp.command_status"
	HeaderTimestamp        = "smpp.timestamp" // the record's, where the topic does not take it as the dead letter's own
)

// The headers of a record that was put back from the dead letters (smpp-connector redrive).
const (
	HeaderRedriven          = "smpp.redriven"           // how often, in decimal
	HeaderRedrivenFrom      = "smpp.redriven.from"      // <topic>-<partition>-<offset> of the record at first: its default id
	HeaderRedrivenTimestamp = "smpp.redriven.timestamp" // of the dead letter, and so of the record before
)

// AppendHeaders appends the headers to those of the original record: Connect's ten
// in Connect's order, then smpp.status, and smpp.smsc and smpp.command_status where
// known. As in Connect, headers of these names that the record has stay before them:
// of those of one name the last counts.
func (d *DeadLetter) AppendHeaders(dst []Header) []Header {
	trace := d.StackTrace
	if trace == "" {
		trace = d.ExceptionClass + ": " + d.Message + "\n"
	}
	add := func(key, value string) { dst = append(dst, Header{Key: key, Value: []byte(value)}) }
	add(HeaderTopic, d.Source.Topic)
	add(HeaderPartition, strconv.FormatInt(int64(d.Source.Partition), 10))
	add(HeaderOffset, strconv.FormatInt(d.Source.Offset, 10))
	add(HeaderConnectorName, d.Connector)
	add(HeaderTaskID, d.Task)
	add(HeaderStage, d.Stage)
	add(HeaderClassName, d.Class)
	add(HeaderExceptionClass, d.ExceptionClass)
	add(HeaderExceptionMessage, d.Message)
	add(HeaderStackTrace, trace)
	add(HeaderStatus, d.Status)
	if d.SMSC != "" {
		add(HeaderSMSC, d.SMSC)
	}
	if d.HasCommandStatus {
		add(HeaderCommandStatus, strconv.FormatUint(uint64(d.CommandStatus), 10))
	}
	return dst
}
