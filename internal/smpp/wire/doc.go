// Package wire is the codec of the SMPP v3.4 PDUs that carry messages or speak of one: submit_sm, deliver_sm, data_sm and their responses,
// cancel_sm, replace_sm and query_sm, with the header, the framing, the TLVs and the status codes that all of them share. Session control
// (bind, unbind and the rest) is not here: it is rare and goes through gosmpp's pdu package.
//
// The package is pure and knows octets alone: no input or output, no clock, no alphabets, no meaning of an esm_class or a receipt. It
// may import nothing but the standard library. Only its tests import gosmpp, as the oracle that keeps this codec from being tested
// against itself.
//
// Encoders append one whole PDU, header included, to dst and return it, so that a writer fills one buffer with many PDUs; given a dst
// with room they allocate nothing. They are strict: a field over the limit of the specification is a [*FieldError], and dst comes back
// as it was. Decoders take a PDU's body, the octets after the header, and are tolerant of what carriers really send: see [SM.Decode]
// and [SubmitResp.Decode]. What they decode aliases the body and is valid as long as the body is left alone; a decoded value used
// again for the next PDU keeps the capacity of its TLVs, so that decoding allocates nothing either.
package wire
