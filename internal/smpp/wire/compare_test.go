package wire

import (
	"bytes"
	"slices"
	"unsafe"
)

func equalSM(a, b *SM) bool {
	return bytes.Equal(a.ServiceType, b.ServiceType) && equalAddress(a.Source, b.Source) && equalAddress(a.Dest, b.Dest) &&
		a.ESMClass == b.ESMClass && a.ProtocolID == b.ProtocolID && a.PriorityFlag == b.PriorityFlag &&
		bytes.Equal(a.ScheduleDeliveryTime, b.ScheduleDeliveryTime) && bytes.Equal(a.ValidityPeriod, b.ValidityPeriod) &&
		a.RegisteredDelivery == b.RegisteredDelivery && a.ReplaceIfPresent == b.ReplaceIfPresent &&
		a.DataCoding == b.DataCoding && a.DefaultMsgID == b.DefaultMsgID &&
		bytes.Equal(a.ShortMessage, b.ShortMessage) && equalTLVs(a.TLVs, b.TLVs)
}

func equalDataSM(a, b *DataSM) bool {
	x, y := a.SM(), b.SM()
	return equalSM(&x, &y)
}

func equalResp(a, b *SubmitResp) bool {
	return bytes.Equal(a.MessageID, b.MessageID) && equalTLVs(a.TLVs, b.TLVs)
}

func equalAddress(a, b Address) bool {
	return a.TON == b.TON && a.NPI == b.NPI && bytes.Equal(a.Addr, b.Addr)
}

func equalTLVs(a, b []TLV) bool {
	return slices.EqualFunc(a, b, func(x, y TLV) bool { return x.Tag == y.Tag && bytes.Equal(x.Value, y.Value) })
}

// slicesOf is every slice of octets that a decoded message holds.
func slicesOf(m *SM) [][]byte {
	s := [][]byte{m.ServiceType, m.Source.Addr, m.Dest.Addr, m.ScheduleDeliveryTime, m.ValidityPeriod, m.ShortMessage, m.Trailing}
	return append(s, valuesOf(m.TLVs)...)
}

func valuesOf(tlvs []TLV) (s [][]byte) {
	for _, t := range tlvs {
		s = append(s, t.Value)
	}
	return s
}

// aliases tells whether s lies within body, its capacity included.
func aliases(body, s []byte) bool {
	if cap(s) == 0 {
		return true
	}
	from, start := uintptr(unsafe.Pointer(unsafe.SliceData(body))), uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	return start >= from && start+uintptr(cap(s)) <= from+uintptr(len(body))
}
