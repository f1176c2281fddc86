// Package sms knows what a short message is made of: alphabets, parts, user
// data headers, delivery receipts, message ids, addresses and SMPP times.
//
// The package is pure. It reads no clock and no random source, and does no
// input or output: what it needs is an argument. It imports the standard
// library, github.com/rivo/uniseg (grapheme clusters) and golang.org/x/text
// (ISO-8859 and normal forms), and must never import another room of this module,
// so that every other room may import it.
//
// All functions are safe for concurrent use. None of them panics on what a
// carrier or a user may send.
package sms
