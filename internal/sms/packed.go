package sms

// Septets packed into octets, 3GPP TS 23.038 §6.1.2.1.1: the first septet lies in
// the low bits of the first octet. After a user data header the septets begin at
// the next septet's border counted from the header's first octet (3GPP TS 23.040
// §9.2.3.24), which leaves 0 to 6 fill bits.

// fillBits is the bits between a header and the first septet.
func fillBits(header int) int {
	return (7 - header*8%7) % 7
}

// appendPacked appends septets, one per octet in src, packed. header is how many
// octets of user data header stand before them.
func appendPacked(dst, src []byte, header int) []byte {
	bits, held := uint(0), fillBits(header)
	for _, c := range src {
		bits |= uint(c) << held
		if held += 7; held >= 8 {
			dst = append(dst, byte(bits))
			bits >>= 8
			held -= 8
		}
	}
	if held > 0 {
		dst = append(dst, byte(bits))
	}
	return dst
}

// appendUnpacked appends the septets that packed holds, one per octet.
//
// In SMPP nothing tells how many there are. Where the last seven bits are zero
// and beyond what the octets before them hold whole, they are taken for padding,
// not for the character @ that septet 0 is: a text of eight, sixteen, … septets
// that ends in @ loses it, as everywhere that packs.
func appendUnpacked(dst, packed []byte, header int) []byte {
	fill := fillBits(header)
	if len(packed)*8 < fill {
		return dst
	}
	n := (len(packed)*8 - fill) / 7
	bits, held := uint(0), -fill
	start := len(dst)
	for _, c := range packed {
		if held < 0 {
			bits, held = uint(c)>>-held, held+8
		} else {
			bits |= uint(c) << held
			held += 8
		}
		for held >= 7 && len(dst)-start < n {
			dst = append(dst, byte(bits&0x7F))
			bits >>= 7
			held -= 7
		}
	}
	if spare := len(packed)*8 - fill - 7*n; n > 0 && spare == 0 && dst[len(dst)-1] == 0 {
		dst = dst[:len(dst)-1]
	}
	return dst
}
