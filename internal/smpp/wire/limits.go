package wire

// Limit is the most octets that one field may take on the wire. For a C-octet string that counts the NUL at its end, as the
// specification's tables do.
type Limit int

// Limits of the fields that are encoded.
const (
	LimitServiceType  Limit = 6     // SMPP v3.4 §5.2.11
	LimitAddress      Limit = 21    // SMPP v3.4 §5.2.8, §5.2.9: submit_sm and deliver_sm
	LimitDataAddress  Limit = 65    // SMPP v3.4 §4.7.1: data_sm
	LimitTime         Limit = 17    // SMPP v3.4 §5.2.15, §5.2.16: 1 (absent) or exactly 17
	LimitShortMessage Limit = 254   // SMPP v3.4 §5.2.21
	LimitMessageID    Limit = 65    // SMPP v3.4 §5.2.23
	LimitTLV          Limit = 65535 // SMPP v3.4 §3.2.4.1: the length of a value has 16 bits
)

// Limits of what is accepted from a peer.
const (
	// TolerateString is the most octets, without the NUL, that a decoder accepts in any C-octet string. Carriers exceed the limits of
	// the specification, message ids and alphanumeric senders above all, and a longer id still correlates its receipt; a bound there
	// must be, since ids and addresses become keys.
	TolerateString Limit = 255

	// MaxPDU is the most octets that a whole PDU may have, header included, in either direction. SMPP v3.4 sets no limit; this is
	// room for every mandatory field of a submit_sm at its longest, a message_payload of 65,535 octets (§5.3.2.32) and 4 KiB of other
	// TLVs. A command_length above it is taken for lost framing, not for a long message.
	MaxPDU Limit = HeaderLen + maxMandatory + tlvHeaderLen + LimitTLV + 4096

	maxMandatory = LimitServiceType + 2*(2+LimitAddress) + 3 + 2*LimitTime + 5 + LimitShortMessage
)
