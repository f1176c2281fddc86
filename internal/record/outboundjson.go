package record

import "strconv"

// AppendJSON appends the record as one JSON object, its fields in the contract's
// order and absent ones left out. Decode reads it back.
func (o *Outbound) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendText(dst, `"id":`, o.ID)
	dst = appendText(dst, `"to":`, o.To)
	dst = appendText(dst, `"from":`, o.From)
	if o.HasText {
		dst = appendString(appendKey(dst, `"text":`), o.Text)
	}
	if o.HasPayload {
		dst = appendBase64(appendKey(dst, `"payload":`), o.Payload)
	}
	dst = appendText(dst, `"encoding":`, o.Encoding)
	if o.Transliterate != Absent {
		dst = appendFlag(dst, `"transliterate":`, o.Transliterate == True)
	}
	dst = appendNumber(dst, `"class":`, o.Class)
	if o.Validity > 0 {
		dst = appendText(dst, `"validity":`, o.Validity.String())
	}
	dst = appendInstant(dst, `"expires_at":`, o.ExpiresAt)
	dst = appendInstant(dst, `"deliver_at":`, o.DeliverAt)
	dst = appendNumber(dst, `"priority":`, o.Priority)
	dst = appendText(dst, `"receipts":`, o.Receipts)
	dst = appendText(dst, `"service_type":`, o.ServiceType)
	dst = appendNumber(dst, `"protocol_id":`, o.ProtocolID)
	dst = appendNumber(dst, `"data_coding":`, o.DataCoding)
	dst = appendText(dst, `"route":`, o.Route)
	if len(o.TLVs)+len(o.NamedTLVs) > 0 {
		dst = o.appendTLVs(appendKey(dst, `"tlvs":`))
	}
	dst = appendRaw(dst, `"metadata":`, o.Metadata)
	if o.Action != Submit {
		dst = appendText(dst, `"action":`, o.Action)
		dst = appendText(dst, `"message_id":`, o.MessageID)
	}
	return append(dst, '}')
}

// appendTLVs appends the parameters under tags, and behind them those under names.
func (o *Outbound) appendTLVs(dst []byte) []byte {
	dst = appendTLVs(dst, o.TLVs)
	dst = dst[:len(dst)-1] // the brace
	for i := range o.NamedTLVs {
		t := &o.NamedTLVs[i]
		if i > 0 || len(o.TLVs) > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), t.Name...), '"', ':')
		if t.Raw {
			dst = appendHex(dst, t.Value)
		} else {
			dst = appendShown(dst, t.Value)
		}
	}
	return append(dst, '}')
}

// appendNumber appends a number member, unless n is negative.
func appendNumber(dst []byte, key string, n int) []byte {
	if n < 0 {
		return dst
	}
	return strconv.AppendInt(appendKey(dst, key), int64(n), 10)
}
