// Package smppproxy stands between an ESME and an SMSC and breaks what passes: it
// cuts, holds back, repeats, reorders and replaces PDUs, sends garbage of its own,
// and stops in the middle of an octet string that promised more.
//
// It knows the 16 octets of an SMPP header (SMPP v3.4 §3.2) and nothing of any
// body, and reads them with its own few lines: a fault that went through the codec under test
// would be bent by the same mistakes. It must not import internal/smpp or anything
// below it, nor internal/smsc: what the simulator can play itself (latency, errors,
// refused binds) is played there.
//
// # The way of a PDU
//
//	ESME ──► up ──► rule? ──► SMSC
//	ESME ◄── rule? ◄── down ◄── SMSC
//	  ▲
//	  └── Send, Unbind: what the SMSC never said
//
// A connection has two goroutines. What is held back is bounded in number, and
// randomness comes from the seed and the order of the PDUs alone.
package smppproxy
