package wire

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/smpp-connector/smpp-connector/internal/smsc/npmpeer"
)

// The npm package smpp is the second oracle, by other people and in another language than gosmpp. Where it knows less than the wire does, the
// generators stay within what it can tell: C-octet strings of ASCII, a TLV of each tag at most, and of the tags that it knows, by
// their types.

// tagsOfNPM are those that are drawn, by the names that the package has for them. size is the octets of a number; 0: octets as they are; -1: a
// C-octet string.
var tagsOfNPM = []struct {
	tag  uint16
	name string
	size int
}{
	{TagUserMessageReference, "user_message_reference", 2}, {TagSourcePort, "source_port", 2}, {TagSARMsgRefNum, "sar_msg_ref_num", 2},
	{TagSARTotalSegments, "sar_total_segments", 1}, {TagSARSegmentSeqnum, "sar_segment_seqnum", 1}, {TagMessageState, "message_state", 1},
	{TagQOSTimeToLive, "qos_time_to_live", 4}, {TagReceiptedMessageID, "receipted_message_id", -1}, {TagAdditionalStatusInfoText, "additional_status_info_text", -1},
	{TagMessagePayload, "message_payload", 0}, {TagNetworkErrorCode, "network_error_code", 0}, {0x1400, "carrier_1400", 0}, {0x3fff, "carrier_3fff", 0},
}

func drawTLVsOfNPM(t *rapid.T) (tlvs []TLV, fields npmpeer.Fields) {
	fields = npmpeer.Fields{}
	for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(tagsOfNPM)-1), 0, 5, rapid.ID).Draw(t, "tlvs") {
		k := tagsOfNPM[i]
		switch k.size {
		case 0:
			v := rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, k.name)
			tlvs, fields[k.name] = append(tlvs, TLV{k.tag, v}), v
		case -1:
			v := drawASCII(t, k.name, 60)
			tlvs, fields[k.name] = append(tlvs, TLV{k.tag, append(bytes.Clone(v), 0)}), v
		default:
			v := binary.BigEndian.AppendUint32(nil, rapid.Uint32().Draw(t, k.name))[4-k.size:]
			n := int64(0)
			for _, b := range v {
				n = n<<8 | int64(b)
			}
			tlvs, fields[k.name] = append(tlvs, TLV{k.tag, v}), n
		}
	}
	return tlvs, fields
}

func drawASCII(t *rapid.T, label string, max int) []byte {
	return rapid.SliceOfN(rapid.ByteRange(1, 127), 0, max).Draw(t, label)
}

// drawForNPM draws a message as both codecs get it.
func drawForNPM(t *rapid.T, limit Limit) (SM, npmpeer.Fields) {
	b := rapid.Byte()
	m := SM{
		ServiceType:  drawASCII(t, "service_type", 5),
		Source:       Address{b.Draw(t, "source ton"), b.Draw(t, "source npi"), drawASCII(t, "source", int(limit)-1)},
		Dest:         Address{b.Draw(t, "dest ton"), b.Draw(t, "dest npi"), drawASCII(t, "dest", int(limit)-1)},
		ESMClass:     b.Draw(t, "esm_class"),
		ProtocolID:   b.Draw(t, "protocol_id"),
		PriorityFlag: b.Draw(t, "priority_flag"), ScheduleDeliveryTime: drawTime(t, "schedule"), ValidityPeriod: drawTime(t, "validity"),
		RegisteredDelivery: b.Draw(t, "registered_delivery"), ReplaceIfPresent: b.Draw(t, "replace"), DataCoding: b.Draw(t, "data_coding"),
		DefaultMsgID: b.Draw(t, "default_msg_id"), ShortMessage: rapid.SliceOfN(rapid.Byte(), 0, 254).Draw(t, "short_message"),
	}
	var f npmpeer.Fields
	m.TLVs, f = drawTLVsOfNPM(t)
	f["service_type"] = m.ServiceType
	f["source_addr_ton"], f["source_addr_npi"], f["source_addr"] = int64(m.Source.TON), int64(m.Source.NPI), m.Source.Addr
	f["dest_addr_ton"], f["dest_addr_npi"], f["destination_addr"] = int64(m.Dest.TON), int64(m.Dest.NPI), m.Dest.Addr
	f["esm_class"], f["registered_delivery"], f["data_coding"] = int64(m.ESMClass), int64(m.RegisteredDelivery), int64(m.DataCoding)
	if limit == LimitDataAddress { // data_sm has no more
		return m, f
	}
	f["protocol_id"], f["priority_flag"] = int64(m.ProtocolID), int64(m.PriorityFlag)
	f["schedule_delivery_time"], f["validity_period"] = m.ScheduleDeliveryTime, m.ValidityPeriod
	f["replace_if_present_flag"], f["sm_default_msg_id"], f["short_message"] = int64(m.ReplaceIfPresent), int64(m.DefaultMsgID), m.ShortMessage
	return m, f
}

