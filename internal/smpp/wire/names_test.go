package wire

import (
	"strings"
	"testing"

	"github.com/linxGnu/gosmpp/data"
)

func TestCommandIDsAreThoseOfTheSpecification(t *testing.T) {
	t.Parallel()
	for id, theirs := range map[uint32]data.CommandIDType{
		GenericNack: data.GENERIC_NACK, BindReceiver: data.BIND_RECEIVER, BindReceiverResp: data.BIND_RECEIVER_RESP,
		BindTransmitter: data.BIND_TRANSMITTER, BindTransmitterResp: data.BIND_TRANSMITTER_RESP, QuerySM: data.QUERY_SM, QuerySMResp: data.QUERY_SM_RESP,
		SubmitSM: data.SUBMIT_SM, SubmitSMResp: data.SUBMIT_SM_RESP, DeliverSM: data.DELIVER_SM, DeliverSMResp: data.DELIVER_SM_RESP,
		Unbind: data.UNBIND, UnbindResp: data.UNBIND_RESP, ReplaceSM: data.REPLACE_SM, ReplaceSMResp: data.REPLACE_SM_RESP,
		CancelSM: data.CANCEL_SM, CancelSMResp: data.CANCEL_SM_RESP, BindTransceiver: data.BIND_TRANSCEIVER, BindTransceiverResp: data.BIND_TRANSCEIVER_RESP,
		Outbind: data.OUTBIND, EnquireLink: data.ENQUIRE_LINK, EnquireLinkResp: data.ENQUIRE_LINK_RESP, SubmitMulti: data.SUBMIT_MULTI,
		SubmitMultiResp: data.SUBMIT_MULTI_RESP, AlertNotification: data.ALERT_NOTIFICATION, DataSMID: data.DATA_SM, DataSMResp: data.DATA_SM_RESP,
	} {
		if id != uint32(theirs) {
			t.Errorf("%s is 0x%08x, gosmpp has 0x%08x", CommandName(id), id, uint32(theirs))
		}
		if got, want := CommandName(id), strings.ToLower(theirs.String()); got != want {
			t.Errorf("0x%08x is %s, gosmpp calls it %s", id, got, want)
		}
	}
	if got := CommandName(0x42); got != "0x00000042" {
		t.Errorf("an unknown command is %s", got)
	}
}

func TestStatusesAreThoseOfTheSpecification(t *testing.T) {
	t.Parallel()
	texts := map[string]uint32{}
	for status, s := range statuses {
		if other, ok := texts[s.text]; ok {
			t.Errorf("0x%08x and 0x%08x have the same text", status, other)
		}
		texts[s.text] = status
		if status >= 0x100 {
			continue // of SMPP v5.0, which gosmpp does not know
		}
		if theirs := data.CommandStatusType(status); theirs.String() != s.name {
			t.Errorf("0x%08x is %s, gosmpp calls it %s", status, s.name, theirs)
		}
	}
	for status, want := range map[uint32][2]string{
		StatusOK:        {"ESME_ROK", "no error"},
		StatusThrottled: {"ESME_RTHROTTLED", "throttled, message limit exceeded"},
		StatusInvDCS:    {"ESME_RINVDCS", "data_coding is invalid"},
		0x00000401:      {"0x00000401", "the carrier's own error 0x00000401"},
		0x00000abc:      {"0x00000abc", "unknown error 0x00000abc"},
	} {
		if name, text := StatusName(status), StatusText(status); name != want[0] || text != want[1] {
			t.Errorf("0x%08x: %q, %q", status, name, text)
		}
	}
}
