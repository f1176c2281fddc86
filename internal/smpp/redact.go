package smpp

import (
	"bytes"
	"encoding/binary"
	"regexp"

	"github.com/smpp-connector/smpp-connector/internal/smpp/wire"
)

// redact masks, in place, what a capture must not hold. Lengths and all that is not
// masked stay, so that a dissector reads the PDU as it read the original.
//
// A password is masked always. With hide so are texts, numbers and senders, the
// parameters that may hold either, and every octet of a PDU that cannot be read or
// is not known: what is not understood may be anything. Message ids, user data
// headers and the fields of a receipt's text that name no one stay, for they are
// what captures are made for.
func redact(pdu []byte, hide bool) {
	h, err := wire.ParseHeader(pdu)
	if err != nil {
		return
	}
	r := redactor{b: pdu[wire.HeaderLen:]}
	switch h.ID {
	case wire.BindTransceiver, wire.BindTransmitter, wire.BindReceiver:
		r.cstring() // system_id
		mask(r.cstring())
		if hide {
			r.cstring() // system_type
			r.skip(1)   // interface_version
			r.address()
			mask(r.b)
		}
		return
	case wire.Outbind:
		r.cstring()
		mask(r.cstring())
		return
	}
	if !hide {
		return
	}
	switch h.ID {
	case wire.SubmitSM, wire.DeliverSM:
		r.cstring() // service_type
		r.address()
		r.address()
		esm := r.skip(3) // esm_class, protocol_id, priority_flag
		r.cstring()      // schedule_delivery_time
		r.cstring()      // validity_period
		n := r.skip(5)   // …, sm_length
		if len(n) == 5 && len(r.b) >= int(n[4]) {
			maskUserData(r.skip(int(n[4])), esm[0])
			r.tlvs(esm[0])
		}
	case wire.DataSMID:
		r.cstring()
		r.address()
		r.address()
		if esm := r.skip(3); esm != nil {
			r.tlvs(esm[0])
		}
	case wire.CancelSM:
		r.cstring()
		r.cstring() // message_id
		r.address()
		r.address()
	case wire.ReplaceSM:
		r.cstring() // message_id
		r.address()
		r.cstring()
		r.cstring()
		if n := r.skip(3); n != nil && len(r.b) >= int(n[2]) {
			maskUserData(r.skip(int(n[2])), 0)
			r.tlvs(0)
		}
	case wire.QuerySM:
		r.cstring() // message_id
		r.address()
	case wire.AlertNotification:
		r.address()
		r.address()
		r.tlvs(0)
	case wire.SubmitSMResp, wire.DataSMResp, wire.DeliverSMResp:
		r.cstring() // message_id
		r.tlvs(0)
	case wire.BindTransceiverResp, wire.BindTransmitterResp, wire.BindReceiverResp, wire.QuerySMResp:
		return
	}
	mask(r.b) // the rest, and all of what is not listed
}

// redactor walks over a body. Where that ends too early nothing more is read, and
// what is left of it is masked by who walks.
type redactor struct{ b []byte }

func (r *redactor) cstring() []byte {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 {
		return nil
	}
	s := r.b[:i]
	r.b = r.b[i+1:]
	return s
}

func (r *redactor) skip(n int) []byte {
	if len(r.b) < n {
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

// address masks an address behind its TON and NPI.
func (r *redactor) address() {
	if r.skip(2) != nil {
		maskAddress(r.cstring())
	}
}

// openTags are the parameters that can hold neither text nor number, nor anything
// that a carrier made up. message_payload is dealt with by itself.
var openTags = func() map[uint16]bool {
	open := map[uint16]bool{}
	for _, tag := range []uint16{
		wire.TagDestAddrSubunit, wire.TagDestNetworkType, wire.TagDestBearerType, wire.TagDestTelematicsID, wire.TagSourceAddrSubunit,
		wire.TagSourceNetworkType, wire.TagSourceBearerType, wire.TagSourceTelematicsID, wire.TagQOSTimeToLive, wire.TagPayloadType,
		wire.TagReceiptedMessageID, wire.TagMSMsgWaitFacilities, wire.TagPrivacyIndicator, wire.TagUserMessageReference, wire.TagUserResponseCode,
		wire.TagSourcePort, wire.TagDestinationPort, wire.TagSARMsgRefNum, wire.TagLanguageIndicator, wire.TagSARTotalSegments,
		wire.TagSARSegmentSeqnum, wire.TagSCInterfaceVersion, wire.TagCallbackNumPresInd, wire.TagNumberOfMessages, wire.TagDPFResult,
		wire.TagSetDPF, wire.TagMSAvailabilityStatus, wire.TagNetworkErrorCode, wire.TagDeliveryFailureReason, wire.TagMoreMessagesToSend,
		wire.TagMessageState, wire.TagCongestionState, wire.TagUSSDServiceOp, wire.TagDisplayTime, wire.TagSMSSignal, wire.TagMSValidity,
		wire.TagAlertOnMessageDelivery, wire.TagITSReplyType, wire.TagITSSessionInfo,
	} {
		open[tag] = true
	}
	return open
}()

func (r *redactor) tlvs(esmClass byte) {
	for len(r.b) >= 4 {
		tag, n := binary.BigEndian.Uint16(r.b), int(binary.BigEndian.Uint16(r.b[2:]))
		if len(r.b) < 4+n {
			return
		}
		value := r.b[4 : 4+n]
		switch {
		case tag == wire.TagMessagePayload:
			maskUserData(value, esmClass)
		case !openTags[tag]:
			mask(value)
		}
		r.b = r.b[4+n:]
	}
}

func mask(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}

// maskAddress leaves what tells a number from a name.
func maskAddress(b []byte) {
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9':
			b[i] = '0'
		case c != '+':
			b[i] = 'x'
		}
	}
}

// receiptFields are the fields of a receipt (SMPP v3.4 appendix B) up to its text,
// each in the form that it has everywhere.
var receiptFields = regexp.MustCompile(`^(?i)id:[0-9a-z-]+(?: sub:\d+)?(?: dlvrd:\d+)?(?: submit date:\d+)?(?: done date:\d+)?(?: stat:[a-z]+)?(?: err:[0-9a-z]+)? ?(?:text:)?`)

func maskUserData(b []byte, esmClass byte) {
	const udhi, typeMask = 0x40, 0x3c // SMPP v3.4 §5.2.12
	if esmClass&udhi != 0 && len(b) > 0 && int(b[0]) < len(b) {
		b = b[1+int(b[0]):]
	}
	if esmClass&typeMask != 0 {
		b = b[len(receiptFields.Find(b)):]
	}
	mask(b)
}
