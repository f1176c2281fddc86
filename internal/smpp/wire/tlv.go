package wire

import (
	"encoding/binary"
	"fmt"
)

const tlvHeaderLen = 4

// TLV is an optional parameter, SMPP v3.4 §3.2.4. TLVs keep their order and their repetitions: carriers give them meaning.
type TLV struct {
	Tag   uint16
	Value []byte
}

// Tags of the optional parameters, SMPP v3.4 §5.3.2. 0x1400 to 0x3FFF are the carriers' own.
const (
	TagDestAddrSubunit          uint16 = 0x0005
	TagDestNetworkType          uint16 = 0x0006
	TagDestBearerType           uint16 = 0x0007
	TagDestTelematicsID         uint16 = 0x0008
	TagSourceAddrSubunit        uint16 = 0x000D
	TagSourceNetworkType        uint16 = 0x000E
	TagSourceBearerType         uint16 = 0x000F
	TagSourceTelematicsID       uint16 = 0x0010
	TagQOSTimeToLive            uint16 = 0x0017
	TagPayloadType              uint16 = 0x0019
	TagAdditionalStatusInfoText uint16 = 0x001D
	TagReceiptedMessageID       uint16 = 0x001E
	TagMSMsgWaitFacilities      uint16 = 0x0030
	TagPrivacyIndicator         uint16 = 0x0201
	TagSourceSubaddress         uint16 = 0x0202
	TagDestSubaddress           uint16 = 0x0203
	TagUserMessageReference     uint16 = 0x0204
	TagUserResponseCode         uint16 = 0x0205
	TagSourcePort               uint16 = 0x020A
	TagDestinationPort          uint16 = 0x020B
	TagSARMsgRefNum             uint16 = 0x020C
	TagLanguageIndicator        uint16 = 0x020D
	TagSARTotalSegments         uint16 = 0x020E
	TagSARSegmentSeqnum         uint16 = 0x020F
	TagSCInterfaceVersion       uint16 = 0x0210
	TagCallbackNumPresInd       uint16 = 0x0302
	TagCallbackNumAtag          uint16 = 0x0303
	TagNumberOfMessages         uint16 = 0x0304
	TagCallbackNum              uint16 = 0x0381
	TagDPFResult                uint16 = 0x0420
	TagSetDPF                   uint16 = 0x0421
	TagMSAvailabilityStatus     uint16 = 0x0422
	TagNetworkErrorCode         uint16 = 0x0423
	TagMessagePayload           uint16 = 0x0424
	TagDeliveryFailureReason    uint16 = 0x0425
	TagMoreMessagesToSend       uint16 = 0x0426
	TagMessageState             uint16 = 0x0427
	TagCongestionState          uint16 = 0x0428 // SMPP v5.0 §4.8.4.18
	TagUSSDServiceOp            uint16 = 0x0501
	TagDisplayTime              uint16 = 0x1201
	TagSMSSignal                uint16 = 0x1203
	TagMSValidity               uint16 = 0x1204
	TagAlertOnMessageDelivery   uint16 = 0x130C
	TagITSReplyType             uint16 = 0x1380
	TagITSSessionInfo           uint16 = 0x1383
)

// FindTLV returns the value of the first TLV with the tag. The value may be empty and still be there.
func FindTLV(tlvs []TLV, tag uint16) ([]byte, bool) {
	for i := range tlvs {
		if tlvs[i].Tag == tag {
			return tlvs[i].Value, true
		}
	}
	return nil, false
}

// CString is the text of a TLV whose value is a C-octet string, such as receipted_message_id: what comes before the first NUL. Carriers
// leave the NUL out as often as not.
func (t TLV) CString() []byte { return CString(t.Value) }

// CString is what comes before the first NUL in v, all of v if there is none.
func CString(v []byte) []byte {
	for i, c := range v {
		if c == 0 {
			return v[:i:i]
		}
	}
	return v
}

// tlvsLen is what tlvs take on the wire; fit: each of them has a length that can be written.
func tlvsLen(tlvs []TLV) (n int, fit bool) {
	fit = true
	for i := range tlvs {
		l := len(tlvs[i].Value)
		fit = fit && l <= int(LimitTLV)
		n += tlvHeaderLen + l
	}
	return n, fit
}

// tlvsFault names the TLV that is too long, or else the PDU of that size, which then is.
func tlvsFault(tlvs []TLV, size int) error {
	for i := range tlvs {
		if l := len(tlvs[i].Value); l > int(LimitTLV) {
			return &FieldError{Field: fmt.Sprintf("TLV 0x%04x", tlvs[i].Tag), Length: l, Limit: int(LimitTLV), Fault: TooLong}
		}
	}
	return &FieldError{Field: fieldCommandLength, Length: size, Limit: int(MaxPDU), Fault: TooLong}
}

// parseTLVs appends the TLVs in b to tlvs. trailing is what comes after the last whole one, nil if nothing does: once a length does not
// fit there is no telling where the next TLV begins, but what was read before it stands.
func parseTLVs(tlvs []TLV, b []byte) (_ []TLV, trailing []byte) {
	for len(b) >= tlvHeaderLen {
		end := tlvHeaderLen + int(binary.BigEndian.Uint16(b[2:]))
		if end > len(b) {
			break
		}
		tlvs = append(tlvs, TLV{Tag: binary.BigEndian.Uint16(b), Value: b[tlvHeaderLen:end:end]})
		b = b[end:]
	}
	if len(b) > 0 {
		trailing = b[:len(b):len(b)]
	}
	return tlvs, trailing
}