// theyRead holds what the package reads of a PDU of ours against what was written.
func theyRead(t *rapid.T, c *npmpeer.Codec, raw []byte, command string, id, sequence uint32, want npmpeer.Fields) {
	t.Helper()
	got, f, err := c.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if got != command || f["command_id"] != int64(id) || f["command_length"] != int64(len(raw)) || f["command_status"] != int64(0) || f["sequence_number"] != int64(sequence) {
		t.Fatalf("%x is read as %s, %v", raw, got, f)
	}
	for _, key := range []string{"command_id", "command_length", "command_status", "sequence_number"} {
		delete(f, key)
	}
	for key, v := range want {
		if b, ok := v.([]byte); ok && len(b) == 0 {
			want[key] = []byte{}
		}
	}
	if !reflect.DeepEqual(f, want) {
		t.Fatalf("%x\nis read as  %v\nand was %v", raw, f, want)
	}
}

func TestTheNPMPackageReadsWhatWeWriteAndWeWhatItWrites(t *testing.T) {
	t.Parallel()
	c := npmpeer.StartCodec(t)
	// byTag: the package writes TLVs in an order of its own.
	byTag := func(tlvs []TLV) map[uint16]string {
		m := map[uint16]string{}
		for _, v := range tlvs {
			m[v.Tag] = string(v.Value)
		}
		return m
	}
	check := func(t *rapid.T, command string, id uint32, raw []byte, fields npmpeer.Fields) []byte {
		t.Helper()
		sequence := binary.BigEndian.Uint32(raw[12:])
		theirs := npmpeer.Fields{"sequence_number": int64(sequence)}
		for key, v := range fields {
			theirs[key] = v
		}
		theyRead(t, c, raw, command, id, sequence, fields)
		b, err := c.Encode(command, theirs)
		if err != nil {
			t.Fatal(err)
		}
		h, err := ParseHeader(b)
		if err != nil || h.ID != id || h.Status != StatusOK || h.Sequence != sequence || int(h.Length) != len(b) {
			t.Fatalf("%x is read as %+v, %v", b, h, err)
		}
		return b[HeaderLen:]
	}
	sequence := rapid.Uint32Range(1, MaxSequence)
	for _, k := range []struct {
		command string
		id      uint32
		encode  func(*SM, []byte, uint32) ([]byte, error)
	}{{"submit_sm", SubmitSM, (*SM).AppendSubmit}, {"deliver_sm", DeliverSM, (*SM).AppendDeliver}} {
		rapid.Check(t, func(t *rapid.T) {
			m, fields := drawForNPM(t, LimitAddress)
			raw, err := k.encode(&m, nil, sequence.Draw(t, "sequence"))
			if err != nil {
				t.Fatal(err)
			}
			var back SM
			body := check(t, k.command, k.id, raw, fields)
			if err := back.Decode(body); err != nil || !reflect.DeepEqual(byTag(back.TLVs), byTag(m.TLVs)) {
				t.Fatalf("%x is read as %+v, %v", body, back, err)
			}
			back.TLVs = m.TLVs
			if !equalSM(&back, &m) {
				t.Fatalf("%x is read as %+v", body, back)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		m, fields := drawForNPM(t, LimitDataAddress)
		d := DataSM{ServiceType: m.ServiceType, Source: m.Source, Dest: m.Dest, ESMClass: m.ESMClass, RegisteredDelivery: m.RegisteredDelivery, DataCoding: m.DataCoding, TLVs: m.TLVs}
		raw, err := d.AppendData(nil, sequence.Draw(t, "sequence"))
		if err != nil {
			t.Fatal(err)
		}
		var back DataSM
		body := check(t, "data_sm", DataSMID, raw, fields)
		if err := back.Decode(body); err != nil || !reflect.DeepEqual(byTag(back.TLVs), byTag(d.TLVs)) {
			t.Fatalf("%x is read as %+v, %v", body, back, err)
		}
		back.TLVs = d.TLVs
		if !equalDataSM(&back, &d) {
			t.Fatalf("%x is read as %+v", body, back)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		r := SubmitResp{MessageID: drawASCII(t, "message_id", 64)}
		raw, err := r.Append(nil, sequence.Draw(t, "sequence"), StatusOK)
		if err != nil {
			t.Fatal(err)
		}
		var back SubmitResp
		body := check(t, "submit_sm_resp", SubmitSMResp, raw, npmpeer.Fields{"message_id": r.MessageID})
		if err := back.Decode(body); err != nil || !equalResp(&back, &r) {
			t.Fatalf("%x is read as %+v, %v", body, back, err)
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		n := sequence.Draw(t, "sequence")
		for command, raw := range map[string][]byte{
			"deliver_sm_resp": AppendDeliverResp(nil, n, StatusOK), "data_sm_resp": AppendDataResp(nil, n, StatusOK),
		} {
			theyRead(t, c, raw, command, binary.BigEndian.Uint32(raw[4:]), n, npmpeer.Fields{"message_id": []byte{}})
		}
	})
}
